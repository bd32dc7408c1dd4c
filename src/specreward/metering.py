"""The wrappers at the edge of an engine: every call is capped, counted and priced.

before a call   the ledger holds its worst case, or refuses it
after it        the ledger is told what it was, failed attempts included
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar, cast, final

from specreward.engines import (
    Completion,
    LanguageModel,
    Sampling,
    Scored,
    Usage,
    ValueModel,
    token_model,
)
from specreward.errors import EngineError, InputError
from specreward.ledger import Budget, TokenCounter, Utf8Bytes, current
from specreward.prices import Price, Prices
from specreward.reward.aggregate import Aggregate
from specreward.reward.solutions import Graded, Solution, SolutionModel

__all__ = ["Metered", "MeteredSolutions", "MeteredValues"]

T = TypeVar("T", Completion, Scored, Graded)


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
    rereads: bool = False

    async def __call__(
        self,
        texts: Sequence[str],
        calls: int,
        most: int,
        ask: Callable[[], Awaitable[list[T]]],
        spent: Callable[[list[T]], Usage],
        given: int = 0,
    ) -> list[T]:
        """Make a call of ``calls`` samples that write at most ``most`` tokens, and book it.

        ``given`` tokens are read besides the texts.
        """
        ledger = current()
        if ledger is None or not calls:
            return await ask()
        if self.price is None:
            ledger.unpriced.add(self.name)
        with ledger.hold(self._worst(ledger.budget, texts, calls, most, given)):
            try:
                answers = await ask()
            except (Exception, CancelledError) as error:  # a call broken off may have been paid for
                lost = _lost(error, calls, spent)
                ledger.record(self.role, self.phase, self._priced(lost))
                error.add_note(f"in role {self.role}, phase {self.phase}")
                raise
            ledger.record(self.role, self.phase, self._priced(spent(answers)))
        return answers

    def _worst(
        self, budget: Budget, texts: Sequence[str], calls: int, most: int, given: int
    ) -> Usage:
        """The most that a call can cost; counted only as far as a cap asks for it."""
        if budget.dollars is not None and self.price is None:
            raise InputError(
                f"a budget in dollars needs the price of {self.name!r}, which is not in the price "
                "table: add it there (0 where it costs nothing)"
            )
        if budget.tokens is None and budget.dollars is None:
            return Usage(calls=calls)
        sizes = self.counter.count(texts)
        prompt = sum(sizes) + given
        if self.rereads:  # both texts of a pair for each token of the second, at most its bytes
            most_read = [len(text.encode("utf-8", "surrogatepass")) for text in texts[1::2]]
            pairs = zip(sizes[::2], sizes[1::2], most_read, strict=True)
            prompt = sum([min(b, times) * (a + b) for a, b, times in pairs])
        dollars = 0.0 if self.price is None else self.price.most(prompt, most)
        return Usage(calls, prompt_tokens=prompt, completion_tokens=most, dollars=dollars)

    def _priced(self, usage: Usage) -> Usage:
        """With FLOPs and dollars filled in."""
        computed = usage.tokens - usage.cached_tokens
        flops = 2.0 * self.parameters * computed
        dollars = 0.0 if self.price is None else self.price.dollars(usage)
        return usage + Usage(flops=flops, dollars=dollars)


def _lost(error: BaseException, calls: int, spent: Callable[[list[T]], Usage]) -> Usage:
    """What a call cost that failed: its attempts, and those of its answers that had come in."""
    if isinstance(error, EngineError) and isinstance(error.wasted, Usage):
        return error.wasted + spent(cast("list[T]", list(error.done.values())))
    return Usage(calls=calls, failed=calls)


def _of_completions(answers: list[Completion]) -> Usage:
    return _total(answers, sum([answer.tokens for answer in answers]))


def _of_scores(answers: list[Scored]) -> Usage:
    return _total(answers, 0)


def _of_graded(answers: list[Graded]) -> Usage:
    return _total(answers, sum([answer.completion_tokens for answer in answers]))


def _total(answers: Sequence[Completion | Scored | Graded], written: int) -> Usage:
    usage = Usage(
        calls=len(answers),
        prompt_tokens=sum([answer.prompt_tokens for answer in answers]),
        cached_tokens=sum([answer.cached_tokens for answer in answers]),
        completion_tokens=written,
        seconds=sum([answer.seconds for answer in answers]),
    )
    return sum([answer.wasted for answer in answers if answer.wasted.calls], usage)


@final
@dataclass(frozen=True, kw_only=True, repr=False)
class Metered:
    """A language model whose calls go through the ledger: the outermost wrapper.

    Args:
        lm: The engine, or a wrapper of it.
        role: Who asks: ``policy``, ``judge``, ``draft``, ``reward``.
        phase: What for: ``propose``, ``evaluate``, ``score``; scoring of given tokens is
            ``verify``.
        counter: Counts prompts before a call, for budgets of tokens and dollars.
        prices: The price table.
        rereads: Whether the engine reads a given text again for each token that it scores.
    """

    lm: LanguageModel = field(kw_only=False)
    role: str
    phase: str
    counter: TokenCounter = Utf8Bytes()
    prices: Prices = field(default_factory=Prices.packaged)
    rereads: bool = False

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
        return await _meter(self)(prompts, calls, most, ask, _of_completions)

    async def logprobs(self, texts: Sequence[tuple[str, str]]) -> list[Scored]:
        """As the engine.

        Raises:
            BudgetExhausted: Before a call that might pass the current ledger's budget.
        """
        flat = [part for text in texts for part in text]

        async def ask() -> list[Scored]:
            return await self.lm.logprobs(texts)

        return await _meter(self, rereads=self.rereads)(flat, len(texts), 0, ask, _of_scores)

    def tokenizer(self) -> str:
        """The engine's, where it is a ``TokenModel``."""
        return token_model(self.lm).tokenizer()

    async def token_logprobs(
        self, prompts: Sequence[str], ids: Sequence[tuple[int, ...]], temperature: float
    ) -> list[Scored]:
        """As the engine, where it is a ``TokenModel``; booked under the phase ``verify``.

        Raises:
            BudgetExhausted: Before a call that might pass the current ledger's budget.
        """
        lm, given = token_model(self.lm), sum([len(tokens) for tokens in ids])

        async def ask() -> list[Scored]:
            return await lm.token_logprobs(prompts, ids, temperature)

        meter = replace(_meter(self), phase="verify")
        return await meter(prompts, len(prompts), 0, ask, _of_scores, given)


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

        async def ask() -> list[Scored]:
            return await self.vm.values(texts)

        return await _meter(self)(texts, len(texts), 0, ask, _of_scores)


