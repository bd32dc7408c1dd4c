"""Thresholds of a score: accept a step whose score reaches it.

    by acceptance   the largest threshold that a share of all steps reaches
    by error        the smallest one with at most a share of bad steps among those that reach it
    by loss         the largest one with at most a share of good steps among those that do not

A threshold is chosen on some problems and tried on others: what it gives there is what to expect.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from specreward.checks import number
from specreward.errors import InputError
from specreward.search.speculative import calibrate
from specreward.stats import Interval, paired_ratio, wilson
from specreward.train.calibration import FEWEST

__all__ = ["Threshold", "Tried", "by_acceptance", "by_error", "by_loss", "raw_of", "tried"]


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """A threshold and what it was to reach.

    Args:
        rule: ``accept``, ``error`` or ``loss``.
        asked: The share.
        threshold: On the scale of the scores.
        reached: The share where it was chosen.
        n: Steps where it was chosen.
    """

    rule: str
    asked: float
    threshold: float
    reached: float
    n: int


@dataclass(frozen=True, kw_only=True)
class Tried:
    """What a threshold gives on other steps, each share with its 95 % interval.

    Args:
        n: Steps.
        accepted: Share of them that reaches it.
        error: Share of bad steps among those; None where there is none.
        loss: Share of good steps among the others; None where there is none.
    """

    n: int
    accepted: Interval
    error: Interval | None
    loss: Interval | None


def by_acceptance(scores: Sequence[float], share: float) -> Threshold:
    """The largest threshold, rounded down to four digits, that at least a share of scores reaches.

    Raises:
        InputError: There is no score, or the share is not above 0 and at most 1.
    """
    found = calibrate(scores, share)
    return Threshold(
        rule="accept", asked=share, threshold=found.threshold, reached=found.rate, n=found.n
    )


def by_error(scores: Sequence[float], labels: Sequence[float], share: float) -> Threshold:
    """The smallest threshold with at most a share of bad steps among those that reach it.

    Args:
        scores: ``[N]``, in [0, 1], higher is better.
        labels: ``[N]``; good from 0.5 on.
        share: In [0, 1].

    Raises:
        InputError: No threshold that ``FEWEST`` steps reach has so few, or the share is none.
    """
    number("error", share, 0, 1)
    points, bad, counts = _levels(scores, [label < 0.5 for label in labels])
    wrong, reach = np.cumsum(bad[::-1])[::-1], np.cumsum(counts[::-1])[::-1]
    errors = wrong / reach
    enough = reach >= FEWEST
    fitting = np.flatnonzero(enough & (errors <= share))
    if not len(fitting):
        raise _unmet("bad steps among those accepted", share, errors[enough], len(scores))
    at = int(fitting[0])
    return Threshold(
        rule="error",
        asked=share,
        threshold=float(points[at]),
        reached=float(errors[at]),
        n=len(scores),
    )


def by_loss(scores: Sequence[float], labels: Sequence[float], share: float) -> Threshold:
    """The largest threshold with at most a share of good steps among those that do not reach it.

    Arguments as for ``by_error``.

    Raises:
        InputError: No threshold that ``FEWEST`` steps miss has so few, or the share is none.
    """
    number("loss", share, 0, 1)
    points, good, counts = _levels(scores, [label >= 0.5 for label in labels])
    missed = np.cumsum(counts) - counts
    losses = (np.cumsum(good) - good) / np.maximum(missed, 1)
    enough = missed >= FEWEST
    fitting = np.flatnonzero(enough & (losses <= share))
    if not len(fitting):
        raise _unmet("good steps among those rejected", share, losses[enough], len(scores))
    at = int(fitting[-1])
    return Threshold(
        rule="loss",
        asked=share,
        threshold=float(points[at]),
        reached=float(losses[at]),
        n=len(scores),
    )


def _levels(
    scores: Sequence[float], marked: Sequence[bool]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The different scores, ascending, with how many of the marked steps and of all have each."""
    points, place, counts = np.unique(
        np.asarray(scores, float), return_inverse=True, return_counts=True
    )
    return points, np.bincount(place, weights=np.asarray(marked, float)), counts


def _unmet(what: str, share: float, reached: np.ndarray, n: int) -> InputError:
    least = f"the least is {reached.min():.1%}" if len(reached) else f"there are {n} steps"
    return InputError(
        f"expected a threshold with at most {share:.1%} {what}, got none: {least} (with "
        f"{FEWEST} steps or more on that side); ask for a larger share, or label more solutions"
    )


def tried(
    scores: Sequence[float],
    labels: Sequence[float],
    problems: Sequence[int],
    threshold: float,
    *,
    seed: int = 0,
) -> Tried:
    """What a threshold gives on steps that it was not chosen on.

    Args:
        scores: ``[N]``, in [0, 1], at least one.
        labels: ``[N]``; good from 0.5 on.
        problems: ``[N]``, which problem a step is of.
        threshold: On the scale of the scores.
        seed: Of the bootstrap.

    Raises:
        InputError: There is no step.
    """
    reaches = np.asarray(scores, float) >= threshold
    good = np.asarray(labels, float) >= 0.5
    each = np.ones(len(reaches), bool)
    return Tried(
        n=len(reaches),
        accepted=_share(reaches, each, problems, seed),
        error=_share(reaches & ~good, reaches, problems, seed) if reaches.any() else None,
        loss=_share(good & ~reaches, ~reaches, problems, seed) if not reaches.all() else None,
    )


def _share(part: np.ndarray, of: np.ndarray, problems: Sequence[int], seed: int) -> Interval:
    """How many are of a part: the wider of Wilson's interval and the bootstrap over problems.

    Steps of one problem are alike, which Wilson's does not know; the bootstrap has no width where
    none or all are of the part.
    """
    plain = wilson(int(part.sum()), int(of.sum()))
    place = np.unique(np.asarray(problems), return_inverse=True)[1]
    totals, parts = np.bincount(place, weights=of), np.bincount(place, weights=part)
    drawn = paired_ratio(totals.tolist(), parts.tolist(), seed=seed)
    return Interval(
        plain.estimate, min(plain.low, drawn.low), max(plain.high, min(drawn.high, 1.0))
    )


def raw_of(threshold: float, calibrated: Callable[[float], float]) -> float | None:
    """The smallest raw score that is calibrated to a threshold or more; None where none is.

    Args:
        threshold: On the scale of calibrated scores.
        calibrated: From a raw score to a calibrated one; it never falls.
    """
    if calibrated(1.0) < threshold:
        return None
    if calibrated(0.0) >= threshold:
        return 0.0
    low, high = 0.0, 1.0
    while low < (middle := (low + high) / 2) < high:
        low, high = (low, middle) if calibrated(middle) >= threshold else (middle, high)
    return high
