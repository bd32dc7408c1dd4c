from math import exp, log

import pytest

from specreward.errors import InputError, RewardError
from specreward.types import Siblings
from specreward.verify import LikelihoodAndReward

from .toys import ROOT, ToyRewards, ask, children, one, roles

REWARDS = {"a": 0.2, "b": 0.9, "c": 0.5}
FAMILY = children("abc", [log(0.8), log(0.1), log(0.36)], [1, 1, 2])


def scores(share, family=FAMILY, **given):
    models = roles(**{"reward": ToyRewards(REWARDS), **given})
    return {j.path.steps[-1].text: j.score for j in one(LikelihoodAndReward(share), models, family)}


def test_0_is_the_mean_likelihood_of_a_token():
    assert scores(0.0) == pytest.approx({"a": 0.8, "b": 0.1, "c": 0.6})
    assert scores(0.0, reward=None) == scores(0.0)  # nobody else is asked


def test_1_is_the_share_of_the_odds():
    assert scores(1.0) == pytest.approx({"a": 0.25 / 10.25, "b": 9 / 10.25, "c": 1 / 10.25})
    assert scores(1.0, children("abc")) == scores(1.0)  # no log-probability is needed


def test_in_between_is_the_weighted_sum():
    assert scores(0.1) == pytest.approx(
        {"a": 0.72 + 0.025 / 10.25, "b": 0.09 + 0.9 / 10.25, "c": 0.54 + 0.1 / 10.25}
    )


def test_the_sum_over_tokens_would_choose_otherwise():
    """Negative control: a step of two tokens is no less likely for its length."""
    family = children("ac", [log(0.5), log(0.36)], [1, 2])
    summed = {child.steps[-1].text: exp(child.steps[-1].logprob) for child in family.children}
    ours = scores(0.0, family)
    assert max(ours, key=ours.get) == "c"
    assert max(summed, key=summed.get) == "a"


def test_evidence_counts_and_families_of_their_own():
    models = roles(reward=ToyRewards(REWARDS))
    first, second = ask(
        LikelihoodAndReward(0.5), models, children("aab", [-1.0, -1.0, -2.0]), children("b", [-2.0])
    )
    assert [item.count for item in first] == [2, 1]
    assert all(item.kept for item in [*first, *second])
    assert second[0].details == pytest.approx(
        {"likelihood": exp(-2.0), "reward": 0.9, "share": 1.0}
    )
    assert first[1].details["share"] == pytest.approx(9 / 9.25)
    assert models.reward.calls == 1


def test_no_family_is_no_question():
    assert ask(LikelihoodAndReward(0.5), roles(reward=ToyRewards(REWARDS))) == []
    nothing = ask(LikelihoodAndReward(0.5), roles(reward=ToyRewards(REWARDS)), Siblings(ROOT, ()))
    assert nothing == [[]]


def test_a_step_without_a_log_probability_is_refused():
    with pytest.raises(InputError, match=r"none with 'a'.*likelihood_and_reward\(1.0\)"):
        scores(0.1, children("abc"))


def test_a_missing_reward_model_and_a_bad_reward_are_refused():
    with pytest.raises(InputError, match="expected a reward model"):
        scores(0.1, reward=None)
    with pytest.raises(RewardError, match=r"expected a reward in \[0, 1\]"):
        scores(0.1, reward=ToyRewards(REWARDS | {"a": 1.5}))


@pytest.mark.parametrize("bad", [-0.1, 1.1, float("nan"), "x"])
def test_bad_shares(bad):
    with pytest.raises(InputError, match="reward_share: expected a finite number in"):
        LikelihoodAndReward(bad)
