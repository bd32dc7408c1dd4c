"""Scoring of given token ids by a server that takes a prompt in ids: vLLM's.

    before = the prompt's ids, by the server's own /tokenize
    one request: prompt = before + ids, of which the server rates each; one token is written
    log P(ids | prompt) = the sum over the last ones

The server rates them by the model's own law in each of its modes, as no temperature is applied to a
prompt: only at temperature 1 is that the law of its samples. With ``prompt_logprobs`` it computes
the whole prompt, whatever its cache holds (vLLM V1), and all of it is counted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

from specreward.engines import Scored
from specreward.generate.connection import Connection
from specreward.generate.dialects import Fields
from specreward.generate.replies import checked, choices_of, ids_of
from specreward.generate.retry import Failure, GivenUp, Retry
from specreward.generate.routes import Completions
from specreward.generate.scoring import Asking, Beside

__all__ = ["Given"]

_LACKING = (
    "vllm() scores token ids with the help of the server's own /tokenize, which is beside /v1: is "
    "this its URL, with no proxy before it that lets only /v1 through?"
)


@final
@dataclass(frozen=True, kw_only=True)
class Given:
    """Tokens that are to be scored.

    Args:
        places: The place of their score in the call.
        prompt: What stands before them, in text.
        ids: The tokens, at least one.
        rating: What a request holds to have the tokens of its prompt rated.
        extra: More fields of each request.
    """

    places: tuple[int, ...]
    prompt: str
    ids: tuple[int, ...]
    rating: Fields
    extra: Fields

    async def answers(self, connection: Connection, model: str, retry: Retry) -> list[Scored]:
        """The score.

        Raises:
            GivenUp: There is none; ``wasted`` is what was paid all the same.
        """
        asking = Asking(connection, model, retry, _LACKING)
        special = self.extra.get("add_special_tokens", True)  # as where it is sampled
        question = {"model": model, "prompt": self.prompt, "add_special_tokens": special}
        try:
            before = await asking((Beside("tokenize"), question), _tokenized)
            fields = {
                **self.extra,
                **self.rating,
                "prompt": [*before, *self.ids],
                "max_tokens": 1,
                "temperature": 0.0,
            }
            value = await asking((Completions(), fields), self._value, counted=True)
        except GivenUp as error:
            wasted = asking.wasted + asking.paid + error.wasted
            raise GivenUp(error.failure, error.attempts, wasted) from error
        paid = asking.paid
        return [Scored(value, paid.tokens, paid.cached_tokens, paid.seconds, wasted=asking.wasted)]

    def _value(self, reply: Mapping[str, Any]) -> float:
        """The log-probability of the last tokens of the prompt, nats."""
        [choice] = choices_of(reply, 1)
        rows = choice.get("prompt_logprobs")
        if not isinstance(rows, list) or len(rows) <= len(self.ids):
            raise Failure(
                f"expected log-probabilities of more than {len(self.ids)} tokens as "
                f"prompt_logprobs, got {rows!r:.80}",
                retryable=False,
            )
        return sum(map(_logprob, rows[-len(self.ids) :], self.ids))


def _tokenized(reply: Mapping[str, Any]) -> tuple[int, ...]:
    ids = ids_of(reply, "tokens")
    if not ids:
        raise Failure("expected a prompt that has tokens, got none", retryable=False)
    return ids


def _logprob(row: object, token: int) -> float:
    """That of the token which stood there, in a row of alternatives by their ids."""
    entry = row.get(str(token)) if isinstance(row, dict) else None
    value = checked(entry.get("logprob", math.nan)) if isinstance(entry, dict) else None
    if value is None:
        raise Failure(
            f"expected the log-probability of the token {token}, got {row!r:.80}", retryable=False
        )
    return value
