"""Which law a server's log-probabilities are under; an object to pass to a dialect.

    raw()          log softmax(logits): the model's own, whatever the temperature
    processed()    log softmax(logits / temperature): the law that the token was drawn from
    not_given()    there are none

A step needs the second: its log-probability is compared with that of its siblings, and a sum over
tokens at one temperature is no function of the sum at another. Raw ones do at temperature 1, and at
0, where the log-probability of a completion is by convention the model's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, final

__all__ = ["NotGiven", "Processed", "Raw", "TokenLaw"]


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
