import asyncio
import json
import math

import numpy as np
import pytest
from generate import tiny

from specreward.errors import InputError
from specreward.generate.embedded import EmbeddedLanguageModel
from specreward.reward.embedded import EmbeddedValueModel
from specreward.train.export import export, read_checkpoint
from specreward.types import Sampling


def write(tmp_path, weights=None, words=tiny.WORDS, **settings):
    settings = {"name": "tiny", "task": "letters", "heads": tiny.HEADS, "context": 64} | settings
    return export(weights or tiny.weights(), words, tmp_path, **settings)


def logprob(folder, text=("a b c d e f g h i j", "k l m n o p")):
    return asyncio.run(EmbeddedLanguageModel.load(folder).logprobs([text]))[0].value


def test_the_folder_says_what_it_holds(tmp_path):
    config = write(tmp_path)
    written = json.loads((tmp_path / "config.json").read_text())
    total = sum(a.size for a in tiny.weights().values())
    embedded = tiny.weights()["embed_tokens.weight"].size
    assert written == {
        "kind": "policy",
        "name": "tiny",
        "task": "letters",
        "revision": config.revision,
        "vocabulary": list(tiny.WORDS),
        "outputs": len(tiny.WORDS),
        "width": tiny.WIDTH,
        "layers": tiny.LAYERS,
        "heads": tiny.HEADS,
        "hidden": tiny.HIDDEN,
        "context": 64,
        "parameters": total,
        "product_parameters": total - embedded,
        "temperature": 1.0,
    }
    assert {p.name for p in tmp_path.iterdir()} == {
        "config.json",
        "read.onnx",
        "write.onnx",
        "weights.data",
    }


def test_a_reward_model_has_nothing_to_write(tmp_path):
    assert write(tmp_path, tiny.weights(1), temperature=2.0).kind == "reward"
    assert not (tmp_path / "write.onnx").exists()


def test_half_precision_halves_the_file_and_moves_logprobs_a_little(tmp_path):
    write(tmp_path / "32", precision=np.float32)
    write(tmp_path / "16")
    sizes = [(tmp_path / bits / "weights.data").stat().st_size for bits in ("32", "16")]
    assert 0.5 <= sizes[1] / sizes[0] < 0.55
    assert 0 < abs(logprob(tmp_path / "32") - logprob(tmp_path / "16")) < 0.02


def test_the_revision_follows_weights_and_settings_and_nothing_else(tmp_path):
    base = write(tmp_path / "a").revision
    assert write(tmp_path / "b").revision == base
    for part in ("weights.data", "read.onnx", "write.onnx"):
        assert (tmp_path / "a" / part).read_bytes() == (tmp_path / "b" / part).read_bytes()
    other = tiny.weights() | {"norm.weight": tiny.weights()["norm.weight"] * 1.01}
    changed = [
        write(tmp_path / "c", other).revision,
        write(tmp_path / "d", heads=4).revision,
        write(tmp_path / "e", context=128).revision,
        write(tmp_path / "f", name="other").revision,
        write(tmp_path / "g", temperature=2.0).revision,
        write(tmp_path / "h", precision=np.float32).revision,
    ]
    assert len({base, *changed}) == 7


def test_a_head_that_is_not_there_is_the_embedding(tmp_path):
    untied = write(tmp_path / "a")
    embedding = tiny.weights()["embed_tokens.weight"]
    twice = write(tmp_path / "b", tiny.weights() | {"head.weight": embedding})
    once = write(tmp_path / "c", {k: v for k, v in tiny.weights().items() if k != "head.weight"})
    assert once == twice
    assert once.parameters == untied.parameters - embedding.size
    assert once.product_parameters == untied.product_parameters
    assert logprob(tmp_path / "b") == logprob(tmp_path / "c") != logprob(tmp_path / "a")


def test_heads_and_rotary_base_change_what_is_computed(tmp_path):
    write(tmp_path / "a")
    write(tmp_path / "b", heads=4)
    write(tmp_path / "c", rope_theta=100.0)
    assert len({logprob(tmp_path / x) for x in "abc"}) == 3


