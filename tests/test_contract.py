"""Every registered strategy keeps the contract, alone and with every verifier."""

import asyncio
from collections import Counter
from dataclasses import fields, replace

import pytest

import specreward.search
from specreward.errors import InputError
from specreward.search import (
    ABMCTS,
    ABMCTSM,
    BFS,
    DFS,
    DVTS,
    GRACE,
    GSI,
    HGS,
    MCTS,
    OVM,
    REBASE,
    RSD,
    SPECS,
    AnswerAggregation,
    Beam,
    BestFirst,
    BestOfN,
    BetaPosterior,
    ChainInTree,
    ChainOfThought,
    Greedy,
    Highest,
    MaxReward,
    MutualConsistency,
    Never,
    Particles,
    Pessimism,
    QAlign,
    ReSTMCTS,
    RewardGrowth,
    SamplesAgree,
    ScoreReached,
    SelfConsistency,
    SoftBestOfN,
    SRMSteps,
    Stepwise,
    Systematic,
    TruncatedRejection,
    UniversalSelfConsistency,
    VoteDecided,
    WeightedVote,
)
from specreward.search.speculative import (
    Block,
    ByReward,
    CandidateGate,
    Chains,
    Odds,
    PoolGate,
    TheBest,
)
from specreward.spec import kind_of, load, name_of, parse, registered
from specreward.testing import check_strategy, toy_models
from specreward.testing.contract import check_capped, check_pure, check_repeatable, search
from specreward.types import Trace
from specreward.verify import SelfEvaluation, Threshold

STRATEGIES = [name for name in registered("strategy") if kind_of(name) == "strategy"]
VERIFIERS = [name for name in registered("verifier") if kind_of(name) == "verifier"]

# For every field a value that must make a difference, and what else is set to let it show.
FLIPS = {
    ChainOfThought: {"temperature": 1.0},
    SelfConsistency: {"n": 3, "temperature": 0.2, "stop": VoteDecided()},
    BestOfN: {
        "n": 3,
        "temperature": 0.2,
        "verify": SelfEvaluation(),
        "pick": WeightedVote(),
        "stop": ScoreReached(0.5),
    },
    SoftBestOfN: {"n": 3, "beta_inv": 0.5, "temperature": 0.2},
    TruncatedRejection: {"n": 2, "beta_inv": 20.0, "bound": 0.5, "batch": 1, "temperature": 0.2},
    Pessimism: {
        "n": 3,
        "reward_temperature": 2.0,
        "bound": 0.5,
        "fresh": False,
        "batch": 1,
        "temperature": 0.2,
    },
    QAlign: {"proposals": 3, "reward_temperature": 2.0, "pick": Highest(), "temperature": 0.2},
    UniversalSelfConsistency: {"n": 3, "temperature": 0.2, "max_tokens": 1},
    Greedy: {"n": 2, "temperature": 0.2, "verify": SelfEvaluation(), "depth": 2},
    Beam: {
        "width": 2,
        "n": 2,
        "temperature": 0.2,
        "verify": SelfEvaluation(),
        "depth": 2,
        "pick": AnswerAggregation(),
    },
    BFS: {
        "width": 1,
        "n": 2,
        "temperature": 0.2,
        "verify": SelfEvaluation(),
        "depth": 2,
        "solutions": 0,
        "pick": MaxReward(),
    },
    DFS: {
        "n": 2,
        "children": 1,
        "expansions": 4,
        "temperature": 0.2,
        "verify": SelfEvaluation(),
        "depth": 2,
        "solutions": 0,
        "pick": MaxReward(),
    },
    BestFirst: {
        "n": 2,
        "expansions": 4,
        "temperature": 0.2,
        "verify": SelfEvaluation(),
        "depth": 2,
        "solutions": 0,
        "pick": MaxReward(),
    },
    MCTS: {
        "simulations": 2,
        "exploration": 0.0,
        "n": 2,
        "temperature": 0.2,
        "verify": SelfEvaluation(),
        "depth": 2,
        "solutions": 1,
        "pick": Highest(),
    },
    ABMCTS: {
        "simulations": 20,
        "posterior": BetaPosterior(),
        "draft": True,
        "temperature": 0.2,
        "verify": SelfEvaluation(),
        "depth": 2,
        "pick": MaxReward(),
    },
    ABMCTSM: {
        "simulations": 20,
        "mean": 0.9,
        "mean_scale": 0.05,
        "between_scale": 0.02,
        "within_scale": 0.05,
        "draft": True,
        "temperature": 0.2,
        "verify": SelfEvaluation(),
        "depth": 2,
        "pick": MaxReward(),
    },
    DVTS: {
        "trees": 2,
        "n": 2,
        "temperature": 0.2,
        "verify": SelfEvaluation(),
        "depth": 2,
        "pick": WeightedVote(),
    },
    OVM: {
        "width": 2,
        "n": 8,
        "temperature": 0.2,
        "verify": SelfEvaluation(),
        "depth": 2,
        "pick": AnswerAggregation(),
    },
    REBASE: {
        "n": 4,
        "reward_temperature": 0.02,
        "temperature": 0.2,
        "verify": SelfEvaluation(),
        "depth": 2,
        "pick": Highest(),
    },
    Particles: {
        "n": 3,
        "temperature": 0.2,
        "potential": RewardGrowth(),
        "resampler": Systematic(),
        "depth": 2,
        "pick": WeightedVote(),
    },
    GRACE: {"n": 2, "reward_share": 1.0, "temperature": 0.2, "depth": 2},
    HGS: {
        "n": 1,
        "tries": 1,
        "positive": 0.9,
        "negative": 0.45,
        "backtracks": 0,
        "temperature": 0.2,
        "verify": Threshold(0.8, keep=0),
        "depth": 2,
    },
    ReSTMCTS: {
        "simulations": 1,
        "exploration": 0.0,
        "unvisited": 0.0,
        "n": 2,
        "ahead": 1,
        "alpha": 0.0,
        "minimum": 0.3,
        "temperature": 0.2,
        "verify": Threshold(0.8, keep=0),
        "depth": 2,
    },
    ChainInTree: {
        "width": 1,
        "n": 5,
        "branching": SamplesAgree(0.8, probes=2),
        "temperature": 0.2,
        "verify": Threshold(0.8, keep=0),
        "depth": 2,
        "solutions": 0,
        "pick": MaxReward(),
    },
    MutualConsistency: {
        "search": SelfConsistency(5),
        "cuts": 1,
        "shortest": 0.5,
        "longest": 0.9,
        "agreement": 1.0,
        "temperature": 0.1,
    },
    GSI: {
        "n": 2,
        "beta_inv": 1.0,
        "threshold": 0.9,
        "n_target": 8,
        "pool_share": 0.9,
        "log_ratio_clip": 0.05,
        "selector": TheBest(),
        "temperature": 0.2,
        "depth": 2,
    },
    RSD: {
        "threshold": 0.99,
        "n": 4,
        "accept": Odds(),
        "beta_inv": 1.0,
        "temperature": 1.0,
        "depth": 2,
    },
    SPECS: {
        "n": 2,
        "beta_inv": 1.0,
        "threshold": 0.99,
        "draft_first": True,
        "selector": TheBest(),
        "temperature": 0.2,
        "depth": 2,
    },
    SRMSteps: {"n": 2, "exponent": 3.0, "temperature": 0.2, "depth": 2},
    Stepwise: {
        "draft": Block(2, weight=ByReward()),
        "target": Block(8),
        "gate": PoolGate(0.9),
        "memory": Chains(3),
        "temperature": 0.2,
        "depth": 2,
        "pick": WeightedVote(),
    },
}


