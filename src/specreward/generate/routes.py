"""The two routes of OpenAI's protocol: conversations and plain text.

chat()          POST /chat/completions    messages in the model's own template
completions()   POST /completions         the prompt as it stands
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, final

from specreward.engines import ChatPrompt, Message
from specreward.generate.dialects import Dialect, Fields

__all__ = ["Address", "Chat", "Completions", "Endpoint", "Route"]

_RAW = "X-Stainless-Raw-Response"
"""By this header the client's ``with_raw_response`` asks for a reply as it came."""


class Endpoint(Protocol):
    """A place on a server that takes requests."""

    async def send(self, client: Any, model: str, fields: Fields) -> Any:  # noqa: ANN401
        """Make the request; its HTTP response."""
        ...


@final
@dataclass(frozen=True, kw_only=True)
class Address:
    """An endpoint that the library does not know.

    Args:
        url: All of it.
    """

    url: str = field(kw_only=False)

    async def send(self, client: Any, model: str, fields: Fields) -> Any:  # noqa: ANN401
        """POST; a model that the server wants named is among the fields."""
        raw = {"headers": {_RAW: "true"}}
        reply = await client.post(self.url, cast_to=object, body=fields, options=raw)
        return reply.http_response


class Route(Endpoint, Protocol):
    """A route: how a prompt is put into a request and a text is found in a reply.

    More than one method, because what goes out and what comes back belong together.
    """

    def question(self, prompt: str, dialect: Dialect) -> Fields:
        """The fields of a request that hold the prompt."""
        ...

    def settings(self, dialect: Dialect, max_tokens: int, *, logprobs: bool) -> Fields:
        """The fields that are called or typed otherwise on the other route."""
        ...

    def scoring(self, prompt: str, continuation: str, dialect: Dialect) -> Fields:
        """A request for the log-probabilities of a continuation.

        Raises:
            InputError: The server gives none.
        """
        ...

    def text(self, choice: Mapping[str, Any]) -> object:
        """The text of one completion."""
        ...


@final
@dataclass(frozen=True, kw_only=True)
class Chat:
    """Conversations. A plain prompt is one message of the user."""

    def question(self, prompt: str, dialect: Dialect) -> Fields:
        """``messages``; a last one of the assistant is to be continued."""
        messages = _messages(prompt)
        if messages[-1] == Message("assistant", "") and len(messages) > 1:
            messages = messages[:-1]  # nothing is begun: a new turn
        more: Fields = {}
        if messages[-1].role == "assistant":
            messages, more = dialect.continued(messages)
        return {"messages": [{"role": m.role, "content": m.text} for m in messages], **more}

    def settings(self, dialect: Dialect, max_tokens: int, *, logprobs: bool) -> Fields:
        """The cap on tokens; ``logprobs`` is yes or no."""
        return {dialect.length: max_tokens, **({"logprobs": True} if logprobs else {})}

    def scoring(self, prompt: str, continuation: str, dialect: Dialect) -> Fields:
        """The continuation as the end of the assistant's turn.

        Raises:
            InputError: The server gives no log-probabilities of messages.
        """
        ask = dialect.rates(messages=True)
        messages = list(_messages(prompt))
        begun = messages.pop().text if messages[-1].role == "assistant" else ""
        messages.append(Message("assistant", begun + continuation))
        return {**self.question(ChatPrompt(messages), dialect), dialect.length: 1, **ask}

    def text(self, choice: Mapping[str, Any]) -> object:
        """The message's content; none is an empty one."""
        message = choice.get("message")
        if not isinstance(message, dict):
            return None
        return "" if message.get("content") is None else message["content"]

    async def send(self, client: Any, model: str, fields: Fields) -> Any:  # noqa: ANN401
        """POST /chat/completions."""
        rest = {key: value for key, value in fields.items() if key != "messages"}
        create = client.chat.completions.with_raw_response.create
        raw = await create(model=model, messages=fields["messages"], extra_body=rest)
        return raw.http_response


def _messages(prompt: str) -> Sequence[Message]:
    return prompt.messages if isinstance(prompt, ChatPrompt) else (Message("user", prompt),)


@final
@dataclass(frozen=True, kw_only=True)
class Completions:
    """Plain text: for base models, and for prompts that hold the template already."""

    def question(self, prompt: str, dialect: Dialect) -> Fields:
        """``prompt``."""
        return {"prompt": str(prompt)}

    def settings(self, dialect: Dialect, max_tokens: int, *, logprobs: bool) -> Fields:
        """The cap on tokens; ``logprobs`` is how many alternatives are listed."""
        return {"max_tokens": max_tokens, **({"logprobs": 1} if logprobs else {})}

    def scoring(self, prompt: str, continuation: str, dialect: Dialect) -> Fields:
        """Prompt and continuation as one text, which comes back.

        Raises:
            InputError: The server gives no log-probabilities of a text.
        """
        return {"prompt": prompt + continuation, "max_tokens": 1, **dialect.rates(messages=False)}

    def text(self, choice: Mapping[str, Any]) -> object:
        """The text."""
        return choice.get("text")

    async def send(self, client: Any, model: str, fields: Fields) -> Any:  # noqa: ANN401
        """POST /completions."""
        rest = {key: value for key, value in fields.items() if key != "prompt"}
        create = client.completions.with_raw_response.create
        raw = await create(model=model, prompt=fields["prompt"], extra_body=rest)
        return raw.http_response
