import asyncio
import math

import pytest
from generate import tiny

from specreward.errors import InputError
from specreward.reward.embedded import EmbeddedValueModel


def model(temperature=1.0, **settings):
    return EmbeddedValueModel.load(tiny.folder(outputs=1, temperature=temperature), **settings)


def values(rm, texts):
    return asyncio.run(rm.values(texts))


def expected(text, temperature=1.0):
    logit = tiny.forward([tiny.WORDS.index(w) for w in text.split()], outputs=1)[-1, 0]
    return 1 / (1 + math.exp(-logit / temperature))


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_values_are_the_calibrated_output_at_the_last_token(temperature):
    texts = tiny.texts(12)
    scored = values(model(temperature), texts)
    assert [s.value for s in scored] == pytest.approx(
        [expected(t, temperature) for t in texts], abs=1e-5
    )
    assert [s.prompt_tokens for s in scored] == [len(t.split()) for t in texts]
    assert all(0 < s.value < 1 for s in scored)


def test_a_batch_gives_bit_for_bit_what_single_calls_give_cold_or_warm():
    texts = tiny.texts(50, seed=6)
    alone = [values(model(threads=1), [t])[0].value for t in texts]
    for threads in (1, 2):
        rm = model(threads=threads)
        assert [s.value for s in values(rm, texts[::-1])] == alone[::-1]
        assert [s.value for s in values(rm, texts)] == alone
    small = model(cache_megabytes=0.08)
    assert [s.value for s in values(small, texts)] == alone


def test_a_growing_path_is_read_once():
    rm = model()
    words = "abcdefghijklmnopqrst"
    cached = [values(rm, [" ".join(words[:n])])[0].cached_tokens for n in (8, 12, 16, 20, 20)]
    assert cached == [0, 8, 8, 16, 20]


def test_siblings_share_their_beginning():
    head = " ".join("abcdefgh")
    scored = values(model(), [f"{head} {w} ;" for w in "ijkl"])
    assert [s.cached_tokens for s in scored] == [0, 8, 8, 8]
    assert len({s.value for s in scored}) == 4
    assert len({s.seconds for s in scored}) == 1
    assert scored[0].seconds > 0


def test_name_and_parameters():
    products = sum(a.size for n, a in tiny.weights(1).items() if n != "embed_tokens.weight")
    assert model().parameters == products
    assert model().name.startswith("tiny@")
    assert model().name != model(temperature=2.5).name  # other values, other name


def test_bad_input():
    for texts, message in [
        ([""], "at least one word"),
        (["a X"], "does not know 'X'"),
        (["a " * 65], "at most 64"),
    ]:
        with pytest.raises(InputError, match=message):
            values(model(), texts)
    with pytest.raises(InputError, match="at least 1 thread"):
        model(threads=0)
    with pytest.raises(InputError, match="one prompt has to fit"):
        model(cache_megabytes=0.001)
    with pytest.raises(InputError, match="expected a reward model"):
        EmbeddedValueModel.load(tiny.folder())
    assert values(model(), []) == []
