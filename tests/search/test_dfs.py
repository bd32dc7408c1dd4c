import pytest

from specreward.search import DFS, MaxReward
from specreward.verify import RewardScores, Threshold

BINARY = {
    "a": 0.4,
    "b": 0.6,
    "aa": 0.5,
    "ab": 0.7,
    "ba": 0.9,
    "bb": 0.2,
    "aaa": 0.1,
    "aab": 0.2,
    "aba": 0.3,
    "abb": 0.4,
    "baa": 0.5,
    "bab": 0.6,
    "bba": 0.7,
    "bbb": 0.8,
}
LEAVES = {word for word in BINARY if len(word) == 3}
DEAD = LEAVES - {"aaa"}


def test_visits_the_best_child_first_and_goes_back(plant):
    tree = plant(BINARY, final={"aaa"}, dead=DEAD)
    result = tree.run(DFS(2))
    assert tree.extended == ["", "b", "ba", "bb", "a", "ab", "aa"]
    assert [call.n for call in tree.policy.calls] == [2] * 7
    assert result.best.path.key == ("p", "a", "a", "a")
    assert result.ended == "done"


def test_stops_at_enough_solutions(plant, spelled):
    tree = plant(BINARY, final=LEAVES)
    assert spelled(tree.run(DFS(2))) == ["baa", "bab"]
    assert tree.extended == ["", "b", "ba"]
    assert spelled(tree.run(DFS(2, solutions=3))) == ["baa", "bab", "bba", "bbb"]
    result = tree.run(DFS(2, solutions=0))
    assert len(result.candidates) == 8
    assert result.ended == "exhausted"


@pytest.mark.parametrize("expansions", [1, 2, 4, 6])
def test_the_total_limit_is_exact(plant, expansions):
    tree = plant(BINARY, final={"aaa"}, dead=DEAD)
    result = tree.run(DFS(2, expansions=expansions))
    assert tree.extended == ["", "b", "ba", "bb", "a", "ab"][:expansions]
    assert (result.best, result.ended) == (None, "done")


def test_the_limit_of_one_state_is_exact(plant):
    tree = plant(BINARY, final={"aaa"}, dead=DEAD)
    result = tree.run(DFS(2, children=1))
    assert tree.extended == ["", "b", "ba"]
    assert result.ended == "exhausted"
    tree.run(DFS(2, children=2))
    assert len(tree.extended) == 7


def test_what_is_pruned_is_not_visited(plant):
    tree = plant(BINARY, final={"aaa"}, dead=DEAD)
    tree.run(DFS(2, verify=Threshold(0.5, of=RewardScores(), keep=0)))
    assert tree.extended == ["", "b", "ba"]


def test_the_depth_limit_turns_it_back(plant):
    tree = plant(BINARY, final={"aaa"})
    result = tree.run(DFS(2, depth=2))
    assert tree.extended == ["", "b", "a"]
    assert result.ended == "exhausted"


def test_the_tasks_limit_holds_without_one_of_its_own(plant):
    tree = plant(BINARY, depth=3)
    tree.run(DFS(2))
    assert max(map(len, tree.extended)) == 2


def test_finished_children_take_none_of_the_visits(plant, spelled):
    tree = plant({"a": 0.9, "b": 0.8, "c": 0.7, "ba": 0.1}, final={"a"}, dead={"ba"})
    result = tree.run(DFS(3, children=1, solutions=0))
    assert tree.extended == ["", "b"]
    assert spelled(result) == ["a"]


def test_the_pick_chooses(plant, best):
    tree = plant({"a": 0.9, "b": 0.1, "aa": 0.5, "ba": 0.6}, final={"aa", "ba"})
    assert best(tree.run(DFS(2, solutions=0))) == "ba"
    assert best(tree.run(DFS(2, solutions=0, pick=MaxReward()))) == "aa"
