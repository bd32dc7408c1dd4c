from collections import Counter
from dataclasses import replace
from itertools import product
from math import exp, prod

import pytest
from two_steps import PATHS, PROBLEM, SOFT, TABLE, ends, models

import specreward.search.rebase as module
from specreward.errors import InputError
from specreward.search import REBASE, Highest
from specreward.search.apportion import apportion
from specreward.testing import law, total_variation
from specreward.types import Trace
from specreward.verify import RewardScores, Threshold

TREE = {
    "a": 0.9,
    "b": 0.8,
    "c": 0.2,
    "d": 0.1,
    **{parent + child: 0.5 for parent in "abcd" for child in "xy"},
}


def law_of(strategy):
    async def program():
        return ends(await strategy(PROBLEM, replace(models(), trace=Trace())))

    return law(program)


def drawn(tree):
    """How many children each path was drawn, by level."""
    levels = {}
    for call in tree.policy.calls:
        for path in call.paths:
            levels.setdefault(len(path), {})["".join(path)] = call.n
    return list(levels.values())


def test_the_shares_of_the_reference(plant, spelled):
    tree = plant(TREE, final={word for word in TREE if len(word) == 2})
    result = tree.run(REBASE(16))
    # Each of the four was drawn four times, so that the weights are those of the rewards alone.
    assert drawn(tree) == [{"": 16}, {"a": 10, "b": 6}]
    assert Counter(spelled(result)) == {"ax": 5, "ay": 5, "bx": 3, "by": 3}
    assert result.ended == "done"


def test_finished_ones_take_their_places_with_them(plant, spelled):
    tree = plant({"a": 0.9, "b": 0.5, "c": 0.5, "bx": 0.1, "cx": 0.1}, final={"a", "bx", "cx"})
    result = tree.run(REBASE(6, reward_temperature=1e9))
    assert drawn(tree) == [{"": 6}, {"b": 2, "c": 2}]
    assert Counter(spelled(result)) == {"a": 2, "bx": 2, "cx": 2}
    assert result.counts == {}


def test_places_of_dead_children_go_back_to_the_living(plant, spelled):
    tree = plant({"a": 0.9, "b": 0.5, "c": 0.5, "bx": 0.1, "cx": 0.1}, dead="a", final={"bx", "cx"})
    result = tree.run(REBASE(6, reward_temperature=1e9))
    assert drawn(tree) == [{"": 6}, {"b": 3, "c": 3}]
    assert len(spelled(result)) == 6
    assert result.counts == {"places given back": 2}


def test_places_of_pruned_children_too(plant, spelled):
    rewards = {"a": 0.1, "b": 0.6, "c": 0.7, "bx": 0.6, "cx": 0.6}
    tree = plant(rewards, final={"a", "bx", "cx"})
    result = tree.run(REBASE(6, reward_temperature=1e9, verify=Threshold(0.5)))
    assert drawn(tree) == [{"": 6}, {"b": 3, "c": 3}]
    assert spelled(result) == ["bx"] * 3 + ["cx"] * 3  # the pruned answer is none


def test_a_verifier_that_draws_again_may_give_more_than_there_are_places(plant, spelled):
    async def twice(families, models):
        judged = await RewardScores()(families, models)
        return [[replace(item, count=2 * item.count) for item in family] for family in judged]

    result = plant({"a": 0.9, "b": 0.5}, final={"a", "b"}).run(REBASE(3, verify=twice))
    assert (len(spelled(result)), result.ended, result.counts) == (6, "done", {})


def test_a_level_without_life_ends_it(plant):
    result = plant({"a": 0.9}, dead="a").run(REBASE(4))
    assert (result.best, result.ended) == (None, "exhausted")
    assert result.counts == {"places given back": 4}


def test_a_child_drawn_more_often_has_more_places(plant):
    tree = plant({"a": 0.5, "b": 0.5, "c": 0.5, "ax": 0.5, "bx": 0.5, "cx": 0.5}, depth=2)
    tree.run(REBASE(4))  # a twice, b and c once
    assert drawn(tree) == [{"": 4}, {"a": 2, "b": 1, "c": 1}]


