"""Intervals for whatever a benchmark measures: the metric on items drawn again.

    B times: from each group as many of its items as it has, with replacement -> metrics(items)
    the interval of a number is between its 2.5 % and 97.5 % quantiles over these

Groups keep their size, because it is fixed by the benchmark; answers to one question stay together,
because they are one item. A number that is not defined in some draws (no wrong solution among them)
is left out of those.

B. Efron, R. J. Tibshirani (1993), "An Introduction to the Bootstrap", chapter 13.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan, nan

import numpy as np

from specreward.bench.benchmark import Benchmark, Judged
from specreward.checks import whole
from specreward.errors import InputError
from specreward.stats import Interval

__all__ = ["intervals"]


def intervals(
    benchmark: Benchmark, judged: Sequence[Judged], *, seed: int = 0, resamples: int = 1000
) -> dict[str, Interval]:
    """Each number of the benchmark with its 95 % interval, in the benchmark's order.

    Args:
        benchmark: With nothing left to be settled from the scores.
        judged: At least one item.
        seed: Of the draws, at least 0.
        resamples: Draws, at least 1.

    Raises:
        InputError: There is no item, or a setting is out of range.
    """
    if not judged:
        raise InputError("expected at least one scored item, got none")
    whole("seed of the bootstrap", seed, 0)
    whole("resamples", resamples, 1)
    estimates = benchmark.metrics(judged)
    groups: dict[str, list[int]] = {}
    for place, one in enumerate(judged):
        groups.setdefault(one.item.group, []).append(place)
    rng = np.random.default_rng(seed)
    drawn: dict[str, list[float]] = {name: [] for name in estimates}
    for _ in range(resamples):
        places = [
            members[at]
            for members in groups.values()
            for at in rng.integers(0, len(members), size=len(members)).tolist()
        ]
        for name, value in benchmark.metrics([judged[at] for at in places]).items():
            if name in drawn and not isnan(value):
                drawn[name].append(value)
    return {name: _interval(value, drawn[name]) for name, value in estimates.items()}


def _interval(estimate: float, draws: Sequence[float]) -> Interval:
    if isnan(estimate) or not draws:
        return Interval(estimate, nan, nan)
    low, high = np.quantile(draws, [0.025, 0.975], method="inverted_cdf")
    return Interval(estimate, float(low), float(high))
