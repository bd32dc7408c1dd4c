"""A label for each step after each beginning, however many solutions go through it.

    rows that begin alike     s1 s2 a      labels  .9 .6 .1
    (a labeller's own way)    s1 s2 b              .9 .6 .8      ->     None None .8

Labellers by rollouts write a row for each solution, and the labels of a shared beginning in each of
them. Counted as they stand, a beginning would weigh as much as it has solutions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from specreward.label.labelled import Labelled

__all__ = ["counted_once"]


def counted_once(data: Sequence[Labelled]) -> list[Labelled]:
    """The solutions with a label left, each label in the first of those that go through its step.

    Where labels of equal steps after equal beginnings differ, it is their mean.

    Args:
        data: Solutions; those of one problem need not stand together.
    """
    known: dict[tuple[str, tuple[str, ...]], list[float]] = {}
    for one in data:
        for at, label in enumerate(one.labels):
            if label is not None:
                known.setdefault((one.problem.question, one.steps[: at + 1]), []).append(label)
    found: list[Labelled] = []
    for one in data:
        labels: list[float | None] = []
        for at, label in enumerate(one.labels):
            here = (one.problem.question, one.steps[: at + 1])
            same = [] if label is None else known.pop(here, [])
            labels.append(sum(same) / len(same) if same else None)
        if any(label is not None for label in labels):
            found.append(replace(one, labels=tuple(labels)))
    return found
