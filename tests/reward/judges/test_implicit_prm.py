import asyncio
import math

import pytest

from specreward.engines import ChatPrompt, Scored
from specreward.errors import InputError, RewardError
from specreward.reward.aggregate import Last, Minimum, Product
from specreward.reward.judges import ImplicitPRM
from specreward.spec import name_of, parse

from .court import path, scores, wired

STEPS = ("so", "far", "good")
PATH = path(*STEPS)


class Law:
    """Log-probability by the number of words; a word is a token."""

    parameters = 10

    def __init__(self, name, values, tokens=lambda text: len(text.split())):
        self.name, self.known, self.tokens = name, values, tokens
        self.asked = []

    async def logprobs(self, texts):
        self.asked.append(list(texts))
        return [
            Scored(self.known[len(text.split())], self.tokens(prompt + text))
            for prompt, text in texts
        ]


def pair():
    return Law("new", {1: -1.0, 2: -6.0, 3: -7.5}), Law("old", {1: -3.0, 2: -4.0, 3: -9.0})


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


# log-ratios of the beginnings: 2, -2, 1.5; of the steps alone: 2, -4, 3.5
def test_accumulated_rewards_are_log_ratios_of_beginnings():
    new, old = pair()
    reward = wired(ImplicitPRM(new, old, beta=0.5))
    assert asyncio.run(reward.steps([PATH])) == [
        [pytest.approx(sigmoid(0.5 * q)) for q in (2.0, -2.0, 1.5)]
    ]


def test_single_rewards_are_their_differences():
    new, old = pair()
    reward = wired(ImplicitPRM(new, old, beta=0.5, accumulate=False, combine=Minimum()))
    assert asyncio.run(reward.steps([PATH])) == [
        [pytest.approx(sigmoid(0.5 * r)) for r in (2.0, -4.0, 3.5)]
    ]
    assert asyncio.run(reward.score([PATH])) == [pytest.approx(sigmoid(-2.0))]


@pytest.mark.parametrize(
    ("accumulate", "combine", "texts", "score"),
    [
        (True, Last(), 1, sigmoid(1.5)),
        (True, Minimum(), 3, sigmoid(-2.0)),
        (False, Last(), 2, sigmoid(3.5)),
        (False, Product(), 3, sigmoid(2.0) * sigmoid(-4.0) * sigmoid(3.5)),
    ],
)
def test_only_what_the_score_needs_is_asked(accumulate, combine, texts, score):
    new, old = pair()
    reward = ImplicitPRM(new, old, beta=1.0, accumulate=accumulate, combine=combine)
    values, usage = asyncio.run(scores(reward, [PATH, PATH]))
    assert values == [pytest.approx(score)] * 2
    assert usage["reward", "score"].calls == texts
    assert usage["reward", "reference"].calls == texts


def test_the_texts_are_an_answer_to_the_question():
    values = {1: -1.0, 3: -2.0, 5: -3.0}
    new, old = Law("new", values), Law("old", values)
    asyncio.run(wired(ImplicitPRM(new, old, delimiter=" / ", combine=Minimum())).score([PATH]))
    prompt, text = new.asked[0][1]
    assert text == "so / far"
    assert isinstance(prompt, ChatPrompt)
    assert [(one.role, one.text) for one in prompt.messages] == [
        ("user", "What is 2 + 2?"),
        ("assistant", ""),
    ]
    assert prompt == "What is 2 + 2?\n\n"
    assert new.asked == old.asked


def test_other_tokens_are_refused_with_the_reason():
    new, _ = pair()
    old = Law("old", {3: -9.0}, tokens=len)
    with pytest.raises(InputError, match=r"new counts \d+ tokens where old counts \d+.*tokenisers"):
        asyncio.run(wired(ImplicitPRM(new, old)).score([PATH]))


def test_a_model_is_no_reference_of_itself():
    new, _ = pair()
    with pytest.raises(InputError, match="the ratio of a model to itself is 1"):
        wired(ImplicitPRM(new, new))


def test_it_is_put_together_without_its_models():
    """The name of a model on this machine is known when it is loaded, and not before."""

    class Unloaded:
        @property
        def name(self):
            raise AssertionError("loaded")

    ImplicitPRM(Unloaded(), Unloaded())


@pytest.mark.parametrize("value", [math.nan, -math.inf, 0.5])
def test_what_has_no_ratio_is_refused(value):
    new, _ = pair()
    with pytest.raises(RewardError, match=r"finite log-probability of at most 0.* from old"):
        asyncio.run(wired(ImplicitPRM(new, Law("old", {3: value}))).score([PATH]))


def test_large_ratios_stay_in_range():
    high, low = Law("new", {3: -1.0}), Law("old", {3: -1e6})
    assert asyncio.run(wired(ImplicitPRM(high, low, beta=1.0)).score([PATH])) == [1.0]
    assert asyncio.run(wired(ImplicitPRM(low, high, beta=1.0)).score([PATH])) == [0.0]


def test_text_and_back():
    text = (
        "implicit_prm(embedded_policy('game24'), embedded_policy('blocksworld'), beta=0.001, "
        "accumulate=False, combine=minimum(), delimiter='\\n')"
    )
    judge = parse(text, "rewardmodel")
    assert parse(name_of(judge), "rewardmodel") == judge
    assert judge.names == [judge.lm.name, judge.reference.name]


@pytest.mark.parametrize("settings", [{"beta": 0}, {"beta": math.nan}, {"combine": None}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(InputError):
        ImplicitPRM(*pair(), **settings)
