"""AB-MCTS-A and -M: the bookkeeping, the law of whole searches, limits, lost steps."""

import asyncio
import math
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise, product

import numpy as np
import pytest

from specreward.errors import BudgetExhausted, InputError, RewardError
from specreward.search import ABMCTS, ABMCTSM, BetaPosterior, GaussianPosterior
from specreward.search.adaptive import Node, Tree, grow
from specreward.search.posteriors import Tally
from specreward.seeds import choose
from specreward.testing import (
    ExactPolicy,
    ExactReward,
    ExactTask,
    ScriptedPolicy,
    ToyTask,
    check_strategy,
    law,
    total_variation,
)
from specreward.types import Models, Path, Problem, Step, Trace
from specreward.verify import RewardScores

BOTH = pytest.mark.parametrize("kind", [ABMCTS, ABMCTSM])
PROBLEM = Problem("p", "?")


def word(path):
    return "".join(step.text for step in path.steps)


# ------------------------------------------------------------------------------ bookkeeping


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


def scores(tally):
    return (tally.n, pytest.approx(tally.mean), pytest.approx(tally.spread))


def same(tally, *expected):
    return scores(tally) == scores(Tally(*expected))


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


# ------------------------------------------------------------------------------ the exact law

COIN = 0.25


@dataclass(frozen=True)
class Coin:
    """A belief of two points: (0.3 + sum) / (1 + n), give or take a quarter, half and half."""

    def draw(self, seen, rng):
        off = COIN * (1 - 2 * choose([1, 1], 0, rng.integers(2**62)))
        return (0.3 + seen.n * seen.mean) / (1 + seen.n) + off


TABLE = {
    (): {"a": 0.6, "b": 0.4},
    ("a",): {"a": 0.5, "b": 0.5},
    ("b",): {"a": 1.0},
    ("a", "a"): {"a": 1.0},
}
LAW_REWARDS = {"a": 0.45, "b": 0.7, "aa": 0.75, "ab": 0.9, "ba": 0.2, "aaa": 0.6}


def points(numbers):
    mean = (0.3 + sum(numbers)) / (1 + len(numbers))
    return [(mean + COIN, 0.5), (mean - COIN, 0.5)]


def second_writing(simulations, own_in_cont=False, literal=False):
    """The law of the sequence of draws, on lists of scores; by recursion over all draws.

    A wrong one tells CONT of the children, too; another makes a new node of a repeated step.
    """
    found = Counter()

    def highest(rivals, chance, at=0, best=None):
        """(winner, chance) over the draws of some beliefs; the first of equals."""
        if at == len(rivals):
            yield best[1], chance
            return
        name, numbers = rivals[at]
        for value, p in points(numbers):
            better = best is None or value > best[0]
            yield from highest(rivals, chance * p, at + 1, (value, name) if better else best)

    def descend(nodes, here, chance):
        able = [name for name in nodes[here]["children"] if nodes[name]["open"]]
        if not able:
            yield [here], chance
            return
        node = nodes[here]
        for gen, p in points(node["gen"]):
            for cont, q in points(node["cont"]):
                if gen >= cont:
                    yield [here], chance * p * q
                    continue
                rivals = [(name, nodes[name]["below"]) for name in able]
                for name, rest in highest(rivals, chance * p * q):
                    for way, last in descend(nodes, name, rest):
                        yield [here, *way], last

    def step(nodes, history, left, chance):
        if not left:
            found[history] += chance
            return
        for way, reached in descend(nodes, "", chance):
            parent = way[-1]
            here = nodes[parent]["word"]
            for letter, p in TABLE[tuple(here)].items():
                grown = {
                    k: {f: list(v) if isinstance(v, list) else v for f, v in n.items()}
                    for k, n in nodes.items()
                }
                text = here + letter
                repeat = not literal and any(
                    grown[c]["word"] == text for c in grown[parent]["children"]
                )
                score = 0.0 if repeat else LAW_REWARDS[text]
                name = f"{len(grown)}"
                is_open = not repeat and tuple(text) in TABLE
                grown[name] = {
                    "word": text,
                    "open": is_open,
                    "children": [],
                    "gen": [],
                    "cont": [],
                    "below": [score],
                }
                grown[parent]["children"].append(name)
                grown[parent]["gen"].append(score)
                if own_in_cont:
                    grown[parent]["cont"].append(score)
                for above, node in pairwise(way):
                    grown[node]["below"].append(score)
                    grown[above]["cont"].append(score)
                step(grown, (*history, text), left - 1, reached * p)

    root = {"word": "", "open": True, "children": [], "gen": [], "cont": [], "below": []}
    step({"": root}, (), simulations, 1.0)
    return dict(found)


