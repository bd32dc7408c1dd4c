"""From a request to its answer: what chat and text completions have in common.

problem   task.parse(the text), in a thread
search    started at once, or refused before anything is sent
answer    when the search ends; a client that leaves stops it
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar, final

from fastapi import Request

from specreward.errors import SpecRewardError
from specreward.ledger import Budget
from specreward.serve.menu import Menu
from specreward.serve.refusals import Refusal, reading
from specreward.serve.replies import Answer, ErrorReply, Report, answers, report
from specreward.serve.schemas import Options
from specreward.serve.searches import Search, Searches, Stop
from specreward.types import Result, Task

__all__ = ["ERRORS", "Answering", "Asked", "unless_gone"]

T = TypeVar("T")

ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorReply, "description": "Something in the request cannot be used."},
    401: {"model": ErrorReply, "description": "The API key is missing or wrong."},
    404: {"model": ErrorReply, "description": "There is no such model."},
    413: {"model": ErrorReply, "description": "The body is too large."},
    429: {"model": ErrorReply, "description": "Too many searches wait: see Retry-After."},
    500: {"model": ErrorReply, "description": "The server failed."},
    502: {"model": ErrorReply, "description": "The search failed."},
    503: {"model": ErrorReply, "description": "The server is being stopped."},
}
"""For the OpenAPI description."""

GONE = 499
"""The status that is counted where the client left first."""


class Asked(Protocol):
    """A request for a completion, of either form."""

    model: str
    n: int | None

    @property
    def question(self) -> str:
        """The problem."""
        ...

    @property
    def options(self) -> Options:
        """What is asked of the search."""
        ...

    @property
    def stops(self) -> list[str]:
        """Texts before which the answer is cut."""
        ...

    @property
    def ignored(self) -> list[str]:
        """Parameters without an effect."""
        ...


async def unless_gone(request: Request, work: asyncio.Task[T]) -> None:
    """Wait until some work is done; the body of the request must have been read.

    Raises:
        Refusal: The client closed the connection first.
    """
    gone = asyncio.create_task(_until_gone(request))
    try:
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
    if not work.done():
        raise Refusal(GONE, Stop.CLIENT.value)


async def _until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


@final
class Answering:
    """Answers requests by searches.

    Args:
        task: Reads problems.
        menu: Knows the strategies.
        searches: Starts them.
    """

    def __init__(self, task: Task, menu: Menu, searches: Searches) -> None:
        self._task = task
        self._menu = menu
        self._searches = searches

    async def start(self, asked: Asked) -> Search:
        """The search that a request asks for, under way.

        Raises:
            Refusal: The problem or the strategy cannot be read, there is no such model, or no
                place.
        """
        options = asked.options
        with reading():
            caps = Budget() if options.budget is None else options.budget.budget()
            budget = self._searches.budget(caps)
            dish = self._menu.find(asked.model)
            if options.strategy is not None:
                dish = self._menu.read(options.strategy)
            return await self._searches.start(asked.question, dish, budget, options.seed)

    async def wait(self, search: Search, request: Request) -> Result:
        """The result of a search, which ends when its client leaves.

        Raises:
            Refusal: It failed, or was stopped.
        """
        try:
            await unless_gone(request, search.task)
        finally:
            search.stop(Stop.CLIENT)
        return self.result(search)

    def result(self, search: Search) -> Result:
        """The result of a search that is over.

        Raises:
            Refusal: It failed, or was stopped.
        """
        if search.task.cancelled():
            raise Refusal(503, "the search was stopped before it began", code="stopping")
        try:
            result = search.task.result()
        except SpecRewardError as error:  # not of this search: the store, a library
            raise Refusal(500, str(error)) from error
        if search.stopped is Stop.SERVER:
            raise self._failed(503, "stopping", search, result)
        if result.ended == "failed" and search.stopped is None:
            raise self._failed(502, "search_failed", search, result)
        return result

    def _failed(self, status: int, code: str, search: Search, result: Result) -> Refusal:
        """What was paid is said; a client library need not try again what engines have tried."""
        return Refusal(
            status,
            result.error or "the search failed",
            code=code,
            headers={"x-should-retry": "false"},
            report=self.report(search, result, []).model_dump(),
        )

    def answers(self, search: Search, result: Result, asked: Asked) -> list[Answer]:
        """The choices."""
        return answers(search, result, self._task, asked.n or 1, asked.stops)

    def report(self, search: Search, result: Result, ignored: Sequence[str]) -> Report:
        """The ``specreward`` block."""
        priced = self._searches.priced
        return report(search, result, self._task, priced=priced, ignored=ignored)
