from math import exp, inf, log, nan

import pytest

from specreward.errors import EngineError, InputError
from specreward.types import Siblings, Step
from specreward.verify import RapEvaluation

from .toys import ROOT, ToyJudge, ask, children, one, roles

PARENT = ROOT.then(Step("s"))
LIKELIHOOD = {"a": 0.5, "b": 0.125, "c": 0.0625}
GOOD = {"a": 0.1, "b": 0.6, "c": 0.3}
BAD = {"a": 0.3, "b": 0.2, "c": 0.3}


def logprob(prompt, text):
    assert text[0] == " "  # a word of its own after the prompt's last one
    text = text[1:]
    if prompt.startswith("good? p1/s/"):
        return log({"good": GOOD, "bad": BAD}[text][prompt[-1]])
    assert prompt == "next p1/s"
    return log(LIKELIHOOD[text])


def scores(alpha):
    judge = ToyJudge(logprob=logprob)
    judged = one(RapEvaluation(alpha=alpha), roles(judge=judge), children("abca", parent=PARENT))
    assert all(j.kept for j in judged)
    return [j.score for j in judged], judged, judge


def test_the_score_weighs_likelihood_among_siblings_against_the_chance_of_good():
    total = sum(LIKELIHOOD.values())
    for alpha in (0.5, 0.25):
        expected = [
            (LIKELIHOOD[t] / total) ** (1 - alpha) * (GOOD[t] / (GOOD[t] + BAD[t])) ** alpha
            for t in "abc"
        ]
        assert scores(alpha)[0] == pytest.approx(expected)


def test_the_ends_of_alpha_are_the_two_parts_alone():
    assert scores(0)[0] == pytest.approx([8 / 11, 2 / 11, 1 / 11])
    assert scores(1)[0] == pytest.approx([0.25, 0.75, 0.5])


def test_details_and_counts():
    _, judged, _ = scores(0.5)
    assert [j.count for j in judged] == [2, 1, 1]
    assert judged[1].details == pytest.approx(
        {"likelihood": 2 / 11, "good": 0.75, "logprob": log(0.125)}
    )


def test_repeats_are_not_paid_and_all_families_share_one_call():
    judge = ToyJudge(logprob=logprob)
    verify = RapEvaluation()
    judged = ask(
        verify,
        roles(judge=judge),
        children("aa", parent=PARENT),
        Siblings(PARENT, ()),
        children("b", parent=PARENT),
    )
    assert [len(family) for family in judged] == [1, 0, 1]
    assert judge.scored == [
        ("next p1/s", " a"),
        ("good? p1/s/a", " good"),
        ("good? p1/s/a", " bad"),
        ("next p1/s", " b"),
        ("good? p1/s/b", " good"),
        ("good? p1/s/b", " bad"),
    ]
    assert judged[0][0].details["likelihood"] == 1.0


def test_the_likelihood_of_several_steps_is_that_of_all():
    table = {("next p1", " x"): -1.0, ("next p1/x", " y"): -2.0, ("next p1", " z"): -4.0}
    judge = ToyJudge(logprob=lambda prompt, text: table.get((prompt, text), -1.0))
    paths = (ROOT.then(Step("x")).then(Step("y")), ROOT.then(Step("z")))
    judged = one(RapEvaluation(alpha=0), roles(judge=judge), Siblings(ROOT, paths))
    assert [j.score for j in judged] == pytest.approx([1 / (1 + exp(-1)), 1 / (1 + exp(1))])


def test_very_unlikely_actions_do_not_underflow_together():
    judge = ToyJudge(logprob=lambda prompt, text: -5000.0)
    judged = one(RapEvaluation(), roles(judge=judge), children("ab"))
    assert [j.score for j in judged] == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize("value", [nan, -inf])
def test_log_probabilities_that_are_no_numbers_are_refused(value):
    with pytest.raises(EngineError, match="finite log-probability"):
        one(RapEvaluation(), roles(judge=ToyJudge(logprob=lambda p, t: value)), children("a"))


def test_no_judge_is_refused_with_what_to_do():
    with pytest.raises(InputError, match="judge="):
        one(RapEvaluation(), roles(), children("a"))


@pytest.mark.parametrize("alpha", [-0.1, 1.1, nan, "x"])
def test_alpha_outside_its_range_is_refused(alpha):
    with pytest.raises(InputError, match=r"rap_evaluation alpha: expected .* in \[0, 1\]"):
        RapEvaluation(alpha=alpha)
