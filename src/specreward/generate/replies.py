"""What a server's reply says: texts, tokens, log-probabilities and what was paid for.

    reply       JSON, or a stream of JSON pieces put together again
    usage       of the request, shared out to its samples so that the sum is what the server says
    completion  text cut at its first stop text, log-probabilities up to there

A reply that lacks what was asked for is a failed attempt, never an answer with a hole in it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, final

from specreward.engines import Completion, Sampling, Usage
from specreward.generate.dialects import Dialect
from specreward.generate.retry import Failure
from specreward.generate.routes import Route

__all__ = [
    "Reading",
    "Token",
    "checked",
    "choices_of",
    "ids_of",
    "load",
    "objects_of",
    "sum_of",
    "tokens_of",
    "usage_of",
]

ROUNDING = 1e-3
"""Log-probabilities may be above 0 by this much, nats: servers compute in 16 bits."""

BEYOND = 8
"""Tokens by which a completion may pass its cap: servers count those that end a text or not."""

HALF = re.compile("[\ud800-\udfff]")
"""What JSON can spell and no text can hold: one of the two parts of a character."""

_FINISH: Mapping[str, Literal["stop", "length"]] = {"stop": "stop", "length": "length"}


class Token(NamedTuple):
    """A token's text and its log-probability in nats; None for the first of a text."""

    text: str
    logprob: float | None


# ---------------------------------------------------------------------------------- JSON


def load(body: bytes, content_type: str) -> dict[str, Any]:
    """The reply in a body.

    Raises:
        Failure: It is no JSON object, or one cut short.
    """
    kind = content_type.partition(";")[0].strip().lower()
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise Failure(f"expected text in UTF-8: {error}") from error
    if kind == "text/event-stream":
        return _joined(text)
    if kind != "application/json":
        raise Failure(f"expected JSON, got {kind or 'no content type'}: {_start(text)}")
    return _object(text)


def _object(text: str) -> dict[str, Any]:
    try:
        reply = json.loads(text)
    except ValueError as error:
        raise Failure(f"expected JSON, got {_start(text)}: {error}") from error
    if not isinstance(reply, dict):
        raise Failure(f"expected a JSON object, got {_start(text)}")
    return reply


def _start(text: str) -> str:
    return repr(text[:80]) if text else "an empty body"


def objects_of(value: object) -> list[dict[str, Any]]:
    """A list of JSON objects, or a failure."""
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise Failure(f"expected a list of objects, got {value!r:.80}")
    return value


def _joined(text: str) -> dict[str, Any]:
    """A stream's pieces as the one reply that they make up."""
    # Not splitlines(): it breaks at characters that stand for themselves in JSON. Other lines are
    # comments, which keep the connection open.
    rows = re.split(r"\r\n|\r|\n", text)
    lines = [row.removeprefix("data:").strip() for row in rows if row.startswith("data:")]
    if not lines or lines[-1] != "[DONE]":
        raise Failure(f"expected a stream that ends with [DONE], got {_start(text[-80:])}")
    pieces = [_object(line) for line in lines[:-1]]
    choice: dict[str, Any] = {"index": 0, "text": "", "message": {"content": ""}}
    entries: list[object] = []
    reply: dict[str, Any] = {"choices": [choice]}
    for piece in pieces:
        reply.update({key: value for key, value in piece.items() if key != "choices"})
        choice["__verbose"] = piece.get("__verbose", choice.get("__verbose"))  # llama.cpp
        for part in objects_of(piece.get("choices") or []):
            delta, logprobs = part.get("delta"), part.get("logprobs")
            choice["text"] += str(part.get("text") or "")
            if isinstance(delta, dict):
                choice["message"]["content"] += str(delta.get("content") or "")
            if isinstance(logprobs, dict):
                entries += objects_of(logprobs.get("content") or [])
            choice["finish_reason"] = part.get("finish_reason") or choice.get("finish_reason")
    choice["logprobs"] = {"content": entries}
    return reply


# ---------------------------------------------------------------------------------- usage


def usage_of(reply: Mapping[str, Any]) -> Usage:
    """The tokens that a reply says were paid for; ``calls`` is not filled in.

    Raises:
        Failure: It says nothing of them, or what cannot be.
    """
    usage = reply.get("usage")
    if not isinstance(usage, dict):
        raise Failure(
            "expected the usage of the request, got none: without it nothing can be counted; use a "
            f"server that reports it{_said(reply)}",
            retryable="error" in reply,
        )
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    prompt = _count(usage, "prompt_tokens")
    known = _count({"cached_tokens": cached or 0}, "cached_tokens")
    if known > prompt:
        raise Failure(f"expected at most {prompt} cached tokens, got {known}")
    return Usage(
        prompt_tokens=prompt,
        cached_tokens=known,
        completion_tokens=_count(usage, "completion_tokens"),
    )