@dataclass(frozen=True)
class Watched:
    """A policy that notes what it wrote."""

    policy: ExactPolicy
    written: list

    async def extend(self, paths, n, *, until="step", temperature=0.8, start=0):
        [[path]] = await self.policy.extend(
            paths, n, until=until, temperature=temperature, start=start
        )
        self.written.append(word(path))
        return [[path]]


@cache
def real_law(simulations):
    async def program():
        watched = Watched(ExactPolicy(TABLE), [])
        rewards = ExactReward({tuple(text): reward for text, reward in LAW_REWARDS.items()})
        models = Models(task=ExactTask(TABLE), policy=watched, reward=rewards)
        await ABMCTS(simulations, posterior=Coin(), temperature=1.0)(PROBLEM, models)
        return tuple(watched.written)

    return law(program)


def test_the_law_of_a_search_is_that_of_a_second_writing():
    ours = real_law(4)
    assert math.fsum(ours.values()) == pytest.approx(1)
    assert total_variation(ours, second_writing(4)) < 1e-12


def test_wrong_bookkeeping_has_another_law():
    ours = real_law(4)
    told_both, literal = second_writing(4, own_in_cont=True), second_writing(4, literal=True)
    assert total_variation(ours, told_both) == pytest.approx(0.158273, abs=1e-6)
    assert total_variation(ours, literal) == pytest.approx(0.174199, abs=1e-6)


# ------------------------------------------------------------------------------ GEN against CONT


def written_tree(gen, cont):
    """A root with one child to go on with, whose beliefs rest on these scores."""
    tree = Tree(PROBLEM, 1)
    tree.root.able.append(Node(Path(PROBLEM).then(Step("a")), open=True))
    tree.root.children.append(tree.root.able[0])
    for score in gen:
        tree.root.gen.add(score)
    for score in cont:
        tree.root.cont.add(score)
    return tree


def chance_to_widen(gen, cont):
    """P(mu_gen >= mu_cont) of two normal-inverse-chi-squared beliefs, summed over log variances."""

    def variances(m, kappa, nu, tau2):
        logs = np.linspace(math.log(tau2) - 8, math.log(tau2) + 40, 1500)
        density = np.exp(-nu / 2 * logs - nu * tau2 / 2 * np.exp(-logs))
        return m, np.exp(logs) / kappa, density / density.sum()

    m_gen, v_gen, p_gen = variances(*GaussianPosterior().after(Tally(*gen)))
    m_cont, v_cont, p_cont = variances(*GaussianPosterior().after(Tally(*cont)))
    z = (m_gen - m_cont) / np.sqrt(v_gen[:, None] + v_cont[None, :])
    return float((p_gen[:, None] * p_cont * _normal_cdf(z)).sum())


def _normal_cdf(z):
    """To 1e-7 (Abramowitz and Stegun 26.2.17)."""
    t = 1 / (1 + 0.2316419 * np.abs(z))
    tail = (
        np.exp(-z * z / 2)
        / math.sqrt(2 * math.pi)
        * t
        * (
            0.319381530
            + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429)))
        )
    )
    return np.where(z >= 0, 1 - tail, tail)


@pytest.mark.parametrize(
    ("gen", "cont", "exact"),
    [((0.5, 0.9), (), 0.76338), ((0.5, 0.9), (0.5, 0.9), 0.5), ((0.2,), (0.9, 0.8, 0.9), 0.08242)],
)
def test_widening_has_its_exact_chance(gen, cont, exact):
    assert chance_to_widen(gen, cont) == pytest.approx(exact, abs=1e-5)
    tree, rng, n = written_tree(gen, cont), np.random.default_rng(0), 20_000
    wide = sum(len(ABMCTS().descend(tree, rng)) == 1 for _ in range(n)) / n
    assert wide == pytest.approx(exact, abs=5 * math.sqrt(exact * (1 - exact) / n))


def test_going_on_after_the_first_child_is_a_draw_of_the_prior():
    """The first child tells GEN alone; CONT would be believed as good if it were told."""
    told_both = chance_to_widen((0.9,), (0.9,))
    assert told_both == pytest.approx(0.5)
    assert chance_to_widen((0.9,), ()) == pytest.approx(0.71516, abs=1e-5)


