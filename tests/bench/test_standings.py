"""Strengths of models, the bootstrap, correlations: against closed forms and scipy."""

import math

import numpy as np
import pytest

from specreward.bench.standings import (
    kendall,
    pearson,
    resampled,
    strengths,
    tally,
    win_rates,
)


def test_wins_and_ties_are_counted():
    wins = tally({(0, 1, 1.0): 1, (0, 1, 0.5): 1, (1, 2, 0.0): 1}, 3)
    assert wins.tolist() == [[0, 1.5, 0], [0.5, 0, 0], [0, 1, 0]]
    rates = win_rates(wins)
    assert rates[0, 1] == 0.75
    assert rates[1, 0] == 0.25
    assert rates[2, 1] == 1.0
    assert np.isnan(rates[0, 2])
    assert np.isnan(rates[0, 0])


def test_two_models_are_as_far_apart_as_their_odds():
    wins = tally({(0, 1, 1.0): 750, (0, 1, 0.0): 250}, 2)
    first, second = strengths(wins)
    assert first - second == pytest.approx(math.log(3), abs=1e-4)
    assert first + second == pytest.approx(0)


def test_strengths_that_made_the_games_are_found_again():
    true = np.array([1.0, 0.3, -0.2, -1.1])
    chance = 1 / (1 + np.exp(true[None, :] - true[:, None]))
    wins = 10_000 * chance * (1 - np.eye(4))
    assert strengths(wins) == pytest.approx(true - true.mean(), abs=1e-3)
    many = strengths(np.stack([wins, wins.T]))
    assert many[0] == pytest.approx(-many[1])


def test_a_model_that_never_loses_has_a_finite_strength():
    found = strengths(tally({(0, 1, 1.0): 1, (1, 2, 1.0): 1, (0, 2, 1.0): 1}, 3))
    assert np.isfinite(found).all()
    assert list(np.argsort(-found)) == [0, 1, 2]


def test_the_bootstrap_is_about_the_estimate_and_narrows_with_games():
    won = {(0, 1, 1.0): 2, (0, 1, 0.0): 1, (1, 2, 1.0): 1, (1, 2, 0.5): 1, (0, 2, 1.0): 1}
    games = {game: 20 * count for game, count in won.items()}
    few = resampled(games, 3, rounds=400, seed=1)
    many = resampled({game: 9 * count for game, count in games.items()}, 3, rounds=400, seed=1)
    assert few.shape == (400, 3)
    assert few.mean(0) == pytest.approx(strengths(tally(games, 3)), abs=0.15)
    assert (few.std(0) / many.std(0)).mean() == pytest.approx(3, abs=0.5)
    assert (resampled(games, 3, rounds=5, seed=1) == resampled(games, 3, rounds=5, seed=1)).all()
    assert (resampled(games, 3, rounds=5, seed=2) != resampled(games, 3, rounds=5, seed=1)).any()


@pytest.mark.parametrize("seed", range(5))
def test_correlations_are_those_of_scipy(seed):
    stats = pytest.importorskip("scipy.stats", reason="needs the train extra")
    rng = np.random.default_rng(seed)
    one, other = rng.integers(0, 6, 12).tolist(), rng.integers(0, 6, 12).tolist()
    assert pearson(one, other) == pytest.approx(stats.pearsonr(one, other).statistic)
    assert kendall(one, other) == pytest.approx(stats.kendalltau(one, other).statistic)


@pytest.mark.parametrize("measure", [pearson, kendall])
def test_what_does_not_vary_has_no_correlation(measure):
    assert math.isnan(measure([1, 1, 1], [1, 2, 3]))
    assert math.isnan(measure([], []))
    assert measure([1, 2, 3], [2, 4, 9]) > 0.9
    assert measure([1, 2, 3], [9, 4, 2]) < -0.9
