"""What every call cost, by role and phase, and the budget that ends a search.

    before a call   hold its worst case; more than is left -> BudgetExhausted, nothing asked
    after it        let go of the worst case, record what it was

``run`` gives each problem a ledger of its own and makes it the current one; the wrappers at the
edge of an engine (metering.py) write to whichever is current. Outside of ``run`` they write
nothing, unless the caller opens a ledger: ``with Ledger().active() as ledger``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from math import isfinite
from typing import Protocol, final, runtime_checkable

from specreward.engines import Usage
from specreward.errors import BudgetExhausted, InputError

__all__ = ["Budget", "Ledger", "TokenCounter", "Utf8Bytes", "current"]


# ---------------------------------------------------------------------------------- budget


@final
@dataclass(frozen=True, kw_only=True)
class Budget:
    """Hard caps on what the search of one problem may spend, all roles together; None is no cap.

    Tokens, calls and dollars are never passed: a call is made only if its worst case fits. The
    time of a call is not known before it, so that the last call may end after ``seconds``.

    Args:
        tokens: Prompt and completion tokens, cached ones included.
        calls: Completions drawn and texts scored.
        dollars: By the price table; every model in use must have a price.
        seconds: Engine time (a batch's time is shared among its calls), not time on the clock.

    Raises:
        InputError: A cap is no number above 0; tokens and calls are whole.
    """

    tokens: int | None = None
    calls: int | None = None
    dollars: float | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        for name, cap, kinds in (
            ("tokens", self.tokens, (int,)),
            ("calls", self.calls, (int,)),
            ("dollars", self.dollars, (int, float)),
            ("seconds", self.seconds, (int, float)),
        ):
            if cap is None:
                continue
            known = isinstance(cap, kinds) and not isinstance(cap, bool)
            if not known or not isfinite(cap) or cap <= 0:
                whole = "a whole" if kinds == (int,) else "a finite"
                raise InputError(
                    f"budget {name}: expected {whole} number above 0, got {cap!r}: with less "
                    "nothing can be asked of a model; leave it out for no cap"
                )

    @property
    def capped(self) -> bool:
        """Whether there is any cap."""
        return (self.tokens, self.calls, self.dollars, self.seconds) != (None,) * 4

    def refusal(self, spent: Usage, ahead: Usage) -> str | None:
        """Why ``ahead``, the worst case of a call, may not follow ``spent``; None if it may."""
        for name, cap, now, then in (
            ("tokens", self.tokens, spent.tokens, ahead.tokens),
            ("calls", self.calls, spent.calls, ahead.calls),
            ("dollars", self.dollars, spent.dollars, ahead.dollars),
        ):
            if cap is not None and now + then > cap:
                return f"{now:g} of {cap:g} {name} are spent, the next call may take {then:g}"
        if self.seconds is not None and spent.seconds >= self.seconds:
            return f"{spent.seconds:g} of {self.seconds:g} seconds are spent"
        return None


# ---------------------------------------------------------------------------------- ledger

_current: ContextVar[Ledger | None] = ContextVar("specreward_ledger", default=None)


def current() -> Ledger | None:
    """The ledger that calls made here are written to; None outside of any."""
    return _current.get()


@final
class Ledger:
    """The account of one search.

    Args:
        budget: What may be spent.

    Attributes:
        usage: Spent so far, by (role, phase).
        total: Spent so far.
        unpriced: Names of models that were called and are not in the price table: their dollars
            are counted as 0.
        counts: What else was counted, by name: how often a cascade asked its large model, say.
    """

    __slots__ = ("_held", "budget", "counts", "total", "unpriced", "usage")

    def __init__(self, budget: Budget | None = None) -> None:
        self.budget = Budget() if budget is None else budget
        self.usage: dict[tuple[str, str], Usage] = {}
        self.total = Usage()
        self.unpriced: set[str] = set()
        self.counts: dict[str, int] = {}
        self._held: list[Usage] = []

    @contextmanager
    def active(self) -> Iterator[Ledger]:
        """The calls made inside, and in tasks started inside, are written here."""
        token = _current.set(self)
        try:
            yield self
        finally:
            _current.reset(token)

    @contextmanager
    def hold(self, worst: Usage) -> Iterator[None]:
        """Keep room for a call under way.

        Raises:
            BudgetExhausted: There is not that much left, calls under way considered.
        """
        if not self.budget.capped:
            yield
            return
        why = self.budget.refusal(sum(self._held, self.total), worst)
        if why is not None:
            raise BudgetExhausted(f"{why}: give a larger budget to search on")
        self._held.append(worst)
        try:
            yield
        finally:
            self._held.remove(worst)

    def record(self, role: str, phase: str, spent: Usage) -> None:
        """Add what was spent."""
        key = (role, phase)
        self.usage[key] = self.usage.get(key, Usage()) + spent
        self.total = self.total + spent

    def count(self, name: str, times: int) -> None:
        """Add to what is counted under a name; it costs nothing."""
        self.counts[name] = self.counts.get(name, 0) + times


# ---------------------------------------------------------------------------------- counting


@runtime_checkable
class TokenCounter(Protocol):
    """Tells before a call how long its texts are; needed for hard caps on tokens and dollars."""

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, ``[P]``, special ones included: exact, or at least never too few."""
        ...


@final
@dataclass(frozen=True, kw_only=True)
class Utf8Bytes:
    """A bound for any engine: a token stands for one byte of text at least.

    With it no cap is passed, but a search ends earlier than it need, by the difference between the
    bytes and the tokens of one call. An engine's own counter wastes nothing.

    Args:
        extra: Tokens that an engine may add to a text (begin of text, the frame of a chat turn).
    """

    extra: int = 32

    def __post_init__(self) -> None:
        if not isinstance(self.extra, int) or self.extra < 0:
            raise InputError(f"extra: expected a number of tokens, at least 0, got {self.extra!r}")

    def count(self, texts: Sequence[str]) -> list[int]:
        """Bytes of each text plus ``extra``."""
        return [len(text.encode("utf-8", "surrogatepass")) + self.extra for text in texts]
