"""What the user writes, as objects: strategies, budgets, and where problems come from."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path
from typing import final

from specreward.assemble import Engines, engines_for
from specreward.cli.screen import warn
from specreward.errors import InputError, nearest
from specreward.label.formats import Format
from specreward.label.labelled import Labelled
from specreward.label.reading import Rejected, read_labelled
from specreward.label.writing import set_aside
from specreward.ledger import Budget
from specreward.reward.catalogue import read_reward
from specreward.spec import name_of, parse
from specreward.tasks.files import read_problems
from specreward.types import Problem, Strategy, Task

__all__ = [
    "SHOWN",
    "ModelChoice",
    "file_problems",
    "generated",
    "labelled",
    "read_budget",
    "read_strategies",
    "text_problems",
]


SHOWN = 3
"""Bad records that are shown; all are kept."""


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


@final
@dataclass(frozen=True, kw_only=True)
class ModelChoice:
    """Which models the user asked for: a source, and what replaces parts of it.

    Args:
        models: Name of the source.
        policy: Text of an engine, or None.
        reward: Text of a reward model or the name of published weights, or None.
        judge: Text of an engine, or None.
        draft: Text of an engine, or None.
    """

    models: str
    policy: str | None
    reward: str | None
    judge: str | None
    draft: str | None

    def engines(self, task: Task) -> Engines:
        """The engines for a task.

        Raises:
            InputError: A text cannot be read, or what it names cannot be loaded.
        """
        found = engines_for(
            task,
            self.models,
            policy=None if self.policy is None else parse(self.policy, "languagemodel"),
            reward=None if self.reward is None else read_reward(self.reward),
            judge=None if self.judge is None else parse(self.judge, "languagemodel"),
            draft=None if self.draft is None else parse(self.draft, "languagemodel"),
        )
        assert found.names  # weights in this process are loaded now: what cannot be is said at once
        return found


def read_budget(text: str | None) -> Budget | None:
    """A budget from ``tokens=5000,seconds=30``; None stays None.

    Raises:
        InputError: A kind is unknown or given twice, or a cap is no positive number.
    """
    if text is None:
        return None
    known = [field.name for field in fields(Budget)]
    caps: dict[str, str] = {}
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
        caps[name] = value
    return Budget(
        tokens=_whole("tokens", caps),
        calls=_whole("calls", caps),
        dollars=_number("dollars", caps),
        seconds=_number("seconds", caps),
    )


def _number(name: str, caps: Mapping[str, str]) -> float | None:
    if name not in caps:
        return None
    try:
        return float(caps[name])
    except ValueError:
        raise InputError(
            f"budget {name}: expected a number above 0, got {caps[name][:40]!r}"
        ) from None


def _whole(name: str, caps: Mapping[str, str]) -> int | None:
    cap = _number(name, caps)
    if cap is None:
        return None
    if not cap.is_integer():
        raise InputError(f"budget {name}: expected a whole number above 0, got {caps[name]!r}")
    return int(cap)


def generated(task: Task, limit: int, split: str, seed: int) -> list[Problem]:
    """Problems made on the spot; what the task warns of is reported on standard error.

    Raises:
        InputError: ``limit`` is below 1, or the task has no such split or not so many problems.
    """
    if limit < 1:
        raise InputError(f"expected a limit of at least 1 problem, got {limit}")
    with warnings.catch_warnings(record=True) as complaints:
        warnings.simplefilter("always")
        problems = task.generate(limit, split, seed)
    for complaint in complaints:
        warn(str(complaint.message))
    return problems


def file_problems(task: Task, path: str | Path, limit: int | None = None) -> list[Problem]:
    """The good problems of a file, a folder or standard input (``-``), at most ``limit``.

    Each bad one is reported on standard error as ``file:line: expected ...``.

    Raises:
        InputError: Nothing there can be read.
    """
    if limit is not None and limit < 1:
        raise InputError(f"expected a limit of at least 1 problem, got {limit}")
    found = read_problems(task, path)
    for complaint in found.complaints:
        warn(complaint)
    return list(found.problems[:limit])


def labelled(
    files: Sequence[Path], aside: Path, *, layout: Format | None = None, limit: int | None = None
) -> list[list[Labelled]]:
    """The labelled solutions of each file; bad records are set aside, and the first ones shown.

    Args:
        files: JSON lines or JSON lists of any format.
        aside: Where bad records go.
        layout: The format; None tells it from the first record.
        limit: Most solutions of each file.

    Raises:
        InputError: A file cannot be read, or is of no known format.
        StoreError: Bad records cannot be written.
    """
    bad = 0
    with set_aside(aside) as keep:

        def take(record: Rejected) -> None:
            nonlocal bad
            bad += 1
            if bad <= SHOWN:
                warn(f"set aside {record}")
            keep(record)

        found = [list(islice(read_labelled(file, layout, take), limit)) for file in files]
    if bad:
        warn(f"{bad} set aside with their reasons in {aside}")
    return found


def text_problems(task: Task, text: str | None, seed: int) -> list[Problem]:
    """Problems from the argument of ``solve``: a text, a file, ``-``, or none at all.

    ``-`` reads one problem from each line of standard input; without a text one is made.
    """
    if text is None:
        return generated(task, 1, "test", seed)
    try:
        is_file = text == "-" or (bool(text.strip()) and Path(text).exists())
    except OSError:  # too long for a path, so that it is a problem
        is_file = False
    if is_file:
        return file_problems(task, text)
    try:
        return [task.parse(text)]
    except InputError as error:
        if Path(text).suffix and not any(letter.isspace() for letter in text):
            raise InputError(f"expected a problem or a file, got no file {text!r}") from error
        raise
