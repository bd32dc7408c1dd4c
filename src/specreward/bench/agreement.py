"""Do benchmarks agree? The headlines of several reward models on several benchmarks, side by side.

    rank correlation of two benchmarks = Spearman's, over the models that both have, at least 3

That a model tells right steps from wrong ones says little about what a search gains by it: the
survey of reward models (arXiv 2510.01925) finds the two rankings far apart. So look at both.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import isnan, nan, sqrt
from pathlib import Path
from typing import Any

from specreward.errors import InputError

__all__ = ["RESULT", "Agreement", "Card", "agreement", "read_card", "spearman"]

RESULT = "result.json"
"""What ``specreward bench`` writes into its folder."""

FEWEST = 3


@dataclass(frozen=True, slots=True)
class Card:
    """One model on one benchmark.

    Args:
        benchmark: Its text.
        model: The reward model's text.
        headline: Name of the first number.
        value: The first number; NaN where it is not defined.
        items: How many were scored.
    """

    benchmark: str
    model: str
    headline: str
    value: float
    items: int


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two benchmarks rank the same models alike.

    Args:
        first: A benchmark.
        second: Another one.
        models: For which both have a number.
        correlation: Spearman's, in [-1, 1]; NaN of fewer than 3 models.
    """

    first: str
    second: str
    models: int
    correlation: float


def read_card(folder: Path) -> Card:
    """The card in a folder that ``specreward bench --output`` wrote.

    Raises:
        InputError: There is none that can be read.
    """
    file = folder / RESULT if folder.is_dir() else folder
    try:
        row: Mapping[str, Any] = json.loads(file.read_text("utf-8"))
        name, interval = next(iter(row["numbers"].items()))
        value = interval["estimate"]
        model = row["reward"] or row["scores"]
        return Card(
            str(row["benchmark"]),
            str(model),
            name,
            nan if value is None else float(value),
            int(row["items"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, StopIteration) as error:
        raise InputError(
            f"expected {file} as specreward bench --output writes it, got {error!r}"
        ) from error


def agreement(cards: Sequence[Card]) -> list[Agreement]:
    """Each two of the benchmarks, in the order met.

    Raises:
        InputError: A model has two results on one benchmark.
    """
    table: dict[str, dict[str, float]] = {}
    for card in cards:
        own = table.setdefault(card.benchmark, {})
        if card.model in own:
            raise InputError(f"{card.model} has two results on {card.benchmark}: give one of them")
        own[card.model] = card.value
    found = []
    for first, second in combinations(table, 2):
        models = [
            model
            for model, value in table[first].items()
            if not isnan(value) and not isnan(table[second].get(model, nan))
        ]
        values = [[table[name][m] for m in models] for name in (first, second)]
        found.append(Agreement(first, second, len(models), spearman(*values)))
    return found


def spearman(first: Sequence[float], second: Sequence[float]) -> float:
    """Spearman's rank correlation, ties at their mean rank; NaN of fewer than 3 or all equal."""
    if len(first) < FEWEST:
        return nan
    a, b = _centred(first), _centred(second)
    scale = sqrt(sum(x * x for x in a) * sum(y * y for y in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / scale if scale else nan


def _centred(values: Sequence[float]) -> list[float]:
    """Ranks about their mean."""
    ranks = [
        sum(other < value for other in values) + (sum(other == value for other in values) + 1) / 2
        for value in values
    ]
    middle = sum(ranks) / len(ranks)
    return [rank - middle for rank in ranks]
