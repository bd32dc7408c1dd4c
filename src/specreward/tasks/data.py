"""Splits of the data that a task was given.

    one file              each problem by a hash of it: 60 % train, 20 % tune, 20 % test
    a set with splits     train and test are its own; tune is its validation split, and where it has
    (hub or folder)       none, a fifth of train by the same hash; without test, validation is test
    a set with one split  as one file

No problem of ``test`` stands in another split, and none of ``tune`` in ``train``, by the text of
the question, letter case and spaces aside: what is found twice stays in the last of its splits.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from hashlib import blake2b
from pathlib import Path as File
from typing import Protocol

from specreward.errors import InputError
from specreward.seeds import derive
from specreward.tasks.files import Comparable, Reading, gathered, read_problems
from specreward.tasks.hub import is_hub_name, rows
from specreward.tasks.records import Outcome, Recorded, attempt
from specreward.types import Problem

__all__ = ["Sourced", "instances", "pick", "share"]

_SHARES = {"train": range(60), "tune": range(60, 80), "test": range(80, 100)}
_TUNE = ("validation", "valid", "val", "dev")


class Sourced(Comparable, Recorded, Hashable, Protocol):
    """A task whose problems come from data."""

    @property
    def data(self) -> str:
        """A file, a folder, a name on the hub, or nothing."""
        ...

    def kin(self, problem: Problem) -> str:
        """A text that problems share which must not stand in different splits."""
        ...


def pick(task: Sourced, n: int, split: str, seed: int) -> list[Problem]:
    """``n`` problems of a split, in an order that the seed fixes.

    Raises:
        InputError: There is no such split, no data, or not so many problems.
        MissingExtra: The data needs a library that is not installed.
    """
    if split not in _SHARES:
        raise InputError(f"split: expected one of {', '.join(_SHARES)}, got {split!r}")
    pool = list(_splits(task)[split])
    if len(pool) < n:
        raise InputError(
            f"expected at most {len(pool)} problems, as many as split {split!r} of {task.data!r} "
            f"has, got {n}"
        )
    random.Random(derive(seed, task.name, split)).shuffle(pool)
    return pool[:n]


def instances(task: Sourced) -> tuple[Problem, ...]:
    """All problems of the data; errors as for ``pick``."""
    splits = _splits(task)
    return tuple([problem for split in _SHARES for problem in splits[split]])


def share(text: str) -> str:
    """The split of a text by its hash."""
    bucket = int.from_bytes(blake2b(text.encode(), digest_size=4).digest(), "big") % 100
    return next(split for split, buckets in _SHARES.items() if bucket in buckets)


def _splits(task: Sourced) -> Mapping[str, tuple[Problem, ...]]:
    if not task.data:
        raise InputError(
            f"{task.name}: expected data, got none: say {task.name}(data='FILE') with a file in "
            "the published format, or the name of a data set on the hub; or give problems with "
            "--problems FILE"
        )
    file = File(task.data)
    if not file.exists() and not is_hub_name(task.data):
        raise InputError(
            f"{task.name}: expected data in a file, a folder, or on the hub as owner/name, got "
            f"nothing at {task.data!r}"
        )
    return _loaded(task, file.stat().st_mtime_ns if file.is_file() else 0)


@lru_cache(maxsize=8)
def _loaded(task: Sourced, changed: int) -> Mapping[str, tuple[Problem, ...]]:
    """All problems by split; ``changed`` tells a file from what it was before."""
    if File(task.data).is_file():
        reading = read_problems(task, task.data)
        _warn(task, reading)
        return _distinct(task, _hashed(task, reading.problems))
    found = rows(task.data)
    own: dict[str, tuple[Problem, ...]] = {}
    for split in found:
        if found[split]:
            reading = gathered(_read(task, split, found[split]), f"{task.data}/{split}")
            _warn(task, reading)
            own[split] = reading.problems
    return _distinct(task, _arranged(task, own))


def _read(task: Sourced, split: str, records: Iterable[Mapping[str, object]]) -> list[Outcome]:
    """The problems of one split of a set; ``meta["split"]`` keeps its name."""
    outcomes: list[Outcome] = []
    for row, fields in enumerate(records, 1):
        known = {key: value for key, value in fields.items() if value is not None}
        for outcome in attempt(partial(task.record, known, f"{task.data}/{split}:{row}")):
            if isinstance(outcome, Problem):
                outcome = replace(outcome, meta={**outcome.meta, "split": split})
            outcomes.append(outcome)
    return outcomes


def _arranged(
    task: Sourced, own: Mapping[str, tuple[Problem, ...]]
) -> Mapping[str, Sequence[Problem]]:
    """A set's own splits as ours."""
    tune = next((own[name] for name in _TUNE if own.get(name)), None)
    test = own.get("test") or tune
    train = own.get("train")
    if not train or not test:
        every = [problem for problems in own.values() for problem in problems]
        return _hashed(task, gathered(every, task.data).problems)  # ids are told apart
    if tune is not None and test is not tune:
        return {"train": train, "tune": tune, "test": test}
    fifth = [problem for problem in train if share(task.kin(problem)) == "tune"]
    rest = [problem for problem in train if share(task.kin(problem)) != "tune"]
    return {"train": rest, "tune": fifth, "test": test}


def _hashed(task: Sourced, problems: Iterable[Problem]) -> dict[str, list[Problem]]:
    splits: dict[str, list[Problem]] = {split: [] for split in _SHARES}
    for problem in problems:
        splits[share(task.kin(problem))].append(problem)
    return splits


def _distinct(
    task: Sourced, splits: Mapping[str, Iterable[Problem]]
) -> Mapping[str, tuple[Problem, ...]]:
    """The splits without questions that a later one has too."""
    later: set[str] = set()
    kept: dict[str, tuple[Problem, ...]] = {}
    for split in ("test", "tune", "train"):
        kept[split] = tuple([p for p in splits[split] if task.canonical(p) not in later])
        later |= {task.canonical(problem) for problem in splits[split]}
    return kept


def _warn(task: Sourced, reading: Reading) -> None:
    if reading.complaints:
        number = len(reading.complaints)
        warnings.warn(
            f"{task.data}: {number} complaint(s), {len(reading.problems)} problems kept; the "
            f"first: {reading.complaints[0]}",
            stacklevel=6,
        )