def _count(usage: Mapping[str, Any], name: str) -> int:
    value = usage.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Failure(f"expected {name} in the usage, at least 0, got {value!r}")
    return value


def _shares(total: int, weights: Sequence[int]) -> list[int]:
    """Whole parts of a total in proportion to weights (largest remainder); they sum up to it."""
    whole = sum(weights)
    if not whole:
        weights, whole = [1] * len(weights), len(weights)
    parts = [total * weight // whole for weight in weights]
    rest = sorted(range(len(parts)), key=lambda i: (parts[i] * whole - total * weights[i], i))
    for place in rest[: total - sum(parts)]:
        parts[place] += 1
    return parts


# ---------------------------------------------------------------------------------- tokens


def tokens_of(choice: Mapping[str, Any]) -> list[Token]:
    """The tokens of one choice with their log-probabilities.

    Raises:
        Failure: There are none, or one of them is no log-probability.
    """
    given = choice.get("logprobs")
    rows: list[tuple[object, object]] | None = None
    if isinstance(given, dict) and isinstance(given.get("content"), list):
        rows = [(entry.get("token"), _log(entry)) for entry in objects_of(given["content"])]
    elif isinstance(given, dict) and isinstance(given.get("token_logprobs"), list):
        texts = given.get("tokens")
        if not isinstance(texts, list) or len(texts) != len(given["token_logprobs"]):
            raise Failure("expected as many tokens as log-probabilities")
        rows = list(zip(texts, given["token_logprobs"], strict=True))
    if rows is None:
        raise Failure(
            "expected log-probabilities, got none: if the model gives none, say so with "
            "logprobs=not_given() in the dialect",
            retryable=False,
        )
    return [Token(str(text), checked(value)) for text, value in rows]


def _log(entry: Mapping[str, Any]) -> object:
    """The entry's log-probability; llama.cpp gives a probability instead where it is processed."""
    if "logprob" in entry or not isinstance(entry.get("prob"), (int, float)):
        return entry.get("logprob", math.nan)
    return math.log(entry["prob"]) if entry["prob"] > 0 else -math.inf


def checked(value: object) -> float | None:
    """A log-probability, in nats and at most 0; None where there is none.

    Raises:
        Failure: It is no such number.
    """
    if value is None:
        return None
    number = value if isinstance(value, (int, float)) else math.nan
    if not math.isfinite(number) or number > ROUNDING:
        raise Failure(f"expected log-probabilities of at most 0, got {value!r}")
    return min(float(number), 0.0)


def sum_of(tokens: Sequence[Token]) -> float:
    """Their log-probability, nats."""
    total = 0.0
    for token in tokens:
        if token.logprob is None:
            raise Failure(f"expected a log-probability with each token, got none with {token[0]!r}")
        total += token.logprob
    return total


# ---------------------------------------------------------------------------------- samples


@final
@dataclass(frozen=True, kw_only=True)
class Reading:
    """How the replies to one kind of request are read.

    Args:
        dialect: What the server means.
        route: Where a choice has its text.
        sampling: What was asked for.
        logprobs: Whether log-probabilities were.
        ids: Whether token ids were.
    """

    dialect: Dialect
    route: Route
    sampling: Sampling
    logprobs: bool
    ids: bool = False

    def __call__(self, reply: Mapping[str, Any], n: int, seconds: float) -> list[Completion]:
        """The completions in a reply to a request for ``n`` samples that took ``seconds``.

        Raises:
            Failure: The reply is not whole; ``paid`` is what it says it cost.
        """
        usage = usage_of(reply)
        try:
            self._check_length(usage.completion_tokens, n)
            return self._completions(choices_of(reply, n), usage, seconds)
        except Failure as failure:
            raise Failure(str(failure), retryable=failure.retryable, paid=usage) from failure

    def _check_length(self, tokens: int, n: int) -> None:
        """Refuse what is longer than was allowed: no budget could be kept with it."""
        most = self.sampling.max_tokens
        if tokens > n * (most + BEYOND):
            raise Failure(
                f"expected at most {most} tokens in each of {n} completions, got {tokens} in all: "
                "the server does not know the field for the cap; openai_api(length='max_tokens') "
                "has the other one",
                retryable=False,
            )

    def _completions(
        self, choices: Sequence[Mapping[str, Any]], usage: Usage, seconds: float
    ) -> list[Completion]:
        read = [self._choice(choice) for choice in choices]
        sizes = [(len(tokens), len(text.encode())) for text, tokens, _, _ in read]
        weights = [tokens if self.logprobs else size for tokens, size in sizes]
        shares = _shares(usage.completion_tokens, weights)
        return [
            Completion(
                text=text,
                tokens=share,
                logprob=logprob,
                prompt_tokens=0 if place else usage.prompt_tokens,
                cached_tokens=0 if place else usage.cached_tokens,
                finish=finish,
                seconds=seconds / len(read),
                ids=self._ids(choice, tokens) if self.ids else (),
            )
            for place, (choice, (text, tokens, logprob, finish), share) in enumerate(
                zip(choices, read, shares, strict=True)
            )
        ]

    def _ids(self, choice: Mapping[str, Any], tokens: Sequence[Token]) -> tuple[int, ...]:
        """The ids of a completion's tokens; none where the server went on after a stop text."""
        ids = ids_of(choice, "token_ids")
        if self.logprobs and len(ids) != len(tokens):
            raise Failure(f"expected {len(tokens)} token ids, as log-probabilities, got {len(ids)}")
        return () if self._cut(str(self.route.text(choice)))[1] is not None else ids

    def _choice(
        self, choice: Mapping[str, Any]
    ) -> tuple[str, list[Token], float | None, Literal["stop", "length"]]:
        """Text, tokens, log-probability and end of one choice."""
        text = self.route.text(choice)
        if not isinstance(text, str) or HALF.search(text):
            raise Failure(f"expected a text of whole characters, got {text!r:.80}")
        reason = choice.get("finish_reason")
        finish = _FINISH.get(reason) if isinstance(reason, str) else None
        if finish is None:
            raise Failure(
                f"expected a completion that ended by 'stop' or 'length', got {reason!r}",
                retryable=reason != "content_filter",
            )
        tokens = tokens_of(choice) if self.logprobs else []
        if self.logprobs and text and not tokens:
            raise Failure("expected log-probabilities of all tokens, got those of none")
        cut, end = self._cut(text)
        if end is not None:
            return cut, tokens, self._until(tokens, text, end), "stop"
        keep = self.sampling.keep_stop and bool(self.sampling.stop)
        if keep and reason == "stop" and self.dialect.names_stop:
            ended = self.dialect.stop_text(choice)
            if ended is not None and ended in self.sampling.stop:
                cut += ended
        return cut, tokens, sum_of(tokens) if self.logprobs else None, finish

    def _cut(self, text: str) -> tuple[str, int | None]:
        """The text up to its first stop text, and where that one ends; None if it has none."""
        found = [(text.find(stop), stop) for stop in self.sampling.stop if stop in text]
        if not found:
            return text, None
        end, begin = min((at + len(stop), at) for at, stop in found)
        return text[: end if self.sampling.keep_stop else begin], end

    def _until(self, tokens: Sequence[Token], text: str, end: int) -> float | None:
        """Log-probability of the tokens up to ``end`` of a text that the server did not cut."""
        if not self.logprobs:
            return None
        length = taken = 0
        while length < end and taken < len(tokens):
            length += len(tokens[taken].text)
            taken += 1
        if "".join([token.text for token in tokens[:taken]])[:end] != text[:end]:
            return None  # tokens that are no whole characters cannot be told apart
        return sum_of(tokens[:taken])


def ids_of(reply: Mapping[str, Any], name: str) -> tuple[int, ...]:
    """A list of token ids.

    Raises:
        Failure: There is none.
    """
    ids = reply.get(name)
    if not isinstance(ids, list) or not all(type(i) is int and i >= 0 for i in ids):
        raise Failure(
            f"expected a list of token ids as {name}, got {ids!r:.80}: it takes vLLM 0.10.2 or "
            "newer; leave out the dialect's tokenizer to do without token ids",
            retryable=False,
        )
    return tuple(ids)


def choices_of(reply: Mapping[str, Any], n: int) -> list[Mapping[str, Any]]:
    """The ``n`` choices in a reply, by their index.

    Raises:
        Failure: There are more or fewer.
    """
    choices = objects_of(reply.get("choices") or [])
    if len(choices) != n:
        hint = ": set samples=1 for a server that takes no n" if len(choices) == 1 else ""
        raise Failure(f"expected {n} choices, got {len(choices)}{hint}{_said(reply)}")
    order = [choice.get("index", 0) for choice in choices]
    if not all(isinstance(index, int) for index in order):
        raise Failure(f"expected choices with whole numbers as index, got {order!r:.80}")
    return [choices[place] for place in sorted(range(n), key=order.__getitem__)]


def _said(reply: Mapping[str, Any]) -> str:
    error = reply.get("error")
    return f"; the server says: {error!r:.200}" if error else ""
