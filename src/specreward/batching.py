"""Many small calls become few large ones: searches never mention a batch.

    ask(items):   join the queue; wait
    flight:       let everyone who is ready join; take the oldest and all of its kind, up to
                  max_batch; one call to the engine; hand out the answers; again until none waits

One flight at a time for each engine, so that what comes in while the engine works makes the next
batch. If a batch of several callers fails, each of them is asked alone: the error reaches the one
whose question it was, whatever was asked beside it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import Generic, TypeVar, final
from weakref import WeakKeyDictionary

from specreward.engines import token_model
from specreward.errors import EngineError, InputError
from specreward.reward.aggregate import Aggregate
from specreward.reward.solutions import Graded, Solution, SolutionModel
from specreward.types import Completion, LanguageModel, Sampling, Scored, ValueModel

__all__ = ["Coalesce", "CoalesceSolutions", "CoalesceValues"]

K = TypeVar("K", bound=Hashable)
I = TypeVar("I")  # noqa: E741  (an item)
O = TypeVar("O")  # noqa: E741  (what an engine answers to it)

TURNS = 2
"""Turns of the event loop before a batch is closed: all who woke up together ask together."""


@dataclass(slots=True, eq=False)
class _Waiting(Generic[K, I, O]):
    kind: K
    items: Sequence[I]
    answers: asyncio.Future[list[O]]


class _Queue(Generic[K, I, O]):
    """Who waits in one event loop, and the flight under way."""

    def __init__(self) -> None:
        self.waiting: deque[_Waiting[K, I, O]] = deque()
        self.flight: asyncio.Task[None] | None = None

    def take(self, most: int) -> tuple[K, list[_Waiting[K, I, O]]]:
        """Remove the oldest and those of its kind that fit into one batch, in order of arrival."""
        kind, size = self.waiting[0].kind, 0
        taken: list[_Waiting[K, I, O]] = []
        left: deque[_Waiting[K, I, O]] = deque()
        for one in self.waiting:
            # ``is``: what is not equal to itself, as NaN, goes to the engine, which refuses it
            if (one.kind is kind or one.kind == kind) and size + len(one.items) <= most:
                taken.append(one)
                size += len(one.items)
            else:
                left.append(one)
        self.waiting = left
        return kind, taken


@final
class _Merger(Generic[K, I, O]):
    """Merges calls of the same kind ``K``.

    Args:
        ask: The engine: kind and items to answers, one for each item, in order.
        max_batch: Most items of one call to the engine, at least 1.
    """

    def __init__(self, ask: Callable[[K, list[I]], Awaitable[list[O]]], max_batch: int) -> None:
        if not isinstance(max_batch, int) or max_batch < 1:
            raise InputError(f"max_batch: expected an integer of at least 1, got {max_batch!r}")
        self._ask = ask
        self.max_batch = max_batch
        self._queues: WeakKeyDictionary[asyncio.AbstractEventLoop, _Queue[K, I, O]]
        self._queues = WeakKeyDictionary()

    async def __call__(self, kind: K, items: Sequence[I]) -> list[O]:
        """The answers to ``items``, in order."""
        loop = asyncio.get_running_loop()
        queue = self._queues.setdefault(loop, _Queue())
        parts = [
            _Waiting(kind, items[i : i + self.max_batch], loop.create_future())
            for i in range(0, len(items), self.max_batch)
        ]
        queue.waiting.extend(parts)
        if parts and queue.flight is None:
            # A context of its own: no caller's ledger is current where all of them are served.
            queue.flight = loop.create_task(self._fly(queue), context=Context())
            queue.flight.add_done_callback(_noticed)
        if len(parts) == 1:
            return await parts[0].answers
        answers = await asyncio.gather(*[part.answers for part in parts])
        return [answer for part in answers for answer in part]

    async def _fly(self, queue: _Queue[K, I, O]) -> None:
        try:
            while queue.waiting:
                for _ in range(TURNS):
                    await asyncio.sleep(0)
                kind, batch = queue.take(self.max_batch)
                await self._serve(kind, batch)
        finally:
            queue.flight = None
            for one in queue.waiting:  # not empty only if the loop is being shut down
                one.answers.cancel()
            queue.waiting.clear()

    async def _serve(self, kind: K, batch: list[_Waiting[K, I, O]]) -> None:
        """One call to the engine for those who still wait."""
        batch = [one for one in batch if not one.answers.done()]
        if not batch:
            return
        try:
            answers = await self._answers(kind, [item for one in batch for item in one.items])
        except Exception as error:
            if len(batch) == 1:
                _fail(batch[0].answers, error)
                return
        except BaseException:
            for one in batch:
                one.answers.cancel()
            raise
        else:
            _hand_out(batch, answers)
            return
        for one in batch:
            await self._serve(kind, [one])

    async def _answers(self, kind: K, items: list[I]) -> list[O]:
        answers = await self._ask(kind, items)
        if len(answers) != len(items):
            raise EngineError(
                f"expected {len(items)} answers from the engine, got {len(answers)}: "
                "it must give one for each item, in order"
            )
        return answers


def _noticed(flight: asyncio.Task[None]) -> None:
    """An interrupt that ended a flight has reached everybody: no second word of it from asyncio."""
    if not flight.cancelled():
        flight.exception()


def _hand_out(batch: Sequence[_Waiting[K, I, O]], answers: list[O]) -> None:
    at = 0
    for one in batch:
        if not one.answers.done():
            one.answers.set_result(answers[at : at + len(one.items)])
        at += len(one.items)


def _fail(answers: asyncio.Future[list[O]], error: Exception) -> None:
    if not answers.done():
        answers.set_exception(error)


# ---------------------------------------------------------------------------------- wrappers


@final
class Coalesce:
    """A language model that merges the calls which wait for it at the same time.

    For engines that compute in this process. A server that batches by itself needs none.

    Args:
        lm: The engine, or a wrapper of it.
        max_batch: Most prompts of one call to it, at least 1.
    """

    def __init__(self, lm: LanguageModel, max_batch: int = 256) -> None:
        self._lm = lm
        self._complete: _Merger[Sampling, tuple[str, int], Completion]
        self._complete = _Merger(self._ask_completions, max_batch)
        self._logprobs: _Merger[None, tuple[str, str], Scored]
        self._logprobs = _Merger(self._ask_logprobs, max_batch)
        self._tokens: _Merger[float, tuple[str, tuple[int, ...]], Scored]
        self._tokens = _Merger(self._ask_tokens, max_batch)

    def __repr__(self) -> str:
        return f"Coalesce({self.name!r})"

    @property
    def name(self) -> str:
        """The engine's."""
        return self._lm.name

    @property
    def parameters(self) -> int:
        """The engine's."""
        return self._lm.parameters

    async def complete(
        self, prompts: Sequence[str], seeds: Sequence[int], sampling: Sampling
    ) -> list[Completion]:
        """As the engine; merged with calls of equal ``sampling``."""
        return await self._complete(sampling, list(zip(prompts, seeds, strict=True)))

    async def logprobs(self, texts: Sequence[tuple[str, str]]) -> list[Scored]:
        """As the engine."""
        return await self._logprobs(None, texts)

    def tokenizer(self) -> str:
        """The engine's, where it is a ``TokenModel``."""
        return token_model(self._lm).tokenizer()

    async def token_logprobs(
        self, prompts: Sequence[str], ids: Sequence[tuple[int, ...]], temperature: float
    ) -> list[Scored]:
        """As the engine, where it is a ``TokenModel``; merged with calls of equal temperature."""
        return await self._tokens(temperature, list(zip(prompts, ids, strict=True)))

    async def _ask_completions(
        self, sampling: Sampling, items: list[tuple[str, int]]
    ) -> list[Completion]:
        prompts = [prompt for prompt, _ in items]
        return await self._lm.complete(prompts, [seed for _, seed in items], sampling)

    async def _ask_logprobs(self, _: None, items: list[tuple[str, str]]) -> list[Scored]:
        return await self._lm.logprobs(items)

    async def _ask_tokens(
        self, temperature: float, items: list[tuple[str, tuple[int, ...]]]
    ) -> list[Scored]:
        prompts = [prompt for prompt, _ in items]
        ids = [tokens for _, tokens in items]
        return await token_model(self._lm).token_logprobs(prompts, ids, temperature)


