"""Server-sent events: progress while the search runs, then the answer, then what it cost.

    data: chunk with an empty delta and ``specreward``: {"progress": {...}}     whenever it changed
    data: chunk with a line of the answer                                       for each line
    data: chunk with the finish reason, the last one with ``specreward``: {...} for each choice
    data: chunk without choices, with the usage                                 where it was asked
    data: [DONE]

A search that fails sends ``{"error": ...}`` instead of what is left. A line ``: waiting`` keeps the
connection open where nothing changes.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import asdict
from time import monotonic
from typing import Any, Protocol, final

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from specreward.serve.answering import Answering, Asked
from specreward.serve.refusals import Refusal, error_body
from specreward.serve.replies import Answer, usage_reply
from specreward.serve.searches import Progress, Search, Stop

__all__ = ["EventStream", "Form", "Streamed", "events"]

TICK = 0.1
"""Seconds between two looks at a search."""

SILENCE = 10.0
"""Seconds without an event, after which a comment is sent."""


class Streamed(Asked, Protocol):
    """A request for a streamed completion."""

    @property
    def wants_usage(self) -> bool:
        """Whether the last chunk has the usage."""
        ...


class Form(Protocol):
    """How a chunk of chat or of text looks."""

    def head(self) -> dict[str, Any]:
        """What all chunks have: id, object, created, model."""
        ...

    def choice(self, index: int, text: str, finish: str | None = None) -> dict[str, Any]:
        """A choice with a piece of text."""
        ...


@final
class EventStream(StreamingResponse):
    """A stream of events; however it ends, ``leave`` is called.

    Args:
        pieces: The events.
        leave: Ends what nobody waits for any more.
    """

    def __init__(self, pieces: AsyncIterator[str], leave: Callable[[], None]) -> None:
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        StreamingResponse.__init__(self, pieces, media_type="text/event-stream", headers=headers)
        self._leave = leave

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await StreamingResponse.__call__(self, scope, receive, send)
        finally:
            self._leave()


def events(answering: Answering, search: Search, asked: Streamed, form: Form) -> EventStream:
    """The answer of a search as a stream."""

    def leave() -> None:
        search.stop(Stop.CLIENT)

    return EventStream(_events(answering, search, asked, form), leave)


async def _events(
    answering: Answering, search: Search, asked: Streamed, form: Form
) -> AsyncIterator[str]:
    head = form.head() | ({"usage": None} if asked.wants_usage else {})
    async for progress in _progress(search):
        if progress is None:
            yield ": waiting\n\n"
        else:
            block = {"progress": asdict(progress)}
            yield _event(head | {"choices": [form.choice(0, "")], "specreward": block})
    try:
        result = answering.result(search)
    except Refusal as refusal:
        body = error_body(refusal.status, str(refusal), refusal.code)
        yield _event(body | ({} if refusal.report is None else {"specreward": refusal.report}))
        return
    choices = answering.answers(search, result, asked)
    for index, answer in enumerate(choices):
        for choice in _pieces(form, index, answer):
            yield _event(head | {"choices": [choice]})
    report = answering.report(search, result, asked.ignored).model_dump()
    for index, answer in enumerate(choices):
        last = {"specreward": report} if index == len(choices) - 1 else {}
        yield _event(head | {"choices": [form.choice(index, "", answer.finish)]} | last)
    if asked.wants_usage:
        yield _event(head | {"choices": [], "usage": usage_reply(result.usage).model_dump()})
    yield "data: [DONE]\n\n"


async def _progress(search: Search) -> AsyncIterator[Progress | None]:
    """Where a search stands, whenever that changed, until it is over; None after a silence."""
    seen, said = None, monotonic()
    while not search.task.done():
        now = search.progress()
        if now != seen:
            seen, said = now, monotonic()
            yield now
        elif monotonic() - said > SILENCE:
            said = monotonic()
            yield None
        await asyncio.wait({search.task}, timeout=TICK)


def _pieces(form: Form, index: int, answer: Answer) -> Iterator[dict[str, Any]]:
    """A choice line by line."""
    for line in answer.content.splitlines(keepends=True):
        yield form.choice(index, line)


def _event(chunk: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(chunk, separators=(',', ':'))}\n\n"
