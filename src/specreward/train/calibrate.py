"""Calibration of a reward model: temperature scaling (Guo et al., 2017, arXiv 1706.04599).

T = argmin over T of the mean of -log p(label | sigmoid(logit / T))     on held-out problems
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Quality", "auc", "fit_temperature", "measure", "write_calibration"]


@dataclass(frozen=True)
class Quality:
    """How good calibrated scores are.

    Args:
        n: Labels.
        auc: Probability that a good step outranks a bad one; higher is better.
        loss: Mean log loss in nats; lower is better.
        ece: Expected calibration error over 10 equal bins of the score, in [0, 1]; lower is better.
        positive: Share of good labels.
    """

    n: int
    auc: float
    loss: float
    ece: float
    positive: float


def _sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-np.clip(logits, -50, 50)))


def _loss(logits: NDArray[np.float64], labels: NDArray[np.float64]) -> float:
    return float(np.mean(np.logaddexp(0, logits) - labels * logits))


def fit_temperature(logits: Sequence[float], labels: Sequence[float]) -> float:
    """The temperature in [0.05, 20] with the least log loss, by golden-section search."""
    z, y = np.asarray(logits, float), np.asarray(labels, float)
    low, high = math.log(0.05), math.log(20.0)
    golden = (math.sqrt(5) - 1) / 2
    for _ in range(60):
        a, b = high - golden * (high - low), low + golden * (high - low)
        if _loss(z / math.exp(a), y) < _loss(z / math.exp(b), y):
            high = b
        else:
            low = a
    return math.exp((low + high) / 2)


def auc(scores: ArrayLike, labels: ArrayLike) -> float:
    """Area under the ROC curve, ties counted half; NaN where only one class is there."""
    s, y = np.asarray(scores, float), np.asarray(labels, float) > 0.5
    if y.all() or not y.any():
        return math.nan
    _, rank, counts = np.unique(s, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts - 1) / 2
    good, bad = int(y.sum()), int((~y).sum())
    return float((middle[rank][y].sum() - good * (good + 1) / 2) / (good * bad))


def measure(logits: Sequence[float], labels: Sequence[float], temperature: float) -> Quality:
    """Quality of ``sigmoid(logit / temperature)`` on labels."""
    z, y = np.asarray(logits, float) / temperature, np.asarray(labels, float)
    p = _sigmoid(z)
    bins = np.minimum((p * 10).astype(int), 9)
    gaps = [
        abs(p[bins == b].mean() - y[bins == b].mean()) * (bins == b).mean()
        for b in set(bins.tolist())
    ]
    return Quality(len(y), auc(z, y), _loss(z, y), float(sum(gaps)), float(y.mean()))


def write_calibration(logits: Sequence[float], labels: Sequence[float], out: Path) -> float:
    """Fit the temperature and write it, with the quality, to ``calibration.json`` in ``out``."""
    temperature = fit_temperature(logits, labels)
    found = {"temperature": temperature} | asdict(measure(logits, labels, temperature))
    (out / "calibration.json").write_text(json.dumps(found, indent=2) + "\n", "utf-8")
    return temperature
