"""Requests to a server of reward models: attempts, what they cost, and numbers that can be used.

grade(solutions): parts of at most ``batch`` solutions, a request for each, all at once, as many
                  as ``concurrency`` lets through
each request:     attempts (generate/retry.py) -> reply -> numbers, checked
a failure         EngineError with what was wasted and what did come in
no usable number  the same error, which is a RewardError too: none is made up
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

from specreward.checks import positive, rule, whole
from specreward.engines import Usage
from specreward.errors import EngineError, InputError, RewardError
from specreward.generate.connection import Connection, Server, connected
from specreward.generate.dialects import Fields
from specreward.generate.replies import usage_of
from specreward.generate.retry import Backoff, Failure, GivenUp, Retry, persist
from specreward.generate.routes import Address
from specreward.reward.solutions import Graded, Solution

__all__ = [
    "Remote",
    "Target",
    "Unusable",
    "UnusableReward",
    "data_of",
    "number_in",
    "probability",
    "shape",
]


class Unusable(Failure):
    """A reply without a usable number: the wrong shape, NaN, or out of its range."""


class UnusableReward(EngineError, RewardError):
    """A server's reply holds no usable reward; it has been paid for all the same."""


@dataclass(frozen=True, kw_only=True)
class Remote(ABC):
    """What all remote reward models share.

    Args:
        url: Of the server.
        key_env: The environment variable that holds the key, where the server wants one; not that
            of OpenAI, whose key is none of this server's business.
        timeout: Longest time of one request, seconds.
        concurrency: Most requests under way at once, at least 1.
        retry: When to try again.
        parameters: Number of parameters of the model, for FLOPs; 0 if unknown.
    """

    url: str = "http://localhost:8000"
    key_env: str = "REWARD_API_KEY"
    timeout: float = 300.0
    concurrency: int = 32
    retry: Retry = Backoff()
    parameters: int = 0

    def __post_init__(self) -> None:
        kind = type(self).__name__
        parts = urlsplit(self.url) if isinstance(self.url, str) else None
        if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(
                f"{kind} url: expected one such as http://localhost:8000, got {self.url!r}"
            )
        if parts.username or parts.password:
            raise InputError(f"{kind} url: expected no credentials in it: the key is in key_env")
        if not isinstance(self.key_env, str) or not self.key_env:
            raise InputError(
                f"{kind} key_env: expected the name of an environment variable, got "
                f"{self.key_env!r}"
            )
        positive(f"{kind} timeout", self.timeout)
        whole(f"{kind} concurrency", self.concurrency, 1)
        whole(f"{kind} parameters", self.parameters, 0)
        rule(f"{kind} retry", self.retry, "backoff()")

    @property
    @abstractmethod
    def name(self) -> str:
        """Identifies the weights and whatever else changes a number."""

    @property
    def most_tokens(self) -> int:
        """0: it only reads."""
        return 0

    @property
    def _batch(self) -> int:
        """Most solutions of one request."""
        return 1

    @abstractmethod
    def _target(self) -> Target:
        """Where requests go."""

    @abstractmethod
    def _fields(self, solutions: Sequence[Solution]) -> Fields:
        """What a request holds."""

    @abstractmethod
    def _read(
        self, reply: Mapping[str, Any], solutions: Sequence[Solution]
    ) -> list[tuple[float, ...]]:
        """The numbers for each solution of a request.

        Raises:
            Unusable: The reply does not hold them.
        """

    async def grade(self, solutions: Sequence[Solution]) -> list[Graded]:
        """One answer for each solution, ``[P]``, in order.

        Raises:
            MissingExtra: The ``openai`` library, which makes the requests, is not installed.
            EngineError: A request failed for good. ``wasted`` has the attempts that failed,
                ``done`` the answers that came in. It is a RewardError too where the server
                answered with numbers that cannot be used.
        """
        if not solutions:
            return []
        size = self._batch
        parts = [solutions[i : i + size] for i in range(0, len(solutions), size)]
        target = self._target()
        server = Server(
            url=target.api,
            key_env=self.key_env,
            timeout=self.timeout,
            concurrency=self.concurrency,
        )
        connection = await connected(server)
        outcomes = await asyncio.gather(
            *[self._answers(connection, target, part) for part in parts], return_exceptions=True
        )
        done: dict[int, Graded] = {}
        failed: list[EngineError] = []
        for number, outcome in enumerate(outcomes):
            if isinstance(outcome, EngineError):
                failed.append(outcome)
            elif isinstance(outcome, BaseException):
                raise outcome
            else:
                done.update({number * size + i: one for i, one in enumerate(outcome)})
        if failed:
            raise _together(failed, done)
        return [done[place] for place in range(len(done))]

    async def _answers(
        self, connection: Connection, target: Target, part: Sequence[Solution]
    ) -> list[Graded]:
        """The answers of one request, after as many attempts as it takes."""
        post = Address(target.address)
        fields = self._fields(part)

        async def attempt() -> list[Graded]:
            reply, seconds = await connection.request(post, target.model, fields, target.lacking)
            usage = _usage(reply)
            try:
                return _graded(self._read(reply, part), usage, seconds)
            except Unusable as error:
                raise Unusable(str(error), retryable=error.retryable, paid=usage) from error

        try:
            answers, wasted = await persist(attempt, self.retry, connection.gate, len(part))
        except GivenUp as error:
            kind = UnusableReward if isinstance(error.failure, Unusable) else EngineError
            tries = f"{error.attempts} attempt{'s' if error.attempts > 1 else ''}"
            raise kind(
                f"{self.name} at {target.address}: {connection.hidden(str(error))} ({tries}; the "
                f"solution ends with {part[-1].steps[-1][-60:]!r})",
                error.failure.retryable,
                error.wasted,
            ) from error
        return [replace(answers[0], wasted=wasted), *answers[1:]]


