import asyncio
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from generate import tiny
from generate.llama_server import MODELS

from specreward.errors import InputError
from specreward.generate.network import Config
from specreward.generate.vocabulary import Vocabulary
from specreward.reward.embedded import EmbeddedValueModel
from specreward.train.export import export
from specreward.train.hf import export_hf

TOKENS = [3, 7, 1, 9, 4, 3, 3, 12, 20, 5]


@pytest.fixture(scope="module")
def transformers():
    pytest.importorskip("torch", reason="needs the transformers extra")
    module = pytest.importorskip("transformers", reason="needs the transformers extra")
    bars = module.utils.logging.is_progress_bar_enabled()
    module.utils.logging.disable_progress_bar()
    yield module
    if bars:
        module.utils.logging.enable_progress_bar()


def write(tmp_path, weights, **settings):
    settings = {"name": "tiny", "task": "letters", "heads": 2, "precision": np.float32} | settings
    export(weights, tiny.WORDS, tmp_path / "folder", **settings)
    export_hf(tmp_path / "folder", tmp_path / "hf")
    return tmp_path / "hf"


def law(transformers, folder):
    """Log-probabilities of the token after each one, ``[T, V]``."""
    import torch

    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        return model(torch.tensor([TOKENS])).logits[0].double().log_softmax(-1).numpy()


def test_the_files(tmp_path):
    export_hf(tiny.folder(), tmp_path / "a")
    export_hf(tiny.folder(1), tmp_path / "b")
    common = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    assert {p.name for p in (tmp_path / "a").iterdir()} == common | {"generation_config.json"}
    assert {p.name for p in (tmp_path / "b").iterdir()} == common
    policy, reward = (json.loads((tmp_path / x / "config.json").read_text()) for x in "ab")
    assert policy["architectures"] == ["LlamaForCausalLM"]
    assert reward["architectures"] == ["LlamaForSequenceClassification"]
    assert policy["max_position_embeddings"] == tiny.CONTEXT
    settings = json.loads((tmp_path / "a" / "tokenizer_config.json").read_text())
    assert settings["model_max_length"] == tiny.CONTEXT


def test_no_folder(tmp_path):
    with pytest.raises(InputError, match="expected a model folder"):
        export_hf(tmp_path, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_a_model_folder_is_not_written_over(tmp_path):
    export(tiny.weights(), tiny.WORDS, tmp_path, name="tiny", task="letters", heads=2)
    before = (tmp_path / "config.json").read_bytes()
    with pytest.raises(InputError, match="expected another folder"):
        export_hf(tmp_path, tmp_path / ".")
    assert (tmp_path / "config.json").read_bytes() == before


def test_transformers_computes_the_same_law(tmp_path, transformers):
    assert law(transformers, write(tmp_path, tiny.weights())) == pytest.approx(
        tiny.law(TOKENS), abs=1e-4
    )


def test_a_tied_head_heads_and_the_rotary_base_go_over(tmp_path, transformers):
    tied = {k: v for k, v in tiny.weights().items() if k != "head.weight"}
    twice = tied | {"head.weight": tied["embed_tokens.weight"]}
    laws = [
        law(transformers, write(tmp_path / "a", tied)),
        law(transformers, write(tmp_path / "b", twice)),
        law(transformers, write(tmp_path / "c", tied, heads=4)),
        law(transformers, write(tmp_path / "d", tied, rope_theta=50.0)),
    ]
    assert np.array_equal(laws[0], laws[1])
    for changed in laws[2:]:
        assert np.abs(changed - laws[0]).max() > 0.01
    for name, found in zip("acd", [laws[0], *laws[2:]], strict=True):
        from specreward.generate.embedded import EmbeddedLanguageModel

        words = [tiny.WORDS[token] for token in TOKENS]
        lm = EmbeddedLanguageModel.load(tmp_path / name / "folder")
        wanted = asyncio.run(lm.logprobs([(" ".join(words[:4]), " ".join(words[4:]))]))[0].value
        said = sum(found[place - 1, TOKENS[place]] for place in range(4, len(TOKENS)))
        assert said == pytest.approx(wanted, abs=1e-3)


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_reward_model_gives_the_same_values(tmp_path, transformers, side):
    import torch

    folder = write(tmp_path, tiny.weights(1), temperature=2.5)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, padding_side=side)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder)
    texts = tiny.texts(9)
    batch = tokenizer(texts, return_tensors="pt", padding=True)
    with torch.no_grad():
        found = torch.sigmoid(model(**batch).logits[:, 0]).tolist()
    wanted = asyncio.run(EmbeddedValueModel.load(tmp_path / "folder").values(texts))
    assert found == pytest.approx([scored.value for scored in wanted], abs=1e-5)
    first = tiny.forward([tiny.WORDS.index(word) for word in texts[0].split()], 1)[-1, 0]
    assert found[0] == pytest.approx(1 / (1 + math.exp(-first / 2.5)), abs=1e-5)


