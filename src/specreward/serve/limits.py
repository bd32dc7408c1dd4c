"""What keeps a server standing: most searches at once, most that wait, most bytes, most seconds.

enter     a place, or Busy where all places and the queue are taken
turn      wait until fewer than ``searches`` run
leave     the place is free again
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import ceil
from time import monotonic
from typing import final

from specreward.checks import positive, whole
from specreward.serve.refusals import Refusal

__all__ = ["Gate", "Limits"]

LONGEST_RETRY = 60
"""Seconds; a client is not told to wait longer."""


@final
@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a server allows.

    Args:
        searches: Most searches (and calls of the reward model alone) that run at once.
        queue: Most that wait for their turn; what comes then is answered with 429.
        body: Most bytes of a request.
        seconds: Most seconds on the clock for one search, from its turn on; it is stopped then, and
            answers with the best that it found.
        grace: Seconds that running searches get when the server is told to stop.
        number: Largest number in a strategy that a client writes: ``best_of_n(n=10**9)`` would
            fill the memory before any budget is asked.

    Raises:
        InputError: A limit is no number above 0 (the queue and the grace: at least 0).
    """

    searches: int = 64
    queue: int = 256
    body: int = 1 << 20
    seconds: float = 600.0
    grace: float = 10.0
    number: int = 256

    def __post_init__(self) -> None:
        whole("max-searches", self.searches, 1)
        whole("queue", self.queue, 0)
        whole("max-body", self.body, 1)
        whole("max-number", self.number, 1)
        positive("timeout", self.seconds)
        if self.grace:
            positive("grace", self.grace)


@final
class Gate:
    """Places for searches, and a queue of a known length before them.

    Args:
        limits: How many.

    Attributes:
        running: Places taken.
        inside: These and those that wait.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._places = asyncio.Semaphore(limits.searches)
        self._seconds = 1.0
        self.running = 0
        self.inside = 0

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return self.inside - self.running

    @property
    def retry_after(self) -> int:
        """Seconds after which a place may be free: what the last ones took, smoothed; 1 to 60."""
        return min(LONGEST_RETRY, max(1, ceil(self._seconds)))

    def enter(self) -> None:
        """Take a place in the house: running or waiting.

        Raises:
            Refusal: All are taken.
        """
        if self.inside >= self._limits.searches + self._limits.queue:
            raise Refusal(
                429,
                f"{self.running} searches run and {self.waiting} wait, as many as this server "
                f"takes: try again in {self.retry_after} s",
                code="queue_full",
                headers={"Retry-After": str(self.retry_after)},
            )
        self.inside += 1

    def leave(self) -> None:
        """Give it back."""
        self.inside -= 1

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """A place to run, when there is one."""
        async with self._places:
            self.running += 1
            start = monotonic()
            try:
                yield
            finally:
                self.running -= 1
                self._seconds += 0.2 * (monotonic() - start - self._seconds)