@final
@dataclass(frozen=True, kw_only=True, repr=False)
class MeteredSolutions:
    """A solution model whose calls go through the ledger: the outermost wrapper.

    Args:
        sm: The engine, or a wrapper of it.
        role: Who asks, by default ``reward``.
        phase: What for, by default ``score``.
        counter: Counts texts before a call, for budgets of tokens and dollars.
        prices: The price table.
    """

    sm: SolutionModel = field(kw_only=False)
    role: str = "reward"
    phase: str = "score"
    counter: TokenCounter = Utf8Bytes()
    prices: Prices = field(default_factory=Prices.packaged)

    def __repr__(self) -> str:
        price = self.prices.find(self.name)
        words = f"role={self.role!r}, phase={self.phase!r}, price={price!r}"
        return f"MeteredSolutions({self.name!r}, {words})"

    @property
    def name(self) -> str:
        """The engine's."""
        return self.sm.name

    @property
    def parameters(self) -> int:
        """The engine's."""
        return self.sm.parameters

    @property
    def per_step(self) -> bool:
        """The engine's."""
        return self.sm.per_step

    @property
    def combine(self) -> Aggregate:
        """The engine's."""
        return self.sm.combine

    @property
    def most_tokens(self) -> int:
        """The engine's."""
        return self.sm.most_tokens

    async def grade(self, solutions: Sequence[Solution]) -> list[Graded]:
        """As the engine.

        Raises:
            BudgetExhausted: Before a call that might pass the current ledger's budget.
        """

        async def ask() -> list[Graded]:
            return await self.sm.grade(solutions)

        texts = [text for one in solutions for text in (one.question, *one.steps)]
        calls = len(solutions)
        return await _meter(self)(texts, calls, calls * self.most_tokens, ask, _of_graded)


def _meter(edge: Metered | MeteredValues | MeteredSolutions, *, rereads: bool = False) -> _Meter:
    """What a wrapper does with one call."""
    return _Meter(
        name=edge.name,
        parameters=edge.parameters,
        role=edge.role,
        phase=edge.phase,
        price=edge.prices.find(edge.name),
        counter=edge.counter,
        rereads=rereads,
    )
