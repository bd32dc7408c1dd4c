"""Scoring of a given text: log P(text | prompt), the sum over the tokens that spell the text.

rated    The server rates a text whole: one request, whose reply lists the text's own tokens with
         their log-probabilities; the last of them are wanted.

forced   The server rates only what it writes, so each token is forced:

             the prompt's tokens, those of prompt and text: the second begin with the first
             for each token t of the rest:
                 the server reads all before t and writes one token: t, for the sake of a bias
                 log P(text) += the model's own log-probability of t, which the bias is not in

         A request for each token. Those of one text follow one another, so that each finds in the
         server's cache what it has to read but for one token. This is llama.cpp's server: beside
         the routes of OpenAI's protocol it has endpoints for the tokens of a text and for a
         conversation in the model's template.

The text begins where a token does; else the call fails and names the token at the border.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, NamedTuple, TypeVar, final

from specreward.engines import Scored, Usage
from specreward.generate.connection import Connection
from specreward.generate.dialects import Fields
from specreward.generate.replies import (
    Token,
    checked,
    choices_of,
    objects_of,
    sum_of,
    tokens_of,
    usage_of,
)
from specreward.generate.retry import Failure, GivenUp, Retry, persist
from specreward.generate.routes import Address, Completions, Endpoint

__all__ = ["Asking", "Beside", "Forced", "Rated"]

R = TypeVar("R")

BIAS = 1000.0
"""Added to the logit of a forced token: more than any two logits are apart."""

NOTHING = -1e30
"""llama.cpp writes the least 32-bit number for the logarithm of a probability that became 0."""

_LACKING = (
    "llama_cpp() scores by llama-server's own /tokenize and /apply-template, which are beside /v1: "
    "is this its URL, with no proxy before it that lets only /v1 through?"
)


# ---------------------------------------------------------------------------------- rated


@final
@dataclass(frozen=True, kw_only=True)
class Rated:
    """How the reply to a request that rates a text is read.

    Args:
        text: The end of it, whose log-probability is wanted.
    """

    text: str

    def __call__(self, reply: Mapping[str, Any], n: int, seconds: float) -> list[Scored]:
        """The score in a reply that took ``seconds``.

        Raises:
            Failure: The reply is not whole, or the text does not begin where a token does.
        """
        usage = usage_of(reply)
        try:
            tokens = _rated(reply, choices_of(reply, n)[0])[: usage.prompt_tokens]
            value = _continuation(tokens, self.text)
        except Failure as failure:
            raise Failure(str(failure), retryable=failure.retryable, paid=usage) from failure
        return [Scored(value, usage.tokens, usage.cached_tokens, seconds)]


def _rated(reply: Mapping[str, Any], choice: Mapping[str, Any]) -> list[Token]:
    """The tokens of the request itself: of the echoed text, or listed beside the choices."""
    listed = reply.get("prompt_logprobs")
    if not isinstance(listed, list):
        return tokens_of(choice)
    tokens = []
    for row in listed:
        # The first alternative is the token that stood there; the first token has none.
        entry = next(iter(row.values())) if isinstance(row, dict) and row else {}
        text = entry.get("decoded_token", "") if isinstance(entry, dict) else ""
        tokens.append(Token(str(text), checked(entry.get("logprob") if entry else None)))
    return tokens


def _meets(text: str, token: str) -> Failure:
    """A continuation that begins inside a token."""
    return Failure(
        f"expected a continuation that begins with a token, got {text[:80]!r}, which meets the "
        f"token {token!r}: move the border, as a rule so that a space begins the continuation and "
        "none ends the prompt",
        retryable=False,
    )


def _continuation(tokens: Sequence[Token], text: str) -> float:
    """Log-probability of the last tokens, those that spell ``text``, nats.

    Raises:
        Failure: The text does not begin where a token does.
    """
    rest, first = text, len(tokens)
    while rest and first:
        first -= 1
        token = tokens[first].text
        if not rest.endswith(token):
            raise _meets(text, token)
        rest = rest.removesuffix(token)
    if rest:
        raise Failure(f"expected the tokens of {text[:80]!r}, got others: {tokens[-3:]!r}")
    return sum_of(tokens[first:])


# ---------------------------------------------------------------------------------- forced


@final
@dataclass(frozen=True, kw_only=True)
class Beside:
    """An endpoint of the server's own, beside those under ``/v1``.

    Args:
        path: From there.
    """

    path: str = field(kw_only=False)

    async def send(self, client: Any, model: str, fields: Fields) -> Any:  # noqa: ANN401
        """POST; the one model of the server is not named."""
        root = str(client.base_url).rstrip("/").removesuffix("/v1")
        return await Address(f"{root}/{self.path}").send(client, model, fields)


class _Piece(NamedTuple):
    """A token: its number, and what it spells."""

    number: int
    spelt: bytes


@final
@dataclass(frozen=True, kw_only=True)
class Forced:
    """One text that is to be scored.

    Args:
        places: The place of its score in the call.
        prompt: Named in an error.
        text: What follows the prompt.
        question: The prompt as a request holds it: ``prompt``, or ``messages``.
        extra: More fields of each request; a template may have use for them.
        rates: What a request holds to have the token rated that it writes.
    """

    places: tuple[int, ...]
    prompt: str
    text: str
    question: Fields
    extra: Fields
    rates: Fields

    async def answers(self, connection: Connection, model: str, retry: Retry) -> list[Scored]:
        """The score; its ``prompt_tokens`` are all that was read and written, request by request.

        Raises:
            GivenUp: A request failed for good; ``wasted`` has those before it too.
        """
        asking = Asking(connection, model, retry, _LACKING)
        try:
            begun = await self._begun(asking)
            before = await asking(_tokenize(begun), _pieces)
            joint = await asking(_tokenize(begun + self.text), self._checked_against(before))
            value = 0.0
            for place in range(len(before), len(joint)):
                value += await self._logprob(asking, joint[:place], joint[place])
        except GivenUp as error:
            wasted = asking.wasted + asking.paid + error.wasted
            raise GivenUp(error.failure, error.attempts, wasted) from error
        paid = asking.paid
        return [Scored(value, paid.tokens, paid.cached_tokens, paid.seconds, wasted=asking.wasted)]

    async def _begun(self, asking: Asking) -> str:
        """The prompt in text: a conversation in the model's template, its last turn open."""
        if "messages" not in self.question:
            return str(self.question["prompt"])
        fields = {**self.extra, **self.question}
        return await asking((Beside("apply-template"), fields), _rendered)

    def _checked_against(self, before: Sequence[_Piece]) -> Callable[[Fields], list[_Piece]]:
        """Reads the tokens of prompt and text; refuses those that are not the prompt's and more."""

        def read(reply: Fields) -> list[_Piece]:
            joint = _pieces(reply)
            if not before:
                raise Failure("expected a prompt that has tokens, got none", retryable=False)
            for own, shared in zip_longest(before, joint[: len(before)]):
                if own != shared:
                    raise _meets(self.text, (shared or own).spelt.decode(errors="replace"))
            rest = b"".join([piece.spelt for piece in joint[len(before) :]])
            if not rest or rest.split() != self.text.encode("utf-8", "surrogatepass").split():
                raise Failure(
                    f"expected the tokens of {self.text[:80]!r}, got some that spell "
                    f"{rest[:80].decode(errors='replace')!r}: the model has no others for it",
                    retryable=False,
                )
            return joint

        return read

    async def _logprob(self, asking: Asking, before: Sequence[_Piece], token: _Piece) -> float:
        """The log-probability of one token, nats."""
        fields = {
            **self.extra,
            **self.rates,
            "prompt": [piece.number for piece in before],
            "max_tokens": 1,
            "temperature": 0.0,
            "logit_bias": {str(token.number): BIAS},
        }

        def read(reply: Fields) -> float:
            [choice] = choices_of(reply, 1)
            given = choice.get("logprobs")
            entries = objects_of(given.get("content")) if isinstance(given, dict) else []
            if [entry.get("id") for entry in entries] != [token.number]:
                raise Failure(
                    f"expected the log-probability of the token {token!r} alone, got "
                    f"{entries!r:.120}: a token that ends inside a character has none, and a "
                    "setting of the server may forbid one",
                    retryable=False,
                )
            value = checked(entries[0].get("logprob", math.nan))
            if value is None or value < NOTHING:
                raise Failure(
                    f"expected a log-probability, got {value!r} for the token {token!r}: its "
                    "probability is too small for the server's 32 bits",
                    retryable=False,
                )
            return value

        return await asking((Completions(), fields), read, counted=True)