@final
class CoalesceValues:
    """A value model that merges the calls which wait for it at the same time.

    Args:
        vm: The engine, or a wrapper of it.
        max_batch: Most texts of one call to it, at least 1.
    """

    def __init__(self, vm: ValueModel, max_batch: int = 256) -> None:
        self._vm = vm
        self._values: _Merger[None, str, Scored] = _Merger(self._ask, max_batch)

    def __repr__(self) -> str:
        return f"CoalesceValues({self.name!r})"

    @property
    def name(self) -> str:
        """The engine's."""
        return self._vm.name

    @property
    def parameters(self) -> int:
        """The engine's."""
        return self._vm.parameters

    async def values(self, texts: Sequence[str]) -> list[Scored]:
        """As the engine."""
        return await self._values(None, texts)

    async def _ask(self, _: None, items: list[str]) -> list[Scored]:
        return await self._vm.values(items)


@final
class CoalesceSolutions:
    """A solution model that merges the calls which wait for it at the same time.

    Args:
        sm: The engine, or a wrapper of it.
        max_batch: Most solutions of one call to it, at least 1.
    """

    def __init__(self, sm: SolutionModel, max_batch: int = 256) -> None:
        self._sm = sm
        self._graded: _Merger[None, Solution, Graded] = _Merger(self._ask, max_batch)

    def __repr__(self) -> str:
        return f"CoalesceSolutions({self.name!r})"

    @property
    def name(self) -> str:
        """The engine's."""
        return self._sm.name

    @property
    def parameters(self) -> int:
        """The engine's."""
        return self._sm.parameters

    @property
    def per_step(self) -> bool:
        """The engine's."""
        return self._sm.per_step

    @property
    def combine(self) -> Aggregate:
        """The engine's."""
        return self._sm.combine

    @property
    def most_tokens(self) -> int:
        """The engine's."""
        return self._sm.most_tokens

    async def grade(self, solutions: Sequence[Solution]) -> list[Graded]:
        """As the engine."""
        return await self._graded(None, solutions)

    async def _ask(self, _: None, items: list[Solution]) -> list[Graded]:
        return await self._sm.grade(items)
