import pytest

from specreward.search import BestOfN, WeightedVote
from specreward.verify import RewardScores, Threshold


def test_judges_whole_paths_in_one_call_and_takes_the_best(plant, best):
    tree = plant(
        {"a": 0.9, "b": 0.1, "c": 0.5, "ad": 0.2, "be": 0.7}, final={"ad", "be"}, dead={"c"}
    )
    result = tree.run(BestOfN(3))
    [call] = tree.policy.calls
    assert (call.n, call.until, call.temperature) == (3, "end", 0.8)
    assert tree.reward.calls == [[("a", "d"), ("b", "e")]]  # neither prefixes nor dead paths
    assert best(result) == "be"
    assert result.ended == "done"


def test_the_default_is_sixteen(plant):
    tree = plant({"a": 0.9}, final={"a"})
    tree.run(BestOfN())
    assert tree.policy.calls[0].n == 16


def test_a_path_votes_as_often_as_it_was_drawn(plant, best, spelled):
    # Drawn a, b, a, b, a: the highest is b (.6), the weighted vote a (3 x .5 against 2 x .6).
    tree = plant({"a": 0.5, "b": 0.6}, final={"a", "b"})
    assert best(tree.run(BestOfN(5))) == "b"
    result = tree.run(BestOfN(5, pick=WeightedVote()))
    assert best(result) == "a"
    assert spelled(result) == ["a", "a", "a", "b", "b"]
    assert tree.reward.calls == [[("a",), ("b",)]]  # equal paths are scored once


def test_what_the_verifier_prunes_is_no_candidate(plant, spelled):
    tree = plant({"a": 0.3, "b": 0.6}, final={"a", "b"})
    assert spelled(tree.run(BestOfN(2, verify=Threshold(0.5, of=RewardScores())))) == ["b"]


def test_no_finished_path_no_answer(plant):
    tree = plant({"a": 0.3}, dead={"a"})
    result = tree.run(BestOfN(2))
    assert (result.best, tree.reward.calls) == (None, [])


def test_one_of_one_is_that_one(plant, best):
    tree = plant({"a": 0.0, "b": 1.0}, final={"a", "b"})
    assert best(tree.run(BestOfN(1))) == "a"


@pytest.mark.parametrize("n", [2, 3, 4])
def test_more_samples_contain_the_fewer(plant, spelled, n):
    tree = plant({"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4}, final={"a", "b", "c", "d"})
    assert spelled(tree.run(BestOfN(n)))[: n - 1] == spelled(tree.run(BestOfN(n - 1)))
