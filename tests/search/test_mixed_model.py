"""The mixed model against sums over all of its parameters, and against closed forms."""

import math

import numpy as np
import pytest

from specreward.search.mixed_model import FLOOR, MixedPrior, fit
from specreward.search.posteriors import Tally

PRIOR = MixedPrior()
SMALL = [[0.9, 0.7, 0.8], [0.3]]


def tallies(groups):
    return [Tally(*group) for group in groups]


def moments(groups, prior=PRIOR):
    """Mean and variance of each prediction: groups first, the new one last."""
    known = fit(prior, tallies(groups))
    between, within = known.between, known.within
    found = []
    for group in [*known.groups, None]:
        trust = 0.0 if group is None else between / (between + within / group.n)
        mean = known.mean if group is None else known.mean + trust * (group.mean - known.mean)
        spread = (1 - trust) ** 2 / known.precision + within
        spread = spread + (between if group is None else trust * within / group.n)
        first = float((known.weights * mean).sum())
        second = float((known.weights * (spread + mean**2)).sum())
        found.append((first, second - first**2))
    return found


def brute_force(groups, prior=PRIOR):
    """The same by sums over mu, both scales and alpha = mu + b z of each group, no algebra."""
    mu = np.linspace(prior.mean - 0.9, prior.mean + 0.9, 41)[:, None, None]
    b = (np.arange(48) + 0.5)[:, None] * (0.9 / 48)
    s = (np.arange(60) + 0.5) * (1.35 / 60)
    within, levels = s**2 + FLOOR**2, np.linspace(-6, 6, 201)
    weight = np.exp(
        -0.5 * ((mu - prior.mean) / prior.mean_scale) ** 2
        - 0.5 * (b / prior.between_scale) ** 2
        - 0.5 * (s / prior.within_scale) ** 2
    )
    sums = []
    for group in groups:
        totals = [0.0, 0.0, 0.0]
        for z in levels:
            alpha = mu + b * z
            density = math.exp(-0.5 * z * z) * np.ones_like(weight)
            for y in group:
                density = density * np.exp(-0.5 * (y - alpha) ** 2 / within) / np.sqrt(within)
            totals = [total + density * alpha**k for k, total in enumerate(totals)]
        weight = weight * totals[0]
        some = np.maximum(totals[0], 1e-300)
        sums.append((totals[1] / some, totals[2] / some))
    weight = weight / weight.sum()
    sums.append((mu + 0 * weight, mu**2 + b**2 + 0 * weight))
    found = []
    for first, second in sums:
        mean = float((weight * first).sum())
        found.append((mean, float((weight * (second + within)).sum()) - mean**2))
    return found


EXACT = brute_force(SMALL)


def test_agrees_with_a_sum_over_all_parameters():
    for mine, true in zip(moments(SMALL), EXACT, strict=True):
        assert mine == pytest.approx(true, abs=5e-5)


def test_a_model_with_one_spread_for_all_fails_it():
    pooled = moments([[y for group in SMALL for y in group]])
    assert abs(pooled[0][0] - EXACT[0][0]) > 0.05


def finer(monkeypatch, groups, prior=PRIOR):
    import specreward.search.mixed_model as module

    module._grid.cache_clear()
    monkeypatch.setattr(module, "POINTS", 600)
    try:
        return moments(groups, prior)
    finally:
        module._grid.cache_clear()
        monkeypatch.undo()


@pytest.mark.parametrize(
    "groups",
    [
        SMALL,
        [[0.5]],
        [[1.0] * 8, [0.0] * 4, [1.0], [0.0]],
        [[0.9] * 20],
        [[0.2 + 0.01 * (i % 7) for i in range(50)], [0.9 - 0.02 * (i % 5) for i in range(40)]],
        [[(i * 37 % 100) / 100] for i in range(50)],
    ],
)
def test_the_grid_is_as_good_as_a_finer_one(monkeypatch, groups):
    for mine, fine in zip(moments(groups), finer(monkeypatch, groups), strict=True):
        assert mine == pytest.approx(fine, abs=2e-4)


