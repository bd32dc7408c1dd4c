"""Preference pairs: of two ways to go on from one place, which is better, and by how much.

siblings   steps after the same beginning, by their labels
solutions  whole solutions of the same problem, by their outcomes
given      the pairs of a file, as two solutions each whose ``source`` says which is which
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from specreward.checks import number
from specreward.errors import InputError
from specreward.label.labelled import Labelled
from specreward.types import Problem

__all__ = ["Pair", "as_solutions", "given_pairs", "margin_of", "outcome_pairs", "sibling_pairs"]

SIDES = ("chosen", "rejected")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two ways to go on, the better one first.

    Args:
        problem: What is solved.
        prefix: Steps before; none for whole solutions.
        chosen: Steps of the better way, at least one.
        rejected: Steps of the other, at least one.
        margin: By how much the label of the better one is larger, at least 0.

    Raises:
        InputError: A way has no step, both are the same, or the margin is no such number.
    """

    problem: Problem
    prefix: tuple[str, ...]
    chosen: tuple[str, ...]
    rejected: tuple[str, ...]
    margin: float = 0.0

    def __post_init__(self) -> None:
        where = f"problem {self.problem.id!r}"
        if not self.chosen or not self.rejected or self.chosen == self.rejected:
            raise InputError(
                f"{where}: expected two ways of at least one step that differ, got "
                f"{self.chosen!r:.80} and {self.rejected!r:.80}"
            )
        number(f"{where}: margin", self.margin, 0)


def as_solutions(pair: Pair, place: str) -> list[Labelled]:
    """The two ways as solutions, the better one first; their steps have no labels.

    Args:
        pair: What is compared.
        place: Where it stands, by which ``given_pairs`` knows that the two belong together.
    """
    ways = zip(SIDES, (pair.chosen, pair.rejected), strict=True)
    return [
        Labelled(
            problem=pair.problem,
            steps=(*pair.prefix, *way),
            labels=(None,) * (len(pair.prefix) + len(way)),
            kind="value",
            source={"format": "preference", "place": place, "pair": side, "margin": pair.margin},
        )
        for side, way in ways
    ]


def given_pairs(data: Iterable[Labelled]) -> list[tuple[Labelled, Labelled]]:
    """The pairs of ``as_solutions`` among solutions, in order; half a pair is left out.

    Raises:
        InputError: The margin of a pair is no number of at least 0.
    """
    found: dict[str, dict[str, Labelled]] = {}
    for one in data:
        side = one.source.get("pair")
        if side in SIDES:
            number(f"problem {one.problem.id!r}: margin", margin_of(one), 0)
            found.setdefault(str(one.source.get("place")), {})[str(side)] = one
    return [
        (sides["chosen"], sides["rejected"]) for sides in found.values() if len(sides) == len(SIDES)
    ]


def margin_of(one: Labelled) -> float:
    """The margin of the pair that a solution is half of; 0 for others."""
    return one.source.get("margin", 0.0) if one.source.get("pair") in SIDES else 0.0


def sibling_pairs(data: Iterable[Labelled], margin: float = 0.0) -> Iterator[Pair]:
    """Steps after the same beginning whose labels differ.

    Args:
        data: Solutions; those of one problem need not stand together. All are held in memory.
        margin: Least difference, at least 0; equal labels make no pair. Labels of one step that
            is there several times are averaged.

    Raises:
        InputError: The margin is no such number, or the solutions have labels of several kinds.
    """
    number("margin", margin, 0)
    known: dict[tuple[Problem, tuple[str, ...]], dict[str, list[float]]] = {}
    kinds = set()
    for one in data:
        kinds.add(one.kind)
        if len(kinds) > 1:
            raise InputError(
                f"expected labels of one kind to compare, got {' and '.join(sorted(kinds))}"
            )
        for at, label in enumerate(one.labels):
            if label is not None:
                siblings = known.setdefault((one.problem, one.steps[:at]), {})
                siblings.setdefault(one.steps[at], []).append(label)
    for (problem, prefix), siblings in known.items():
        ways: dict[tuple[str, ...], float] = {
            (step,): sum(labels) / len(labels) for step, labels in siblings.items()
        }
        yield from _pairs(problem, prefix, ways, margin)


def outcome_pairs(data: Iterable[Labelled], margin: float = 0.0) -> Iterator[Pair]:
    """Whole solutions of the same problem whose outcomes differ; arguments as above.

    Raises:
        InputError: The margin is no such number.
    """
    number("margin", margin, 0)
    known: dict[Problem, dict[tuple[str, ...], list[float]]] = {}
    for one in data:
        if one.outcome is not None:
            known.setdefault(one.problem, {}).setdefault(one.steps, []).append(one.outcome)
    for problem, solutions in known.items():
        means = {steps: sum(found) / len(found) for steps, found in solutions.items()}
        yield from _pairs(problem, (), means, margin)


def _pairs(
    problem: Problem,
    prefix: tuple[str, ...],
    ways: Mapping[tuple[str, ...], float],
    margin: float,
) -> Iterator[Pair]:
    both: Sequence[tuple[tuple[str, ...], float]]
    for both in combinations(ways.items(), 2):
        (bad, low), (good, high) = sorted(both, key=lambda way: way[1])
        if high > low and high - low >= margin - 1e-9:
            yield Pair(problem=problem, prefix=prefix, chosen=good, rejected=bad, margin=high - low)
