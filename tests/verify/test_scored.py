from math import inf, nan

import pytest

from specreward.errors import InputError, RewardError
from specreward.types import Siblings
from specreward.verify import RewardScores

from .toys import ROOT, ToyRewards, ask, children, one, roles


def test_scores_are_the_rewards_and_all_are_kept():
    rewards = ToyRewards({"a": 0.2, "b": 0.9, "c": 0.0})
    judged = one(RewardScores(), roles(reward=rewards), children("abca"))
    assert [(j.path.steps[-1].text, j.score, j.kept, j.count) for j in judged] == [
        ("a", 0.2, True, 2),
        ("b", 0.9, True, 1),
        ("c", 0.0, True, 1),
    ]
    assert judged[1].details == {"reward": 0.9}


def test_all_families_share_one_call_and_repeats_are_not_paid():
    rewards = ToyRewards({"a": 0.2, "b": 0.9})
    empty = Siblings(ROOT, ())
    judged = ask(RewardScores(), roles(reward=rewards), children("aab"), empty, children("b"))
    assert [[j.score for j in family] for family in judged] == [[0.2, 0.9], [], [0.9]]
    assert (rewards.calls, rewards.asked) == (1, ["a", "b", "b"])


def test_without_children_the_reward_model_is_left_alone():
    rewards = ToyRewards({})
    assert ask(RewardScores(), roles(reward=rewards)) == []
    assert ask(RewardScores(), roles(reward=rewards), Siblings(ROOT, ())) == [[]]
    assert rewards.calls == 0


def test_no_reward_model_is_refused_with_what_to_do():
    with pytest.raises(InputError, match=r"reward=.*self_evaluation"):
        one(RewardScores(), roles(), children("a"))


@pytest.mark.parametrize("value", [nan, inf, -0.01, 1.01])
def test_unusable_rewards_are_refused_with_model_problem_and_value(value):
    with pytest.raises(RewardError) as caught:
        one(RewardScores(), roles(reward=ToyRewards({"a": 0.5, "b": value})), children("ab"))
    for part in ("ToyRewards", "'p1'", repr(value)):
        assert part in str(caught.value)


def test_the_ends_of_the_range_are_rewards():
    judged = one(RewardScores(), roles(reward=ToyRewards({"a": 0, "b": 1.0})), children("ab"))
    assert [j.score for j in judged] == [0, 1.0]


def test_missing_rewards_are_refused():
    class Short:
        async def score(self, paths):
            return [0.5]

    with pytest.raises(RewardError, match="expected 2 rewards, got 1"):
        one(RewardScores(), roles(reward=Short()), children("ab"))
