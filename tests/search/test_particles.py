import asyncio
import math
from collections import Counter
from dataclasses import dataclass, field, replace

import pytest
from two_steps import (
    BETA,
    MEAN,
    PATHS,
    PROBLEM,
    SOFT,
    TILT,
    ends,
    models,
    normal,
    reward,
    text,
)

from specreward.errors import InputError, RewardError
from specreward.search import (
    Multinomial,
    Particles,
    RewardGrowth,
    RewardOdds,
    Systematic,
    WeightedVote,
)
from specreward.testing import ScriptedReward, law, total_variation
from specreward.types import Problem, Trace

GROWTH = RewardGrowth(BETA)
BOTH = [Multinomial(), Systematic()]
Z = sum(p * math.exp(BETA * reward(name)) for name, p in PATHS.items())


async def filtered(strategy, roles):
    """The last swarm and the product of the mean weights."""
    last, normalizer = [], 1.0
    async for swarm in strategy.swarms(PROBLEM, replace(roles, trace=Trace())):
        last = swarm
        normalizer *= sum(one.count * math.exp(one.log_weight) for one in swarm) / strategy.n
    return last, normalizer


def law_of_one(strategy, roles):
    """The law of one particle, drawn from the last swarm by its weight."""
    return _mean(strategy, roles, lambda normalizer: 1.0)


def estimate(strategy, roles):
    """The mean of the normalizer's estimate times the weighted swarm: unnormalized law."""
    return _mean(strategy, roles, lambda normalizer: normalizer)


def _mean(strategy, roles, factor):
    async def program():
        swarm, normalizer = await filtered(strategy, roles)
        shares = normal({text(one.path): one.count * math.exp(one.log_weight) for one in swarm})
        return tuple(shares.items()), normalizer

    mean = Counter()
    for (shares, normalizer), chance in law(program).items():
        for name, share in shares:
            mean[name] += chance * share * factor(normalizer)
    return dict(mean)


def heated(n, potential=GROWTH, resampler=BOTH[0]):
    return Particles(n, temperature=1.0, potential=potential, resampler=resampler)


# ------------------------------------------------------------------------------ laws


def test_one_particle_is_one_sample():
    for potential in (RewardOdds(), RewardGrowth(BETA)):
        assert total_variation(law_of_one(heated(1, potential), models()), PATHS) < 1e-12