@pytest.mark.parametrize(
    ("task", "texts"),
    [
        ("game24", ["target 24 ; 4 6 7 8 ; 8 - 4 = 4 (left: 4 6 7) ;", "target 24;13 )  ; 200"]),
        ("blocksworld", ["state a - b c | d - / c d ; left 6 ; value :", "pick-up a;put-down b"]),
    ],
)
def test_text_is_cut_and_joined_as_by_the_embedded_engine(tmp_path, transformers, task, texts):
    export_hf(MODELS / f"{task}-policy", tmp_path)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    vocabulary = Vocabulary(Config.read(MODELS / f"{task}-policy").vocabulary)
    for text in texts:
        ids = vocabulary.encode(text)
        assert tokenizer(text)["input_ids"] == ids
        assert tokenizer.decode(ids) == vocabulary.decode(ids)
    with pytest.raises(Exception, match="WordLevel error"):
        tokenizer("a word like nonsense")
    assert tokenizer.eos_token is None
    assert tokenizer.pad_token_id == 0


@pytest.mark.parametrize("task", ["game24", "blocksworld"])
def test_the_packaged_models_go_over(tmp_path, transformers, task):
    import torch

    from specreward.embedded import embedded_models
    from specreward.types import Sampling

    prompt = {"game24": "target 24 ; 4 6 7 8 ;", "blocksworld": "state a - | b a e c | c - ;"}[task]
    export_hf(MODELS / f"{task}-policy", tmp_path)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path)
    batch = tokenizer(prompt, return_tensors="pt")
    start = batch["input_ids"].shape[1]
    said = model.generate(**batch, max_new_tokens=8, do_sample=False)[0, start:]
    greedy = Sampling(temperature=0, max_tokens=8)
    lm, _ = embedded_models(task)
    wanted = asyncio.run(lm.complete([prompt], [0], greedy))[0]
    assert tokenizer.decode(said) == wanted.text
    with torch.no_grad():
        whole = torch.cat([batch["input_ids"][0], said])
        logprobs = model(whole[None]).logits[0].double().log_softmax(-1)
    total = sum(logprobs[i - 1, whole[i]].item() for i in range(start, len(whole)))
    assert total == pytest.approx(wanted.logprob, abs=1e-4)


@pytest.mark.parametrize("task", ["game24", "blocksworld"])
def test_the_engine_on_transformers_is_the_embedded_one(tmp_path, transformers, task):
    from specreward.embedded import embedded_models
    from specreward.generate.hf.engine import Transformers
    from specreward.spec import parse
    from specreward.types import Path

    export_hf(MODELS / f"{task}-policy", tmp_path)
    engines = (embedded_models(task)[0], Transformers(str(tmp_path), device="cpu"))
    kind = parse(task, "task")
    starts = [Path(problem) for problem in kind.generate(20, "tune", 4)]
    prompts = [kind.prompt(path) for path in starts]
    sampling = replace(kind.sampling, temperature=0.0)
    wanted, found = (asyncio.run(lm.complete(prompts, [0] * 20, sampling)) for lm in engines)
    for a, b in zip(wanted, found, strict=True):
        assert (b.text.strip(), b.tokens, b.finish) == (a.text, a.tokens, a.finish)
        assert b.prompt_tokens == a.prompt_tokens
        assert b.logprob == pytest.approx(a.logprob, abs=1e-4)
    pairs = [
        (f"{prompt} {a.text} ; good :", "good") for prompt, a in zip(prompts, wanted, strict=True)
    ]
    wanted, found = (asyncio.run(lm.logprobs(pairs)) for lm in engines)
    assert [b.value for b in found] == pytest.approx([a.value for a in wanted], abs=1e-4)
    assert [b.prompt_tokens for b in found] == [a.prompt_tokens for a in wanted]
