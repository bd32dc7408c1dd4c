import asyncio

import pytest

from specreward.errors import InputError
from specreward.search import OVM, Beam, Greedy
from specreward.testing import toy_models
from specreward.testing.contract import search

CONTEST = {"a": 0.8, "b": 0.7, "c": 0.6, "ba": 0.95, "bb": 0.9, "baa": 0.5, "bba": 0.4}
LEAVES = {"a", "baa", "bba"}


def test_a_finished_path_competes_again_and_may_lose_its_place(plant, spelled, best):
    tree = plant(CONTEST, final=LEAVES)
    result = tree.run(OVM(2, n=4))
    assert tree.levels == [[""], ["b"], ["ba", "bb"]]  # bb took the place of a
    assert spelled(result) == ["a", "baa", "bba"]
    assert (best(result), result.ended) == ("a", "done")


def test_in_a_plain_beam_it_keeps_its_place(plant):
    """Negative control: what tells the two searches apart."""
    tree = plant(CONTEST, final=LEAVES)
    tree.run(Beam(2, n=4))
    assert tree.levels == [[""], ["b"], ["ba"]]


def test_a_finished_path_that_holds_out_ends_the_search(plant, spelled):
    tree = plant({"a": 0.8, "b": 0.7, "c": 0.1, "ba": 0.6, "bb": 0.5}, final={"a", "ba"})
    result = tree.run(OVM(2, n=4))
    assert tree.levels == [[""], ["b"]]
    assert (spelled(result), result.ended) == (["a", "ba"], "done")


def test_places_of_the_finished_are_not_drawn_for(plant):
    rewards = {"a": 0.9, "b": 0.7, "c": 0.6, "ba": 0.65, "bb": 0.5, "ca": 0.1}
    tree = plant(rewards, final={"a"}, depth=2)
    tree.run(OVM(3, n=6))
    assert [(len(call.paths), call.n) for call in tree.policy.calls] == [(1, 6), (2, 2)]


def test_all_n_are_drawn_of_the_root_and_n_over_width_of_each_path(plant):
    tree = plant(CONTEST | {"aa": 0.1}, final={"baa", "bba"})
    tree.run(OVM(2, n=6))
    assert [(len(call.paths), call.n) for call in tree.policy.calls] == [(1, 6), (2, 3), (2, 3)]
    assert len(tree.reward.calls) == 3


def test_ends_when_nothing_is_left(plant):
    tree = plant({"a": 0.9}, dead={"a"})
    result = tree.run(OVM())
    assert (result.best, result.ended) == (None, "exhausted")


def test_depth_is_the_last_word(plant, spelled):
    tree = plant(CONTEST, final=LEAVES)
    result = tree.run(OVM(2, n=4, depth=1))
    assert (spelled(result), result.ended) == (["a"], "done")


def test_wide_enough_it_sees_the_whole_tree(plant, best):
    rewards = {"a": 0.9, "b": 0.1, "aa": 0.2, "ab": 0.3, "ba": 0.1, "bb": 0.99}
    tree = plant(rewards, final={"aa", "ab", "ba", "bb"})
    assert best(tree.run(OVM(8, n=16))) == "bb"
    assert best(tree.run(OVM(1, n=16))) == "ab"


@pytest.mark.parametrize("seed", range(3))
def test_width_1_is_greedy(seed):
    models = toy_models(seed)
    for problem in models.task.generate(10, "ovm", seed):
        ovm = asyncio.run(search(OVM(1, n=4, temperature=0.8), problem, models))
        greedy = asyncio.run(search(Greedy(4), problem, models))
        assert ovm.candidates == greedy.candidates
        assert ovm.expansions == greedy.expansions


def test_n_is_a_multiple_of_width():
    with pytest.raises(InputError, match="ovm n: expected a multiple of width=4, got 6"):
        OVM(n=6)
    with pytest.raises(InputError, match="ovm width: expected an integer"):
        OVM(0)
