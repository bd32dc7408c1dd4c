from math import nan

import pytest

from specreward.errors import InputError
from specreward.types import Judgement
from specreward.verify import RewardScores, SelfEvaluation, Threshold

from .toys import ToyJudge, ToyRewards, ask, children, one, roles

TABLE = {"a": 0.2, "b": 0.9, "c": 0.6, "d": 0.5}


def kept(verify, texts="abcd", **given):
    models = roles(**{"reward": ToyRewards(TABLE), **given})
    return "".join(j.path.steps[-1].text for j in one(verify, models, children(texts)) if j.kept)


def test_minimum_decides_and_the_bound_itself_survives():
    assert kept(Threshold(0.6)) == "bc"
    assert kept(Threshold(0.61)) == "b"
    assert kept(Threshold()) == "bcd"


def test_the_best_survive_where_all_fall_below():
    assert kept(Threshold(0.95)) == "b"
    assert kept(Threshold(0.95, keep=2)) == "bc"
    assert kept(Threshold(0.95, keep=0)) == ""
    assert kept(Threshold(0.95, keep=9)) == "abcd"


def test_keep_is_no_cap():
    assert kept(Threshold(0.5, keep=1)) == "bcd"


def test_each_family_keeps_its_own_best():
    models = roles(reward=ToyRewards(TABLE))
    judged = ask(Threshold(0.95), models, children("ad"), children("bc"))
    assert [[j.kept for j in family] for family in judged] == [[False, True], [True, False]]


def test_scores_counts_and_order_are_those_of_the_inner_verifier():
    models = roles(reward=ToyRewards(TABLE))
    ours = one(Threshold(0.6), models, children("abba"))
    inner = one(RewardScores(), models, children("abba"))
    assert [(j.path, j.score, j.count) for j in ours] == [(j.path, j.score, j.count) for j in inner]


def test_of_may_be_any_verifier_and_what_it_pruned_stays_pruned():
    judge = ToyJudge(answer=lambda prompt, i: "sure" if prompt.endswith("a") else "impossible")
    assert kept(Threshold(1.0, of=SelfEvaluation()), judge=judge) == "a"
    pruner = SelfEvaluation(minimum=1.0)
    assert kept(Threshold(0.0, of=pruner, keep=4), judge=judge) == "a"
    assert kept(Threshold(99.0, of=pruner), judge=judge) == "a"


def test_keep_counts_survivors_of_the_inner_verifier_only():
    async def inner(families, models):
        return [
            [
                Judgement(path, score, score < 0.5)
                for path, score in zip(f.children, (0.9, 0.3, 0.1), strict=True)
            ]
            for f in families
        ]

    assert kept(Threshold(0.5, of=inner), "abc") == "b"


@pytest.mark.parametrize(
    "fields", [{"minimum": nan}, {"minimum": "x"}, {"of": 3}, {"of": RewardScores}, {"keep": -1}]
)
def test_bad_settings_are_refused_by_name(fields):
    with pytest.raises(InputError, match=f"threshold {next(iter(fields))}: expected"):
        Threshold(**fields)