def test_lost_children_speak_against_a_new_one_in_the_mixed_model():
    def wider(lost):
        tree, rng = Tree(PROBLEM, 1), np.random.default_rng(0)
        tree.told([tree.root], Node(Path(PROBLEM).then(Step("a")), open=True), 0.6, 0)
        for _ in range(lost):
            tree.told([tree.root], Node(Path(PROBLEM).then(Step("a"))), 0.0, 0)
        return sum(len(ABMCTSM().descend(tree, rng)) == 1 for _ in range(300)) / 300

    assert wider(8) < wider(0) - 0.1


# ------------------------------------------------------------------------------ whole searches


class Endless:
    """Every step is new; a path is only as good as ``reward`` of its texts."""

    def __init__(self, reward):
        self.reward = reward

    async def extend(self, paths, n, *, until="step", temperature=0.8, start=0):
        return [[path.then(Step(f"{start + i}")) for i in range(n)] for path in paths]

    async def score(self, paths):
        return [self.reward([step.text for step in path.steps]) for path in paths]


def shape(strategy, reward, seed=0):
    """Nodes by depth, and by child of the root with all below."""
    endless = Endless(reward)
    models = Models(task=ToyTask(depth=99), policy=endless, reward=endless, seed=seed)
    tree = asyncio.run(grow(strategy, "shape", PROBLEM, models))
    depths = Counter()

    def count(node):
        depths[node.path.depth] += 1
        for child in node.children:
            count(child)

    count(tree.root)
    return depths, sorted([child.below.n for child in tree.root.children], reverse=True)


KINDS = [ABMCTS(100), ABMCTS(100, posterior=BetaPosterior()), ABMCTSM(100)]


@pytest.mark.parametrize("strategy", KINDS)
def test_equal_scores_leave_the_tree_near_balanced(strategy):
    for seed in range(3):
        depths, children = shape(strategy, lambda texts: 0.5, seed)
        assert sum(depths.values()) == 101
        assert len(depths) <= 8  # root, and some 3 to 6 levels
        assert len(children) >= 8
        assert children[0] <= 40


@pytest.mark.parametrize("strategy", KINDS)
def test_a_single_good_child_is_deepened(strategy):
    for seed in range(3):
        _, children = shape(strategy, lambda texts: 0.9 if texts[0] == "0" else 0.1, seed)
        assert children[0] >= 70


@pytest.mark.parametrize("strategy", KINDS[:2])
def test_good_children_with_bad_ones_below_make_it_wide(strategy):
    depths, _ = shape(strategy, lambda texts: 0.8 if len(texts) == 1 else 0.2)
    assert depths[1] >= 90


@BOTH
def test_the_seed_and_the_problem_name_the_draws(kind):
    trees = {
        (seed, asked): str(shape_of(kind(30), seed, asked)) for seed in (0, 1) for asked in "pq"
    }
    assert len(set(trees.values())) == 4
    assert trees[0, "p"] == str(shape_of(kind(30), 0, "p"))


def shape_of(strategy, seed, asked):
    endless = Endless(lambda texts: 0.5)
    models = Models(task=ToyTask(depth=99), policy=endless, reward=endless, seed=seed)
    result = asyncio.run(strategy(Problem(asked, "?"), models))
    return [(word(parent), [word(i.path) for i in items]) for parent, items in result.expansions]


@BOTH
def test_the_contract_at_another_seed(kind):
    check_strategy(kind(40), problems=20, seed=5)


@BOTH
def test_one_call_of_each_model_a_node(kind, plant):
    tree = plant(REWARDS, final={"b", "ab", "aaa", "aab", "ba"})
    result = tree.run(kind(12))
    assert len(tree.policy.calls) == 12
    lost = sum(result.counts.values())
    assert lost > 0
    assert sum(map(len, tree.reward.calls)) == 12 - lost
    assert len(result.expansions) == 12 - lost
    assert result.ended == "done"


@BOTH
def test_one_simulation_is_one_step(kind, plant, best):
    tree = plant({"a": 0.4}, final={"a"})
    result = tree.run(kind(1))
    assert (best(result), result.best.score) == ("a", 0.4)


@BOTH
def test_nothing_finished_is_no_answer(kind, plant):
    result = plant(REWARDS, depth=9).run(kind(2))
    assert (result.best, result.candidates, result.ended) == (None, (), "done")


@BOTH
def test_a_spent_region_is_left(kind, plant, best):
    """The better child leads to one end only; the other leads to the right one."""
    rewards = {"a": 0.9, "b": 0.6, "aa": 0.8, "ba": 0.95}
    tree = plant(rewards, final={"aa", "ba"})
    result = tree.run(kind(40))
    assert best(result) == "ba"
    assert Counter(tree.extended)["a"] < 25


