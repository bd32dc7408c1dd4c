"""What the viewer lists, as plain data: run files, their runs, and runs against each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

from specreward.report.views import CostView
from specreward.stats import Interval

__all__ = ["Comparison", "FileView", "Group", "RunSummary", "RunView"]


@final
@dataclass(frozen=True, kw_only=True)
class RunView:
    """One run: a strategy on models under a budget.

    Args:
        id: Tells it from all other runs, in whatever file.
        strategy: As text.
        models: The models and the task, in words.
        budget: In words.
        results: Problems that have a result.
    """

    id: str
    strategy: str
    models: str
    budget: str
    results: int


@final
@dataclass(frozen=True, kw_only=True)
class FileView:
    """A run file.

    Args:
        id: Tells it from all others.
        name: The folder that it lies in, or its own name.
        task: The task whose check says what is right; None where none is known.
        runs: Oldest first.
        error: Why it cannot be read; None where it can.
    """

    id: str
    name: str
    task: str | None
    runs: Sequence[RunView]
    error: str | None = None


@final
@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """What one run came to.

    Args:
        run: The run.
        verdicts: How many problems ended with each verdict.
        accuracy: Right ones of all, with the 95 % interval; None unless all answers were checked.
        cost: Mean per problem.
    """

    run: RunView
    verdicts: Mapping[str, int]
    accuracy: Interval | None
    cost: CostView


@final
@dataclass(frozen=True, kw_only=True)
class Group:
    """Runs on the same models under the same budget.

    Args:
        models: In words.
        budget: In words.
        runs: Oldest first; the number of a point in ``charts`` is the place here, from 1 on.
        charts: Accuracy against cost as SVG elements; none where nothing was checked.
    """

    models: str
    budget: str
    runs: Sequence[RunSummary]
    charts: Sequence[str]


@final
@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The runs of a file against each other, in groups that can be compared."""

    file: FileView
    groups: Sequence[Group]
