"""Token ids across the border of an engine: their table, their law, what is refused."""

import asyncio

import numpy as np
import pytest

from specreward.engines import TokenModel, token_model
from specreward.errors import InputError
from specreward.generate.embedded import EmbeddedLanguageModel
from specreward.generate.token_ids import check_ids, fingerprint
from specreward.types import Sampling

from . import tiny

DRAWS = Sampling(temperature=0.7, max_tokens=9, stop=(";", "d e"))
PROMPTS = tiny.texts(12, seed=1, longest=30)


def model(**settings):
    return EmbeddedLanguageModel.load(tiny.folder(), **settings)


def complete(lm, prompts, seeds, sampling=DRAWS):
    return asyncio.run(lm.complete(prompts, seeds, sampling))


def score(lm, prompts, ids, temperature=0.7):
    return asyncio.run(lm.token_logprobs(prompts, ids, temperature))


def values(scored):
    return [one.value for one in scored]


# ------------------------------------------------------------------------------ the table


def test_equal_tables_have_equal_names_in_any_order():
    table = [(0, "a"), (1, "b"), (2, "12"), (5, "é")]
    assert fingerprint(table) == fingerprint(table[::-1])
    for other in (
        [(1, "a"), (0, "b"), *table[2:]],
        [*table[:2], (2, "1"), (5, "2é")],
        [*table[:3], (4, "é")],
        table[:3],
        [*table, (6, "c")],
    ):
        assert fingerprint(other) != fingerprint(table)


def test_models_with_the_same_words_have_the_same_table():
    assert model().tokenizer() == model(threads=1).tokenizer()
    other = tiny.folder(words=(*tiny.WORDS[:-1], "z"))
    assert EmbeddedLanguageModel.load(other).tokenizer() != model().tokenizer()


# ------------------------------------------------------------------------------ ids


def test_the_ids_are_those_drawn_the_stop_among_them():
    free = Sampling(temperature=0.7, max_tokens=9)
    ended = 0
    for cut, whole in zip(
        complete(model(), PROMPTS, range(12)), complete(model(), PROMPTS, range(12), free),
        strict=True,
    ):  # fmt: skip
        assert cut.ids == whole.ids[: cut.tokens]
        assert [tiny.WORDS[i] for i in whole.ids] == whole.text.split()
        ended += cut.finish == "stop"
        if cut.finish == "stop":
            said = [tiny.WORDS[i] for i in cut.ids]
            assert said[-1] == ";" or said[-2:] == ["d", "e"]
            assert len(cut.text.split()) < cut.tokens
    assert ended


# ------------------------------------------------------------------------------ the law


@pytest.mark.parametrize("temperature", [0.7, 1.0, 1.6])
def test_a_completion_scores_what_it_was_drawn_with(temperature):
    lm = model()
    sampling = Sampling(temperature=temperature, max_tokens=9, stop=(";",))
    drawn = complete(lm, PROMPTS, range(12), sampling)
    found = values(score(model(), PROMPTS, [c.ids for c in drawn], temperature))
    assert found == pytest.approx([c.logprob for c in drawn], abs=1e-5)
    for prompt, one, value in zip(PROMPTS, drawn, found, strict=True):
        ids = [tiny.WORDS.index(word) for word in prompt.split()]
        law = tiny.law(ids + list(one.ids), temperature)[len(ids) - 1 : -1]
        assert value == pytest.approx(law[np.arange(one.tokens), one.ids].sum(), abs=1e-4)


def test_at_temperature_one_they_are_not_those_of_another_temperature():
    """The known mistake: raw log-probabilities of samples that were drawn at 0.7."""
    lm = model()
    drawn = complete(lm, PROMPTS, range(12))
    raw = np.array(values(score(lm, PROMPTS, [c.ids for c in drawn], 1.0)))
    assert np.abs(raw - [c.logprob for c in drawn]).min() > 0.01


def test_it_agrees_with_the_scoring_of_texts():
    lm = model()
    drawn = complete(lm, PROMPTS, range(12), Sampling(temperature=1.0, max_tokens=5))
    # <pad> is a token that no text stands for: only ids can be scored where it was drawn
    pairs = [(p, c) for p, c in zip(PROMPTS, drawn, strict=True) if 0 not in c.ids]
    assert 5 < len(pairs) < 12
    found = score(lm, [p for p, _ in pairs], [c.ids for _, c in pairs], 1.0)
    assert values(found) == values(asyncio.run(lm.logprobs([(p, c.text) for p, c in pairs])))


def test_company_order_and_memory_make_no_difference_bit_for_bit():
    drawn = complete(model(), PROMPTS, range(12))
    ids = [c.ids for c in drawn]
    alone = [score(model(threads=1), [p], [i])[0].value for p, i in zip(PROMPTS, ids, strict=True)]
    lm = model()
    assert values(score(lm, PROMPTS, ids)) == alone
    assert values(score(lm, PROMPTS[::-1], ids[::-1])) == alone[::-1]


def test_siblings_read_their_prompt_once():
    prompt = " ".join("abcdefghijklmnop")  # 16 tokens, two chunks
    first, second = score(model(), [prompt] * 2, [(3, 4, 1), (4, 3, 1)])
    assert (first.prompt_tokens, first.cached_tokens) == (19, 0)
    assert (second.prompt_tokens, second.cached_tokens) == (19, 16)


# ------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("prompts", "ids", "temperature", "said"),
    [
        (["a"], [()], 0.7, "at least one token id after 'a', got none"),
        (["a"], [(len(tiny.WORDS),)], 0.7, f"from 0 to {len(tiny.WORDS) - 1}, got 24"),
        (["a"], [(3, -1)], 0.7, "got -1: they are from another model's table"),
        (["a"], [(3,)], 0.0, "temperature: expected a finite number above 0"),
        (["a"], [(3,)], float("inf"), "temperature: expected a finite number above 0"),
        (["a", "b"], [(3,)], 0.7, "token ids for each of 2 prompts, got 1"),
        (["a zz"], [(3,)], 0.7, "does not know 'zz'"),
        ([""], [(3,)], 0.7, "at least one word, got none"),
        (["a " * 60], [(3,) * 5], 0.7, r"at most 64 tokens, got 60 \+ 5"),
    ],
)
def test_what_no_completion_can_be_is_refused(prompts, ids, temperature, said):
    with pytest.raises(InputError, match=said):
        score(model(), prompts, ids, temperature)


def test_where_the_size_of_the_table_is_not_known_any_id_goes():
    check_ids("x", ["a"], [(10**6,)], 1.0)
    with pytest.raises(InputError, match="at least 0, got -1"):
        check_ids("x", ["a"], [(-1,)], 1.0)


def test_an_empty_call_is_an_empty_answer():
    assert score(model(), [], []) == []


def test_an_engine_without_token_ids_is_named():
    class Texts:
        def __repr__(self):
            return "texts()"

    lm = model()
    assert isinstance(lm, TokenModel)
    assert token_model(lm) is lm
    with pytest.raises(InputError, match=r"gives token ids and scores them, got texts\(\)"):
        token_model(Texts())