@BOTH
def test_a_known_optimum_is_found(kind, plant, best):
    """27 ends, of which cab is the best; its first step looks worst, and the best first step ends
    worst."""
    rewards = {"a": 0.8, "b": 0.6, "c": 0.5}
    for first, second in product("abc", repeat=2):
        rewards[first + second] = {"a": 0.2, "b": 0.4, "c": 0.6}[first]
        for third in "abc":
            rewards[first + second + third] = {"a": 0.1, "b": 0.3, "c": 0.5}[first]
    rewards["cab"] = 0.95
    tree = plant(rewards, final={word for word in rewards if len(word) == 3})
    result = tree.run(kind(100))
    assert best(result) == "cab"
    below = Counter(word[0] for word in tree.extended if word)
    assert below["c"] > below["b"] > below["a"]


@BOTH
def test_the_draft_writes_as_well(kind):
    """The policy knows only bad steps, the draft good ones: most are soon the draft's."""
    good, bad = ({(): [Step(f"{kind}{i}") for i in range(99)]} for kind in ("good", "bad"))
    rewards = {
        (step.text,): 0.9 if "good" in step.text else 0.1 for s in (good, bad) for step in s[()]
    }
    models = Models(
        task=ToyTask(),
        policy=ScriptedPolicy(bad),
        reward=ExactReward(rewards),
        draft=ScriptedPolicy(good),
    )
    chooser = kind(40, draft=True)

    class Root:
        """The same search, wide only."""

        simulations, draft, temperature = 40, True, 0.8
        verify, depth = RewardScores(), None

        def descend(self, tree, rng):
            return [tree.root]

        def author(self, tree, rng):
            return chooser.author(tree, rng)

    asyncio.run(grow(Root(), "draft", PROBLEM, models))
    assert models.trace.counts["steps by the draft"] >= 30
    starts = [call.start for call in models.draft.calls]
    assert starts == list(range(len(starts)))  # each policy counts its own draws


@BOTH
def test_steps_by_the_draft_are_counted_when_a_budget_ends_the_search(kind, plant):
    class Spent:
        async def extend(self, paths, n, *, start=0, **_):
            if start == 2:
                raise BudgetExhausted("spent")
            return [[path.then(Step(f"{start}"))] for path in paths]

    tree = plant({"a": 0.4}, depth=1)
    models = replace(tree.models, draft=Spent(), trace=Trace())
    with pytest.raises(BudgetExhausted):
        asyncio.run(kind(40, draft=True)(tree.problem, models))
    assert models.trace.counts["steps by the draft"] == 2


@BOTH
def test_without_being_asked_the_draft_is_left_alone(kind, plant):
    tree = plant(REWARDS, final={"b", "ab", "aaa", "aab", "ba"})
    other = ScriptedPolicy({})
    tree.models = replace(tree.models, draft=other)
    assert "steps by the draft" not in tree.run(kind(10)).counts
    assert other.calls == []


# ------------------------------------------------------------------------------ bad input


@BOTH
def test_a_draft_that_is_not_there_is_asked_for(kind, plant):
    with pytest.raises(InputError, match="--draft"):
        plant(REWARDS).run(kind(3, draft=True))


@BOTH
@pytest.mark.parametrize("reward", [1.7, -0.1, math.nan])
def test_rewards_out_of_range_are_refused(kind, plant, reward):
    with pytest.raises(RewardError, match="expected a reward in"):
        plant({"a": reward}).run(kind(3))


@BOTH
def test_scores_that_are_not_finite_are_refused(kind, plant):
    class Endlessly:
        async def __call__(self, families, models):
            judged = await RewardScores()(families, models)
            return [[replace(item, score=-math.inf) for item in items] for items in judged]

    with pytest.raises(InputError, match="expected a finite score"):
        plant(REWARDS).run(kind(3, verify=Endlessly()))


@pytest.mark.parametrize(
    ("bad", "name"),
    [
        (lambda: ABMCTS(posterior="beta"), "posterior"),
        (lambda: ABMCTS(posterior=BetaPosterior), "posterior"),
        (lambda: ABMCTS(draft="yes"), "draft"),
        (lambda: ABMCTSM(draft=1), "draft"),
        (lambda: ABMCTSM(mean=math.inf), "mean"),
        (lambda: ABMCTSM(mean_scale=0), "mean_scale"),
        (lambda: ABMCTSM(between_scale=-1), "between_scale"),
        (lambda: ABMCTSM(within_scale=math.nan), "within_scale"),
    ],
)
def test_settings_that_cannot_be_are_refused(bad, name):
    with pytest.raises(InputError, match=rf"{name}: expected .*, got"):
        bad()
