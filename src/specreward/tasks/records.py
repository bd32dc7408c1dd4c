"""From what stands in a file to a problem, or to a complaint that names the place.

made       a question that the task can parse        answered     with a right answer
complaint  ``file:line: expected ..., got ...``      entry        a JSON object as both

A task that knows the published format of a data set has a method ``record`` and reads objects with
it; any other object is read by the field ``question``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Protocol, runtime_checkable

from specreward.errors import InputError
from specreward.types import Problem, Task

__all__ = ["Outcome", "Recorded", "answered", "attempt", "entry", "made", "own", "short", "text_in"]

Outcome = Problem | str
"""A problem, or the complaint that stands for one that could not be read."""


@runtime_checkable
class Recorded(Protocol):
    """A task that reads the records of a data set."""

    def record(self, fields: Mapping[str, object], where: str) -> Problem:
        """A problem from one record; ``where`` is ``file:line``, kept as ``meta["source"]``.

        Raises:
            InputError: The record is not of a known format; the message opens with the place.
        """
        ...


_OBJECT = 'an object like {"question": "...", "answer": "...", "id": "..."}'


def attempt(read: Callable[[], Problem]) -> Iterator[Outcome]:
    """The problem that a call gives, or what it raised (InputError, OSError) as a complaint."""
    try:
        yield read()
    except InputError as error:
        yield str(error)
    except OSError as error:
        yield f"{error.filename}: expected a readable file, got {error.strerror}"


def made(task: Task, question: str, where: str, name: str | None = None) -> Problem:
    """The problem that a question stands for.

    Args:
        task: Parses it.
        question: Its text.
        where: ``file:line``, kept as ``meta["source"]``.
        name: Its id; by default the one that the task gives it.

    Raises:
        InputError: The task cannot read it; the message opens with the place.
    """
    try:
        problem = task.parse(question)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    return replace(problem, id=name or problem.id, meta={**problem.meta, "source": where})


def answered(task: Task, problem: Problem, answer: str) -> Problem:
    """The problem with an answer given for it, where the task has found none of its own.

    Raises:
        InputError: The task finds the given answer wrong.
    """
    full = problem if problem.answer is not None else replace(problem, answer=answer)
    if not task.check(full, answer):
        like = "" if problem.answer is None else f" like {short(problem.answer)}"
        where = problem.meta["source"]
        raise InputError(f"{where}: expected a right answer{like}, got {short(answer)}")
    return full


def entry(task: Task, line: str, where: str) -> Problem:
    """A problem from one line of JSONL.

    Raises:
        InputError: The line is no such object, or the task cannot read it.
    """
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: expected {_OBJECT}, got {short(line)}: {error}") from None
    if isinstance(task, Recorded) and isinstance(fields, dict):
        return task.record(fields, where)
    if not isinstance(fields, dict) or not isinstance(fields.get("question"), str):
        raise InputError(f"{where}: expected {_OBJECT}, got {short(line)}")
    return own(task, fields, where)


def own(task: Task, fields: Mapping[str, object], where: str) -> Problem:
    """A problem from an object with a question; fields of other names go to ``meta``.

    Raises:
        InputError: A field is of the wrong type, or the task cannot read it.
    """
    question = text_in(fields, "question", where)
    for key in ("answer", "id"):
        if not isinstance(fields.get(key), str | int | float | None):
            raise InputError(f"{where}: expected text or a number as {key!r}, got {fields[key]!r}")
    answer, name = fields.get("answer"), fields.get("id")
    rest = {key: fields[key] for key in fields if key not in ("question", "answer", "id")}
    problem = made(task, question, where, None if name is None else str(name))
    problem = replace(problem, meta={**rest, **problem.meta})
    return problem if answer is None else answered(task, problem, str(answer))


def text_in(fields: Mapping[str, object], key: str, where: str) -> str:
    """The text of a field that must be there.

    Raises:
        InputError: It is missing, empty or no text.
    """
    value = fields.get(key)
    if isinstance(value, str) and value.strip():
        return value
    if key not in fields:
        known = ", ".join(map(repr, fields)) or "none"
        raise InputError(f"{where}: expected a field {key!r}, got these fields: {short(known)}")
    raise InputError(f"{where}: expected text as {key!r}, got {short(repr(value))}")


def short(text: str) -> str:
    """A text in quotes, cut where it is long."""
    text = text.strip()
    return repr(text if len(text) <= 80 else text[:77] + "...")
