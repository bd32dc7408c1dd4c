"""From what stands in a file to a problem, or to a complaint that names the place.

made       a question that the task can parse        answered     with a right answer
complaint  ``file:line: expected ..., got ...``      entry        a JSON object as both
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace

from specreward.errors import InputError
from specreward.types import Problem, Task

__all__ = ["Outcome", "answered", "attempt", "entry", "made", "short"]

Outcome = Problem | str
"""A problem, or the complaint that stands for one that could not be read."""

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
    """A problem from one line of JSONL; fields of other names go to ``meta``.

    Raises:
        InputError: The line is no such object, or the task cannot read it.
    """
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: expected {_OBJECT}, got {short(line)}: {error}") from None
    if not isinstance(fields, dict) or not isinstance(fields.get("question"), str):
        raise InputError(f"{where}: expected {_OBJECT}, got {short(line)}")
    for key in ("answer", "id"):
        if not isinstance(fields.get(key), str | int | float | None):
            raise InputError(f"{where}: expected text or a number as {key!r}, got {fields[key]!r}")
    answer, name = fields.get("answer"), fields.get("id")
    rest = {key: fields[key] for key in fields if key not in ("question", "answer", "id")}
    problem = made(task, fields["question"], where, None if name is None else str(name))
    problem = replace(problem, meta={**rest, **problem.meta})
    return problem if answer is None else answered(task, problem, str(answer))


def short(text: str) -> str:
    """A text in quotes, cut where it is long."""
    text = text.strip()
    return repr(text if len(text) <= 80 else text[:77] + "...")
