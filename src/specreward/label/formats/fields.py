"""Fields of a record: there and of their type, or the record is refused with what came."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from specreward.checks import is_number
from specreward.errors import InputError
from specreward.types import Problem

__all__ = [
    "hard_label",
    "items",
    "mapping",
    "number",
    "optional_number",
    "optional_text",
    "problem_of",
    "text",
    "texts",
]


def _shown(value: object) -> str:
    return repr(value)[:80]


def text(row: Mapping[str, Any], name: str) -> str:
    """A field that is a text."""
    value = row.get(name)
    if not isinstance(value, str):
        raise InputError(f"{name}: expected a text, got {_shown(value)}")
    return value


def texts(row: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """A field that is a list of texts."""
    found = items(row, name)
    if not all(isinstance(one, str) for one in found):
        raise InputError(f"{name}: expected a list of texts, got {_shown(found)}")
    return tuple(found)


def items(row: Mapping[str, Any], name: str) -> list[Any]:
    """A field that is a list."""
    value = row.get(name)
    if not isinstance(value, list):
        raise InputError(f"{name}: expected a list, got {_shown(value)}")
    return value


def mapping(row: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A field that is an object."""
    value = row.get(name)
    if not isinstance(value, dict):
        raise InputError(f"{name}: expected an object, got {_shown(value)}")
    return value


def number(value: object, name: str) -> float:
    """A finite number; no True or False."""
    if not is_number(value):
        raise InputError(f"{name}: expected a number, got {_shown(value)}")
    return float(value)


def optional_number(row: Mapping[str, Any], name: str) -> float | None:
    """A field that is a number, True, False, null or not there."""
    value = row.get(name)
    if isinstance(value, bool):
        return float(value)
    return None if value is None else number(value, name)


def optional_text(row: Mapping[str, Any], name: str) -> str | None:
    """A field that is a text or a number as one, null or not there."""
    value = row.get(name)
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{name}: expected a text, got {_shown(value)}")
    return str(value)


def hard_label(label: float, name: str, problem: str) -> bool:
    """A label as right or wrong.

    Raises:
        InputError: It is neither 0 nor 1.
    """
    if label not in (0.0, 1.0):
        raise InputError(f"problem {problem!r}: {name} holds labels that are 0 or 1, got {label!r}")
    return label == 1.0


def problem_of(
    question: str,
    answer: str | None = None,
    name: str | None = None,
    meta: Mapping[str, Any] | None = None,
) -> Problem:
    """The problem of a record; without an id it is named by its question."""
    if not question.strip():
        raise InputError("expected a question, got an empty text")
    if name is None:
        name = blake2b(question.encode("utf-8", "replace"), digest_size=8).hexdigest()
    return Problem(name, question, answer, meta or {})
