"""Where solutions to label come from: a file of them, the run of a search, or the policy.

    file     JSON lines or a JSON list, one solution each:
             question (or problem, prompt)    id? answer? outcome? meta?
             steps (or completions)           a list of texts, or
             solution (or completion)         a text in one piece, which a splitter cuts
    run      finished candidates of each problem, and its tree; with ``leaves`` the paths besides
             on which the search did not go on
    policy   samples of it until the end, those that end without an answer among them

A row that cannot be used is set aside with its place, the reason and its text, never lost.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path as File
from typing import Any, final

from specreward.errors import InputError
from specreward.label.reading import Rejected, read_records
from specreward.label.rollouts import outcome
from specreward.label.splitting import Written
from specreward.spec import name_of, parse
from specreward.store import Store
from specreward.tasks.records import own, short
from specreward.types import Candidate, Completion, Models, Path, Problem, Result, Task

__all__ = [
    "Pile",
    "Samples",
    "SolutionFile",
    "followed",
    "from_run",
    "leaves_of",
    "piled",
    "read_solutions",
]

_QUESTIONS = ("question", "problem", "prompt")
_LISTS = ("steps", "completions")
_TEXTS = ("solution", "completion")
_ON = " on "


@dataclass(frozen=True, slots=True)
class SolutionFile:
    """What was read of a file.

    Args:
        solutions: In order.
        rejected: The rows that could not be read.
    """

    solutions: tuple[Written, ...]
    rejected: tuple[Rejected, ...] = ()


@final
@dataclass(frozen=True, kw_only=True)
class Samples:
    """Solutions that the policy draws when their problem's turn comes, under its budget.

    Args:
        n: For each problem, at least 1.
        temperature: 0 draws one and repeats it.
    """

    n: int
    temperature: float

    async def __call__(self, problem: Problem, models: Models) -> Result:
        """All that were drawn, in order; nobody scored them, so that their score is NaN."""
        [paths] = await models.policy.extend(
            [Path(problem)], self.n, until="end", temperature=self.temperature
        )
        return Result(problem, None, candidates=tuple([Candidate(p, math.nan) for p in paths]))


@dataclass(frozen=True, kw_only=True)
class Pile:
    """Problems with their solutions, from one place.

    Args:
        origin: The place, for the source of each labelled solution.
        found: One for each problem; ids are unique.
        samples: Draws the solutions; None where they are in ``found``.
        outcomes: By key of the path: what a file says of answers that the task cannot check.
        places: By key of the path: ``file:line``.
    """

    origin: str
    found: tuple[Result, ...]
    samples: Samples | None = None
    outcomes: Mapping[tuple[str, ...], float] = field(default_factory=dict)
    places: Mapping[tuple[str, ...], str] = field(default_factory=dict)


# ---------------------------------------------------------------------------------- files


def read_solutions(task: Task, file: File) -> SolutionFile:
    """The solutions of a file of JSON lines or a JSON list, plain or packed by gzip.

    Raises:
        InputError: There is no such file, it cannot be read, or not one solution is in it.
    """
    if not file.is_file():
        raise InputError(f"{file}: expected a file of solutions or a run, got nothing there")
    solutions: list[Written] = []
    rejected: list[Rejected] = []
    problems: dict[str, Problem] = {}
    for record in read_records(file):
        where = f"{file}:{record.line}"
        try:
            if record.row is None:
                raise InputError(record.reason)
            solutions.append(_solution(task, record.row, where, problems))
        except InputError as error:
            reason = str(error).removeprefix(f"{where}: ")
            rejected.append(Rejected(str(file), record.line, reason, record.raw))
    if not solutions:
        shown = "; ".join([str(one) for one in rejected[:3]]) or "no records"
        raise InputError(f"{file}: expected at least one solution, got none: {shown}")
    return SolutionFile(tuple(solutions), tuple(rejected))


def _solution(
    task: Task, row: Mapping[str, Any], where: str, problems: dict[str, Problem]
) -> Written:
    problem = _problem(task, row, where)
    known = problems.setdefault(problem.id, problem)
    if known != problem:
        raise InputError(
            f"{where}: expected the question and the answer that id {problem.id!r} had before, got "
            f"{short(problem.question)} with answer {problem.answer!r}: give each problem an id of "
            "its own"
        )
    steps, whole = _steps(row, where)
    return Written(
        problem=known, steps=steps, whole=whole, outcome=_outcome(row, where), where=where
    )


def _first(row: Mapping[str, Any], names: Sequence[str]) -> str | None:
    return next((name for name in names if row.get(name) is not None), None)


def _problem(task: Task, row: Mapping[str, Any], where: str) -> Problem:
    name = _first(row, _QUESTIONS)
    if name is None:
        raise InputError(
            f"{where}: expected one of the fields {', '.join(_QUESTIONS)}, got {short(str([*row]))}"
        )
    fields = {key: row[key] for key in ("id", "answer") if row.get(key) is not None}
    problem = own(task, {"question": row[name], **fields}, where)
    return replace(problem, meta={**_meta(row, where), **problem.meta})


def _meta(row: Mapping[str, Any], where: str) -> dict[str, Any]:
    meta = {} if row.get("meta") is None else row["meta"]
    try:
        json.dumps(meta, allow_nan=False)
    except ValueError as error:
        raise InputError(f"{where}: expected JSON as 'meta', got {error}") from error
    if not isinstance(meta, dict):
        raise InputError(f"{where}: expected an object as 'meta', got {short(repr(meta))}")
    return meta


def _steps(row: Mapping[str, Any], where: str) -> tuple[tuple[str, ...], bool]:
    name = _first(row, (*_LISTS, *_TEXTS))
    if name is None:
        raise InputError(
            f"{where}: expected one of the fields {', '.join((*_LISTS, *_TEXTS))}, got "
            f"{short(str([*row]))}"
        )
    value = row[name]
    texts = value if name in _LISTS else [value]
    sound = isinstance(texts, list) and bool(texts)
    if not sound or not all(isinstance(text, str) and text.strip() for text in texts):
        kind = "a list of texts that are not empty" if name in _LISTS else "a text, not empty"
        raise InputError(f"{where}: expected {kind} as {name!r}, got {short(repr(value))}")
    return tuple(texts), name in _TEXTS


def _outcome(row: Mapping[str, Any], where: str) -> float | None:
    value = row.get("outcome")
    if value is None:
        return None
    if not isinstance(value, bool | int | float) or not 0 <= value <= 1:
        raise InputError(
            f"{where}: expected true, false or a number from 0 to 1 as 'outcome', got "
            f"{short(repr(value))}"
        )
    return float(value)


# ---------------------------------------------------------------------------------- paths


def followed(task: Task, problem: Problem, steps: Sequence[str]) -> Path:
    """The path of given steps, read as the task reads those of a policy, up to where it ends."""
    path = Path(problem)
    for text in steps:
        if path.open:
            path = path.then(task.step(path, Completion(text, 0, None, 0)))
    return path


def piled(
    task: Task, solutions: Sequence[Written], steps: Sequence[Sequence[str]], origin: str
) -> tuple[Pile, list[Rejected], int]:
    """Solutions by problem, in the order in which these came.

    Args:
        task: Says where a solution ends and what is right.
        solutions: As written.
        steps: Of each, as a splitter cut them.
        origin: The file.

    Returns:
        The pile; the solutions of which the file says another outcome than the task; and how many
        have steps behind the one that ends them, which are left off.
    """
    found: dict[str, list[Candidate]] = {}
    problems: dict[str, Problem] = {}
    outcomes: dict[tuple[str, ...], float] = {}
    places: dict[tuple[str, ...], str] = {}
    rejected: list[Rejected] = []
    longer = 0
    for one, texts in zip(solutions, steps, strict=True):
        path = followed(task, one.problem, texts)
        checked = outcome(path, task)
        if one.outcome is not None and checked is not None and one.outcome != checked:
            rejected.append(_contradiction(one, path, checked, len(texts)))
            continue
        if one.outcome is not None:
            outcomes[path.key] = one.outcome
        places.setdefault(path.key, one.where)
        longer += path.depth < len(texts)
        problems[one.problem.id] = one.problem
        score = math.nan if one.outcome is None else one.outcome
        found.setdefault(one.problem.id, []).append(Candidate(path, score))
    results = [
        Result(problem, None, candidates=tuple(found[name])) for name, problem in problems.items()
    ]
    pile = Pile(origin=origin, found=tuple(results), outcomes=outcomes, places=places)
    return pile, rejected, longer


def _contradiction(one: Written, path: Path, checked: float, steps: int) -> Rejected:
    end = "breaks a rule or is one too many" if path.dead else "is the answer"
    file, _, line = one.where.rpartition(":")
    return Rejected(
        file,
        int(line) if line.isdigit() else 0,
        f"expected an outcome as the task finds it, {checked:g}, got {one.outcome:g}: for the task "
        f"step {path.depth} of {steps} {end}; mend the row, or cut it in other steps",
        json.dumps({"question": one.problem.question, "steps": one.steps}, ensure_ascii=False),
    )


# ---------------------------------------------------------------------------------- runs


def from_run(file: File, strategy: str | None, leaves: bool, limit: int | None) -> list[Pile]:
    """What the searches of a run found: a pile for each strategy, with trees.

    Args:
        file: A run file.
        strategy: Only this one; None for all of the run's own task, without those on other
            domains, which are named ``strategy on domain``.
        leaves: Whether paths on which a search did not go on are solutions too.
        limit: Most problems of each strategy.

    Raises:
        InputError: There is no such strategy in the run, or nothing that did not fail.
        StoreError: The file cannot be read.
    """
    with Store(file, write=False) as store:
        runs = {row.strategy: row.id for row in store.runs()}
        own = [name for name in runs if _ON not in name]
        names = own if strategy is None else [_known(strategy, [*runs], file)]
        piles = []
        for name in names:
            done = [one for one in store.results(runs[name]) if one.ended != "failed"][:limit]
            found = tuple([leaves_of(one) if leaves else one for one in done])
            if found:
                piles.append(Pile(origin=f"{file.name}: {name}", found=found))
    if not piles:
        raise InputError(f"{file}: expected searches that ended, got none: run compare first")
    return piles


def _known(strategy: str, names: Sequence[str], file: File) -> str:
    """The name in a run of a strategy as a user writes it."""
    text, on, domain = strategy.partition(_ON)
    found = strategy if strategy in names else name_of(parse(text, "strategy")) + on + domain
    if found not in names:
        raise InputError(
            f"{file}: expected one of its strategies, {', '.join(names) or '(none)'}, got "
            f"{strategy!r}"
        )
    return found


def leaves_of(found: Result) -> Result:
    """The result with each judged path besides that no other judged path goes on from."""
    known = {one.path.key for one in found.candidates}
    parents = {path.key for path, _ in found.expansions}
    ends = [one for one in _judged(found) if one.path.key not in parents | known]
    return replace(found, candidates=(*found.candidates, *ends))


def _judged(found: Result) -> Iterator[Candidate]:
    seen: set[tuple[str, ...]] = set()
    for _, judgements in found.expansions:
        for one in judgements:
            if one.path.key not in seen:
                seen.add(one.path.key)
                yield Candidate(one.path, one.score)
