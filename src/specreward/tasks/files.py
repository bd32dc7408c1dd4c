"""Problems from files: what is at a path decides how it is read.

    *.jsonl          one object a line: {"question": ..., "answer": ..., "id": ...}; the last two at will
    *.txt, -         one question a line; - is standard input, where JSONL lines are welcome too
    *.pddl, folder   Blocksworld: problem files in PDDL; a folder is read in natural order
    *.json           Blocksworld: a split of LLM-reasoners, a list of [PDDL path, plan, steps]
    *.csv            Game of 24: the ranked list of Tree of Thoughts, columns Rank and Puzzles

What can be read is kept, and each thing that cannot is a complaint ``file:line: expected ..., got ...``.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path as File
from typing import Any, Protocol

from specreward.errors import InputError
from specreward.tasks.pddl import read_pddl
from specreward.types import Problem, Task

__all__ = ["Comparable", "Reading", "forms", "ranks", "read_problems"]

Outcome = Problem | str
"""A problem, or the complaint that stands for one."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read.

    Args:
        problems: In the order of the file, ids unique.
        complaints: One line each for what could not be used, or not as it was.
    """

    problems: tuple[Problem, ...]
    complaints: tuple[str, ...] = ()


class Comparable(Task, Protocol):
    """A task that can tell whether two problems are the same but for names."""

    def canonical(self, problem: Problem) -> str:
        """A text that exactly the same problems share."""
        ...


def read_problems(task: Task, path: str | File) -> Reading:
    """The problems of a task in a file or folder, or on standard input (``-``).

    Raises:
        InputError: There is nothing at the path, it is not of a kind that the task reads, or nothing
            in it could be read.
        OSError: It cannot be opened.
    """
    if str(path) == "-":
        return _gathered(_lines(task, sys.stdin, "stdin"), "stdin")
    file = File(path)
    if not file.exists():
        raise InputError(f"{file}: expected a file or folder with problems, got nothing there")
    kind = "a folder" if file.is_dir() else file.suffix.lower()
    readers = {**_FOR_ALL, **_FOR_ONE.get(task.name, {})}
    if kind not in readers:
        raise InputError(
            f"{file}: expected one of {', '.join(sorted(readers))} for the task {task.name!r}, got "
            f"{kind or 'a name without ending'}"
        )
    return _gathered(readers[kind](task, file), str(file))


def forms(task: Comparable, path: str | File) -> frozenset[str]:
    """The canonical forms of all problems in a file, for ``generate(..., exclude=...)``."""
    return frozenset(task.canonical(problem) for problem in read_problems(task, path).problems)


def ranks(problems: Iterable[Problem], first: int, last: int) -> list[Problem]:
    """The problems whose ``meta["rank"]`` is from first to last, both included.

    Tree of Thoughts reports on ranks 901 to 1000 of its list.
    """
    return [p for p in problems if first <= int(p.meta.get("rank", first - 1)) <= last]


def _gathered(outcomes: Iterable[Outcome], source: str) -> Reading:
    problems: dict[str, Problem] = {}
    complaints: list[str] = []
    for outcome in outcomes:
        if isinstance(outcome, str):
            complaints.append(outcome)
            continue
        name, copy = outcome.id, 1
        while name in problems:
            copy += 1
            name = f"{outcome.id}-{copy}"
        if copy > 1:
            where = outcome.meta["source"]
            complaints.append(f"{where}: expected a new id, got {outcome.id!r} again: kept as {name!r}")
        problems[name] = replace(outcome, id=name)
    if not problems:
        shown = "; ".join(complaints[:3]) or "an empty file"
        raise InputError(f"{source}: expected at least one problem, got none: {shown}")
    return Reading(tuple(problems.values()), tuple(complaints))


def _made(
    task: Task, question: str, where: str, name: str | None = None, **meta: Any
) -> Problem:
    """The problem that a question stands for; InputError with the place in the file."""
    try:
        problem = task.parse(question)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    return replace(problem, id=name or problem.id, meta={**problem.meta, **meta, "source": where})


# ------------------------------------------------------------------ for every task


def _text(task: Task, file: File) -> Iterator[Outcome]:
    with file.open(encoding="utf-8-sig", errors="replace") as lines:
        yield from _lines(task, lines, str(file))


def _lines(task: Task, lines: Iterable[str], source: str) -> Iterator[Outcome]:
    """One problem a line, plain or as a JSON object; empty lines are skipped."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            where = f"{source}:{number}"
            try:
                yield (_entry if line.lstrip().startswith("{") else _made)(task, line, where)
            except InputError as error:
                yield str(error)


