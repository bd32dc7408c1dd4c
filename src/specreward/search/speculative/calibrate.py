"""Thresholds from a rate of acceptance: what a gate reads, recorded with the gate open.

    statistics <- what the gate would have read at the steps of some searches, gate open
    threshold  <- the largest value that at least a share ``accept`` of them reaches

A threshold is a number on the scale of one reward model and means nothing on that of another: 0.7
accepts 9 steps of 10 with one and hardly any with the next. J. Geuter et al. (2025), arXiv
2506.04118, tables 5 and 6, have the rates.

Differs from the papers, which give fixed numbers. With the gate in place the searches go other
ways, so that the rate there is near the one asked for, not equal to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Protocol, Self, final, runtime_checkable

from specreward.errors import InputError
from specreward.search.speculative.stepwise import Stepwise
from specreward.types import Models, Problem, Result

__all__ = ["Calibration", "Gated", "calibrate", "quantile", "statistics"]


@runtime_checkable
class Gated(Protocol):
    """A strategy with a threshold that can be set from a rate of acceptance."""

    @property
    def statistic(self) -> str:
        """The detail of a judgement that the gate compares with the threshold."""
        ...

    def parts(self) -> Stepwise:
        """The same as parts."""
        ...

    def opened(self) -> Self:
        """The same with the gate open."""
        ...

    def calibrated(self, threshold: float) -> Self:
        """The same with this threshold."""
        ...

    async def __call__(self, problem: Problem, models: Models) -> Result:
        """As a strategy."""
        ...


@final
@dataclass(frozen=True, kw_only=True)
class Calibration:
    """A threshold and where it comes from.

    Args:
        threshold: On the scale of the statistic.
        asked: The share to accept.
        rate: The share of the statistics that reaches the threshold: ``asked`` or more.
        n: Statistics.
    """

    threshold: float
    asked: float
    rate: float
    n: int


def statistics(results: Sequence[Result], strategy: Gated) -> list[float]:
    """What the gate would have read, in order.

    A gate on drafted steps reads those that were committed, a gate on the prefix every committed
    step that another one follows.

    Args:
        results: Of searches with the gate open.
        strategy: Whose gate it is.
    """
    name, prefix = strategy.statistic, strategy.parts().gate.reads_prefix
    kept = [
        item
        for result in results
        for _, judged in result.expansions
        for item in judged
        if item.kept and name in item.details
    ]
    if prefix:
        return [item.details[name] for item in kept if item.path.open]
    return [item.details[name] for item in kept if item.details["draft"] == 1.0]


def calibrate(values: Sequence[float], accept: float) -> Calibration:
    """The largest threshold that at least a share ``accept`` of the values reaches.

    Args:
        values: Statistics, one for each step.
        accept: The share, above 0 and at most 1. The threshold is rounded down to four digits.

    Raises:
        InputError: There are no values, or the share is not in (0, 1].
    """
    if not 0 < accept <= 1:
        raise InputError(f"accept: expected a share above 0 and at most 1, got {accept!r}")
    if not values:
        raise InputError(
            "expected steps to calibrate on, got none: no step of these searches was committed "
            "and scored; give more problems"
        )
    largest = sorted(values, reverse=True)[ceil(accept * len(values) - 1e-9) - 1]
    threshold = _rounded_down(largest)
    rate = sum([value >= threshold for value in values]) / len(values)
    return Calibration(threshold=threshold, asked=accept, rate=rate, n=len(values))


def _rounded_down(value: float) -> float:
    """To four significant digits; never above the value."""
    if value == 0:
        return 0.0
    places = 3 - floor(log10(abs(value)))
    return round(floor(value * 10.0**places) / 10.0**places, places)


def quantile(values: Sequence[float], share: float) -> float:
    """The value that a share of all values does not exceed, one of them; ``share`` in [0, 1]."""
    return sorted(values)[max(ceil(share * len(values) - 1e-9) - 1, 0)]
