"""From step scores to the first wrong step, and how well it is found.

    prediction = the first step whose score is below the threshold, or none
    a = share of wrong solutions whose first wrong step is predicted
    b = share of right solutions for which none is
    F1 = 2ab / (a + b)

The metric of ProcessBench (arXiv 2412.06559), which other benchmarks of steps share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf, nan
from typing import Any

from specreward.bench.benchmark import Judged

__all__ = ["FIRST", "Found", "best_threshold", "first_below", "found"]

FIRST = "first_error"
"""In ``Item.gold``: place of the first wrong step, from 0, or None."""


@dataclass(frozen=True, slots=True)
class Found:
    """How often the first error was found.

    Args:
        wrong: Solutions with an error.
        located: Of these, whose first wrong step was predicted.
        right: Solutions without one.
        cleared: Of these, for which none was predicted.
    """

    wrong: int
    located: int
    right: int
    cleared: int

    @property
    def on_wrong(self) -> float:
        """``a``; NaN where no solution is wrong."""
        return self.located / self.wrong if self.wrong else nan

    @property
    def on_right(self) -> float:
        """``b``; NaN where no solution is right."""
        return self.cleared / self.right if self.right else nan

    @property
    def accuracy(self) -> float:
        """Share of all solutions whose prediction is right."""
        both = self.wrong + self.right
        return (self.located + self.cleared) / both if both else nan

    @property
    def f1(self) -> float:
        """Harmonic mean of the two shares; 0 where both are 0, NaN where one is not defined."""
        both = self.on_wrong + self.on_right
        return 2 * self.on_wrong * self.on_right / both if both != 0 else 0.0


def first_below(scores: Sequence[float], threshold: float) -> int | None:
    """Place of the first score below a threshold, or None."""
    return next((place for place, score in enumerate(scores) if score < threshold), None)


def found(judged: Sequence[Judged], threshold: float) -> Found:
    """The first errors of items with one answer and ``FIRST`` in their gold."""
    tally = {True: [0, 0], False: [0, 0]}
    for one in judged:
        truth: Any = one.item.gold[FIRST]
        row = tally[truth is not None]
        row[0] += 1
        row[1] += first_below(one.steps[0], threshold) == truth
    return Found(*tally[True], *tally[False])


def best_threshold(judged: Sequence[Judged]) -> float:
    """The threshold with the highest F1; the lowest of equal ones.

    Candidates lie half-way between neighbouring scores, below all of them and above.
    """
    scores = sorted({score for one in judged for score in one.steps[0]})
    between = [(low + high) / 2 for low, high in pairwise(scores)]
    best, highest = scores[0], -inf
    for candidate in [scores[0], *between, scores[-1] + 1.0]:
        f1 = found(judged, candidate).f1
        if f1 > highest:
            best, highest = candidate, f1
    return best