# What a field needs beside it to show, or to be allowed.
BASES = {
    (RSD, "beta_inv"): {"n": 4},
    (Stepwise, "target"): {"gate": CandidateGate(0.8)},
    (Stepwise, "pick"): {"memory": Chains(5)},
}


def observe(strategy, problems=30, noise=0.45):
    """What a strategy does on some problems: its trees and its choices."""
    models = toy_models(noise=noise)

    async def go():
        drawn = models.task.generate(problems, "flip", 0)
        results = [await search(strategy, problem, models) for problem in drawn]
        return [(r.expansions, r.best and r.best.path, r.ended) for r in results]

    return asyncio.run(go())


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_contract(name):
    check_strategy(load(name)())


@pytest.mark.parametrize("name", [n for n in STRATEGIES if "verify" in vars(load(n)())])
@pytest.mark.parametrize("verifier", VERIFIERS)
def test_any_verifier_fits(name, verifier):
    strategy = replace(load(name)(), verify=load(verifier)())
    models = toy_models()
    [problem] = models.task.generate(1, "verifiers", 3)

    async def go():
        await check_pure(strategy, problem, models)
        await check_capped(strategy, problem, models)
        await check_repeatable(strategy, problem, models)

    asyncio.run(go())


@pytest.mark.parametrize("verifier", VERIFIERS)
def test_every_verifier_is_better_than_none(verifier):
    models = toy_models(noise=0.0)

    async def solved(strategy):
        right = 0
        for problem in models.task.generate(60, "plug", 0):
            result = await search(strategy, problem, models)
            right += result.best is not None and models.task.check(
                problem, models.task.answer(result.best.path)
            )
        return right

    one = asyncio.run(solved(ChainOfThought(temperature=0.8)))
    assert asyncio.run(solved(Beam(verify=load(verifier)()))) > one


def test_all_fields_are_flipped():
    assert {load(name) for name in STRATEGIES} == set(FLIPS)
    for strategy, flips in FLIPS.items():
        assert {field.name for field in fields(strategy)} == set(flips)


