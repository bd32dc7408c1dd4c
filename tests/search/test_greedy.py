from specreward.search import Greedy
from specreward.verify import RewardScores, Threshold

TREE = {"a": 0.4, "b": 0.6, "ba": 0.1, "bb": 0.2, "bba": 0.7, "bbb": 0.3, "aa": 1.0}


def test_follows_the_best_child(plant, best, spelled):
    tree = plant(TREE, final={"aa", "bba", "bbb"})
    result = tree.run(Greedy(2))
    assert tree.extended == ["", "b", "bb"]
    assert {call.n for call in tree.policy.calls} == {2}
    assert spelled(result) == ["bba", "bbb"]
    assert (best(result), result.ended) == ("bba", "done")


def test_stops_at_a_finished_child_and_keeps_those_it_passed(plant, best, spelled):
    tree = plant({"a": 0.4, "b": 0.6, "ba": 0.5}, final={"a", "ba"})
    result = tree.run(Greedy(2))
    assert tree.extended == ["", "b"]
    assert spelled(result) == ["a", "ba"]
    assert best(result) == "ba"


def test_does_not_go_back(plant):
    tree = plant({"a": 0.4, "b": 0.6, "ba": 0.5, "aa": 0.5}, final={"aa"}, dead={"ba"})
    result = tree.run(Greedy(2))
    assert tree.extended == ["", "b"]
    assert (result.best, result.ended) == (None, "exhausted")


def test_does_not_follow_what_is_pruned(plant):
    tree = plant({"a": 0.4}, depth=5)
    result = tree.run(Greedy(1, verify=Threshold(0.5, of=RewardScores(), keep=0)))
    assert (tree.extended, result.ended) == ([""], "exhausted")


def test_stops_at_the_depth_limit(plant):
    tree = plant(TREE, final={"bba"})
    assert tree.run(Greedy(2, depth=2)).ended == "done"
    assert tree.extended == ["", "b"]
