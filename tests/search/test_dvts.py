import asyncio
from collections import Counter
from dataclasses import replace
from itertools import product
from math import prod

import pytest
from two_steps import PATHS, PROBLEM, ends, models

import specreward.search.dvts as module
from specreward.errors import InputError
from specreward.generate.policy import TaskPolicy
from specreward.search import DVTS, Beam, BestOfN, Greedy, WeightedVote
from specreward.testing import ToyLanguageModel, law, total_variation, toy_models
from specreward.testing.contract import search
from specreward.types import Trace

TREE = {
    "a": 0.9,
    "b": 0.8,
    "c": 0.2,
    "d": 0.7,
    "aa": 0.1,
    "ab": 0.3,
    "da": 0.6,
    "db": 0.5,
}


def law_of(strategy, roles=None):
    async def program():
        mine = replace(roles or models(), trace=Trace())
        return ends(await strategy(PROBLEM, mine))

    return law(program)


def test_trees_do_not_compete(plant, spelled, best):
    tree = plant(TREE, final={"aa", "ab", "da", "db"})
    result = tree.run(DVTS(2, n=2))
    assert tree.levels == [[""], [""], ["a"], ["d"]]  # b is better than d, but not in its tree
    assert [(call.n, call.start) for call in tree.policy.calls] == [(2, 0), (2, 2)] * 2
    assert spelled(result) == ["aa", "ab", "da", "db"]
    assert (best(result), result.ended) == ("da", "done")
    assert len(tree.reward.calls) == 2  # one call for all trees at each step


def test_only_finished_siblings_are_candidates(plant, spelled):
    tree = plant({"a": 0.9, "b": 0.8, "aa": 0.6, "ab": 0.4}, final={"b", "aa"})
    assert spelled(tree.run(DVTS(1, n=2))) == ["b", "aa"]  # b in passing; ab is open


def test_the_depth_limit_leaves_nothing_unfinished_behind(plant, spelled):
    tree = plant(TREE, final={"aa"})
    result = tree.run(DVTS(2, n=2, depth=1))
    assert (spelled(result), result.ended, result.best) == ([], "done", None)


def test_a_tree_that_loses_its_way_ends_alone(plant, spelled):
    tree = plant(TREE, final={"da", "db"}, dead={"a", "b"})
    result = tree.run(DVTS(2, n=2))
    assert tree.levels == [[""], [""], ["d"]]
    assert (spelled(result), result.ended) == (["da", "db"], "exhausted")


def test_an_early_finish_wins_nothing_by_being_early(plant, best):
    tree = plant(TREE | {"b": 0.95, "da": 0.99}, final={"b", "da", "db"})
    assert best(tree.run(DVTS(2, n=2))) == "da"


@pytest.mark.parametrize("n", [1, 2, 3])
def test_one_tree_is_greedy_and_a_beam_of_one_in_law(n):
    one = law_of(DVTS(1, n=n, temperature=1.0))
    assert total_variation(one, law_of(Greedy(n, temperature=1.0))) < 1e-12
    assert total_variation(one, law_of(Beam(1, n=n, temperature=1.0))) < 1e-12


@pytest.mark.parametrize("n", [1, 2, 3])
def test_trees_of_one_child_are_independent_samples(n):
    expected = Counter()
    for draw in product(PATHS, repeat=n):
        expected[tuple(sorted(draw))] += prod(PATHS[name] for name in draw)
    assert total_variation(law_of(DVTS(n, n=1, temperature=1.0)), expected) < 1e-12


def test_several_trees_are_the_product_of_single_ones():
    single = law_of(Greedy(2, temperature=1.0))
    expected = Counter()
    for draw in product(single, repeat=2):
        expected[tuple(sorted(sum(draw, ())))] += prod(single[found] for found in draw)
    assert total_variation(law_of(DVTS(2, n=2, temperature=1.0)), expected) < 1e-12


def written(strategy, seed=0):
    """The answers of a policy whose draws are the same by steps and in one go."""
    toys = toy_models(seed)
    mine = replace(toys, policy=TaskPolicy(ToyLanguageModel(task=toys.task), task=toys.task))
    problems = toys.task.generate(5, "dvts", seed)
    results = [asyncio.run(search(strategy, problem, mine)) for problem in problems]
    return [
        sorted(mine.task.answer(found.path) for found in result.candidates) for result in results
    ]


def test_trees_of_one_child_are_the_very_paths_of_best_of_n():
    assert written(DVTS(8, n=1)) == written(BestOfN(8))


def test_trees_that_draw_the_same_samples_are_one_tree(monkeypatch):
    """Negative control: without indices of its own each tree walks the same way."""

    async def same(paths, models, asked, temperature, draw=module.draw):
        return await draw(paths, models, [(n, 0) for n, _ in asked], temperature)

    right = written(DVTS(8, n=1))
    monkeypatch.setattr(module, "draw", same)
    assert all(len(set(answers)) <= 1 for answers in written(DVTS(8, n=1)))
    assert max(len(set(answers)) for answers in right) > 3


@pytest.mark.parametrize("seed", range(3))
def test_one_tree_is_greedy_path_by_path(seed):
    roles = toy_models(seed)
    for problem in roles.task.generate(10, "dvts", seed):
        one = asyncio.run(search(DVTS(1, n=4), problem, roles))
        greedy = asyncio.run(search(Greedy(4), problem, roles))
        assert one.expansions == greedy.expansions
        assert one.candidates == greedy.candidates


def test_equal_answers_of_several_trees_vote_as_often(plant, spelled, best):
    tree = plant({"a": 0.5, "b": 0.5, "ax": 0.4, "bx": 0.7}, final={"ax", "bx"})
    result = tree.run(DVTS(3, n=1, pick=WeightedVote()))
    assert (spelled(result), best(result)) == (["ax", "bx", "ax"], "ax")  # 0.8 against 0.7
    assert best(tree.run(DVTS(3, n=1))) == "bx"


@pytest.mark.parametrize("trees", [0, 4097, 2.0])
def test_a_number_of_trees_out_of_range_is_refused(trees):
    with pytest.raises(InputError, match="dvts trees: expected an integer from 1 to 4096"):
        DVTS(trees)