def test_nothing_seen_is_the_prior():
    [(mean, variance)] = moments([])
    # E of between^2 + within^2 + the mean's own variance, each half-normal cut at 4 scales.
    assert mean == pytest.approx(0.5)
    assert variance == pytest.approx(0.2**2 + 0.2**2 + 0.3**2 + FLOOR**2, rel=2e-3)


def test_a_fit_leaves_the_prior_as_it_was():
    import specreward.search.mixed_model as module

    before = module._grid(PRIOR)[0].copy()
    for groups in ([], SMALL):
        fit(PRIOR, tallies(groups))
    assert (module._grid(PRIOR)[0] == before).all()


def test_groups_that_are_all_alike_are_one():
    """No spread between groups: the mean is that of one normal sample with known mean's prior."""
    prior = MixedPrior(between_scale=1e-6, within_scale=0.3)
    scores = [0.9, 0.7, 0.8, 0.3]
    split, whole = moments([scores[:2], scores[2:]], prior), moments([scores], prior)
    for one in (*split, *whole):
        assert one == pytest.approx(split[0], abs=1e-6)


def test_a_known_spread_inside_leaves_the_conjugate_normal():
    """No spread in groups but the floor's: a group's prediction is its own mean."""
    prior = MixedPrior(between_scale=5.0, within_scale=1e-6, mean_scale=5.0)
    (first, _), (second, variance), _ = moments([[0.9, 0.9, 0.9], [0.3]], prior)
    assert (first, second) == pytest.approx((0.9, 0.3), abs=1e-4)
    assert variance == pytest.approx(2 * FLOOR**2, rel=1e-2)


def test_a_lone_group_pulls_the_new_one_along():
    (own, _), (new, _) = moments([[0.9] * 6])
    assert 0.5 < new < own < 0.9


def test_draws_have_the_moments_of_the_sums():
    known, rng = fit(PRIOR, tallies(SMALL)), np.random.default_rng(3)
    drawn = np.array([(*further, new) for further, new in (known.draw(rng) for _ in range(20_000))])
    for column, (mean, variance) in zip(drawn.T, moments(SMALL), strict=True):
        assert column.mean() == pytest.approx(mean, abs=5 * math.sqrt(variance / 20_000))
        assert column.var() == pytest.approx(variance, rel=0.08)


def chance_of_new(group):
    """P(y_new >= y_1) after one group: a sum of normal probabilities over the grid."""
    known = fit(PRIOR, [Tally(*group)])
    between, within, n = known.between, known.within, len(group)
    trust = between / (between + within / n)
    # y_new - y_1 = trust (mu - mean) + noise; mu has its own normal law
    off = trust * (known.mean - np.mean(group))
    spread = trust**2 / known.precision + between + within + trust * within / n + within
    cdf = np.vectorize(lambda z: 0.5 * (1 + math.erf(z / math.sqrt(2))))
    return float((known.weights * cdf(off / np.sqrt(spread))).sum())


@pytest.mark.parametrize("group", [[0.9] * 5, [0.1, 0.2], [0.5]])
def test_widening_has_its_exact_chance(group):
    known, rng, n = fit(PRIOR, [Tally(*group)]), np.random.default_rng(1), 20_000
    wider = sum(new >= further[0] for further, new in (known.draw(rng) for _ in range(n))) / n
    exact = chance_of_new(group)
    assert wider == pytest.approx(exact, abs=5 * math.sqrt(exact * (1 - exact) / n))
    assert (exact > 0.5) == (np.mean(group) < 0.5) or np.mean(group) == 0.5


def test_the_same_numbers_from_the_same_source():
    known = fit(PRIOR, tallies(SMALL))
    one, other = (known.draw(np.random.default_rng(7)) for _ in range(2))
    assert one == other
    assert known.draw(np.random.default_rng(8)) != one
