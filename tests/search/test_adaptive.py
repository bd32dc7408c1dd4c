"""What the trees of AB-MCTS remember: who hears of a score, lost steps, a verifier's draws."""

import asyncio
from dataclasses import dataclass, replace

import pytest

from specreward.search import ABMCTS
from specreward.search.adaptive import Node, Tree, grow
from specreward.search.posteriors import Tally
from specreward.testing import ExactReward, ScriptedPolicy, ToyTask
from specreward.types import Models, Path, Problem, Step, Trace
from specreward.verify import RewardScores

PROBLEM = Problem("p", "?")


def word(path):
    return "".join(step.text for step in path.steps)


@dataclass
class Walker:
    """Says where each child goes: below the nodes with these words."""

    ways: tuple[str, ...]
    gone: int = 0
    draft: bool = False
    temperature: float = 0.8
    verify: object = RewardScores()
    depth: int | None = None

    @property
    def simulations(self):
        return len(self.ways)

    def descend(self, tree, rng):
        way = [tree.root]
        self.gone += 1
        for letter in self.ways[self.gone - 1]:
            way.append(next(c for c in way[-1].able if c.path.steps[-1].text == letter))
        return way


REWARDS = {"a": 0.5, "b": 0.9, "aa": 0.3, "ab": 0.8, "aaa": 0.1, "aab": 0.6, "ba": 0.2}


def walked(tree, *ways):
    models = replace(tree.models, trace=Trace())
    return asyncio.run(grow(Walker(ways), "walk", tree.problem, models)), models.trace


def same(tally, *expected):
    wanted = Tally(*expected)
    numbers = (wanted.n, wanted.mean, wanted.spread)
    return (tally.n, tally.mean, tally.spread) == pytest.approx(numbers)


def test_who_hears_of_a_score(plant):
    """Children: a b; below a: aa ab; below aa: aaa. By the pseudo-code of the paper."""
    tree = plant(REWARDS, final={"b", "ab", "aaa", "aab", "ba"})
    grown, _ = walked(tree, "", "a", "aa", "a", "", "aa")
    root = grown.root
    a, b = root.children
    aa, ab = a.children
    assert same(root.gen, 0.5, 0.9)  # its children
    assert same(root.cont, 0.3, 0.1, 0.8, 0.6)  # all further below, not the children
    assert same(a.below, 0.5, 0.3, 0.1, 0.8, 0.6)  # its own and all below
    assert same(a.gen, 0.3, 0.8)
    assert same(a.cont, 0.1, 0.6)
    assert same(aa.below, 0.3, 0.1, 0.6)
    assert same(aa.gen, 0.1, 0.6)
    assert same(aa.cont)
    assert same(b.below, 0.9)
    assert same(ab.below, 0.8)
    assert same(grown.written[0], 0.5, 0.3, 0.1, 0.8, 0.9, 0.6)


def test_finished_children_are_not_gone_on_with(plant):
    grown, _ = walked(plant(REWARDS, final={"b"}), "", "")
    assert [word(c.path) for c in grown.root.children] == ["a", "b"]
    assert [word(c.path) for c in grown.root.able] == ["a"]


def test_lost_steps_count_as_0_and_are_not_scored(plant):
    tree = plant({"a": 0.5, "b": 0.9, "aa": 0.7, "ab": 0.4}, dead={"b"}, depth=2)
    grown, trace = walked(tree, "", "", "", "a")  # a; b, dead; a again; aa, open at the limit
    root, a = grown.root, grown.root.able[0]
    assert trace.counts == {
        "dead steps": 1,
        "repeated steps": 1,
        "steps unfinished at the limit": 1,
    }
    assert same(root.gen, 0.5, 0.0, 0.0)
    assert same(root.cont, 0.0)
    assert same(a.below, 0.5, 0.0)
    assert (a.able, root.able) == ([], [a])
    assert sum(map(len, tree.reward.calls)) == 1  # only a was scored
    assert len(trace.expansions) == 1


def test_pruned_children_are_told_and_left(plant):
    class Strict:
        async def __call__(self, families, models):
            judged = await RewardScores()(families, models)
            return [[replace(item, kept=item.score > 0.6) for item in items] for items in judged]

    walk = Walker(("", "", ""), verify=Strict())
    tree = plant({"a": 0.5, "b": 0.9, "c": 0.4}, final={"c"})
    models = replace(tree.models, trace=Trace())
    root = asyncio.run(grow(walk, "walk", tree.problem, models)).root
    assert same(root.gen, 0.5, 0.9, 0.4)
    assert [word(child.path) for child in root.able] == ["b"]
    assert models.trace.found == []


def test_a_lost_step_has_the_lowest_score_there_is(plant):
    class Below:
        async def __call__(self, families, models):
            judged = await RewardScores()(families, models)
            return [[replace(item, score=item.score - 3) for item in items] for items in judged]

    tree = plant({"a": 0.5, "b": 0.9})
    root = asyncio.run(
        grow(Walker(("", "", ""), verify=Below()), "walk", tree.problem, tree.models)
    ).root
    assert same(root.gen, -2.5, -2.1, -2.5)


def test_steps_that_differ_in_spaces_are_one():
    steps = {(): [Step("go on"), Step("go  on ")]}
    models = Models(
        task=ToyTask(), policy=ScriptedPolicy(steps), reward=ExactReward({("go on",): 0.5})
    )
    asyncio.run(ABMCTS(1)(PROBLEM, models))
    asyncio.run(grow(Walker(("", "")), "walk", PROBLEM, models))
    assert models.trace.counts == {"repeated steps": 1}


class DrawsMore:
    """A verifier that shows the policy's first two children beside the one it is asked about."""

    def __init__(self, policy):
        self.policy = policy

    async def __call__(self, families, models):
        more = await self.policy.extend([family.parent for family in families], 2)
        shown = [
            replace(family, children=(*family.children, *drawn))
            for family, drawn in zip(families, more, strict=True)
        ]
        return await RewardScores()(shown, models)


def test_what_the_verifier_draws_is_told_once_and_ends_at_the_limit(plant):
    tree = plant({"a": 0.5, "b": 0.9, "c": 0.7}, final={"a", "c"}, depth=1)
    models = replace(tree.models, trace=Trace())
    walk = Walker(("", "", ""), verify=DrawsMore(tree.policy))
    root = asyncio.run(grow(walk, "walk", tree.problem, models)).root
    # a, and b with it; b again, lost; c, and not a and b again
    assert [word(child.path) for child in root.children] == ["a", "b", "b", "c"]
    assert same(root.gen, 0.5, 0.9, 0.0, 0.7)
    assert [word(candidate.path) for candidate in models.trace.found] == ["a", "c"]
    assert root.able == []  # b is unfinished at the limit


def test_further_draws_go_on_where_the_last_ended(plant):
    tree = plant(REWARDS)
    walked(tree, "", "", "a", "a", "")
    assert [(call.paths, call.n, call.start) for call in tree.policy.calls] == [
        (((),), 1, 0),
        (((),), 1, 1),
        ((("a",),), 1, 0),
        ((("a",),), 1, 1),
        (((),), 1, 2),
    ]


def test_other_scales_are_seen_in_units_of_their_range():
    tree = Tree(PROBLEM, 1)
    assert tree.seen(tree.root.gen) is tree.root.gen  # rewards are as they are
    for score in (-3.0, 5.0, 1.0):
        tree.told([tree.root], Node(Path(PROBLEM)), score, 0)
    assert (tree.low, tree.high) == (-3.0, 5.0)
    assert same(tree.seen(tree.root.gen), 0.0, 1.0, 0.5)