def test_temperature_limits(plant):
    tree = plant(TREE, final={word for word in TREE if len(word) == 2})
    tree.run(REBASE(16, reward_temperature=1e-3))
    assert drawn(tree) == [{"": 16}, {"a": 16}]
    tree.run(REBASE(16, reward_temperature=1e6))
    assert drawn(tree) == [{"": 16}, {"a": 4, "b": 4, "c": 4, "d": 4}]


def test_depth_leaves_the_unfinished_out(plant, spelled):
    tree = plant(TREE, final={word for word in TREE if len(word) == 2})
    result = tree.run(REBASE(4, depth=1))
    assert (drawn(tree), spelled(result), result.ended) == ([{"": 4}], [], "done")


def expected_law(budget, temperature):
    """By hand: the counts of the first step, their shares, and then the counts of the second."""
    law, weights = Counter(), [exp(SOFT[x,] / temperature) for x in "ab"]
    for firsts in product("ab", repeat=budget):
        counts = [firsts.count(x) for x in "ab"]
        shares = apportion([c * w for c, w in zip(counts, weights, strict=True)], budget)
        chance = prod(TABLE[()][x] for x in firsts)
        parents = "a" * shares[0] + "b" * shares[1]
        for seconds in product("cd", repeat=budget):
            leaves = [f"{x} {y}" for x, y in zip(parents, seconds, strict=True)]
            ways = prod(TABLE[x,][y] for x, y in zip(parents, seconds, strict=True))
            law[tuple(sorted(leaves))] += chance * ways
    return law


@pytest.mark.parametrize("budget", [1, 2, 3, 4])
@pytest.mark.parametrize("temperature", [0.02, 0.2, 1e6])
def test_the_law_of_the_leaves(budget, temperature):
    ours = law_of(REBASE(budget, reward_temperature=temperature))
    assert total_variation(ours, expected_law(budget, temperature)) < 1e-12
    assert all(len(leaves) == budget for leaves in ours)  # as many leaves as places, always


def test_a_budget_of_one_is_one_sample():
    assert total_variation(law_of(REBASE(1)), {(name,): p for name, p in PATHS.items()}) < 1e-12


def test_rounding_each_share_breaks_the_budget(plant, monkeypatch):
    """Negative control: the paper's rule makes four places of three."""
    tree = plant({"a": 0.5, "b": 0.4, "c": 0.3, "ax": 0.1, "bx": 0.1, "cx": 0.1}, depth=2)
    tree.run(REBASE(3))
    assert drawn(tree)[1] == {"a": 1, "b": 1, "c": 1}

    def rounded(weights, total):
        return [round(total * weight / sum(weights)) for weight in weights]

    monkeypatch.setattr(module, "apportion", rounded)
    tree.run(REBASE(3))
    assert drawn(tree)[1] == {"a": 2, "b": 1, "c": 1}


def test_the_vote_is_the_default_and_the_pick_decides(plant, best):
    rewards = {"a": 0.5, "b": 0.5, "c": 0.5, "ax": 0.9, "bx": 0.7, "cx": 0.6}
    tree = plant(rewards, final={"ax", "bx", "cx"})

    class Alike:
        def max_steps(self, problem):
            return 2

        def answer(self, path):
            return "a" if path.steps[0].text == "a" else "not a"

    tree.models = replace(tree.models, task=Alike())
    assert best(tree.run(REBASE(3))) == "bx"  # 0.9 against 1.3
    assert best(tree.run(REBASE(3, pick=Highest()))) == "ax"


@pytest.mark.parametrize("bad", [{"n": 0}, {"reward_temperature": 0.0}, {"depth": 0}])
def test_bad_settings(bad):
    with pytest.raises(InputError, match=f"rebase {next(iter(bad))}: expected"):
        REBASE(**bad)
