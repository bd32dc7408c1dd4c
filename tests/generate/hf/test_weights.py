import asyncio
import json
import logging
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from specreward.errors import EngineError, InputError

torch = pytest.importorskip("torch", reason="needs the transformers extra")
transformers = pytest.importorskip("transformers", reason="needs the transformers extra")

from specreward.generate.hf.weights import load  # noqa: E402

from . import tiny  # noqa: E402


def copied(tmp_path, name="copy", **settings):
    return Path(shutil.copytree(tiny.folder(**settings), tmp_path / name))


def edit(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_folder_is_loaded_ready_to_read():
    one = load(tiny.folder(), device="cpu")
    assert not one.model.training
    assert one.context == tiny.CONTEXT
    assert (str(one.device), one.revision, one.source) == ("cpu", None, tiny.folder())
    assert one.name.startswith(Path(tiny.folder()).name + "@")
    assert one.name.endswith(" float32")
    assert one.tokenizer("The")["input_ids"]


def test_the_same_arguments_give_the_same_object():
    assert load(tiny.folder(), device="cpu") is load(tiny.folder(), device="cpu")
    assert load(tiny.folder(), "AutoModel", device="cpu") is not load(tiny.folder(), device="cpu")


def test_the_name_is_that_of_the_content(tmp_path):
    here = load(tiny.folder(), device="cpu").name.partition("@")[2]
    copy = copied(tmp_path)
    assert load(str(copy), device="cpu").name.partition("@")[2] == here
    other = copied(tmp_path, "other")
    weights = other / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-5] ^= 1
    weights.write_bytes(data)
    assert load(str(other), device="cpu").name.partition("@")[2] != here
    (copied(tmp_path, "chat") / "chat_template.jinja").write_text("{{ messages }}")
    assert load(str(tmp_path / "chat"), device="cpu").name.partition("@")[2] != here


def test_the_number_format_is_the_checkpoints_or_the_one_asked_for():
    assert load(tiny.folder()).model.dtype == torch.float32
    half = load(tiny.folder(), dtype="bfloat16")
    assert half.model.dtype == torch.bfloat16
    assert half.name.endswith(" bfloat16")
    for wrong in ("float31", "int32"):
        with pytest.raises(InputError, match="dtype: expected auto, float32"):
            load(tiny.folder(), dtype=wrong)


def test_the_device_is_passed_through():
    assert str(load(tiny.folder(), device="cpu").model.device) == "cpu"
    with pytest.raises(InputError, match="device: expected"):
        load(tiny.folder(), device="toaster")
    with pytest.raises(InputError, match=r"'cuda:99' is not there: torch .* sees \d+"):
        load(tiny.folder(), device="cuda:99")


@pytest.mark.parametrize(("family", "table"), [("qwen2", 440 * 32), ("gpt2", 0)])
def test_parameters_are_those_of_the_products(family, table):
    one = load(tiny.folder(family))
    assert one.parameters == sum(p.numel() for p in one.model.parameters()) - table


@pytest.mark.parametrize(("family", "context"), [("gpt2", 256), ("bloom", None), ("gemma3", 256)])
def test_the_context_is_read_from_the_configuration(family, context):
    assert load(tiny.folder(family)).context == context


# ------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize("name", ["./nowhere", "/no/such/folder", "~/nowhere", "", "a/b/c"])
def test_a_folder_that_is_not_there_is_refused(name):
    with pytest.raises(InputError, match="there is no such folder"):
        load(name)


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    with pytest.raises(InputError, match=r"model.gguf': expected a folder .* got a file"):
        load(str(tmp_path / "model.gguf"))


def test_a_name_that_is_not_in_the_cache_is_refused_without_network(monkeypatch):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match=r"'nobody/nothing@main' is no folder") as caught:
        load("nobody/nothing@main")
    assert "\n" not in str(caught.value)
    assert "network" in str(caught.value)


def test_a_model_of_which_a_part_would_be_random_is_refused():
    with pytest.raises(InputError, match=r"no AutoModelForSequenceClassification.*score.weight"):
        load(tiny.folder(), "AutoModelForSequenceClassification")


def test_a_part_that_nothing_reads_may_be_missing(tmp_path):
    folder = copied(tmp_path, family="bert", kind="AutoModelForTokenClassification")
    assert load(str(folder), "AutoModel").model.pooler is not None


