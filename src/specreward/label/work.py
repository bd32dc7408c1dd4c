"""Many problems at once under one labeller: a ledger and a budget each, and nothing lost.

    for each pile, for each problem, at most ``concurrency`` at once:
        rows in the journal: take them
        else draw its solutions, if they are not there yet, and label them
             budget reached, anything wrong -> set aside with the reason; the others go on
        journal <- rows
    in the order of the problems

The models are wired with a store, so that what was asked before is not asked again; the journal
keeps the rows of problems that are done. What a problem gets depends on the labeller, its
solutions, the models and the budget, and on nothing that ran beside or before it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path as File
from typing import Any, Literal, final

from specreward.errors import InputError
from specreward.label.labelled import Labelled, dump_labelled, load_labelled
from specreward.label.labeller import Demanding, Labeller
from specreward.label.rollouts import different
from specreward.label.solutions import Pile
from specreward.ledger import Budget
from specreward.run import run
from specreward.types import Candidate, Models, Problem, Result, Usage

__all__ = ["Done", "Journal", "label_piles"]

_BUDGET = "problem {}: its budget was reached before it was labelled: give a larger --budget"


@dataclass(frozen=True, kw_only=True)
class Done:
    """What came of one problem of a pile.

    Args:
        problem: The problem.
        origin: Of its pile.
        rows: Its labelled solutions; none where the labeller had nothing to say, or it was set
            aside.
        solutions: Different ones that there were to label.
        ended: ``done``, ``budget`` or ``failed``.
        reason: Why it was set aside, in one line; None where it is done.
        usage: Cost by role and phase.
        counts: What the labeller counted, by name, such as ``rollouts``.
    """

    problem: Problem
    origin: str
    rows: tuple[Labelled, ...] = ()
    solutions: int = 0
    ended: Literal["done", "budget", "failed"] = "done"
    reason: str | None = None
    usage: Mapping[tuple[str, str], Usage] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)


def label_piles(
    labeller: Labeller,
    piles: Sequence[Pile],
    models: Models,
    *,
    budget: Budget | None = None,
    concurrency: int = 64,
    journal: File | None = None,
    about: Mapping[str, Any] | None = None,
    on_done: Callable[[Done], None] | None = None,
) -> list[Done]:
    """Label what is in the piles; one answer for each problem, in order.

    Args:
        labeller: What labels.
        piles: Problems with their solutions.
        models: The roles; wired with a store, they pay for no call twice.
        budget: Hard caps for each problem: what it draws and what its labels take.
        concurrency: Most problems at once, at least 1; changes the time, never a label.
        journal: A file that keeps the rows of problems that are done; made where there is none, and
            of this very work.
        about: Goes into the source of each labelled solution.
        on_done: Called with each problem as it comes, those of the journal included.

    Raises:
        InputError: What the labeller needs is not there, two problems of a pile share an id,
            ``concurrency`` is below 1, or an event loop runs here already.
        MissingExtra: A model needs what is not installed.
        StoreError: The store cannot be read or written.
        OSError: The journal cannot be written.
        KeyboardInterrupt: Ctrl-C; the same call goes on.
    """
    if isinstance(labeller, Demanding):
        labeller.check(models)
    kept = Journal(journal)
    found: list[Done] = []
    for pile in piles:
        work = _Work(labeller, pile, dict(about or {}), kept)

        def seen(result: Result, work: _Work = work) -> None:
            done = work.end(result)
            if on_done is not None:
                on_done(done)

        problems = [one.problem for one in pile.found]
        run(work, problems, models, budget=budget, concurrency=concurrency, on_result=seen)
        found += [work.done[problem.id] for problem in problems]
    return found


@final
class _Work:
    """The labelling of a pile as a strategy: what ``run`` does for a search, it does for labels."""

    def __init__(
        self, labeller: Labeller, pile: Pile, about: Mapping[str, Any], journal: Journal
    ) -> None:
        self._labeller = labeller
        self._pile = pile
        self._about = {**about, "solutions": pile.origin}
        self._journal = journal
        self._found = {one.problem.id: one for one in pile.found}
        self._rows: dict[str, tuple[tuple[Labelled, ...], int]] = {}
        self.done: dict[str, Done] = {}

    async def __call__(self, problem: Problem, models: Models) -> Result:
        """Label one problem, if its rows are not known yet."""
        result = Result(problem, None)
        if self._journal.known(self._pile.origin, problem) is None:
            found = self._found[problem.id]
            if self._pile.samples is not None:
                found = await self._pile.samples(problem, models)
            rows = await self._labeller(found, models)
            self._rows[problem.id] = (
                tuple([self._told(row) for row in rows]),
                len(different(found)),
            )
        return result

    def select(self, candidates: Sequence[Candidate], models: Models) -> None:
        """Nothing is answered here."""

    def _told(self, row: Labelled) -> Labelled:
        """With its source, and with an outcome that only its file knows."""
        key = row.path().key
        given, place = self._pile.outcomes.get(key), self._pile.places.get(key)
        return replace(
            row,
            outcome=given if row.outcome is None else row.outcome,
            source={**row.source, **self._about, **({} if place is None else {"place": place})},
        )

    def end(self, result: Result) -> Done:
        """What came of a problem: kept in the journal where it is done."""
        problem, origin = result.problem, self._pile.origin
        known = self._journal.known(origin, problem)
        if known is None:
            known = self._ended(result)
            if known.ended == "done":
                self._journal.keep(known)
        self.done[problem.id] = known
        return known

    def _ended(self, result: Result) -> Done:
        problem = result.problem
        rows, solutions = self._rows.pop(problem.id, ((), 0))
        base = Done(
            problem=problem,
            origin=self._pile.origin,
            solutions=solutions,
            usage=result.usage,
            counts=result.counts,
        )
        if result.ended == "failed":
            return replace(base, ended="failed", reason=result.error)
        if result.ended == "budget":
            return replace(base, ended="budget", reason=_BUDGET.format(problem.id))
        return replace(base, rows=rows)


@final
class Journal:
    """Rows of problems that are done, a line each; a line that a kill cut short is passed over.

    Args:
        file: Where; None keeps nothing.

    Raises:
        InputError: The file holds something else.
        OSError: It cannot be read.
    """

    def __init__(self, file: File | None) -> None:
        self._file = file
        self._known: dict[tuple[str, str], dict[str, Any]] = {}
        self._torn = False
        if file is not None and file.exists():
            lines = file.read_text("utf-8", errors="replace").split("\n")
            self._torn = bool(lines[-1])
            for number, line in enumerate(lines[:-1], 1):
                self._read(line, number)

    def _read(self, line: str, number: int) -> None:
        try:
            entry = json.loads(line)
            self._known[entry["origin"], entry["problem"]] = entry
        except (ValueError, KeyError, TypeError) as error:
            if line.strip() and not line.startswith('{"origin"'):
                raise InputError(
                    f"{self._file}:{number}: expected a line of this journal, got {line[:80]!r} "
                    f"({error!r}): move the file away"
                ) from error

    def known(self, origin: str, problem: Problem) -> Done | None:
        """What came of a problem before, if it was done."""
        entry = self._known.get((origin, problem.id))
        if entry is None:
            return None
        return Done(
            problem=problem,
            origin=origin,
            rows=tuple([load_labelled(row) for row in entry["rows"]]),
            solutions=entry["solutions"],
            usage={(role, phase): Usage(*spent) for role, phase, *spent in entry["usage"]},
            counts=entry["counts"],
        )

    def keep(self, done: Done) -> None:
        """Append what came of a problem."""
        if self._file is None:
            return
        entry = {
            "origin": done.origin,
            "problem": done.problem.id,
            "solutions": done.solutions,
            "rows": [json.loads(dump_labelled(row)) for row in done.rows],
            "usage": [[*key, *astuple(spent)] for key, spent in done.usage.items()],
            "counts": dict(done.counts),
        }
        with self._file.open("a", encoding="utf-8", newline="\n") as lines:
            lines.write("\n" * self._torn + json.dumps(entry) + "\n")
        self._torn = False
