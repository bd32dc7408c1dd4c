"""What every call cost, by role and phase, and the budget that ends a search.

    before a call   hold its worst case; more than is left -> BudgetExhausted, nothing asked
    after it        let go of the worst case, record what it was

``run`` gives each problem a ledger of its own and makes it the current one; the wrappers at the
edge of an engine, ``Metered`` and ``MeteredValues``, write to whichever is current. Outside of
``run`` they write nothing, unless the caller opens a ledger: ``with Ledger().active() as ledger``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from math import isfinite
from typing import Protocol, TypeVar, final

from specreward.errors import BudgetExhausted, InputError
from specreward.prices import Price, Prices
from specreward.types import Completion, LanguageModel, Sampling, Scored, Usage, ValueModel

__all__ = ["Budget", "Ledger", "Metered", "MeteredValues", "TokenCounter", "Utf8Bytes"]

T = TypeVar("T", Completion, Scored)


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
    """

    __slots__ = ("_held", "budget", "total", "unpriced", "usage")

    def __init__(self, budget: Budget | None = None) -> None:
        self.budget = Budget() if budget is None else budget
        self.usage: dict[tuple[str, str], Usage] = {}
        self.total = Usage()
        self.unpriced: set[str] = set()
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


# ---------------------------------------------------------------------------------- counting


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


# ---------------------------------------------------------------------------------- at the edge


@final
@dataclass(frozen=True, kw_only=True)
class _Meter:
    """What both wrappers do with one call."""

    name: str
    parameters: int
    role: str
    phase: str
    price: Price | None
    counter: TokenCounter

    async def __call__(
        self,
        texts: Sequence[str],
        calls: int,
        most: int,
        ask: Callable[[], Awaitable[list[T]]],
        spent: Callable[[list[T]], Usage],
    ) -> list[T]:
        """Make a call of ``calls`` samples that write at most ``most`` tokens, and book it."""
        ledger = _current.get()
        if ledger is None or not calls:
            return await ask()
        if self.price is None:
            ledger.unpriced.add(self.name)
        with ledger.hold(self._worst(ledger.budget, texts, calls, most)):
            try:
                answers = await ask()
            except Exception as error:
                ledger.record(self.role, self.phase, Usage(calls=calls, failed=calls))
                error.add_note(f"in role {self.role}, phase {self.phase}")
                raise
            ledger.record(self.role, self.phase, self._priced(spent(answers)))
        return answers

    def _worst(self, budget: Budget, texts: Sequence[str], calls: int, most: int) -> Usage:
        """The most that a call can cost; counted only as far as a cap asks for it."""
        if budget.dollars is not None and self.price is None:
            raise InputError(
                f"a budget in dollars needs the price of {self.name!r}, which is not in the price "
                "table: add it there (0 where it costs nothing)"
            )
        if budget.tokens is None and budget.dollars is None:
            return Usage(calls=calls)
        prompt = sum(self.counter.count(texts))
        dollars = 0.0 if self.price is None else self.price.most(prompt, most)
        return Usage(calls, prompt_tokens=prompt, completion_tokens=most, dollars=dollars)

    def _priced(self, usage: Usage) -> Usage:
        """With FLOPs and dollars filled in."""
        computed = usage.tokens - usage.cached_tokens
        flops = 2.0 * self.parameters * computed
        dollars = 0.0 if self.price is None else self.price.dollars(usage)
        return usage + Usage(flops=flops, dollars=dollars)


def _of_completions(answers: list[Completion]) -> Usage:
    return Usage(
        calls=len(answers),
        prompt_tokens=sum([answer.prompt_tokens for answer in answers]),
        cached_tokens=sum([answer.cached_tokens for answer in answers]),
        completion_tokens=sum([answer.tokens for answer in answers]),
        seconds=sum([answer.seconds for answer in answers]),
    )