# ---------------------------------------------------------------------------------- mechanism


@final
class Asking:
    """Makes requests one after another.

    Args:
        connection: To the server.
        model: Its name there.
        retry: When to try again.
        lacking: What to try where the server has no endpoint of its own for a request.

    Attributes:
        paid: What answers cost; no calls.
        wasted: What failed attempts before them cost.
    """

    def __init__(self, connection: Connection, model: str, retry: Retry, lacking: str) -> None:
        self._connection = connection
        self._lacking = lacking
        self._model = model
        self._retry = retry
        self.paid = Usage()
        self.wasted = Usage()

    async def __call__(
        self,
        request: tuple[Endpoint, Fields],
        read: Callable[[Fields], R],
        *,
        counted: bool = False,
    ) -> R:
        """What is read off the reply.

        Args:
            request: Where it goes, and what is sent.
            read: Raises ``Failure`` if the reply is not whole.
            counted: Whether the reply has a usage.
        """
        endpoint, fields = request

        async def attempt() -> tuple[R, Usage]:
            reply, seconds = await self._connection.request(
                endpoint, self._model, fields, "" if counted else self._lacking
            )
            usage = usage_of(reply) if counted else Usage()
            try:
                return read(reply), usage + Usage(seconds=seconds)
            except Failure as failure:
                raise Failure(str(failure), retryable=failure.retryable, paid=usage) from failure

        (answer, paid), wasted = await persist(attempt, self._retry, self._connection.gate, 1)
        self.paid += paid
        self.wasted += wasted
        return answer


def _tokenize(text: str) -> tuple[Endpoint, Fields]:
    """A request for the tokens of a text as a prompt is read."""
    fields = {"content": text, "add_special": True, "parse_special": True, "with_pieces": True}
    return Beside("tokenize"), fields


def _pieces(reply: Mapping[str, Any]) -> list[_Piece]:
    return [_piece(row.get("id"), row.get("piece")) for row in objects_of(reply.get("tokens"))]


def _piece(number: object, spelt: object) -> _Piece:
    """A token as it is listed: what is no whole character comes as a list of bytes."""
    if isinstance(number, int) and isinstance(spelt, str):
        return _Piece(number, spelt.encode())
    if isinstance(number, int) and isinstance(spelt, list) and all(b in range(256) for b in spelt):
        return _Piece(number, bytes(spelt))
    raise Failure(f"expected a token's number and what it spells, got {(number, spelt)!r:.80}")


def _rendered(reply: Mapping[str, Any]) -> str:
    prompt = reply.get("prompt")
    if not isinstance(prompt, str):
        raise Failure(f"expected a prompt in the model's template, got {prompt!r:.80}")
    return prompt