@pytest.mark.parametrize(
    ("strategy", "field"), [(s, f) for s, flips in FLIPS.items() for f in flips]
)
def test_every_field_makes_a_difference(strategy, field):
    flips, base = FLIPS[strategy], strategy(**BASES.get((strategy, field), {}))
    if "solutions" in flips and field != "solutions":
        base = replace(base, solutions=0)  # a search that stops early may not come to it
    assert observe(replace(base, **{field: flips[field]})) != observe(base)


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_spec_is_the_object(name):
    strategy = load(name)()
    assert parse(name_of(strategy)) == strategy
    assert hash(parse(name_of(strategy))) == hash(strategy)
    assert "@" in type(strategy).__cite__


BAD = {
    "n": [0, -1, 2.5, True, "4"],
    "width": [0, -3, 1.5],
    "children": [0, None],
    "expansions": [0, -1],
    "simulations": [0, 1.0],
    "solutions": [-1, 0.5],
    "depth": [0, -2, 1.5],
    "temperature": [-0.1, float("nan"), float("inf"), "hot"],
    "exploration": [-1.0, float("nan")],
    "verify": [None, "scored", Threshold],
    "pick": [None, "highest", MaxReward],
    "stop": [None, "never", Never],
    "trees": [0, 1.5],
    "reward_temperature": [0.0, -1.0, float("nan")],
    "reward_share": [-0.1, 1.1, "x"],
    "potential": [None, "reward_odds", RewardGrowth],
    "resampler": [None, "multinomial", Systematic],
    "tries": [0, 1.5],
    "positive": ["x", float("nan")],
    "negative": ["x", 0.6],
    "backtracks": [-1, 0.5],
    "unvisited": [-0.1],
    "ahead": [-1, 0.5],
    "alpha": [-0.1, 1.5],
    "minimum": [float("nan")],
    "gate": [None, "open_gate", PoolGate],
    "branching": [None, "x"],
    "search": [None, "mcts"],
    "cuts": [0, 1.5],
    "shortest": [-0.1, 2.0],
    "longest": [1.2, 0.1],
    "agreement": [-0.1, 2.0],
    "beta_inv": [-1.0, float("nan"), "hot"],
    "bound": [0.0, -0.5, 1.1, float("nan")],
    "batch": [0, 1.5],
    "fresh": [None, 1],
    "proposals": [0, 2.5],
    "max_tokens": [0, 1.5],
    "threshold": [float("nan"), "high"],
    "n_target": [0, 2.5],
    "pool_share": [-0.1, 1.1, float("nan")],
    "log_ratio_clip": [0.0, -1.0],
    "selector": [None, "the_best", TheBest],
    "accept": ["odds", Odds],
    "draft_first": [None, 1],
    "exponent": [-1.0, float("nan")],
    "draft": ["block", Block],
    "target": ["block", 4],
    "memory": [None, "chains", Chains],
    "posterior": [None, "beta", BetaPosterior],
    "mean": ["x", float("nan")],
    "mean_scale": [0.0, -1.0],
    "between_scale": [0.0, float("inf")],
    "within_scale": [0.0, "x"],
}


@pytest.mark.parametrize(
    ("strategy", "field", "value"),
    [(s, f, value) for s, flips in FLIPS.items() for f in flips for value in BAD[f]],
)
def test_a_setting_that_cannot_be_is_refused_with_its_name(strategy, field, value):
    with pytest.raises(InputError, match=rf"{field}: expected .*, got"):
        strategy(**{field: value})


@pytest.mark.parametrize("name", [n for n in STRATEGIES if "depth" in vars(load(n)())])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_depth_is_kept_exactly(name, depth):
    trees = observe(replace(load(name)(), depth=depth))
    deepest = max(i.path.depth for expansions, _, _ in trees for _, js in expansions for i in js)
    assert deepest == depth


@pytest.mark.parametrize("strategy", [Beam, BFS])
@pytest.mark.parametrize("width", [1, 2, 3])
def test_width_is_kept_exactly(strategy, width):
    trees = observe(strategy(width, n=8), noise=0.1)
    levels = [Counter(parent.depth for parent, _ in expansions) for expansions, _, _ in trees]
    assert max(max(level.values()) for level in levels) == width
    assert all(level[0] == 1 for level in levels)


@pytest.mark.parametrize("strategy", [BestFirst, DFS])
def test_expansions_are_kept_exactly(strategy):
    trees = observe(strategy(expansions=5, solutions=0))
    assert max(len(expansions) for expansions, _, _ in trees) == 5


def test_searches_side_by_side_do_not_mix():
    models = toy_models()
    problems = models.task.generate(12, "mix", 0)

    for name in STRATEGIES:
        strategy = load(name)()

        async def together(strategy=strategy):
            return await asyncio.gather(*[search(strategy, p, models) for p in problems])

        async def alone(strategy=strategy):
            return [await strategy(p, replace(models, trace=Trace())) for p in reversed(problems)]

        assert asyncio.run(together()) == asyncio.run(alone())[::-1]


def test_everything_registered_is_exported():
    for name in [*STRATEGIES, *registered("pick"), *registered("stopping")]:
        if kind_of(name) in ("strategy", "pick", "stopping"):
            assert load(name).__name__ in specreward.search.__all__
    assert all(name in vars(specreward.search) for name in specreward.search.__all__)
