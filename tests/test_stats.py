"""Statistics against published values and against simulated coverage."""

import math

import numpy as np
import pytest

from specreward.errors import InputError
from specreward.stats import (
    accuracy_difference,
    mcnemar,
    mean,
    paired_difference,
    paired_ratio,
    wilson,
)

# Bentur et al. (2009), airway hyper-responsiveness of 21 children before and after transplantation,
# as tabulated by Fagerland, Lydersen and Laake (2013): 1 both, 1 before, 7 after, 12 neither.
BEFORE = [True] + [True] + [False] * 7 + [False] * 12
AFTER = [True] + [False] + [True] * 7 + [False] * 12


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [
        # Newcombe (1998), "Two-sided confidence intervals for the single proportion", table I
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_matches_the_published_table(right, n, low, high):
    interval = wilson(right, n)
    assert interval.estimate == right / n
    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)


def test_wilson_is_symmetric_and_exact_at_the_ends():
    assert wilson(0, 7).low == 0.0
    assert wilson(7, 7).high == 1.0
    assert wilson(2, 9).low == pytest.approx(1 - wilson(7, 9).high)


def test_wilson_widens_with_confidence():
    assert wilson(5, 10, confidence=0.99).low < wilson(5, 10, confidence=0.9).low


@pytest.mark.parametrize(("right", "n"), [(0, 0), (-1, 5), (6, 5)])
def test_wilson_refuses_impossible_counts(right, n):
    with pytest.raises(InputError, match=f"right={right}, n={n}"):
        wilson(right, n)


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_confidence_is_a_probability(confidence):
    with pytest.raises(InputError, match=f"between 0 and 1, got {confidence}"):
        wilson(1, 2, confidence=confidence)
    with pytest.raises(InputError, match="between 0 and 1"):
        accuracy_difference([True], [True], confidence=confidence)
    with pytest.raises(InputError, match="between 0 and 1"):
        paired_difference([1.0], [1.0], seed=0, confidence=confidence)


def test_mcnemar_matches_the_published_value():
    result = mcnemar(BEFORE, AFTER)
    assert (result.only_first, result.only_second) == (1, 7)
    assert result.p_value == pytest.approx(0.0703125)


def test_mcnemar_knows_no_difference_and_no_direction():
    assert mcnemar([True, False], [True, False]).p_value == 1.0
    assert mcnemar([True, False], [False, True]).p_value == 1.0
    assert mcnemar(AFTER, BEFORE).p_value == mcnemar(BEFORE, AFTER).p_value


def test_mcnemar_keeps_exact_with_many_problems():
    result = mcnemar([True] * 3000, [False] * 3000)
    assert 0 <= result.p_value < 1e-300


def test_accuracy_difference_matches_the_published_interval():
    interval = accuracy_difference(BEFORE, AFTER)
    assert interval.estimate == pytest.approx(6 / 21)
    # Fagerland, Lydersen and Laake (2013), table of the Wald interval with Bonett-Price adjustment
    assert (round(interval.low, 3), round(interval.high, 3)) == (0.013, 0.508)


def test_accuracy_difference_has_width_without_disagreement():
    interval = accuracy_difference([True] * 200, [True] * 200)
    assert interval.estimate == 0
    assert -0.02 < interval.low < 0 < interval.high < 0.02
    assert accuracy_difference([True], [False]).low >= -1


def test_accuracy_difference_narrows_with_less_confidence():
    wide, narrow = (accuracy_difference(BEFORE, AFTER, confidence=c) for c in (0.99, 0.5))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_accuracy_difference_covers_the_truth():
    rng = np.random.default_rng(7)
    trials, n, truth = 400, 60, 0.1
    hits = 0
    for _ in range(trials):
        kind = rng.choice(4, size=n, p=[0.5, 0.05, 0.15, 0.3])  # both, only first, only second
        first = [bool(k in (0, 1)) for k in kind]
        second = [bool(k in (0, 2)) for k in kind]
        interval = accuracy_difference(first, second)
        hits += interval.low <= truth <= interval.high
    assert 0.92 <= hits / trials <= 0.99


def _skewed(rng, n):
    """Costs per problem: second about a third of first, correlated, with a long tail."""
    base = rng.lognormal(0, 0.7, size=n)
    return 3 * base * rng.lognormal(0, 0.3, size=n), base * rng.lognormal(0, 0.3, size=n)


@pytest.mark.parametrize(
    ("function", "truth"),
    [
        (paired_ratio, 1 / 3),
        (paired_difference, -2 * math.exp(0.245 + 0.045)),
    ],
)
def test_bootstrap_covers_the_truth(function, truth):
    rng = np.random.default_rng(11)
    trials = 200
    hits = 0
    for trial in range(trials):
        first, second = _skewed(rng, 60)
        interval = function(first, second, seed=trial, resamples=400)
        hits += interval.low <= truth <= interval.high
    assert 0.88 <= hits / trials <= 0.99


