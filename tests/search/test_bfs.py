from specreward.search import BFS, WeightedVote
from specreward.verify import RewardScores, Threshold

TREE = {
    "a": 0.9,
    "b": 0.8,
    "c": 0.7,
    "aa": 0.1,
    "ab": 0.2,
    "ba": 0.6,
    "bb": 0.5,
    "ca": 0.95,
    "cb": 0.3,
    "baa": 0.4,
    "bab": 0.45,
    "bba": 0.9,
    "caa": 0.99,
}
LEAVES = {"baa", "bab", "bba", "caa"}


def test_keeps_the_best_of_each_level(plant, best, spelled):
    tree = plant(TREE, final=LEAVES)
    result = tree.run(BFS(2, n=3))
    assert tree.levels == [[""], ["a", "b"], ["ba", "bb"]]
    assert spelled(result) == ["baa", "bab", "bba"]
    assert (best(result), result.ended) == ("bba", "done")
    assert len(tree.reward.calls) == 3


def test_a_wider_frontier_finds_more(plant, best):
    tree = plant(TREE, final=LEAVES)
    result = tree.run(BFS(3, n=3))
    assert tree.levels == [[""], ["a", "b", "c"], ["ca", "ba", "bb"]]
    assert best(result) == "caa"


def test_width_1_looks_at_one_path(plant):
    tree = plant(TREE | {"aba": 0.1}, final={"aba"})
    tree.run(BFS(1, n=3))
    assert tree.levels == [[""], ["a"], ["ab"]]


def test_a_finished_path_takes_no_place(plant, spelled):
    tree = plant({"a": 0.9, "b": 0.8, "c": 0.7, "ba": 0.5, "ca": 0.6}, final={"a", "ba", "ca"})
    result = tree.run(BFS(2, n=3, solutions=0))
    assert tree.levels == [[""], ["b", "c"]]
    assert spelled(result) == ["a", "ba", "ca"]
    assert result.ended == "exhausted"


def test_stops_after_the_level_with_enough_solutions(plant, spelled):
    rewards = {"a": 0.9, "b": 0.8, "c": 0.7, "ba": 0.5, "ca": 0.6, "baa": 0.1}
    tree = plant(rewards, final={"a", "ca", "baa"})
    assert spelled(tree.run(BFS(2, n=3))) == ["a"]
    assert tree.levels == [[""]]
    assert spelled(tree.run(BFS(2, n=3, solutions=2))) == ["a", "ca"]
    assert tree.levels == [[""], ["b", "c"]]
    assert spelled(tree.run(BFS(2, n=3, solutions=3))) == ["a", "ca", "baa"]


def test_stops_at_the_depth_limit(plant):
    tree = plant(TREE, final=LEAVES)
    result = tree.run(BFS(2, n=3, depth=2))
    assert tree.levels == [[""], ["a", "b"]]
    assert (result.best, result.ended) == (None, "done")


def test_what_is_pruned_is_not_extended(plant):
    tree = plant(TREE, final=LEAVES)
    tree.run(BFS(3, n=3, verify=Threshold(0.75, of=RewardScores()), depth=2))
    assert tree.levels == [[""], ["a", "b"]]


def test_the_pick_chooses_among_all_finished(plant, best):
    class Folded:
        def max_steps(self, problem):
            return 2

        def answer(self, path):
            return path.steps[-1].text

    tree = plant(
        {"a": 0.9, "b": 0.8, "ax": 0.6, "ay": 0.4, "bx": 0.1, "by": 0.4},
        final={"ax", "ay", "bx", "by"},
    )
    tree.models = type(tree.models)(task=Folded(), policy=tree.policy, reward=tree.reward)
    assert best(tree.run(BFS(2, n=2))) == "ax"
    assert best(tree.run(BFS(2, n=2, pick=WeightedVote()))) == "ay"