@pytest.mark.parametrize("resampler", BOTH)
@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("first", [SOFT, MEAN], ids=["soft", "mean"])
def test_the_normalizer_is_unbiased_whatever_the_first_rewards_are(n, first, resampler):
    found = estimate(heated(n, resampler=resampler), models(first))
    assert sum(found.values()) == pytest.approx(Z, rel=1e-12)
    for name, p in PATHS.items():
        assert found[name] == pytest.approx(p * math.exp(BETA * reward(name)), rel=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_odds_estimate_the_products_of_odds(n):
    def odds(r):
        return r / (1 - r)

    found = estimate(heated(n, RewardOdds()), models(MEAN))
    for name, p in PATHS.items():
        expected = p * odds(MEAN[tuple(name.split())[:1]]) * odds(reward(name))
        assert found[name] == pytest.approx(expected, rel=1e-9)


FAR = {
    # Total variation from the tilted policy to the law of one particle, by n, enumerated.
    ("soft", Systematic()): {1: 0.49585, 2: 0.33845, 4: 0.18228, 8: 0.08031, 16: 0.03449},
    ("mean", Systematic()): {1: 0.49585, 4: 0.18724, 8: 0.08327},
    ("soft", Multinomial()): {1: 0.49585, 2: 0.33808, 3: 0.24246, 4: 0.18181},
    ("mean", Multinomial()): {1: 0.49585, 2: 0.34307, 3: 0.24899, 4: 0.18846},
}


@pytest.mark.parametrize(("first", "resampler"), FAR, ids=lambda x: getattr(x, "__name__", str(x)))
def test_the_law_goes_to_the_tilted_policy(first, resampler):
    roles = models({"soft": SOFT, "mean": MEAN}[first])
    for n, far in FAR[first, resampler].items():
        found = law_of_one(heated(n, resampler=resampler), roles)
        assert total_variation(found, TILT) == pytest.approx(far, abs=5e-6)


def test_numbers_of_the_toy():
    expected = {"a c": 0.120364, "a d": 0.568625, "b c": 0.187221, "b d": 0.123790}
    assert pytest.approx(expected, abs=1e-6) == TILT
    assert pytest.approx(4.710225, abs=1e-6) == Z


@dataclass(frozen=True)
class NotReset:
    """Wrong: the weights that a resampling has used up are used again."""

    def __call__(self, before, after):
        return BETA * after


@dataclass(frozen=True)
class TooEarly:
    """Wrong: resampled by the rewards before the step."""

    def __call__(self, before, after):
        return 0.0 if before is None else BETA * before


def test_weights_that_are_not_reset_have_another_limit():
    """Negative control: the first rewards count twice, with soft values too."""
    found = estimate(heated(3, NotReset()), models())
    wrong = normal(
        {
            name: p * math.exp(BETA * (SOFT[tuple(name.split())[:1]] + reward(name)))
            for name, p in PATHS.items()
        }
    )
    assert normal(found) == pytest.approx(wrong)
    assert total_variation(wrong, TILT) == pytest.approx(0.076916, abs=1e-6)
    assert sum(found.values()) > 2 * Z


def test_weights_of_the_step_before_have_another_limit():
    """Negative control: what the last step was worth is never weighed."""
    found = normal(estimate(heated(3, TooEarly()), models()))
    assert total_variation(found, TILT) == pytest.approx(0.486947, abs=1e-6)


def test_beta_0_is_the_policy():
    for resampler in BOTH:
        strategy = heated(3, RewardGrowth(0.0), resampler)
        assert total_variation(law_of_one(strategy, models()), PATHS) < 1e-12


def test_beta_to_infinity_keeps_the_best_only():
    strategy = heated(3, RewardGrowth(2000.0))  # no overflow either

    async def program():
        result = await strategy(PROBLEM, replace(models(), trace=Trace()))
        return ends(result)

    likely = [found for found, chance in law(program).items() if chance > 1e-50]
    assert len(likely) > 2
    for found in likely:
        assert len({name.split()[0] for name in found}) == 1  # one first step survives


# ------------------------------------------------------------------------------ resampling


def mean_of(resampler, weights, n):
    async def program():
        return tuple(resampler(weights, n, 0, "test"))

    drawn = law(program)
    assert all(sum(counts) == n for counts in drawn)
    return drawn, [
        sum(chance * counts[j] for counts, chance in drawn.items()) for j in range(len(weights))
    ]


WEIGHTS = [[1.0, 2.0, 3.0], [0.0, 1.0, 0.5], [5.0], [1.0, 1.0, 1.0], [1e-9, 1.0], [0.3, 0.3, 0.4]]


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("resampler", BOTH)
@pytest.mark.parametrize("n", [1, 2, 5])
def test_the_mean_of_the_copies_is_in_proportion(weights, resampler, n):
    _, mean = mean_of(resampler, weights, n)
    assert mean == pytest.approx([n * w / sum(weights) for w in weights], abs=1e-12)


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("n", [1, 3, 7])
def test_systematic_copies_are_within_one(weights, n):
    drawn, _ = mean_of(Systematic(), weights, n)
    for counts, chance in drawn.items():
        quotas = [n * w / sum(weights) for w in weights]
        close = all(abs(c - q) < 1 + 1e-9 for c, q in zip(counts, quotas, strict=True))
        assert close or chance < 1e-12


def test_multinomial_copies_are_independent():
    drawn, _ = mean_of(Multinomial(), [1.0, 3.0], 2)
    assert drawn == pytest.approx({(2, 0): 1 / 16, (1, 1): 6 / 16, (0, 2): 9 / 16})
    drawn, _ = mean_of(Systematic(), [1.0, 3.0], 2)
    assert drawn == pytest.approx({(1, 1): 0.5, (0, 2): 0.5})


@pytest.mark.parametrize("resampler", BOTH)
def test_draws_depend_on_their_name(resampler):
    weights = [1.0, 2.0, 3.0, 4.0]
    assert resampler(weights, 9, 0, "x", 1) == resampler(weights, 9, 0, "x", 1)
    assert len({tuple(resampler(weights, 9, 0, "x", i)) for i in range(20)}) > 1
    assert len({tuple(resampler(weights, 9, i, "x", 1)) for i in range(20)}) > 1


# ------------------------------------------------------------------------------ the search


@dataclass(frozen=True)
class Named:
    """Keeps the names of the draws."""

    names: list = field(default_factory=list, hash=False)

    def __call__(self, weights, n, seed, *parts):
        self.names.append((seed, *parts))
        return Systematic()(weights, n, seed, *parts)


def test_each_resampling_is_a_draw_of_its_own(plant):
    tree = plant({"a": 0.5, "b": 0.4, "ax": 0.5, "bx": 0.5, "axx": 0.5, "bxx": 0.5})
    names = []
    for seed, problem in ((0, "p"), (1, "p"), (0, "q")):
        tree.models = replace(tree.models, seed=seed)
        tree.problem = Problem(problem, "q")
        resampler = Named()
        tree.run(Particles(4, resampler=resampler))
        assert len(resampler.names) == 2  # none after the last of three steps
        names += resampler.names
    assert len(set(names)) == 6


def test_counts_are_drawn_and_finished_particles_wait(plant, spelled):
    rewards = {"a": 0.5, "b": 0.5, "ba": 0.5, "bb": 0.5, "aa": 0.5}
    tree = plant(rewards, final={"a", "ba", "bb"})
    result = tree.run(Particles(4, resampler=Systematic()))
    assert [(call.paths, call.n) for call in tree.policy.calls] == [(((),), 4), ((("b",),), 2)]
    assert spelled(result) == ["a", "a", "ba", "bb"]
    assert result.ended == "done"


async def weights_of(strategy, tree):
    return [
        {text(one.path): (one.count, one.log_weight) for one in swarm}
        async for swarm in strategy.swarms(tree.problem, replace(tree.models, trace=Trace()))
    ]


@pytest.mark.parametrize(
    ("potential", "waiting"), [(RewardGrowth(2.0), 0.0), (RewardOdds(), math.log(0.6 / 0.4))]
)
def test_what_a_finished_particle_weighs_later(plant, potential, waiting):
    rewards = {"a": 0.6, "b": 0.6, "ba": 0.7, "bb": 0.2}
    tree = plant(rewards, final={"a", "ba", "bb"})
    strategy = Particles(4, potential=potential, resampler=Systematic())
    first, second = asyncio.run(weights_of(strategy, tree))
    assert {name: count for name, (count, _) in first.items()} == {"a": 2, "b": 2}
    assert second["a"] == (2, pytest.approx(waiting))
    expected = potential(0.6, 0.7)
    assert second["b a"] == (1, pytest.approx(expected))


def test_a_dead_particle_is_replaced_and_counted(plant, spelled):
    tree = plant({"a": 0.5, "b": 0.5, "ba": 0.5, "bb": 0.5}, dead={"a"}, final={"ba", "bb"})
    result = tree.run(Particles(4))
    assert [(call.paths, call.n) for call in tree.policy.calls] == [(((),), 4), ((("b",),), 4)]
    assert spelled(result) == ["ba", "ba", "bb", "bb"]
    assert result.counts == {"dead particles": 2}


def test_when_all_are_dead_it_is_over(plant):
    result = plant({"a": 0.5}, dead={"a"}).run(Particles(4))
    assert (result.best, result.ended, result.counts) == (None, "exhausted", {"dead particles": 4})


def test_resampling_follows_the_rewards(plant):
    rewards = {"a": 0.999999, "b": 1e-6, "ax": 0.1, "bx": 0.9}
    tree = plant(rewards, final={"ax", "bx"})
    tree.run(Particles(8))
    assert tree.extended == ["", "a"]


def test_depth_is_the_last_step(plant):
    tree = plant({"a": 0.5, "b": 0.4}, depth=3)
    result = tree.run(Particles(4, depth=1))
    assert (tree.levels, result.best, result.ended) == ([[""]], None, "done")


def test_the_weight_is_in_the_tree(plant):
    tree = plant({"a": 0.75, "ax": 0.5}, final={"ax"})
    result = tree.run(Particles(2, potential=RewardGrowth(4.0)))
    details = [item.details for _, judged in result.expansions for item in judged]
    assert details == [{"reward": 0.75, "log_weight": 3.0}, {"reward": 0.5, "log_weight": -1.0}]


def test_every_particle_has_a_vote(plant, best):
    tree = plant({"a": 0.4, "b": 0.6, "c": 0.4}, final={"a", "b", "c"})

    class Alike:
        def max_steps(self, problem):
            return 1

        def answer(self, path):
            return "b" if path.steps[0].text == "b" else "not b"

    tree.models = replace(tree.models, task=Alike())
    assert best(tree.run(Particles(3))) == "b"
    assert best(tree.run(Particles(3, pick=WeightedVote()))) == "a"


def test_rewards_at_the_ends_have_finite_odds():
    assert RewardOdds()(None, 1.0) == pytest.approx(math.log(1e7), rel=1e-6)
    assert RewardOdds()(0.3, 0.0) == pytest.approx(-math.log(1e7), rel=1e-6)
    assert RewardOdds()(None, 0.5) == 0.0


def test_rewards_out_of_range_are_refused(plant):
    tree = plant({"a": 0.5}, final={"a"})
    tree.models = replace(tree.models, reward=ScriptedReward({("a",): 1.5}))
    with pytest.raises(RewardError, match=r"expected a reward in \[0, 1\]"):
        tree.run(Particles(2))
    tree.models = replace(tree.models, reward=None)
    with pytest.raises(InputError, match="expected a reward model"):
        tree.run(Particles(2))


@pytest.mark.parametrize(
    "bad", [{"n": 0}, {"potential": "odds"}, {"resampler": Multinomial}, {"pick": 3}, {"depth": 0}]
)
def test_bad_settings(bad):
    with pytest.raises(InputError, match=f"particles {next(iter(bad))}: expected"):
        Particles(**bad)
    with pytest.raises(InputError, match="reward_growth beta_inv: expected"):
        RewardGrowth(-1.0)
