"""The errors that the package raises: expected, got, what to do.

SpecRewardError
├── InputError (ValueError)          something the user wrote: a field, a problem, a file line
│   └── UnknownName (LookupError)    a name that is not registered; the message gives the nearest
├── MissingExtra (ImportError)       an optional dependency; the message gives the install line
├── EngineError (RuntimeError)       a model call failed; ``retryable`` says whether to try again
├── RewardError (RuntimeError)       a reward was NaN, out of range or missing
├── BudgetExhausted (RuntimeError)   the next call would pass the budget
└── StoreError (OSError)             the run file cannot be read or written
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "BudgetExhausted",
    "EngineError",
    "InputError",
    "MissingExtra",
    "RewardError",
    "SpecRewardError",
    "StoreError",
    "UnknownName",
    "nearest",
]


class SpecRewardError(Exception):
    """Root of all errors raised on purpose by this package."""


class InputError(SpecRewardError, ValueError):
    """Something that the user wrote cannot be used."""


class UnknownName(InputError, LookupError):
    """A name that is not registered."""


class MissingExtra(SpecRewardError, ImportError):
    """An optional dependency is not installed."""


class EngineError(SpecRewardError, RuntimeError):
    """A call to a model failed.

    Args:
        message: What was expected, what came, what to do.
        retryable: Whether the same call may go through later.
    """

    def __init__(self, message: str, retryable: bool = False) -> None:
        super().__init__(message, retryable)
        self.retryable = retryable

    def __str__(self) -> str:
        return str(self.args[0])


class RewardError(SpecRewardError, RuntimeError):
    """A reward model gave no usable score."""


class BudgetExhausted(SpecRewardError, RuntimeError):
    """The next call would pass the budget."""


class StoreError(SpecRewardError, OSError):
    """The run file cannot be read or written."""


def nearest(name: str, known: Iterable[str], kind: str) -> UnknownName:
    """The error for an unknown ``name``: it names the closest of ``known`` and lists them all."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return UnknownName(f"unknown {kind} {name!r}: {hint}known: {', '.join(names) or '(none)'}")