class Target(NamedTuple):
    """Where requests go.

    Args:
        address: Of a request.
        api: That lists the server's models.
        model: Its name there.
        lacking: What to try where the server knows no such address; by default, what its list of
            models suggests.
    """

    address: str
    api: str
    model: str
    lacking: str = ""


def _together(failed: Sequence[EngineError], done: Mapping[int, Graded]) -> EngineError:
    """The error of a call some of whose requests failed."""
    first = failed[0]
    more = f" (and {len(failed) - 1} more requests of this call)" if failed[1:] else ""
    wasted = sum([one.wasted for one in failed if isinstance(one.wasted, Usage)], Usage())
    error = type(first)(f"{first}{more}", first.retryable, wasted, done)
    error.__cause__ = first
    return error


def _usage(reply: Mapping[str, Any]) -> Usage:
    """The tokens that a reply says it read and wrote; none where it says nothing.

    Raises:
        Failure: It says what cannot be.
    """
    said = reply.get("usage")
    if said is None:
        return Usage()
    return usage_of({"usage": {"completion_tokens": 0, **said} if isinstance(said, dict) else said})


def _graded(rows: Sequence[tuple[float, ...]], usage: Usage, seconds: float) -> list[Graded]:
    """Answers of one request; its usage is that of the first."""
    return [
        Graded(
            values,
            prompt_tokens=0 if place else usage.prompt_tokens,
            cached_tokens=0 if place else usage.cached_tokens,
            completion_tokens=0 if place else usage.completion_tokens,
            seconds=seconds / len(rows),
        )
        for place, values in enumerate(rows)
    ]


# ---------------------------------------------------------------------------------- numbers


def data_of(reply: Mapping[str, Any], key: str) -> object:
    """What vLLM's answer to a single input holds under ``key``.

    Raises:
        Unusable: There is not one answer, or it holds nothing of the kind.
    """
    rows = reply.get("data")
    if not isinstance(rows, list) or len(rows) != 1 or not isinstance(rows[0], dict):
        said = f"; the server says: {reply['error']!r:.200}" if "error" in reply else ""
        raise Unusable(f"expected one answer in data, got {rows!r:.80}{said}")
    if key not in rows[0]:
        raise Unusable(
            f"expected {key!r} in the answer, got {sorted(map(str, rows[0]))}", retryable=False
        )
    found: object = rows[0][key]
    return found


def shape(value: object) -> str:
    """The shape of nested lists in words, such as ``1485 x 2``."""
    sizes = []
    while isinstance(value, list):
        sizes.append(str(len(value)))
        value = value[0] if value else None
    return " x ".join(sizes) or f"{value!r:.40}"


def number_in(value: object, hint: str) -> float:
    """A number in [0, 1].

    Raises:
        Unusable: It is none; NaN may be gone next time.
    """
    known = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not known or not 0.0 <= cast("float", value) <= 1.0:
        passing = isinstance(value, float) and isnan(value)
        raise Unusable(f"expected a number in [0, 1], got {value!r:.40}: {hint}", retryable=passing)
    return float(cast("float", value))


def probability(row: object, place: int, hint: str) -> float:
    """The probability of one class: of several that sum to 1, or a single one.

    Args:
        row: Numbers in a list, or one number.
        place: The class, counted from 0, or from the end if below 0.
        hint: What to do about numbers that are no probabilities.

    Raises:
        Unusable: There is no such class, or the numbers are no probabilities.
    """
    if not isinstance(row, list):
        return number_in(row, hint)
    if not -len(row) <= place < len(row):
        raise Unusable(
            f"expected a class number {place}, got {len(row)} class(es)", retryable=False
        )
    values = [number_in(value, hint) for value in row]
    if len(values) > 1 and abs(sum(values) - 1.0) > 1e-2:
        raise Unusable(
            f"expected probabilities that sum to 1, got a sum of {sum(values):.4g} over "
            f"{len(values)} numbers: {hint}",
            retryable=False,
        )
    return values[place]