def test_code_of_a_checkpoint_is_not_run_unless_allowed(tmp_path, monkeypatch):
    cache = str(tmp_path / "modules")
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", cache)
    monkeypatch.syspath_prepend(cache)
    folder = copied(tmp_path)
    own = {"AutoConfig": "c.C", "AutoModelForCausalLM": "m.M"}
    edit(folder, model_type="strange", auto_map=own)
    (folder / "c.py").write_text(
        "from transformers import Qwen2Config\n\n\nclass C(Qwen2Config):\n"
        "    model_type = 'strange'\n"
    )
    (folder / "m.py").write_text(
        "from transformers import Qwen2ForCausalLM\n\nfrom .c import C\n\n\n"
        "class M(Qwen2ForCausalLM):\n    config_class = C\n"
    )
    with pytest.raises(InputError, match=r"brings Python code of its own.*trust_remote_code=True"):
        load(str(folder))
    assert type(load(str(folder), trust_remote_code=True).model).__name__ == "M"


def test_a_damaged_checkpoint_is_refused(tmp_path):
    folder = copied(tmp_path)
    (folder / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(InputError, match="cannot be loaded as AutoModelForCausalLM"):
        load(str(folder))
    (folder / "config.json").unlink()
    with pytest.raises(InputError, match="cannot be loaded"):
        load(str(folder), "AutoModel")
    with pytest.raises(InputError, match=r"as AutoTokenizer: .*; expected .* files of its token"):
        load(str(tmp_path))


def test_nothing_is_said_of_weights_that_are_not_wanted(tmp_path):
    said = []
    handler = logging.Handler()
    handler.emit = said.append
    logging.getLogger("transformers").addHandler(handler)
    before = transformers.utils.logging.get_verbosity()
    load(str(copied(tmp_path)), "AutoModel")  # without the head that the checkpoint has
    logging.getLogger("transformers").removeHandler(handler)
    assert [record.getMessage() for record in said] == []
    assert transformers.utils.logging.get_verbosity() == before


def test_quantisation_is_passed_through(monkeypatch):
    asked = {}

    def fake(source, **settings):
        asked.update(settings)
        raise ImportError("bitsandbytes is not here\nat all")

    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", fake)
    four = (("load_in_4bit", True), ("bnb_4bit_quant_type", "nf4"), ("skip", ("lm_head",)))
    with pytest.raises(InputError, match=r"needs another library: bitsandbytes is not here$"):
        load(tiny.folder(), quantisation=four, device="cpu")
    found = asked["quantization_config"]
    assert found == {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "skip": ["lm_head"]}
    assert asked["device_map"] == {"": "cpu"}
    with pytest.raises(InputError):
        load(tiny.folder(), dtype="float16", device="cpu")
    assert asked["dtype"] == torch.float16


# ------------------------------------------------------------------------------ running


def test_work_is_done_in_one_thread_of_its_own_without_gradients():
    one = load(tiny.folder(), device="cpu")
    going, threads = [], set()

    def work(number):
        going.append(number)
        assert len(going) == 1
        threads.add(threading.current_thread().name)
        assert torch.is_inference_mode_enabled()
        threading.Event().wait(0.01)
        going.remove(number)
        return number

    async def main():
        return await asyncio.gather(*[one.run(work, number) for number in range(5)])

    assert asyncio.run(main()) == [0, 1, 2, 3, 4]
    assert len(threads) == 1
    assert threads != {threading.main_thread().name}


def test_memory_that_runs_out_is_an_engine_error():
    def work():
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(EngineError, match="no memory left on cpu: lower batch_tokens"):
        load(tiny.folder(), device="cpu").do(work)


def test_without_the_libraries_the_engine_can_be_named_but_not_used():
    program = (
        "import sys\n"
        "sys.modules['torch'] = sys.modules['transformers'] = None\n"
        "from specreward.errors import MissingExtra\n"
        "from specreward.spec import name_of, parse\n"
        "lm = parse(\"transformers('here')\", 'languagemodel')\n"
        "assert name_of(lm) == \"transformers(model='here')\", name_of(lm)\n"
        "try:\n    lm.name\n"
        "except MissingExtra as error:\n    print(error)\n"
    )
    command = [sys.executable, "-c", program]
    out = subprocess.run(command, capture_output=True, text=True, check=True)
    assert out.stdout.endswith("pip install 'specreward[transformers]'\n")