def _of_scores(answers: list[Scored]) -> Usage:
    return Usage(
        calls=len(answers),
        prompt_tokens=sum([answer.prompt_tokens for answer in answers]),
        cached_tokens=sum([answer.cached_tokens for answer in answers]),
        seconds=sum([answer.seconds for answer in answers]),
    )


@final
@dataclass(frozen=True, kw_only=True, repr=False)
class Metered:
    """A language model whose calls go through the ledger: the outermost wrapper.

    Args:
        lm: The engine, or a wrapper of it.
        role: Who asks: ``policy``, ``judge``, ``draft``, ``reward``.
        phase: What for: ``propose``, ``evaluate``, ``score``.
        counter: Counts prompts before a call, for budgets of tokens and dollars.
        prices: The price table.
    """

    lm: LanguageModel = field(kw_only=False)
    role: str
    phase: str
    counter: TokenCounter = Utf8Bytes()
    prices: Prices = field(default_factory=Prices.packaged)

    def __repr__(self) -> str:
        price = self.prices.find(self.name)
        return f"Metered({self.name!r}, role={self.role!r}, phase={self.phase!r}, price={price!r})"

    @property
    def name(self) -> str:
        """The engine's."""
        return self.lm.name

    @property
    def parameters(self) -> int:
        """The engine's."""
        return self.lm.parameters

    async def complete(
        self, prompts: Sequence[str], seeds: Sequence[int], sampling: Sampling
    ) -> list[Completion]:
        """As the engine.

        Raises:
            BudgetExhausted: Before a call that might pass the current ledger's budget.
        """
        calls = len(prompts)

        async def ask() -> list[Completion]:
            return await self.lm.complete(prompts, seeds, sampling)

        most = calls * sampling.max_tokens
        return await self._meter()(prompts, calls, most, ask, _of_completions)

    async def logprobs(self, texts: Sequence[tuple[str, str]]) -> list[Scored]:
        """As the engine.

        Raises:
            BudgetExhausted: Before a call that might pass the current ledger's budget.
        """
        flat = [part for text in texts for part in text]

        async def ask() -> list[Scored]:
            return await self.lm.logprobs(texts)

        return await self._meter()(flat, len(texts), 0, ask, _of_scores)

    def _meter(self) -> _Meter:
        return _Meter(
            name=self.name,
            parameters=self.parameters,
            role=self.role,
            phase=self.phase,
            price=self.prices.find(self.name),
            counter=self.counter,
        )


@final
@dataclass(frozen=True, kw_only=True, repr=False)
class MeteredValues:
    """A value model whose calls go through the ledger: the outermost wrapper.

    Args:
        vm: The engine, or a wrapper of it.
        role: Who asks, by default ``reward``.
        phase: What for, by default ``score``.
        counter: Counts texts before a call, for budgets of tokens and dollars.
        prices: The price table.
    """

    vm: ValueModel = field(kw_only=False)
    role: str = "reward"
    phase: str = "score"
    counter: TokenCounter = Utf8Bytes()
    prices: Prices = field(default_factory=Prices.packaged)

    def __repr__(self) -> str:
        price = self.prices.find(self.name)
        words = f"role={self.role!r}, phase={self.phase!r}, price={price!r}"
        return f"MeteredValues({self.name!r}, {words})"

    @property
    def name(self) -> str:
        """The engine's."""
        return self.vm.name

    @property
    def parameters(self) -> int:
        """The engine's."""
        return self.vm.parameters

    async def values(self, texts: Sequence[str]) -> list[Scored]:
        """As the engine.

        Raises:
            BudgetExhausted: Before a call that might pass the current ledger's budget.
        """
        meter = _Meter(
            name=self.name,
            parameters=self.parameters,
            role=self.role,
            phase=self.phase,
            price=self.prices.find(self.name),
            counter=self.counter,
        )

        async def ask() -> list[Scored]:
            return await self.vm.values(texts)

        return await meter(texts, len(texts), 0, ask, _of_scores)
