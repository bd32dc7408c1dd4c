"""From a raw score to a calibrated one, by what ``specreward calibrate`` wrote.

    {"method": "temperature", "temperature": T}          sigmoid(logit(score) / T)
    {"method": "isotonic", "knots": [[score, q], ...]}   straight lines between the knots, and as
                                                         the nearest one outside of them

Both never fall: no order of scores is turned round. Knots may make two scores equal. Everything
else in the file says how good the map is, and is not read here.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import exp, log
from pathlib import Path
from typing import Any, final

from specreward.checks import is_number
from specreward.errors import InputError

__all__ = ["CALIBRATION", "LEAST", "KnotMap", "TemperatureMap", "map_of", "read_map"]

CALIBRATION = "calibration.json"
"""Name of the file in a model's folder."""

LEAST = 1e-7
"""Scores nearer than this to 0 or 1 are taken as this far from them: networks round there."""


@final
@dataclass(frozen=True)
class TemperatureMap:
    """``sigmoid(logit(score) / temperature)``.

    Args:
        temperature: Above 0; above 1 makes scores less sure.

    Raises:
        InputError: It is no such number.
    """

    temperature: float

    def __post_init__(self) -> None:
        if not is_number(self.temperature) or self.temperature <= 0:
            raise InputError(
                f"temperature: expected a number above 0, got {self.temperature!r:.80}"
            )

    def __call__(self, score: float) -> float:
        """The calibrated score, of one in [0, 1]."""
        sure = min(max(score, LEAST), 1 - LEAST)
        return 1 / (1 + exp(-log(sure / (1 - sure)) / self.temperature))


@final
@dataclass(frozen=True)
class KnotMap:
    """Straight lines between knots.

    Args:
        knots: (score, calibrated), at least one, scores ascending, calibrated ones not falling,
            all in [0, 1].

    Raises:
        InputError: They are not so.
    """

    knots: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        known = all(
            len(knot) == 2 and all(is_number(x) and 0 <= x <= 1 for x in knot)
            for knot in self.knots
        )
        rising = known and all(a[0] < b[0] and a[1] <= b[1] for a, b in pairwise(self.knots))
        if not self.knots or not rising:
            raise InputError(
                "knots: expected pairs (score, calibrated) in [0, 1], scores ascending and "
                f"calibrated ones not falling, got {self.knots!r:.80}"
            )

    def __call__(self, score: float) -> float:
        """The calibrated score, of one in [0, 1]."""
        at = bisect_right(self.knots, score, key=lambda knot: knot[0])
        if at in (0, len(self.knots)):
            return self.knots[max(0, at - 1)][1]
        (x, low), (end, high) = self.knots[at - 1 : at + 1]
        # Between the two ends whatever rounding does, so that it never falls.
        return min(max(low + (high - low) * (score - x) / (end - x), low), high)


def read_map(folder: Path) -> Callable[[float], float] | None:
    """The map of a model's folder; None where it was not calibrated.

    Raises:
        InputError: ``calibration.json`` is damaged.
    """
    path = folder / CALIBRATION
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: expected a calibration, got {error}: calibrate again") from None
    try:
        return map_of(found)
    except InputError as error:
        raise InputError(f"{path}: {error}: calibrate again") from None


def map_of(found: Mapping[str, Any]) -> Callable[[float], float]:
    """The map of what a calibration file holds.

    Raises:
        InputError: The method is unknown, or what it needs is missing or wrong.
    """
    method = found.get("method") if isinstance(found, dict) else None
    if method == "temperature":
        return TemperatureMap(found.get("temperature", 0))
    if method == "isotonic":
        knots = found.get("knots")
        if not isinstance(knots, list) or not all(isinstance(knot, list) for knot in knots):
            raise InputError(f"knots: expected a list of pairs, got {knots!r:.80}")
        return KnotMap(tuple([tuple(knot) for knot in knots]))
    raise InputError(f"method: expected temperature or isotonic, got {method!r:.80}")
