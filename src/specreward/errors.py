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
from collections.abc import Iterable, Mapping

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
        wasted: The ``Usage`` of the attempts that failed, ``calls`` and ``failed`` among it; None
            where the engine does not know: then each sample counts as one failed call.
        done: The answers of the call that did come in, by their place in it: they are paid for, and
            kept.
    """

    def __init__(
        self,
        message: str,
        retryable: bool = False,
        wasted: object = None,
        done: Mapping[int, object] | None = None,
    ) -> None:
        super().__init__(message, retryable, wasted, done)
        self.retryable = retryable
        self.wasted = wasted
        self.done = {} if done is None else dict(done)

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
