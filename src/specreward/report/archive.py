"""Run files as the viewer shows them: files, their runs, the problems of a run, one tree.

    Archive -> FileView -> RunView          what there is
            -> Comparison                   accuracy and cost of the runs of one file, with drawings
            -> [ProblemView]                of one run
            -> TreeView                     of one run and problem

Files are opened to read from and stay open; another process may be writing them. What is right is
asked of the task: the one given, or the one that ``command.json`` beside a run file names.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import final

from specreward.errors import InputError, SpecRewardError
from specreward.report.chart import Point, chart
from specreward.report.listing import Comparison, FileView, Group, RunSummary, RunView
from specreward.report.reasons import reason_of, rule_of
from specreward.report.record import outcome
from specreward.report.rows import spent
from specreward.report.views import (
    ProblemView,
    TreeView,
    Verdict,
    costs,
    problem_view,
    tree_view,
)
from specreward.spec import parse
from specreward.stats import Interval, wilson
from specreward.store import RunRow, Store, problem_key
from specreward.types import Problem, Result, Task

__all__ = ["Archive"]

COMMAND = "command.json"
RUN = "run.db"


@final
@dataclass(frozen=True)
class _File:
    """An open run file with its task."""

    id: str
    name: str
    store: Store
    task: Task | None
    abroad: Task | None
    known: dict[str, Problem] = field(default_factory=dict)

    def problem(self, key: str) -> Problem | None:
        """A problem by its key; the file is read again where it is not known yet."""
        if key not in self.known:
            self.known.update({_key(one): one for one in self.store.problems()})
        return self.known.get(key)

    def task_of(self, row: RunRow) -> Task | None:
        """The task of a run; one on another domain says so in its name."""
        return self.abroad if " on " in row.strategy else self.task

    def view(self, only: Callable[[RunRow], bool]) -> FileView:
        return FileView(
            id=self.id,
            name=self.name,
            task=None if self.task is None else self.task.name,
            runs=[self.run(row) for row in self.store.runs() if only(row)],
        )

    def run(self, row: RunRow) -> RunView:
        return RunView(
            id=f"{self.id}-{row.id}",
            strategy=row.strategy,
            models=row.models,
            budget=row.budget,
            results=row.results,
        )


@final
class Archive:
    """Run files on disk, read as the viewer needs them; from any thread.

    Args:
        places: Run files, folders with one, or folders of such folders; looked through again each
            time, so that new ones appear. What is not there yet is left out.
        task: Checks the answers; None takes the task that a comparison's ``command.json`` names.
        only: Which runs are shown; all by default.
    """

    def __init__(
        self,
        places: Sequence[str | Path],
        *,
        task: Task | None = None,
        only: Callable[[RunRow], bool] = lambda row: True,
    ) -> None:
        self._places = [Path(place) for place in places]
        self._task = task
        self._only = only
        self._lock = Lock()
        self._open: dict[tuple[str, int], _File] = {}
        self._checked: dict[tuple[object, ...], tuple[str | None, Verdict]] = {}

    def close(self) -> None:
        """Close the files."""
        with self._lock:
            for file in self._open.values():
                file.store.close()
            self._open.clear()

    # ------------------------------------------------------------------ what there is

    def files(self) -> list[FileView]:
        """All files, those that cannot be read with their error."""
        found = []
        for path in self._paths():
            try:
                found.append(self._file(path).view(self._only))
            except SpecRewardError as error:
                found.append(
                    FileView(id=_id(path), name=_name(path), task=None, runs=[], error=str(error))
                )
        return found

    def comparison(self, file: str) -> Comparison:
        """The runs of a file against each other.

        Raises:
            InputError: There is no such file.
        """
        own = self._file(self._path(file))
        runs = [
            self._summary(own, row) for row in own.store.runs() if self._only(row) and row.results
        ]
        groups: dict[tuple[str, str], list[RunSummary]] = {}
        for one in runs:
            groups.setdefault((one.run.models, one.run.budget), []).append(one)
        return Comparison(file=own.view(self._only), groups=[_group(of) for of in groups.values()])

    def problems(self, run: str) -> list[ProblemView]:
        """The problems of a run that have a result, in their order.

        Raises:
            InputError: There is no such run.
        """
        file, row = self._run(run)
        return [self._problem(file, row, one) for one in file.store.results(row.id, trees=False)]

    def tree(self, run: str, problem: str) -> TreeView:
        """One search.

        Raises:
            InputError: There is no such run, or no result of it on such a problem.
        """
        file, row = self._run(run)
        found = file.problem(problem)
        result = None if found is None else file.store.result(row.id, found)
        if result is None:
            raise InputError(f"expected a problem with a result in run {run}, got {problem!r}")
        view = self._problem(file, row, result)
        return tree_view(row.strategy, view, result, reason_of(rule_of(row.strategy)))

    # ------------------------------------------------------------------ files

    def _paths(self) -> list[Path]:
        """The run files that are there now."""
        found: list[Path] = []
        for place in self._places:
            if place.is_dir():
                found += [place / RUN, *sorted(place.glob(f"*/{RUN}"))]
            else:
                found.append(place)
        return [path for path in dict.fromkeys(found) if path.is_file()]

    def _path(self, file: str) -> Path:
        for path in self._paths():
            if _id(path) == file:
                return path
        raise InputError(f"expected the id of a run file, got {file!r}: see the list of files")

    def _file(self, path: Path) -> _File:
        """The open file; one that was replaced by another is opened anew."""
        with self._lock:
            key = (str(path), path.stat().st_ino)
            if key not in self._open:
                home, abroad = (self._task, self._task) if self._task else _tasks_of(path)
                store = Store(path, write=False)
                self._open[key] = _File(_id(path), _name(path), store, home, abroad)
            return self._open[key]

    def _run(self, run: str) -> tuple[_File, RunRow]:
        name, _, number = run.rpartition("-")
        file = self._file(self._path(name))
        for row in file.store.runs():
            if str(row.id) == number and self._only(row):
                return file, row
        raise InputError(f"expected the id of a run, got {run!r}: see the list of files")

    # ------------------------------------------------------------------ results

    def _problem(self, file: _File, row: RunRow, result: Result) -> ProblemView:
        key = _key(result.problem)
        answer, verdict = self._verdict(file, row, key, result)
        return problem_view(key, result, answer, verdict)

    def _verdict(
        self, file: _File, row: RunRow, key: str, result: Result
    ) -> tuple[str | None, Verdict]:
        """The answer and what it is worth; a check may be slow and is made once."""
        if result.best is None:
            return None, "failed" if result.ended == "failed" else "none"
        path = result.best.path
        task = file.task_of(row)
        if task is None:
            return path.steps[-1].text if path.steps else None, "unchecked"
        known = (file.id, row.id, key, path.key)
        if known not in self._checked:
            self._checked[known] = judged(result, task)
        return self._checked[known]

    def _summary(self, file: _File, row: RunRow) -> RunSummary:
        results = file.store.results(row.id, trees=False)
        verdicts = [self._problem(file, row, one).verdict for one in results]
        usage = spent([one.usage for one in results])
        return RunSummary(
            run=file.run(row),
            verdicts={name: verdicts.count(name) for name in dict.fromkeys(verdicts)},
            accuracy=_accuracy(verdicts),
            cost=costs(usage, max(len(results), 1)),
        )


# ---------------------------------------------------------------------------------- answers


def judged(result: Result, task: Task) -> tuple[str | None, Verdict]:
    """The answer of a search that found one, and what it is worth by the task's check.

    A task that compares with a reference calls an answer wrong where there is no reference; such an
    answer is unchecked, unless it is right by the problem alone.
    """
    try:
        one = outcome(result, task)
    except SpecRewardError:
        return None, "unchecked"
    if one.correct:
        return one.answer, "right"
    return one.answer, "unchecked" if result.problem.answer is None else "wrong"


def _accuracy(verdicts: Sequence[Verdict]) -> Interval | None:
    """Right ones of all; None where an answer was not checked, or there was none to check."""
    if "unchecked" in verdicts or not {"right", "wrong"} & set(verdicts):
        return None
    return wilson(verdicts.count("right"), len(verdicts))


def _group(runs: Sequence[RunSummary]) -> Group:
    """Runs on the same models under the same budget, with their drawings."""
    axes = (
        ("language-model tokens per problem", [one.cost.llm_tokens for one in runs]),
        ("FLOPs per problem, all roles", [one.cost.flops for one in runs]),
        ("dollars per problem", [one.cost.dollars for one in runs]),
    )
    checked = all(one.accuracy is not None for one in runs)
    charts = [
        chart(
            [
                Point(name=one.run.strategy, cost=cost, accuracy=one.accuracy)
                for one, cost in zip(runs, spent, strict=True)
                if one.accuracy is not None
            ],
            axis,
        )
        for axis, spent in axes
        if checked and any(spent)
    ]
    return Group(models=runs[0].run.models, budget=runs[0].run.budget, runs=runs, charts=charts)


# ---------------------------------------------------------------------------------- names


def _key(problem: Problem) -> str:
    return problem_key(problem).hex()


def _id(path: Path) -> str:
    return blake2b(str(path.resolve()).encode(), digest_size=5).hexdigest()


def _name(path: Path) -> str:
    """What a user calls a run file: its folder's name where the file is called ``run.db``."""
    return path.resolve().parent.name if path.name == RUN else path.name


def _tasks_of(path: Path) -> tuple[Task | None, Task | None]:
    """The tasks at home and abroad that the command beside a run file names; None where unknown."""
    try:
        command = json.loads(path.with_name(COMMAND).read_text("utf-8"))
        home = parse(command["task"], "task")
        abroad = command["extend_to"]
        return home, None if abroad is None else parse(abroad["task"], "task")
    except (OSError, ValueError, KeyError, TypeError, SpecRewardError):
        return None, None
