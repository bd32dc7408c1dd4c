"""POST /v1/chat/completions: the last message is the problem, the answer a message."""

from __future__ import annotations

from time import time
from typing import Any, final

from fastapi import APIRouter, Request, Response

from specreward.serve.answering import ERRORS, Answering
from specreward.serve.replies import ChatChoice, ChatReply, Message, usage_reply
from specreward.serve.schemas import ChatRequest
from specreward.serve.searches import Search
from specreward.serve.stream import events

__all__ = ["chat_router"]

RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "model": ChatReply,
        "description": "The answer; with ``stream`` as events.",
        "content": {"text/event-stream": {}},
    },
    **ERRORS,
}


@final
class _Chunks:
    """The form of a streamed chat completion."""

    def __init__(self, search: Search, model: str) -> None:
        self._search = search
        self._model = model
        self._created = int(time())
        self._begun: set[int] = set()

    def head(self) -> dict[str, Any]:
        """What all chunks have."""
        return {
            "id": f"chatcmpl-{self._search.id}",
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": self._model,
        }

    def choice(self, index: int, text: str, finish: str | None = None) -> dict[str, Any]:
        """A delta; the first of each choice says who speaks."""
        delta: dict[str, str] = {"content": text} if text else {}
        if index not in self._begun:
            self._begun.add(index)
            delta = {"role": "assistant", "content": text}
        return {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}


def chat_router(answering: Answering) -> APIRouter:
    """The route."""
    router = APIRouter()

    @router.post("/v1/chat/completions", response_model=None, responses=RESPONSES)
    async def chat(asked: ChatRequest, request: Request) -> Response:
        """Search for the answer of a problem."""
        search = await answering.start(asked)
        if asked.stream:
            return events(answering, search, asked, _Chunks(search, asked.model))
        result = await answering.wait(search, request)
        reply = ChatReply(
            id=f"chatcmpl-{search.id}",
            created=int(time()),
            model=asked.model,
            choices=[
                ChatChoice(
                    index=index,
                    message=Message(content=one.content),
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
