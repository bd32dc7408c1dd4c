"""How good scores are as probabilities of labels.

    ECE    = sum over bins of n_b / n |mean label - mean score|      bins of equal width, or mass
    Brier  = mean of (score - label)^2
    loss   = mean of -log p(label | score)
    AUC    = probability that a good step outranks a bad one

C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger (2017), "On Calibration of Modern Neural Networks",
arXiv 1706.04599: 15 bins of equal width, closed above.

Labels may be soft. A step is good where its label is at least 0.5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specreward.checks import whole
from specreward.errors import InputError
from specreward.reward.calibrated import LEAST

__all__ = ["Bin", "Quality", "auc", "bins_of", "ece", "log_loss", "logit", "measure", "sigmoid"]

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Quality:
    """How good scores are as probabilities.

    Args:
        n: Labels.
        auc: Probability that a good step outranks a bad one; higher is better.
        loss: Mean log loss in nats; lower is better.
        ece: Expected calibration error over bins of equal width, in [0, 1]; lower is better.
        ece_mass: The same over bins of equal numbers.
        brier: Mean squared error, in [0, 1]; lower is better.
        positive: Mean label.
    """

    n: int
    auc: float
    loss: float
    ece: float
    ece_mass: float
    brier: float
    positive: float


@dataclass(frozen=True)
class Bin:
    """The steps whose scores lie in one bin.

    Args:
        low: Its lower end, not in it, but for the first.
        high: Its upper end.
        n: Steps in it.
        score: Their mean score; NaN where there is none.
        label: Their mean label; NaN where there is none.
    """

    low: float
    high: float
    n: int
    score: float
    label: float


def logit(scores: ArrayLike) -> _Floats:
    """The logits of scores, which are kept ``LEAST`` away from 0 and 1, ``[N]``."""
    sure = np.clip(np.asarray(scores, float), LEAST, 1 - LEAST)
    return np.asarray(np.log(sure / (1 - sure)), float)


def bins_of(scores: ArrayLike, labels: ArrayLike, bins: int = 15) -> list[Bin]:
    """Bins of equal width over [0, 1], closed above, empty ones among them.

    Raises:
        InputError: ``bins`` is no integer of at least 1.
    """
    whole("bins", bins, 1)
    s, y = np.asarray(scores, float), np.asarray(labels, float)
    edges = np.arange(bins + 1) / bins
    place = np.clip(np.searchsorted(edges, s, side="left") - 1, 0, bins - 1)
    return [_bin(float(edges[b]), float(edges[b + 1]), s, y, place == b) for b in range(bins)]


def _bin(low: float, high: float, s: _Floats, y: _Floats, inside: NDArray[np.bool_]) -> Bin:
    n = int(inside.sum())
    if not n:
        return Bin(low, high, 0, math.nan, math.nan)
    return Bin(low, high, n, float(s[inside].mean()), float(y[inside].mean()))


def ece(scores: ArrayLike, labels: ArrayLike, bins: int = 15, *, mass: bool = False) -> float:
    """The expected calibration error, in [0, 1]; lower is better.

    Args:
        scores: ``[N]``, in [0, 1].
        labels: ``[N]``, in [0, 1].
        bins: How many.
        mass: Bins of equal numbers of steps, equal scores in one bin; else of equal width.
    """
    s, y = np.asarray(scores, float), np.asarray(labels, float)
    if not mass:
        found = [one for one in bins_of(s, y, bins) if one.n]
    else:
        whole("bins", bins, 1)
        place = np.searchsorted(np.sort(s), s, side="left") * bins // len(s)
        found = [_bin(0.0, 1.0, s, y, place == b) for b in np.unique(place)]
    return float(sum([one.n * abs(one.label - one.score) for one in found]) / len(s))


def auc(scores: ArrayLike, labels: ArrayLike) -> float:
    """Area under the ROC curve, ties counted half; NaN where only one class is there."""
    s, y = np.asarray(scores, float), np.asarray(labels, float) >= 0.5
    if y.all() or not y.any():
        return math.nan
    _, rank, counts = np.unique(s, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts - 1) / 2
    good, bad = int(y.sum()), int((~y).sum())
    return float((middle[rank][y].sum() - good * (good + 1) / 2) / (good * bad))


def measure(scores: Sequence[float], labels: Sequence[float], bins: int = 15) -> Quality:
    """The quality of scores in [0, 1] as probabilities of the labels.

    Raises:
        InputError: There is no label.
    """
    if not len(labels):
        raise InputError("expected labels to measure scores on, got none")
    p, y, z = np.asarray(scores, float), np.asarray(labels, float), logit(scores)
    return Quality(
        n=len(y),
        auc=auc(p, y),
        loss=log_loss(z, y),
        ece=ece(p, y, bins),
        ece_mass=ece(p, y, bins, mass=True),
        brier=float(np.mean((p - y) ** 2)),
        positive=float(y.mean()),
    )


def log_loss(logits: _Floats, labels: _Floats) -> float:
    """Mean log loss in nats of ``sigmoid(logits)``, both ``[N]``; lower is better."""
    return float(np.mean(np.logaddexp(0, logits) - labels * logits))


def sigmoid(logits: ArrayLike) -> _Floats:
    """Scores of logits, ``[N]``."""
    return np.asarray(1 / (1 + np.exp(-np.clip(np.asarray(logits, float), -50, 50))), float)
