"""What a benchmark is: items of a file, what a reward model says of each, and the metric.

    items(folder) -> [Item]          each holds the solutions that are to be scored
    score         -> scores of every solution of every item: one for each step, and one in all
    metrics(judged items) -> {name: number}     exactly as published

The metric is a pure function of recorded scores: published or recorded ones can be put in. It is
also what intervals are made of: ``metrics`` is called on items drawn again with replacement, each
group as often as before, so that it must not rely on unique ids and should be quick.

Optional, asked for by ``isinstance``:

    OnTask      items are problems of a task, whose embedded or trained reward models can be asked
    Settled     has a setting (such as a threshold) found from the scores before the metric
    Recorded    reads published files that hold scores as well
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

from specreward.types import Problem, Task

__all__ = ["Answer", "Benchmark", "Item", "Judged", "OnTask", "Recorded", "Settled"]


@dataclass(frozen=True, slots=True)
class Answer:
    """A solution to be scored: what a reward model reads beside the question.

    Args:
        steps: At least one; an answer that is not cut in steps is one step.
        model: Who wrote it, where that is known.
    """

    steps: tuple[str, ...]
    model: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One row of a benchmark.

    Args:
        id: Unique in the benchmark.
        group: Subset, split or class that the metric is averaged over.
        question: What the answers answer; a conversation is its turns, joined.
        answers: What is scored, ``[A]``.
        gold: What the metric needs to know of the truth, by name; values of JSON.
    """

    id: str
    group: str
    question: str
    answers: tuple[Answer, ...]
    gold: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Judged:
    """An item with what a reward model says of it.

    Args:
        item: The row.
        scores: One for each answer, ``[A]``; higher is better; empty where the benchmark is
            ``per_step``: a solution is not read twice.
        steps: One for each step of each answer, ``[A][T]``; empty where none are asked for.
    """

    item: Item
    scores: tuple[float, ...]
    steps: tuple[tuple[float, ...], ...] = ()

    def __hash__(self) -> int:
        """Cheap, as what metrics keep of an item is asked for in each draw of the intervals."""
        return hash(self.item.id)


class Benchmark(Protocol):
    """A benchmark; a frozen dataclass, one file each, with the paper in ``__cite__``."""

    @property
    def per_step(self) -> bool:
        """Whether it needs the scores of all steps, and then no others."""
        ...

    @property
    def folder(self) -> str:
        """Name of its folder among the public data."""
        ...

    def items(self, folder: Path) -> list[Item]:
        """The rows of the published files in a folder, or of one file.

        Raises:
            InputError: There is nothing there, or a row is not as published; file and line are
                named.
        """
        ...

    def metrics(self, judged: Sequence[Judged]) -> dict[str, float]:
        """Published numbers by name, the headline first; NaN where one is not defined."""
        ...


@runtime_checkable
class OnTask(Protocol):
    """A benchmark on problems of one task."""

    @property
    def task(self) -> Task:
        """Says what a reward model of the task reads."""
        ...

    def problem(self, item: Item) -> Problem:
        """The problem of an item, as the task wants it."""
        ...


@runtime_checkable
class Settled(Protocol):
    """A benchmark with a setting that the published protocol takes from the scores."""

    def settled(self, judged: Sequence[Judged]) -> Self:
        """The same with nothing left open; intervals are those for this setting held fixed."""
        ...


@runtime_checkable
class Recorded(Protocol):
    """A benchmark that reads published files in which scores stand beside the items."""

    def recorded(self, folder: Path) -> list[Judged]:
        """The items and the scores of a file or folder; errors as for ``items``."""
        ...
