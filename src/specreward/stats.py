"""How sure a number is: intervals for accuracies, costs and their paired comparison.

Strategies are compared on the same problems, so that the unit is the pair: a problem and what each
of two strategies got or spent on it. All intervals are two-sided.

    wilson               accuracy of one strategy                     score interval
    mean                 of one number for each problem               bootstrap over problems
    paired_difference    mean(second) - mean(first), any numbers      bootstrap over problems
    paired_ratio         mean(second) / mean(first), costs            bootstrap over problems
    accuracy_difference  accuracy(second) - accuracy(first)           adjusted Wald for pairs
    mcnemar              are two accuracies different at all?         exact test

References:
    E. B. Wilson (1927), "Probable inference, the law of succession, and statistical inference".
    Q. McNemar (1947), "Note on the sampling error of the difference between correlated proportions
    or percentages".
    B. Efron, R. J. Tibshirani (1993), "An Introduction to the Bootstrap", chapters 8 and 13.
    D. G. Bonett, R. M. Price (2012), "Adjusted Wald confidence interval for a difference of
    binomial proportions based on paired data".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import comb, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from specreward.checks import whole
from specreward.errors import InputError

__all__ = [
    "Interval",
    "McNemar",
    "accuracy_difference",
    "mcnemar",
    "mean",
    "paired_difference",
    "paired_ratio",
    "wilson",
]

_Floats = NDArray[np.float64]
_CHUNK = 1 << 22


@dataclass(frozen=True, slots=True)
class Interval:
    """A number and the bounds between which it lies with the stated confidence."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class McNemar:
    """The result of McNemar's test.

    Args:
        only_first: Problems that only the first solved.
        only_second: Problems that only the second solved.
        p_value: Probability of a split at least as uneven if both were equally good.
    """

    only_first: int
    only_second: int
    p_value: float


def wilson(right: int, n: int, *, confidence: float = 0.95) -> Interval:
    """The share ``right / n`` with Wilson's score interval, in [0, 1].

    Raises:
        InputError: ``n`` is below 1, ``right`` is not between 0 and ``n``, or ``confidence`` is not
            between 0 and 1.
    """
    if n < 1 or not 0 <= right <= n:
        raise InputError(f"expected n >= 1 and 0 <= right <= n, got right={right!r}, n={n!r}")
    z = _quantile(confidence)
    share = right / n
    center = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # At the ends the bound is exact; the formula would miss it by a rounding error.
    low = 0.0 if right == 0 else center - half
    high = 1.0 if right == n else center + half
    return Interval(share, low, high)


def mean(
    values: Sequence[float], *, seed: int, confidence: float = 0.95, resamples: int = 10_000
) -> Interval:
    """The mean of the values with the percentile bootstrap interval over problems.

    For what is not right or wrong, such as the chance to be right over many draws; else ``wilson``.

    Args:
        values: One number per problem, ``[N]``.
        seed: Of the resampling, at least 0.
        confidence: Between 0 and 1.
        resamples: Number of bootstrap samples, at least 100.

    Raises:
        InputError: There is no value, one is not finite, or a setting is out of range.
    """
    numbers, _ = _pairs(values, values)
    return _bootstrap(numbers, numbers, lambda x, _: x, seed, confidence, resamples)


def paired_difference(
    first: Sequence[float],
    second: Sequence[float],
    *,
    seed: int,
    confidence: float = 0.95,
    resamples: int = 10_000,
) -> Interval:
    """``mean(second) - mean(first)`` with the percentile bootstrap interval over problems.

    Args:
        first: One number per problem, ``[N]``.
        second: The numbers of the same problems in the same order, ``[N]``.
        seed: Of the resampling, at least 0.
        confidence: Between 0 and 1.
        resamples: Number of bootstrap samples, at least 100.

    Raises:
        InputError: The lengths differ or are 0, a number is not finite, or a setting is out of
            range.
    """
    a, b = _pairs(first, second)
    return _bootstrap(a, b, lambda x, y: y - x, seed, confidence, resamples)


