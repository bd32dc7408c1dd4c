"""Scoring of a given text by a server that rates it whole: the reply lists the text's own tokens.

    tokens of prompt and text, each with its log-probability
    log P(text | prompt) = the sum over the last of them, those that spell the text

The text begins where a token does; else the call fails and names the token at the border.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from specreward.engines import Scored
from specreward.generate.replies import Token, checked, choices_of, sum_of, tokens_of, usage_of
from specreward.generate.retry import Failure

__all__ = ["Rated", "meets"]


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


def meets(text: str, token: str) -> Failure:
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
            raise meets(text, token)
        rest = rest.removesuffix(token)
    if rest:
        raise Failure(f"expected the tokens of {text[:80]!r}, got others: {tokens[-3:]!r}")
    return sum_of(tokens[first:])
