"""What brings the answers to some places of a call to a server.

work.answers(connection, model, retry) -> answers, in order, or GivenUp with what was paid
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar, final

from specreward.engines import Completion, Scored
from specreward.generate.connection import Connection
from specreward.generate.dialects import Fields
from specreward.generate.retry import Retry, persist
from specreward.generate.routes import Route

__all__ = ["Request", "Work"]

T = TypeVar("T", Completion, Scored)


class Work(Protocol[T]):
    """What brings the answers to some places of a call."""

    @property
    def places(self) -> tuple[int, ...]:
        """The places of its answers in the call."""
        ...

    @property
    def prompt(self) -> str:
        """Named in an error."""
        ...

    async def answers(self, connection: Connection, model: str, retry: Retry) -> list[T]:
        """The answers, in order.

        Raises:
            GivenUp: There are none; ``wasted`` is what was paid all the same.
        """
        ...


@final
@dataclass(frozen=True, kw_only=True)
class Request(Generic[T]):
    """One request.

    Args:
        places: The places of its answers in the call.
        prompt: Named in an error.
        fields: What is sent.
        read: The answers in a reply, from it, their number and the seconds that it took.
        route: Where it goes.
    """

    places: tuple[int, ...]
    prompt: str
    fields: Fields
    read: Callable[[Mapping[str, Any], int, float], list[T]]
    route: Route

    async def answers(self, connection: Connection, model: str, retry: Retry) -> list[T]:
        """As ``Work``; the first answer has what attempts before it cost."""
        n = len(self.places)

        async def attempt() -> list[T]:
            reply, seconds = await connection.request(self.route, model, self.fields)
            return self.read(reply, n, seconds)

        answers: list[T]
        answers, wasted = await persist(attempt, retry, connection.gate, n)
        if wasted.calls:
            answers[0] = replace(answers[0], wasted=wasted)
        return answers
