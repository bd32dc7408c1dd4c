"""Calibration of a reward model on labels that it was not trained on.

    temperature  q = sigmoid(logit(score) / T),   T = argmin of the mean log loss
    isotonic     q = argmin of sum (q(score) - label)^2 over functions that never fall

C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger (2017), "On Calibration of Modern Neural Networks",
arXiv 1706.04599: the temperature. B. Zadrozny, C. Elkan (2002), "Transforming classifier scores
into accurate multiclass probability estimates": isotonic regression.

Differs from both: labels may be soft, such as Monte-Carlo values; then the loss is the cross
entropy with them, and the squared error that of their means. A step is good where its label is at
least 0.5.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, final

import numpy as np

from specreward.errors import InputError, MissingExtra
from specreward.report.files import as_json, write_whole
from specreward.reward.calibrated import CALIBRATION, KnotMap, TemperatureMap
from specreward.train.quality import Quality, log_loss, logit, measure, sigmoid

__all__ = [
    "FEWEST",
    "Calibration",
    "Isotonic",
    "Temperature",
    "compared",
    "fit_temperature",
    "write_calibration",
]

FEWEST = 20
"""Labels that a map is fitted on at least."""

Map = Callable[[float], float]


class Calibration(Protocol):
    """A family of maps from scores to probabilities; a frozen dataclass."""

    def fit(self, scores: Sequence[float], labels: Sequence[float]) -> Map:
        """The map that suits the labels best; it never falls.

        Args:
            scores: ``[N]``, in [0, 1].
            labels: ``[N]``, in [0, 1], hard or soft.

        Raises:
            InputError: There are fewer than ``FEWEST`` labels, or of one class alone.
        """
        ...

    def entries(self, found: Map) -> dict[str, Any]:
        """A map of this family as ``reward/calibrated.py`` reads it: ``method`` and its numbers."""
        ...


@final
@dataclass(frozen=True, kw_only=True)
class Temperature:
    """One number, which makes all scores more sure or less; it keeps their order."""

    __cite__: ClassVar[str] = """@inproceedings{guo2017calibration,
  title = {On Calibration of Modern Neural Networks},
  author = {Guo, Chuan and Pleiss, Geoff and Sun, Yu and Weinberger, Kilian Q.},
  booktitle = {International Conference on Machine Learning},
  year = {2017}
}"""

    def fit(self, scores: Sequence[float], labels: Sequence[float]) -> TemperatureMap:
        """The temperature with the least log loss, in [0.05, 20]."""
        _check(scores, labels)
        return TemperatureMap(fit_temperature(logit(scores).tolist(), labels))

    def entries(self, found: Map) -> dict[str, Any]:
        """``temperature``."""
        assert isinstance(found, TemperatureMap)
        return {"method": "temperature", "temperature": found.temperature}


@final
@dataclass(frozen=True, kw_only=True)
class Isotonic:
    """Any function that never falls: more labels than a temperature needs, some hundreds.

    Between steps of the fitted function there are straight lines, so that scores between two knots
    keep their order; those on one level become equal.
    """

    __cite__: ClassVar[str] = """@inproceedings{zadrozny2002transforming,
  title = {Transforming Classifier Scores into Accurate Multiclass Probability Estimates},
  author = {Zadrozny, Bianca and Elkan, Charles},
  booktitle = {ACM SIGKDD International Conference on Knowledge Discovery and Data Mining},
  year = {2002}
}"""

    def fit(self, scores: Sequence[float], labels: Sequence[float]) -> KnotMap:
        """The function with the least squared error; a knot at both ends of each level.

        Raises:
            MissingExtra: scipy is not installed.
        """
        try:
            from scipy.optimize import isotonic_regression
        except ImportError as error:
            raise MissingExtra(
                "isotonic calibration needs scipy: pip install 'specreward[train]'"
            ) from error
        _check(scores, labels)
        points, place, counts = np.unique(
            np.asarray(scores, float), return_inverse=True, return_counts=True
        )
        means = np.bincount(place, weights=np.asarray(labels, float)) / counts
        levels = np.clip(isotonic_regression(means, weights=counts.astype(float)).x, 0.0, 1.0)
        levels = np.maximum.accumulate(levels)
        ends = [
            at
            for at in range(len(points))
            if at in (0, len(points) - 1)
            or levels[at] != levels[at - 1]
            or levels[at] != levels[at + 1]
        ]
        return KnotMap(tuple([(float(points[at]), float(levels[at])) for at in ends]))

    def entries(self, found: Map) -> dict[str, Any]:
        """``knots``."""
        assert isinstance(found, KnotMap)
        return {"method": "isotonic", "knots": [list(knot) for knot in found.knots]}


def _check(scores: Sequence[float], labels: Sequence[float]) -> None:
    """Refuse what no map can be fitted on."""
    if len(scores) != len(labels) or len(scores) < FEWEST:
        raise InputError(
            f"expected scores with labels, at least {FEWEST} to calibrate on, got {len(scores)} "
            f"scores and {len(labels)} labels: label more solutions"
        )
    outside = [one for one in (*scores, *labels) if not 0 <= one <= 1]
    if outside:
        raise InputError(f"expected scores and labels in [0, 1], got {outside[0]!r}")
    good = sum([label >= 0.5 for label in labels])
    if good in (0, len(labels)):
        raise InputError(
            f"expected good and bad steps to calibrate on, got {len(labels)} that are all "
            f"{'good' if good else 'bad'}: label other solutions"
        )


def fit_temperature(logits: Sequence[float], labels: Sequence[float]) -> float:
    """The temperature in [0.05, 20] with the least log loss, by golden-section search."""
    z, y = np.asarray(logits, float), np.asarray(labels, float)
    low, high = math.log(0.05), math.log(20.0)
    golden = (math.sqrt(5) - 1) / 2
    for _ in range(60):
        a, b = high - golden * (high - low), low + golden * (high - low)
        if log_loss(z / math.exp(a), y) < log_loss(z / math.exp(b), y):
            high = b
        else:
            low = a
    return math.exp((low + high) / 2)


def compared(before: Quality, after: Quality) -> dict[str, float | int | None]:
    """Entries of ``calibration.json``: the quality of raw and of calibrated scores, side by side.

    An AUC of one class alone is not defined, which is None.

    Args:
        before: Of raw scores.
        after: Of calibrated scores of the same steps.
    """
    found = {
        "n": after.n,
        "positive": after.positive,
        "auc": after.auc,
        "auc_before": before.auc,
        "ece_before": before.ece,
        "ece_after": after.ece,
        "ece_mass_before": before.ece_mass,
        "ece_mass_after": after.ece_mass,
        "brier_before": before.brier,
        "brier_after": after.brier,
        "log_loss_before": before.loss,
        "log_loss_after": after.loss,
    }
    return {name: None if math.isnan(value) else value for name, value in found.items()}


def write_calibration(logits: Sequence[float], labels: Sequence[float], out: Path) -> float:
    """Fit the temperature of logits on all labels, and write ``calibration.json`` into a folder.

    What recipes do, whose weights are exported with the temperature in them. The quality is that on
    the labels on which the temperature was fitted.
    """
    temperature = fit_temperature(logits, labels)
    raw = np.asarray(logits, float)
    before, after = [measure(sigmoid(raw / one).tolist(), labels) for one in (1.0, temperature)]
    entries: dict[str, object] = {"method": "temperature", "temperature": temperature}
    write_whole(out / CALIBRATION, as_json(entries | compared(before, after)))
    return temperature
