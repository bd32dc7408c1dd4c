"""Votes over final answers: pure functions, no models.

Equal answers are equal texts (``Task.answer`` gives the canonical form). An empty answer is no
answer and has no vote. Ties go to the answer that came first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from specreward.errors import InputError, RewardError

__all__ = ["best", "majority", "shares", "totals", "weighted_majority"]


def totals(answers: Sequence[str], weights: Sequence[float]) -> dict[str, float]:
    """The summed weight of each distinct answer, in order of first occurrence.

    Args:
        answers: ``[n]``, canonical; empty ones are dropped.
        weights: ``[n]``, at least 0.

    Raises:
        InputError: The lengths differ.
        RewardError: A weight is negative, infinite or NaN.
    """
    if len(answers) != len(weights):
        raise InputError(
            f"expected one weight for each answer, got {len(weights)} for {len(answers)}: "
            "pass two sequences of the same length"
        )
    ballots: dict[str, list[float]] = {}
    for answer, weight in zip(answers, weights, strict=True):
        if not 0.0 <= weight < math.inf:
            raise RewardError(
                f"expected a finite vote weight of at least 0, got {weight!r} for answer "
                f"{answer[:80]!r}: vote with a verifier whose scores are not negative"
            )
        if answer:
            ballots.setdefault(answer, []).append(weight)
    return {answer: math.fsum(given) for answer, given in ballots.items()}


def shares(answers: Sequence[str]) -> dict[str, float]:
    """Each distinct answer's part of the votes, in (0, 1], in order of first occurrence."""
    counts = totals(answers, [1.0] * len(answers))
    votes = sum(counts.values())
    return {answer: count / votes for answer, count in counts.items()}


def weighted_majority(answers: Sequence[str], weights: Sequence[float]) -> str | None:
    """The answer with the largest summed weight; None where nobody answered.

    Raises:
        InputError: The lengths differ.
        RewardError: A weight is negative, infinite or NaN.
    """
    summed = totals(answers, weights)
    return max(summed, key=summed.__getitem__) if summed else None


def majority(answers: Sequence[str]) -> str | None:
    """The most frequent answer; None where nobody answered."""
    return weighted_majority(answers, [1.0] * len(answers))


def best(scores: Sequence[float]) -> int:
    """Index of the highest score, the first of equal ones.

    Raises:
        InputError: There is no score.
        RewardError: A score is NaN.
    """
    if not scores:
        raise InputError("expected at least one score, got none: draw a candidate first")
    if any(math.isnan(score) for score in scores):
        raise RewardError(f"expected numbers, got NaN among {len(scores)} scores: see the verifier")
    return max(range(len(scores)), key=scores.__getitem__)
