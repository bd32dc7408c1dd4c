"""The answers of paths as votes: answers that are equal have the same text.

answer(path) = task.answer(path), already in canonical form; nothing where it did not finish
where the task knows more of equality (``Equating``: x + 1 is 1 + x), an answer that it calls the
same as an earlier one is written as that one
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from specreward.abilities import Equating
from specreward.types import Path, Task

__all__ = ["unified", "votes"]


def votes(paths: Sequence[Path], task: Task) -> list[str]:
    """The answer of each path, ``[n]``; empty where it did not finish."""
    return unified([task.answer(path) if path.finished else "" for path in paths], task)


@cache
def _equates(kind: type) -> bool:
    """Whether tasks of this kind know more of equality than texts; found out once a kind."""
    return issubclass(kind, Equating)


def unified(answers: Sequence[str], task: Task) -> list[str]:
    """The answers, ``[n]``, each as the first one that it is equal to is written."""
    if not _equates(type(task)):
        return list(answers)
    assert isinstance(task, Equating)
    first: dict[str, str] = {"": ""}
    for answer in answers:
        if answer not in first:
            known = [one for one in dict.fromkeys(first.values()) if one]
            first[answer] = next((one for one in known if task.same(answer, one)), answer)
    return [first[answer] for answer in answers]