def paired_ratio(
    first: Sequence[float],
    second: Sequence[float],
    *,
    seed: int,
    confidence: float = 0.95,
    resamples: int = 10_000,
) -> Interval:
    """``mean(second) / mean(first)`` with the percentile bootstrap interval over problems.

    A ratio of totals, not a mean of ratios: with costs, below 1 says that the second is cheaper. A
    resample whose denominator is 0 counts as infinity.

    Args:
        first: One number per problem, ``[N]``, at least 0; not all 0.
        second: The numbers of the same problems in the same order, ``[N]``, at least 0.
        seed: Of the resampling, at least 0.
        confidence: Between 0 and 1.
        resamples: Number of bootstrap samples, at least 100.

    Raises:
        InputError: As ``paired_difference``; or a number is negative; or all of ``first`` are 0.
    """
    a, b = _pairs(first, second)
    if a.min() < 0 or b.min() < 0:
        raise InputError("expected numbers of at least 0 in a ratio of means, got a negative one")
    if a.max() == 0:
        raise InputError("expected a positive mean to divide by, got 0 for every problem")
    return _bootstrap(a, b, _ratio, seed, confidence, resamples)


def accuracy_difference(
    first: Sequence[bool], second: Sequence[bool], *, confidence: float = 0.95
) -> Interval:
    """``accuracy(second) - accuracy(first)`` on the same problems, in [-1, 1].

    The interval is Bonett and Price's: Wald's with one pair added to each kind of disagreement. It
    has a sensible width where the two never disagree, where a bootstrap has none.

    Raises:
        InputError: The lengths differ or are 0, or ``confidence`` is not between 0 and 1.
    """
    only_first, only_second, n = _disagreements(first, second)
    z = _quantile(confidence)
    down, up = (only_first + 1) / (n + 2), (only_second + 1) / (n + 2)
    half = z * sqrt((down + up - (up - down) ** 2) / (n + 2))
    center = up - down
    estimate = (only_second - only_first) / n
    return Interval(estimate, max(-1.0, center - half), min(1.0, center + half))


def mcnemar(first: Sequence[bool], second: Sequence[bool]) -> McNemar:
    """McNemar's exact two-sided test: is one of two strategies right more often?

    Only problems on which they disagree count; if both were equally good, each of these would fall
    to either side like a fair coin.

    Raises:
        InputError: The lengths differ or are 0.
    """
    only_first, only_second, _ = _disagreements(first, second)
    n = only_first + only_second
    tail = sum(comb(n, k) for k in range(min(only_first, only_second) + 1))
    return McNemar(only_first, only_second, min(1.0, 2 * tail / 2**n))


# ------------------------------------------------------------------------------------ pieces


def _quantile(confidence: float) -> float:
    """The normal quantile that leaves half of the rest on each side."""
    if not 0 < confidence < 1:
        raise InputError(f"expected a confidence between 0 and 1, got {confidence!r}")
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def _same_length(first: Sequence[object], second: Sequence[object]) -> int:
    if len(first) != len(second) or not len(first):
        raise InputError(
            "expected the same problems on both sides, at least one, "
            f"got {len(first)} and {len(second)}"
        )
    return len(first)


def _disagreements(first: Sequence[bool], second: Sequence[bool]) -> tuple[int, int, int]:
    n = _same_length(first, second)
    pairs = list(zip(first, second, strict=True))
    return (
        sum(1 for a, b in pairs if a and not b),
        sum(1 for a, b in pairs if b and not a),
        n,
    )


def _pairs(first: Sequence[float], second: Sequence[float]) -> tuple[_Floats, _Floats]:
    _same_length(first, second)
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise InputError("expected finite numbers, got NaN or infinity")
    return a, b


def _ratio(a: _Floats, b: _Floats) -> _Floats:
    return np.divide(b, a, out=np.full_like(b, np.inf), where=a > 0)


def _bootstrap(
    a: _Floats,
    b: _Floats,
    statistic: Callable[[_Floats, _Floats], _Floats],
    seed: int,
    confidence: float,
    resamples: int,
) -> Interval:
    """The statistic of the two means with its percentile interval; problems are drawn in pairs."""
    if resamples < 100:
        raise InputError(f"expected at least 100 resamples, got {resamples!r}")
    if not 0 < confidence < 1:
        raise InputError(f"expected a confidence between 0 and 1, got {confidence!r}")
    whole("seed of the bootstrap", seed, 0)
    rng = np.random.default_rng(seed)
    rows = max(1, _CHUNK // len(a))  # indices held at a time: 32 MiB
    draws = []
    for start in range(0, resamples, rows):
        index = rng.integers(0, len(a), size=(min(rows, resamples - start), len(a)))
        draws.append(statistic(a[index].mean(axis=1), b[index].mean(axis=1)))
    tail = (1 - confidence) / 2
    # No interpolation: between a number and infinity there is nothing to interpolate.
    low, high = np.quantile(np.concatenate(draws), [tail, 1 - tail], method="inverted_cdf")
    estimate = statistic(a.mean(keepdims=True), b.mean(keepdims=True))[0]
    return Interval(float(estimate), float(low), float(high))
