"""Problems from files: what is at a path decides how it is read.

    *.jsonl          one object a line: {"question": ...}, with "answer" and "id" at will
    *.txt, -         one question a line; - is standard input, where JSONL lines are welcome too
    *.pddl, folder   Blocksworld: problem files in PDDL
    *.json           Blocksworld: a split of LLM-reasoners
    *.csv            Game of 24: the ranked list of Tree of Thoughts
    *.jsonl, *.json  tasks on data sets: the published format of each; a list, objects by name, or
                     an object a line

What can be read is kept; what cannot is a complaint ``file:line: expected ..., got ...``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path as File
from typing import Protocol

from specreward.errors import InputError
from specreward.tasks import published
from specreward.tasks.records import Outcome, Recorded, attempt, entry, made, short
from specreward.types import Problem, Task

__all__ = ["Comparable", "Reading", "forms", "gathered", "ranks", "read_problems"]


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read.

    Args:
        problems: In the order of the file, ids unique.
        complaints: One line for each thing that could not be used, or not as it was.
    """

    problems: tuple[Problem, ...]
    complaints: tuple[str, ...] = ()


class Comparable(Task, Protocol):
    """A task that can tell whether two problems are the same but for names."""

    def canonical(self, problem: Problem) -> str:
        """A text that such problems share, and no others."""
        ...


def read_problems(task: Task, path: str | File) -> Reading:
    """The problems of a task in a file or folder, or on standard input (``-``).

    Raises:
        InputError: There is nothing at the path, it is not of a kind that the task reads, or
            nothing in it could be read.
        OSError: It cannot be opened.
    """
    if str(path) == "-":
        return gathered(_lines(task, sys.stdin, "stdin"), "stdin")
    file = File(path)
    if not file.exists():
        raise InputError(f"{file}: expected a file or folder with problems, got nothing there")
    kind = "folder" if file.is_dir() else file.suffix.lower()
    of_task = {".json": _json} if isinstance(task, Recorded) else _OWN_READERS.get(task.name, {})
    readers = {**_READERS, **of_task}
    if kind not in readers:
        raise InputError(
            f"{file}: expected {', '.join(sorted(readers))} for the task {task.name!r}, got "
            f"{kind or 'a name without ending'}"
        )
    return gathered(readers[kind](task, file), str(file))


def forms(task: Comparable, path: str | File) -> frozenset[str]:
    """The canonical forms of all problems in a file, for ``generate(..., exclude=...)``."""
    return frozenset(task.canonical(problem) for problem in read_problems(task, path).problems)


def ranks(problems: Iterable[Problem], first: int, last: int) -> list[Problem]:
    """The problems whose ``meta["rank"]`` is from first to last, both included.

    Tree of Thoughts reports on ranks 901 to 1000 of its list.
    """
    return [p for p in problems if "rank" in p.meta and first <= int(p.meta["rank"]) <= last]


def gathered(outcomes: Iterable[Outcome], source: str) -> Reading:
    """Problems and complaints apart; an id that came before gets a number."""
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
            again = f"got {outcome.id!r} again: kept as {name!r}"
            complaints.append(f"{where}: expected a new id, {again}")
        problems[name] = replace(outcome, id=name)
    if not problems:
        shown = "; ".join(complaints[:3]) or "nothing in it"
        raise InputError(f"{source}: expected at least one problem, got none: {shown}")
    return Reading(tuple(problems.values()), tuple(complaints))


def _text(task: Task, file: File) -> Iterator[Outcome]:
    with file.open(encoding="utf-8-sig", errors="replace") as lines:
        yield from _lines(task, lines, str(file))


def _lines(task: Task, lines: Iterable[str], source: str) -> Iterator[Outcome]:
    """One problem a line, plain or as a JSON object; empty lines are skipped."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            read = entry if line.lstrip().startswith("{") else made
            yield from attempt(partial(read, task, line, f"{source}:{number}"))


def _jsonl(task: Task, file: File) -> Iterator[Outcome]:
    with file.open(encoding="utf-8-sig", errors="replace") as lines:
        yield from _objects(task, lines, str(file))


def _objects(task: Task, lines: Iterable[str], source: str) -> Iterator[Outcome]:
    """One JSON object a line; empty lines are skipped."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield from attempt(partial(entry, task, line, f"{source}:{number}"))


def _json(task: Task, file: File) -> Iterator[Outcome]:
    """The records of a list, or of an object that holds them by name: the name is their id.

    Some sets call a file so that has an object a line; it is read as such.
    """
    text = file.read_text("utf-8-sig", errors="replace")
    if _has_lines(text):
        yield from _objects(task, text.split("\n"), str(file))
        return
    try:
        for line, name, fields in _members(text):
            yield from attempt(partial(_record, task, fields, f"{file}:{line}", name))
    except (ValueError, RecursionError) as error:
        expected = "a JSON list of records, or an object that holds them by name"
        yield f"{file}:1: expected {expected}, got {short(text)}: {error}"


def _has_lines(text: str) -> bool:
    """Whether a text has more than one line, and the first is a JSON object."""
    first, _, rest = text.strip().partition("\n")
    try:
        return bool(rest) and first.startswith("{") and json.loads(first) is not None
    except (ValueError, RecursionError):
        return False


def _record(task: Task, fields: object, where: str, name: str | None) -> Problem:
    if not (isinstance(fields, dict) and isinstance(task, Recorded)):
        raise InputError(f"{where}: expected a record, got {short(json.dumps(fields))}")
    named = fields if name is None or "id" in fields else {"id": name, **fields}
    return task.record(named, where)


def _members(text: str) -> Iterator[tuple[int, str | None, object]]:
    """The members of a JSON list or object: line, name if any, value; ValueError if it is none."""
    decoder = json.JSONDecoder()
    start = _skip(text, 0)
    ends = {"[": "]", "{": "}"}
    end = ends.get(text[start : start + 1])
    if end is None:
        raise ValueError("it opens with neither [ nor {")
    line, counted, place = 1, 0, start + 1
    while text[(place := _skip(text, place)) : place + 1] != end:
        line += text.count("\n", counted, place)
        counted, name = place, None
        if end == "}":
            name, place = decoder.raw_decode(text, place)
            place = _skip(text, place)
        value, place = decoder.raw_decode(text, place)
        yield line, name, value
    if rest := text[place + 1 :].strip():
        raise ValueError(f"behind its end stands {short(rest)}")


def _skip(text: str, place: int) -> int:
    """The next place that holds neither space nor punctuation between members."""
    while place < len(text) and text[place] in " \t\r\n,:":
        place += 1
    return place


_Reader = Callable[[Task, File], Iterator[Outcome]]
_READERS: dict[str, _Reader] = {".jsonl": _jsonl, ".txt": _text}
_OWN_READERS: dict[str, dict[str, _Reader]] = {
    "blocksworld": {
        ".pddl": published.pddl,
        "folder": published.folder,
        ".json": published.split,
    },
    "game24": {".csv": published.ranked},
}
