import asyncio

import pytest

from specreward.search import Beam, Greedy, WeightedVote
from specreward.testing import toy_models
from specreward.testing.contract import search

WIDE = {
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
    "bbb": 0.1,
}
LEAVES = {"baa", "bab", "bba", "bbb"}


def test_keeps_the_best_of_the_whole_step(plant, best, spelled):
    tree = plant(WIDE, final=LEAVES)
    result = tree.run(Beam(2, n=3))
    assert tree.levels == [[""], ["a", "b"], ["ba", "bb"]]  # both from b; ca was cut off with c
    assert spelled(result) == ["baa", "bab", "bba", "bbb"]
    assert (best(result), result.ended) == ("bba", "done")


def test_draws_width_times_n_for_each_step(plant):
    tree = plant(WIDE, final=LEAVES)
    tree.run(Beam(2, n=2))
    assert [(len(call.paths), call.n) for call in tree.policy.calls] == [(1, 2), (2, 2), (2, 2)]
    assert len(tree.reward.calls) == 3  # judged in one call for each step


def test_a_finished_path_takes_its_place_out_of_the_beam(plant, spelled):
    rewards = {"a": 0.9, "b": 0.8, "c": 0.7, "ba": 0.5, "bb": 0.4, "bc": 0.3, "baa": 0.1}
    tree = plant(rewards, final={"a", "baa"})
    result = tree.run(Beam(2, n=3))
    assert tree.levels == [[""], ["b"], ["ba"]]  # neither c nor bb moves up
    assert spelled(result) == ["a", "baa"]


def test_ends_when_all_places_are_taken(plant):
    tree = plant({"a": 0.9, "b": 0.8, "c": 0.7}, final={"a", "b"})
    assert tree.run(Beam(2, n=3)).ended == "done"
    assert tree.levels == [[""]]


def test_a_finished_path_that_wins_no_place_is_a_candidate_all_the_same(plant, spelled):
    tree = plant({"a": 0.9, "b": 0.8, "aa": 0.1}, final={"b", "aa"})
    assert spelled(tree.run(Beam(1, n=2))) == ["b", "aa"]
    assert tree.levels == [[""], ["a"]]


def test_ends_when_nothing_is_left(plant):
    tree = plant({"a": 0.9}, dead={"a"})
    result = tree.run(Beam(2))
    assert (result.best, result.ended) == (None, "exhausted")


def test_wide_enough_it_sees_the_whole_tree(plant, best):
    tree = plant(WIDE | {"caa": 0.99}, final=LEAVES | {"caa"}, dead={"aa", "ab", "cb"})
    assert best(tree.run(Beam(20, n=3))) == "caa"
    assert best(tree.run(Beam(2, n=3))) == "bba"


@pytest.mark.parametrize("seed", range(5))
def test_width_1_is_greedy(seed):
    models = toy_models(seed)
    for problem in models.task.generate(10, "beam", seed):
        beam = asyncio.run(search(Beam(1), problem, models))
        greedy = asyncio.run(search(Greedy(), problem, models))
        assert beam.candidates == greedy.candidates
        assert beam.expansions == greedy.expansions


def test_the_pick_chooses(plant, best):
    class Folded:
        def max_steps(self, problem):
            return 2

        def answer(self, path):
            return path.steps[-1].text

    rewards = {"a": 0.9, "b": 0.8, "ax": 0.6, "ay": 0.4, "bx": 0.1, "by": 0.4}
    tree = plant(rewards, final={"ax", "ay", "bx", "by"})
    tree.models = type(tree.models)(task=Folded(), policy=tree.policy, reward=tree.reward)
    assert best(tree.run(Beam(2, n=2))) == "ax"
    assert best(tree.run(Beam(2, n=2, pick=WeightedVote()))) == "ay"  # y .8 against x .7
