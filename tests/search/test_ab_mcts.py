"""AB-MCTS-A and -M: whole searches, limits, two policies, bad input."""

import asyncio
import math
from collections import Counter
from dataclasses import replace
from itertools import product

import pytest

from specreward.errors import BudgetExhausted, InputError, RewardError
from specreward.search import ABMCTS, ABMCTSM, BetaPosterior
from specreward.search.adaptive import grow
from specreward.testing import ExactReward, ScriptedPolicy, ToyTask, check_strategy
from specreward.types import Models, Problem, Step, Trace
from specreward.verify import RewardScores

BOTH = pytest.mark.parametrize("kind", [ABMCTS, ABMCTSM])
PROBLEM = Problem("p", "?")


def word(path):
    return "".join(step.text for step in path.steps)


REWARDS = {"a": 0.5, "b": 0.9, "aa": 0.3, "ab": 0.8, "aaa": 0.1, "aab": 0.6, "ba": 0.2}


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
    assert models.trace.counts["drafted steps"] >= 30
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
    assert models.trace.counts["drafted steps"] == 2


@BOTH
def test_without_being_asked_the_draft_is_left_alone(kind, plant):
    tree = plant(REWARDS, final={"b", "ab", "aaa", "aab", "ba"})
    other = ScriptedPolicy({})
    tree.models = replace(tree.models, draft=other)
    assert "drafted steps" not in tree.run(kind(10)).counts
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
        (lambda: ABMCTSM(mean_scale=1e300), "mean_scale"),
        (lambda: ABMCTSM(mean=1e300), "ab_mcts_m mean"),
        (lambda: ABMCTSM(between_scale=-1), "between_scale"),
        (lambda: ABMCTSM(within_scale=math.nan), "within_scale"),
    ],
)
def test_settings_that_cannot_be_are_refused(bad, name):
    with pytest.raises(InputError, match=rf"{name}: expected .*, got"):
        bad()
