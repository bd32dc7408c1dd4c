"""Which law a server's log-probabilities are under; an object to pass to a dialect.

    raw()          log softmax(logits): the model's own, whatever the temperature
    processed()    log softmax(logits / temperature): the law that the token was drawn from
    not_given()    there are none

Both hold for a law that nothing else changes: with top_p and the like in a request (``bent``) no
log-probability is taken for that of the law sampled from.

A step needs the second: its log-probability is compared with that of its siblings, and a sum over
tokens at one temperature is no function of the sum at another. Raw ones do at temperature 1, and at
0, where the log-probability of a completion is by convention the model's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, final

__all__ = ["NotGiven", "Processed", "Raw", "TokenLaw", "bent"]

_NEUTRAL: Mapping[str, tuple[object, ...]] = {
    "top_p": (1,),
    "top_k": (-1, 0),
    "min_p": (0,),
    "typical_p": (1,),
    "top_n_sigma": (-1,),
    "xtc_probability": (0,),
    "dynatemp_range": (0,),
    "mirostat": (0,),
    "dry_multiplier": (0,),
    "repetition_penalty": (1,),
    "repeat_penalty": (1,),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "min_tokens": (0,),
    "ignore_eos": (False,),
    "use_beam_search": (False,),
    "best_of": (1,),
    **dict.fromkeys(
        ("logit_bias", "bad_words", "allowed_token_ids", "logits_processors"), ({}, [])
    ),
    **dict.fromkeys(("response_format", "structured_outputs", "guided_json", "guided_regex"), ()),
    **dict.fromkeys(("guided_choice", "guided_grammar", "grammar", "json_schema"), ()),
    **dict.fromkeys(("regex", "ebnf", "structural_tag"), ()),
}
"""Fields of requests that change the law, and the values at which they do not."""


def bent(fields: Mapping[str, object]) -> str | None:
    """The first field of a request that makes the law another than the model's; None without one.

    The temperature is no such field: what a server reports at one is for a ``TokenLaw`` to say.
    """
    for name, value in fields.items():
        if value is not None and name in _NEUTRAL and value not in _NEUTRAL[name]:
            return name
    return None


class TokenLaw(Protocol):
    """The law of reported log-probabilities."""

    def fits(self, temperature: float) -> bool:
        """Whether they are what ``Completion.logprob`` means at this temperature."""
        ...


@final
@dataclass(frozen=True, kw_only=True)
class Raw:
    """The model's own law, before the temperature: of use at temperature 0 and 1."""

    def fits(self, temperature: float) -> bool:
        """At 0 and at 1."""
        return temperature in (0.0, 1.0)


@final
@dataclass(frozen=True, kw_only=True)
class Processed:
    """The law that the token was drawn from; at temperature 0 the model's own."""

    def fits(self, temperature: float) -> bool:
        """At each."""
        return True


@final
@dataclass(frozen=True, kw_only=True)
class NotGiven:
    """No log-probabilities: none are asked for."""

    def fits(self, temperature: float) -> bool:
        """At none."""
        return False
