"""Attempts at one request: what failed, how long to wait, when to give up.

attempt 1, 2, ...: an answer -> done
                   a failure that will not mend, or the last attempt -> give up
                   else wait first * 2^k, at most ``most``, times a draw from [1/2, 1];
                   what the server asks for (Retry-After) if that is longer
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar, final

from specreward.checks import positive, whole
from specreward.engines import Usage

__all__ = ["Backoff", "Failure", "GivenUp", "Retry", "persist"]

T = TypeVar("T")


class Failure(Exception):
    """An attempt that brought no answer.

    Args:
        reason: What was expected and what came.
        retryable: Whether the next attempt may go through.
        paid: The tokens that the server says the attempt cost.
        after: Seconds that the server asks to wait.
    """

    def __init__(
        self,
        reason: str,
        *,
        retryable: bool = True,
        paid: Usage = Usage(),  # noqa: B008  (frozen)
        after: float | None = None,
    ) -> None:
        super().__init__(reason)
        self.retryable = retryable
        self.paid = paid
        self.after = after


class GivenUp(Exception):
    """All attempts failed.

    Args:
        failure: The last one.
        attempts: How many there were.
        wasted: What they cost.
    """

    def __init__(self, failure: Failure, attempts: int, wasted: Usage) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.attempts = attempts
        self.wasted = wasted


class Retry(Protocol):
    """Says how long to wait before the next attempt."""

    def __call__(self, attempts: int, after: float | None) -> float | None:
        """Seconds to wait after this many attempts, ``after`` of the server; None to give up."""
        ...


@final
@dataclass(frozen=True, kw_only=True)
class Backoff:
    """Waits that double, with a random part so that callers do not come back all at once.

    Args:
        attempts: Most attempts at one request, at least 1.
        first: Longest wait after the first attempt, seconds.
        most: Longest wait of all, seconds. A server that asks for more is not asked again.
    """

    attempts: int = 6
    first: float = 0.5
    most: float = 60.0

    def __post_init__(self) -> None:
        whole("backoff attempts", self.attempts, 1)
        positive("backoff first", self.first)
        positive("backoff most", self.most)

    def __call__(self, attempts: int, after: float | None) -> float | None:
        """Seconds to wait, or None."""
        if attempts >= self.attempts or (after or 0.0) > self.most:
            return None
        doubled = self.first * 2.0 ** min(attempts - 1, 60)
        return max(min(doubled, self.most) * random.uniform(0.5, 1.0), after or 0.0)


async def persist(
    attempt: Callable[[], Awaitable[T]], retry: Retry, gate: asyncio.Semaphore, calls: int
) -> tuple[T, Usage]:
    """The answer of the first attempt that brings one, and what those before it cost.

    Args:
        attempt: Makes the request once; raises ``Failure``.
        retry: When to try again.
        gate: Open for as many attempts as may be under way; who waits to try again is not.
        calls: Samples of the request: each counts as a call that failed.

    Raises:
        GivenUp: None did.
    """
    wasted, attempts = Usage(), 0
    while True:
        async with gate:
            begun = time.perf_counter()
            try:
                return await attempt(), wasted
            except Failure as error:
                failure, seconds = error, time.perf_counter() - begun
        attempts += 1
        wasted += replace(failure.paid, calls=calls, failed=calls, seconds=seconds)
        wait = retry(attempts, failure.after) if failure.retryable else None
        if wait is None:
            raise GivenUp(failure, attempts, wasted) from failure
        await asyncio.sleep(wait)
