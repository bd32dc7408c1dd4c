"""Equal children are one candidate: they are merged before anything is weighed, and counted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TypeVar

from specreward.types import Path, Siblings, Step

__all__ = ["Drawn", "added", "distinct", "regroup", "wording"]

T = TypeVar("T")

Drawn = Sequence[tuple[Path, int]]
"""The distinct children of one parent with how often each was drawn, ``[C]``."""


def distinct(siblings: Siblings) -> list[tuple[Path, int]]:
    """The distinct children with their counts, ``[C]``, in order of first drawing.

    Children are equal if the texts of all steps below the parent are, whitespace apart. The first
    of equal children stands for all: their log-probability is that of one string.
    """
    first: dict[str, Path] = {}
    counts: dict[str, int] = {}
    for child in siblings.children:
        text = wording(siblings.parent, child)
        if text in counts:
            counts[text] += 1
        else:
            first[text] = child
            counts[text] = 1
    return list(zip(first.values(), counts.values(), strict=True))


def wording(parent: Path, child: Path) -> str:
    """What tells the children of one parent apart."""
    return "\n".join([" ".join(step.text.split()) for step in added(parent, child)])


def added(parent: Path, child: Path) -> tuple[Step, ...]:
    """The steps of a child below its parent: one, unless whole paths are drawn."""
    return child.steps[len(parent.steps) :]


def regroup(values: Iterable[T], like: Sequence[Sequence[object]]) -> list[list[T]]:
    """A flat run of values cut into lists as long as those of ``like``."""
    run = iter(values)
    return [list(islice(run, len(group))) for group in like]
