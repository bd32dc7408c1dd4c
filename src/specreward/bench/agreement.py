"""A report card of reward models: telling steps apart beside what is gained, and do they agree?

    of a run of ``specreward bench``     its headline, and its best-of-n gain where it has one
    of a run of ``specreward compare``   the gain in accuracy of each strategy over the first one
    rank correlation of two measures     Spearman's, over the models that both have, at least 3

That a model tells right steps from wrong ones says little about what a search gains by it: the
survey of reward models (arXiv 2510.01925) finds the two rankings far apart. So look at all three.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import isnan, nan
from pathlib import Path
from typing import Any

from specreward.bench.standings import spearman
from specreward.errors import InputError

__all__ = ["RESULT", "Agreement", "Card", "agreement", "read_cards", "table"]

RESULT = "result.json"
"""What ``specreward bench`` writes into its folder."""
SUMMARY = "summary.json"
"""What ``specreward compare`` writes into its folder."""


@dataclass(frozen=True, slots=True)
class Card:
    """One number of one model.

    Args:
        measure: What was measured, and its number: ``processbench(): f1``.
        model: The reward model's text.
        value: The number; NaN where it is not defined.
        items: On how many.
    """

    measure: str
    model: str
    value: float
    items: int


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two measures rank the same models alike.

    Args:
        first: A measure.
        second: Another one.
        models: For which both have a number.
        correlation: Spearman's, in [-1, 1]; NaN of fewer than 3 models.
    """

    first: str
    second: str
    models: int
    correlation: float


def read_cards(folder: Path) -> list[Card]:
    """The cards in a folder that ``specreward bench`` or ``specreward compare`` wrote.

    Raises:
        InputError: There is none that can be read, or a comparison had no ``--reward``.
    """
    files = [folder / name for name in (RESULT, SUMMARY) if (folder / name).is_file()]
    expected = (
        f"expected {folder} with {RESULT} as specreward bench --output writes it, or {SUMMARY} of "
        "specreward compare"
    )
    if not files:
        got = "a folder without either" if folder.is_dir() else "no such folder"
        raise InputError(f"{expected}, got {got}")
    try:
        row: Mapping[str, Any] = json.loads(files[0].read_text("utf-8"))
        return _measured(row) if files[0].name == RESULT else _searched(folder, row)
    except InputError:
        raise
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(
            f"{expected}, got {files[0].name} that is no such file or is damaged: run it again"
        ) from error


def _measured(row: Mapping[str, Any]) -> list[Card]:
    """The headline, which stands first, and the best-of-n gain."""
    names = list(row["numbers"])
    shown = [names[0], *[name for name in names[1:] if name.partition("@")[0] == "gain"]]
    model, items = str(row["reward"] or row["scores"]), int(row["items"])
    values = [row["numbers"][name]["estimate"] for name in shown]
    return [
        Card(f"{row['benchmark']}: {name}", model, nan if value is None else float(value), items)
        for name, value in zip(shown, values, strict=True)
    ]


def _searched(folder: Path, row: Mapping[str, Any]) -> list[Card]:
    """What each strategy gains over the first."""
    if "reward" not in row["problems"]:
        raise InputError(f"{folder}: expected a comparison with --reward, got one without: give it")
    first, *others = row["strategies"]
    if not others:
        raise InputError(f"{folder}: expected two strategies or more, got {first['spec']} alone")
    return [
        Card(
            f"{row['task']}: {one['spec']} over {first['spec']}",
            str(row["problems"]["reward"]),
            float(one["accuracy"]) - float(first["accuracy"]),
            int(one["n"]),
        )
        for one in others
    ]


def table(cards: Sequence[Card]) -> dict[str, dict[str, Card]]:
    """The card of each model by measure, in the order met.

    Raises:
        InputError: A model has two results of one measure.
    """
    found: dict[str, dict[str, Card]] = {}
    for card in cards:
        own = found.setdefault(card.measure, {})
        if card.model in own:
            raise InputError(f"{card.model} has two results on {card.measure}: give one of them")
        own[card.model] = card
    return found


def agreement(cards: Sequence[Card]) -> list[Agreement]:
    """Each two of the measures, in the order met; errors as of ``table``."""
    found = []
    for (first, own), (second, other) in combinations(table(cards).items(), 2):
        both = [
            (card.value, other[model].value)
            for model, card in own.items()
            if model in other and not isnan(card.value + other[model].value)
        ]
        values = [value for value, _ in both], [value for _, value in both]
        found.append(Agreement(first, second, len(both), spearman(*values)))
    return found
