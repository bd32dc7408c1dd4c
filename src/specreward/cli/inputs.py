"""What the user writes, as objects: strategies, budgets, and where problems come from."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from specreward.cli.screen import warn
from specreward.errors import InputError, nearest
from specreward.ledger import Budget
from specreward.spec import name_of, parse
from specreward.tasks.files import read_problems
from specreward.types import Problem, Strategy, Task

__all__ = [
    "file_problems",
    "generated",
    "read_budget",
    "read_strategies",
    "text_problems",
]


def read_strategies(specs: Sequence[str]) -> list[tuple[str, Strategy]]:
    """Strategies with their names, in order.

    Raises:
        InputError: One cannot be read, or two are the same.
    """
    found: dict[str, Strategy] = {}
    for spec in specs:
        strategy = parse(spec, "strategy")
        name = name_of(strategy)
        if name in found:
            raise InputError(f"strategy {name} is given twice: give each once")
        found[name] = strategy
    return list(found.items())


def read_budget(text: str | None) -> Budget | None:
    """A budget from ``tokens=5000,seconds=30``; None stays None.

    Raises:
        InputError: A kind is unknown or given twice, or a cap is no positive number.
    """
    if text is None:
        return None
    known = [field.name for field in fields(Budget)]
    caps: dict[str, float] = {}
    for part in text.split(","):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            raise InputError(
                f"budget: expected kind=number such as tokens=5000, got {part.strip()[:80]!r}; "
                f"kinds: {', '.join(known)}"
            )
        if name not in known:
            raise nearest(name, known, "kind of budget")
        if name in caps:
            raise InputError(f"budget: {name} is given twice: give it once")
        caps[name] = _cap(name, value)
    return Budget(**caps)


def _cap(name: str, value: str) -> float:
    try:
        cap = float(value)
    except ValueError:
        cap = math.nan
    if not (math.isfinite(cap) and cap > 0):
        raise InputError(
            f"budget: expected {name} to be a number above 0, got {value[:40]!r}: nothing can be "
            "asked of a model without it"
        )
    if name in ("tokens", "calls"):
        if cap != int(cap):
            raise InputError(f"budget: expected a whole number of {name}, got {value!r}")
        return int(cap)
    return cap


def generated(task: Task, limit: int, split: str, seed: int) -> list[Problem]:
    """Problems made on the spot.

    Raises:
        InputError: ``limit`` is below 1, or the task has no such split or not so many problems.
    """
    if limit < 1:
        raise InputError(f"expected a limit of at least 1 problem, got {limit}")
    return task.generate(limit, split, seed)


def file_problems(task: Task, path: Path, limit: int | None = None) -> list[Problem]:
    """The good problems of a file or folder; each bad one is reported on standard error.

    Raises:
        InputError: Nothing there can be read, or two problems have one id.
    """
    found, complaints = read_problems(task, path)
    for complaint in complaints:
        warn(complaint)
    if not found:
        why = "; all that is there was refused" if complaints else ""
        raise InputError(f"expected problems of {task.name} in {path}, found none{why}")
    chosen = list(found[:limit])
    seen: set[str] = set()
    for problem in chosen:
        if problem.id in seen:
            raise InputError(f"{path}: two problems have the id {problem.id!r}: rename one")
        seen.add(problem.id)
    return chosen


def text_problems(task: Task, text: str | None) -> list[Problem]:
    """Problems from the argument of ``solve``: a text, a file, ``-``, or none at all.

    ``-`` reads one problem from each line of standard input; without a text one is made.
    """
    if text is None:
        return generated(task, 1, "test", 0)
    if text == "-":
        return _lines(task, sys.stdin.read().splitlines())
    path = Path(text)
    try:
        is_path = path.exists()
    except OSError:  # too long for a path, so that it is a problem
        is_path = False
    return file_problems(task, path) if is_path else [task.parse(text)]


def _lines(task: Task, lines: Sequence[str]) -> list[Problem]:
    found: list[Problem] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found.append(task.parse(line))
        except InputError as error:
            warn(f"-:{number}: {error}")
    if not found:
        raise InputError("expected a problem on each line of standard input, found none to read")
    return found
