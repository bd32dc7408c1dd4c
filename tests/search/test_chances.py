import math

import numpy as np
import pytest
from one_step import P, R, divergence, mean, tilt

from specreward.errors import InputError
from specreward.search.chances import pessimistic, tilted, water_level

CHANCES, REWARDS = list(P.values()), list(R.values())


def test_the_tilt_of_the_toy():
    assert tilted(REWARDS, 2.0, CHANCES) == pytest.approx(
        [0.242894, 0.221291, 0.241931, 0.293884], abs=5e-7
    )
    assert tilted(REWARDS, 0.0, CHANCES) == pytest.approx(CHANCES, abs=1e-15)
    assert tilted([0.3, 0.9, 0.9], 1e308) == [0.0, 0.5, 0.5]
    assert tilted([0.3, 0.9], 5000.0, [1.0, 0.0]) == [1.0, 0.0]  # what has no chance gets none
    assert tilted([0.0, 0.3, 0.9], 5000.0, [0.5, 0.5, 0.0]) == [0.0, 1.0, 0.0]
    assert sum(tilted(REWARDS, 700.0, CHANCES)) == pytest.approx(1.0, abs=1e-15)


def test_the_tilt_is_the_best_law_under_its_divergence():
    beta, rng = 2.0, np.random.default_rng(0)

    def value(law):
        return mean(law) - divergence(law, P) / beta

    best = value(tilt(beta))
    assert value(dict(zip(P, tilted(REWARDS, beta, CHANCES), strict=True))) == pytest.approx(best)
    for other in rng.dirichlet(np.ones(4), 2000):
        assert value(dict(zip(P, map(float, other), strict=True))) <= best + 1e-12


def test_water_stands_where_it_should_in_2000_random_cases():
    rng = np.random.default_rng(1)
    for _ in range(2000):
        n = int(rng.integers(1, 40))
        rewards = [float(r) for r in rng.random(n).round(int(rng.integers(1, 6)))]  # with ties
        chances = None if rng.random() < 0.5 else [float(p) for p in rng.dirichlet(np.ones(n))]
        b = float(10 ** rng.uniform(-4, 3))
        level = water_level(rewards, b, chances)
        shares = chances or [1 / n] * n
        above = sum(p * max(0.0, (r - level) / b) for r, p in zip(rewards, shares, strict=True))
        assert above == pytest.approx(1.0, abs=1e-9)
        assert sum(pessimistic(rewards, b, chances)) == pytest.approx(1.0, abs=1e-9)


def test_a_level_over_all_draws_is_the_wrong_one():
    # The known slip: the level as if every draw stood above it.
    b = 0.05
    wrong = mean(P) - b
    above = sum(p * max(0.0, (R[x] - wrong) / b) for x, p in P.items())
    assert above > 2
    assert water_level(REWARDS, b, CHANCES) == pytest.approx(0.62, abs=1e-12)


@pytest.mark.parametrize(
    ("b", "level", "law", "bound", "value"),
    [
        (0.05, 0.6200, [0, 0, 0.24, 0.76], 7.600, 0.79900),
        (0.2, 0.2100, [0, 0.2375, 0.3675, 0.3950], 3.95, 0.57862),
        (1.0, -0.6450, [0.3725, 0.26125, 0.20175, 0.1645], 1.645, 0.40124),
    ],
)
def test_the_pessimistic_law_of_the_toy_is_the_best(b, level, law, bound, value):
    found = water_level(REWARDS, b, CHANCES)
    assert found == pytest.approx(level, abs=1e-12)
    assert (1.0 - found) / b == pytest.approx(bound, abs=1e-9)
    chosen = pessimistic(REWARDS, b, CHANCES)
    assert chosen == pytest.approx(law, abs=1e-9)

    p, r = np.array(CHANCES), np.array(REWARDS)

    def gain(laws):
        return laws @ r - b / 2 * ((laws**2 / p).sum(axis=-1) - 1)

    assert gain(np.array(chosen)) == pytest.approx(value, abs=5e-6)
    others = np.random.default_rng(2).dirichlet(np.full(4, 0.7), 200_000)
    assert gain(others).max() <= value + 5e-6


def test_limits_of_pessimism():
    assert pessimistic(REWARDS, 1e9, CHANCES) == pytest.approx(CHANCES, abs=1e-8)
    assert pessimistic([0.2, 0.9, 0.9], 1e-9, [0.5, 0.3, 0.2]) == pytest.approx([0, 0.6, 0.4])
    assert water_level([0.4], 0.1) == pytest.approx(0.3)
    # So small that the level is the highest reward, rounded: the law is still one.
    assert pessimistic([0.9, 0.4, 0.9], 1e-20) == pytest.approx([0.5, 0.0, 0.5])
    assert pessimistic([0.4, 0.9], 0.1, [1.0, 0.0]) == pytest.approx([1.0, 0.0])


@pytest.mark.parametrize("law", [tilted, water_level, pessimistic])
def test_what_is_no_law_is_refused(law):
    for rewards in ([], [0.1, math.nan], [math.inf]):
        with pytest.raises(InputError, match="expected at least one reward"):
            law(rewards, 1.0)
    for chances in ([0.5], [0.0, 0.0], [1.5, -0.5], [math.nan, 1.0]):
        with pytest.raises(InputError, match="finite chances"):
            law([0.1, 0.2], 1.0, chances)