def _jsonl(task: Task, file: File) -> Iterator[Outcome]:
    with file.open(encoding="utf-8-sig", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    yield _entry(task, line, f"{file}:{number}")
                except InputError as error:
                    yield str(error)


def _entry(task: Task, line: str, where: str) -> Problem:
    """A problem from one line of JSONL; fields of other names go to ``meta``."""
    expected = 'an object like {"question": "...", "answer": "...", "id": "..."}'
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: expected {expected}, got {_short(line)} ({error})") from None
    if not isinstance(entry, dict) or not isinstance(entry.get("question"), str):
        raise InputError(f"{where}: expected {expected}, got {_short(line)}")
    for key in ("answer", "id"):
        if isinstance(entry.get(key), bool | list | dict):
            raise InputError(f"{where}: expected text or a number as {key!r}, got {entry[key]!r}")
    rest = {k: v for k, v in entry.items() if k not in ("question", "answer", "id")}
    name = None if entry.get("id") is None else str(entry["id"])
    problem = _made(task, entry["question"], where, name)
    problem = replace(problem, meta={**rest, **problem.meta})
    return problem if entry.get("answer") is None else _answered(task, problem, str(entry["answer"]))


def _answered(task: Task, problem: Problem, answer: str) -> Problem:
    """The problem with an answer that was given for it; one that the task finds wrong is refused."""
    where = problem.meta["source"]
    with_answer = replace(problem, answer=problem.answer or answer)
    if not task.check(with_answer, answer):
        known = f" like {problem.answer!r}" if problem.answer else ""
        raise InputError(f"{where}: expected a right answer{known}, got {_short(answer)}")
    return with_answer


def _short(text: str) -> str:
    text = text.strip()
    return repr(text if len(text) <= 80 else text[:77] + "...")


# ------------------------------------------------------------------ Blocksworld


def _pddl(task: Task, file: File) -> Iterator[Outcome]:
    try:
        yield _instance(task, file, file.stem, _plans(file.parent))
    except InputError as error:
        yield str(error)


def _folder(task: Task, folder: File) -> Iterator[Outcome]:
    """All problem files of a folder, ``instance-2`` before ``instance-10``."""
    plans = _plans(folder)
    for file in sorted(folder.glob("*.pddl"), key=_natural):
        try:
            yield _instance(task, file, file.stem, plans)
        except InputError as error:
            yield str(error)


def _natural(file: File) -> list[tuple[int, str]]:
    return [(int(part or 0), part) if part.isdigit() else (0, part) for part in re.split(r"(\d+)", file.name)]


def _instance(task: Task, file: File, name: str, plans: Mapping[str, str]) -> Problem:
    instance = read_pddl(file.read_text("utf-8", errors="replace"), str(file))
    renamed = {old: new for new, old in instance.names.items() if old != new}
    meta = {"names": instance.names} if renamed else {}
    problem = _made(task, instance.question, f"{file}:1", name, **meta)
    known = plans.get(file.name)
    return problem if known is None else _planned(task, problem, known)


def _planned(task: Task, problem: Problem, known: str) -> Problem:
    """The problem with a plan that was given for it, in the names of its file."""
    names = {old: new for new, old in problem.meta.get("names", {}).items()}
    words = re.findall(r"[^\s()]+|[()\n]", known.lower())
    plan = " ".join(names.get(word, word) for word in words)
    actions = re.findall(r"\(([^()]*)\)", plan)
    return _answered(task, problem, " ; ".join(action.strip() for action in actions))


def _plans(folder: File) -> dict[str, str]:
    """Plans by file name, as PlanBench keeps them in or beside a folder of instances."""
    for place in (folder / "info.json", folder / "info_optimal_plans.json"):
        if place.exists():
            return _plans_in(place)
    beside = folder.parent / "info_optimal_plans.json"
    return _plans_in(beside) if beside.exists() and folder.name == "generated_basic" else {}


def _plans_in(file: File) -> dict[str, str]:
    try:
        entries = json.loads(file.read_text("utf-8"))
        return {name: str(entry["plan"]) for name, entry in entries.items()}
    except (ValueError, AttributeError, KeyError, TypeError):
        raise InputError(
            f'{file}:1: expected {{"instance-1.pddl": {{"plan": "..."}}, ...}}, got something else: '
            f"repair it or move it away"
        ) from None


def _split(task: Task, file: File) -> Iterator[Outcome]:
    """A split of LLM-reasoners; each instance file is looked for near the split file."""
    text = file.read_text("utf-8", errors="replace")
    folders: dict[str, File | None] = {}
    for line, entry in _entries(text, file):
        where = f"{file}:{line}"
        match entry:
            case [str(path), str(plan), int(steps)]:
                try:
                    yield _split_problem(task, file, where, path, plan, folders, steps)
                except InputError as error:
                    yield str(error)
            case str() if isinstance(entry, str) and entry.startswith(str(file)):
                yield entry
            case _:
                shown = _short(json.dumps(entry))
                yield f'{where}: expected ["path/instance-1.pddl", "(pick-up a) ...", 2], got {shown}'


def _entries(text: str, file: File) -> Iterator[tuple[int, Any]]:
    """The members of a JSON list, each with its line."""
    decoder = json.JSONDecoder()
    place = len(text) - len(text.lstrip().removeprefix("["))
    while place < len(text):
        place += len(text[place:]) - len(text[place:].lstrip(" \t\r\n,"))
        if text[place : place + 1] in ("]", ""):
            return
        line = text.count("\n", 0, place) + 1
        try:
            entry, place = decoder.raw_decode(text, place)
        except ValueError as error:
            yield line, f"{file}:{line}: expected a JSON list of entries, got {error}"
            return
        yield line, entry
