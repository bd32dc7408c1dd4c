"""POST /v1/completions: the prompt is the problem, the answer a text."""

from __future__ import annotations

from time import time
from typing import Any, final

from fastapi import APIRouter, Request, Response

from specreward.serve.answering import ERRORS, Answering
from specreward.serve.replies import CompletionChoice, CompletionReply, usage_reply
from specreward.serve.schemas import CompletionRequest
from specreward.serve.searches import Search
from specreward.serve.stream import events

__all__ = ["completions_router"]

RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "model": CompletionReply,
        "description": "The answer; with ``stream`` as events.",
        "content": {"text/event-stream": {}},
    },
    **ERRORS,
}


@final
class _Chunks:
    """The form of a streamed text completion."""

    def __init__(self, search: Search, model: str) -> None:
        self._search = search
        self._model = model
        self._created = int(time())

    def head(self) -> dict[str, Any]:
        """What all chunks have."""
        return {
            "id": f"cmpl-{self._search.id}",
            "object": "text_completion",
            "created": self._created,
            "model": self._model,
        }

    def choice(self, index: int, text: str, finish: str | None = None) -> dict[str, Any]:
        """A piece of text."""
        return {"index": index, "text": text, "logprobs": None, "finish_reason": finish}


def completions_router(answering: Answering) -> APIRouter:
    """The route."""
    router = APIRouter()

    @router.post("/v1/completions", response_model=None, responses=RESPONSES)
    async def complete(asked: CompletionRequest, request: Request) -> Response:
        """Search for the answer of a problem."""
        search = await answering.start(asked)
        if asked.stream:
            return events(answering, search, asked, _Chunks(search, asked.model))
        result = await answering.wait(search, request)
        reply = CompletionReply(
            id=f"cmpl-{search.id}",
            created=int(time()),
            model=asked.model,
            choices=[
                CompletionChoice(
                    index=index,
                    text=one.content,
                    finish_reason=one.finish,
                    specreward=one.finding,
                )
                for index, one in enumerate(answering.answers(search, result, asked))
            ],
            usage=usage_reply(result.usage),
            specreward=answering.report(search, result, asked.ignored),
        )
        return Response(reply.model_dump_json(), media_type="application/json")

    return router