@pytest.mark.parametrize(
    ("weights", "words", "settings", "message"),
    [
        (tiny.weights(), tiny.WORDS[:-1], {}, "expected 23 words embedded"),
        (tiny.weights(5), tiny.WORDS, {}, "got 24 and 5"),
        (tiny.weights(), tiny.WORDS, {"heads": 3}, "3 heads of even size"),
        (tiny.weights(1), tiny.WORDS, {"temperature": 0.0}, "temperature above 0, got 0.0"),
        (
            tiny.weights() | {"norm.weight": np.full(tiny.WIDTH, np.nan)},
            tiny.WORDS,
            {},
            "expected weights finite in float32, got norm",
        ),
        (
            tiny.weights() | {"head.weight": tiny.weights()["head.weight"] * 1e6},
            tiny.WORDS,
            {},
            "finite in float16, got head",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_weights_that_cannot_be_exported(tmp_path, weights, words, settings, message):
    with pytest.raises(InputError, match=message):
        write(tmp_path, weights, words, **settings)
    assert not any(tmp_path.iterdir())


@pytest.mark.train
def test_the_engine_gives_what_the_trained_network_gives(tmp_path):
    torch = pytest.importorskip("torch", reason="the train extra is not installed")
    from safetensors.torch import save_file

    from specreward.train.decoder import Decoder, Shape

    torch.manual_seed(0)
    # heads of 16, and of 10 and 12, which a policy keeps in room for 16
    for outputs, width in ((len(tiny.WORDS), 32), (len(tiny.WORDS), 20), (1, 32), (1, 24)):
        shape = Shape(
            vocabulary=len(tiny.WORDS), outputs=outputs, width=width, layers=2, heads=2, hidden=48
        )
        net = Decoder(shape)
        for parameter in net.parameters():
            torch.nn.init.normal_(parameter, mean=float(parameter.dim() == 1), std=0.2)
        state = {name: array.clone() for name, array in net.state_dict().items()}
        save_file(state, tmp_path / "net.safetensors")
        config = write(
            tmp_path, read_checkpoint(tmp_path / "net.safetensors"), precision=np.float32
        )
        assert config.product_parameters == net.flops_parameters
        assert config.parameters == sum(p.numel() for p in net.parameters())
        ids = torch.tensor([[3, 7, 1, 9, 4, 3, 3, 12, 20, 5, 1]])
        mask = torch.tril(torch.ones(1, 1, 11, 11, dtype=torch.bool))
        with torch.no_grad():
            out = net(ids, torch.arange(11)[None], mask)[0]
        words = [tiny.WORDS[i] for i in ids[0].tolist()]
        if outputs == 1:
            rm = EmbeddedValueModel.load(tmp_path)
            got = asyncio.run(rm.values([" ".join(words)]))[0].value
            assert got == pytest.approx(1 / (1 + math.exp(-out[-1, 0])), abs=1e-5)
        else:
            law = out.log_softmax(-1)[4:-1].gather(1, ids[0, 5:, None]).sum()
            got = logprob(tmp_path, (" ".join(words[:5]), " ".join(words[5:])))
            assert got == pytest.approx(float(law), abs=1e-4)
            lm = EmbeddedLanguageModel.load(tmp_path)
            greedy = Sampling(temperature=0, max_tokens=3)
            said = asyncio.run(lm.complete([" ".join(words)], [0], greedy))[0]
            written = [tiny.WORDS.index(word) for word in said.text.split()]
            more = torch.tensor([[*ids[0].tolist(), *written]])
            mask = torch.tril(torch.ones(1, 1, 14, 14, dtype=torch.bool))
            with torch.no_grad():
                best = net(more, torch.arange(14)[None], mask)[0, 10:-1].log_softmax(-1).max(-1)
            assert best.indices.tolist() == written
            assert said.logprob == pytest.approx(float(best.values.sum()), abs=1e-4)
