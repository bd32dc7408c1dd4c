import pytest

from specreward.search import BestFirst, MaxReward
from specreward.verify import RewardScores, Threshold

TREE = {
    "a": 0.6,
    "b": 0.5,
    "c": 0.55,
    "aa": 0.3,
    "ab": 0.58,
    "ba": 0.9,
    "bb": 0.1,
    "ca": 0.2,
    "aba": 0.2,
    "baa": 0.7,
}


def test_extends_the_best_open_path_of_the_whole_tree(plant, best, spelled):
    tree = plant(TREE, final={"baa"}, dead={"aba"})
    result = tree.run(BestFirst(3))
    assert tree.extended == ["", "a", "ab", "c", "b", "ba"]
    assert spelled(result) == ["baa"]
    assert result.ended == "done"


@pytest.mark.parametrize("expansions", [1, 3, 5])
def test_the_total_limit_is_exact(plant, expansions):
    tree = plant(TREE, final={"baa"}, dead={"aba"})
    result = tree.run(BestFirst(3, expansions=expansions))
    assert tree.extended == ["", "a", "ab", "c", "b"][:expansions]
    assert (result.best, result.ended) == (None, "done")


def test_goes_on_until_the_queue_is_empty(plant, spelled):
    tree = plant({"a": 0.5, "b": 0.4, "aa": 0.1, "ba": 0.3}, final={"aa", "ba"})
    assert spelled(tree.run(BestFirst(2))) == ["aa"]
    result = tree.run(BestFirst(2, solutions=0))
    assert spelled(result) == ["aa", "ba"]
    assert result.ended == "exhausted"


def test_of_equal_paths_the_deeper_then_the_earlier(plant):
    even = {"a": 0.5, "b": 0.5, "aa": 0.5, "ab": 0.5, "ba": 0.5, "aaa": 0.5, "aba": 0.5, "baa": 0.5}
    tree = plant(even, dead={"aaa", "aba", "baa"})
    tree.run(BestFirst(2))
    assert tree.extended == ["", "a", "aa", "ab", "b", "ba"]


def test_ties_of_score_go_by_q_then_count(plant):
    class Tied:
        """One score for all; q from the reward."""

        async def __call__(self, families, models):
            judged = await RewardScores()(families, models)
            return [
                [type(item)(item.path, 0.5, True, item.count, {"q": item.score}) for item in family]
                for family in judged
            ]

    tree = plant(
        {"a": 0.1, "b": 0.3, "c": 0.2, "aa": 0.0, "ba": 0.0, "ca": 0.0}, dead={"aa", "ba", "ca"}
    )
    tree.run(BestFirst(3, verify=Tied()))
    assert tree.extended == ["", "b", "c", "a"]


def test_depth_and_pruning(plant):
    tree = plant(TREE, final={"baa"})
    tree.run(BestFirst(3, depth=2))
    assert tree.extended == ["", "a", "c", "b"]
    tree.run(BestFirst(3, verify=Threshold(0.52, of=RewardScores(), keep=0)))
    assert tree.extended == ["", "a", "ab", "c"]


def test_the_pick_chooses(plant, best):
    tree = plant({"a": 0.9, "b": 0.1, "aa": 0.5, "ba": 0.6}, final={"aa", "ba"})
    assert best(tree.run(BestFirst(2, solutions=0))) == "ba"
    assert best(tree.run(BestFirst(2, solutions=0, pick=MaxReward()))) == "aa"