def test_pairing_is_used():
    rng = np.random.default_rng(3)
    first = rng.normal(0, 10, size=100)
    second = first + 1 + rng.normal(0, 0.1, size=100)
    together = paired_difference(first, second, seed=0, resamples=1000)
    apart = paired_difference(first, rng.permutation(second), seed=0, resamples=1000)
    assert together.high - together.low < 0.1 < 1 < apart.high - apart.low
    assert together.low < together.estimate < together.high


def test_bootstrap_agrees_with_the_normal_interval():
    rng = np.random.default_rng(5)
    first = np.zeros(400)
    second = rng.normal(2.0, 1.0, size=400)
    interval = paired_difference(first, second, seed=1)
    half = 1.96 * second.std() / 20
    assert interval.low == pytest.approx(second.mean() - half, abs=0.02)
    assert interval.high == pytest.approx(second.mean() + half, abs=0.02)


def test_ratio_is_of_means_and_scale_free():
    first, second = [1.0, 3.0, 8.0], [2.0, 1.0, 0.0]
    interval = paired_ratio(first, second, seed=2, resamples=500)
    assert interval.estimate == pytest.approx(3 / 12)
    scaled = paired_ratio(first, [10 * x for x in second], seed=2, resamples=500)
    assert scaled.high == pytest.approx(10 * interval.high)


def test_a_denominator_of_zero_in_a_resample_is_infinite():
    interval = paired_ratio([0.0, 0.0, 1.0], [1.0, 1.0, 1.0], seed=0, resamples=1000)
    assert interval.estimate == pytest.approx(3.0)
    assert interval.high == math.inf
    assert not math.isnan(interval.low)


@pytest.mark.parametrize("function", [paired_ratio, paired_difference])
def test_bootstrap_settings_matter(function):
    rng = np.random.default_rng(0)
    first, second = _skewed(rng, 40)
    usual = function(first, second, seed=0, resamples=500)
    assert function(first, second, seed=0, resamples=500) == usual
    assert function(first, second, seed=1, resamples=500) != usual
    assert function(first, second, seed=0, resamples=800) != usual
    narrow = function(first, second, seed=0, resamples=500, confidence=0.5)
    assert usual.low < narrow.low < narrow.high < usual.high


def test_bootstrap_in_pieces_is_still_all_of_it(monkeypatch):
    rng = np.random.default_rng(0)
    first, second = _skewed(rng, 50)
    whole = paired_difference(first, second, seed=0, resamples=1000)
    monkeypatch.setattr("specreward.stats._CHUNK", 50 * 7)
    assert paired_difference(first, second, seed=0, resamples=1000) == whole


@pytest.mark.parametrize("function", [paired_ratio, paired_difference])
def test_bootstrap_refuses_what_it_cannot_use(function):
    with pytest.raises(InputError, match="got 1 and 2"):
        function([1.0], [1.0, 2.0], seed=0)
    with pytest.raises(InputError, match="got 0 and 0"):
        function([], [], seed=0)
    with pytest.raises(InputError, match="NaN"):
        function([1.0, math.nan], [1.0, 2.0], seed=0)
    with pytest.raises(InputError, match="seed of the bootstrap: expected an integer of at least"):
        function([1.0], [2.0], seed=-1)
    with pytest.raises(InputError, match="at least 100 resamples, got 5"):
        function([1.0], [2.0], seed=0, resamples=5)


def test_ratio_refuses_a_zero_or_negative_denominator():
    with pytest.raises(InputError, match="got 0 for every problem"):
        paired_ratio([0.0, 0.0], [1.0, 2.0], seed=0)
    with pytest.raises(InputError, match="negative"):
        paired_ratio([1.0, -1.0], [1.0, 2.0], seed=0)


def test_paired_tests_refuse_unequal_lengths():
    with pytest.raises(InputError, match="got 1 and 2"):
        mcnemar([True], [True, False])
    with pytest.raises(InputError, match="got 0 and 0"):
        accuracy_difference([], [])


# -------------------------------------------------------------------------- mean


def test_mean_is_bootstrapped_over_problems():
    values = [0.1, 0.4, 0.4, 0.9, 1.0, 0.0, 0.3, 0.5] * 10
    found = mean(values, seed=1)
    assert found.estimate == pytest.approx(0.45)
    half = 1.96 * np.std(values) / math.sqrt(len(values))  # the normal interval is near at N = 80
    assert (found.low, found.high) == pytest.approx((0.45 - half, 0.45 + half), abs=0.01)
    assert mean(values, seed=1) == found != mean(values, seed=2)
    wide = mean(values, seed=1, confidence=0.99)
    assert wide.low < found.low < found.high < wide.high
    assert mean(values, seed=1, resamples=100) != found


def test_mean_of_one_problem_has_no_width():
    assert mean([0.25], seed=0) == mean([0.25] * 5, seed=3)


@pytest.mark.parametrize("values", [[], [math.nan], [0.1, math.inf]])
def test_mean_of_nothing_is_refused(values):
    with pytest.raises(InputError, match="expected"):
        mean(values, seed=0)
