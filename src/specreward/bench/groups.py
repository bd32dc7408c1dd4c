"""Means over the groups of a benchmark: its subsets, splits, classes or domains."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import nan

from specreward.bench.benchmark import Judged

__all__ = ["grouped", "mean"]


def grouped(judged: Sequence[Judged]) -> dict[str, list[Judged]]:
    """The items of each group, in the order in which the groups come."""
    groups: dict[str, list[Judged]] = {}
    for one in judged:
        groups.setdefault(one.item.group, []).append(one)
    return groups


def mean(values: Iterable[float]) -> float:
    """The plain mean; NaN of none, or where one is."""
    known = list(values)
    return sum(known) / len(known) if known else nan
