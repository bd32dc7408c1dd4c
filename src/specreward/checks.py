"""Checks of settings: each refuses with what was expected and what came."""

from __future__ import annotations

import sys
from math import inf
from typing import TypeGuard

from specreward.errors import InputError

__all__ = ["flag", "is_number", "number", "part", "positive", "rule", "span", "whole"]


def flag(name: str, value: bool) -> None:
    """Refuse a setting that is neither True nor False."""
    if not isinstance(value, bool):
        raise InputError(f"{name}: expected True or False, got {value!r}")


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value is a finite number that a float can hold; no True or False."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return abs(value) <= sys.float_info.max


def number(name: str, value: float, low: float = -inf, high: float = inf) -> None:
    """Refuse a setting that is no finite number in ``[low, high]``."""
    if not is_number(value) or not low <= value <= high:
        bounds = "" if low == -inf else f" of at least {low:g}"
        bounds = bounds if high == inf else f" in [{low:g}, {high:g}]"
        raise InputError(f"{name}: expected a finite number{bounds}, got {value!r}")


def positive(name: str, value: float) -> None:
    """Refuse a setting that is no finite number above 0."""
    if not is_number(value) or value <= 0:
        raise InputError(f"{name}: expected a finite number above 0, got {value!r}")


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def whole(name: str, value: int, low: float, high: float = inf) -> None:
    """Refuse a setting that is no integer in ``[low, high]``."""
    if not _is_whole(value) or not low <= value <= high:
        bounds = f"of at least {low}" if high == inf else f"from {low} to {high}"
        raise InputError(f"{name}: expected an integer {bounds}, got {value!r}")


def span(name: str, value: tuple[int, int], low: int, high: float = inf) -> None:
    """Refuse a setting that is no pair (least, most) of integers in ``[low, high]``."""
    pair = isinstance(value, tuple) and len(value) == 2 and all(map(_is_whole, value))
    if not pair or not low <= value[0] <= value[1] <= high:
        bounds = f"of at least {low}" if high == inf else f"from {low} to {high}"
        raise InputError(f"{name}: expected (least, most), two integers {bounds}, got {value!r}")


def rule(name: str, value: object, example: str) -> None:
    """Refuse a setting that is no callable object."""
    if not callable(value) or isinstance(value, type):
        raise InputError(f"{name}: expected an object such as {example}, got {value!r}")


def part(name: str, value: object, kind: type, example: str) -> None:
    """Refuse a setting that is no object with the methods of a protocol, or no such object."""
    if isinstance(value, type) or not isinstance(value, kind):
        raise InputError(f"{name}: expected an object such as {example}, got {value!r}")
