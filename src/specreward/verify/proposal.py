"""p: how likely the policy was to draw each candidate; an object to pass to ``speculative``.

    LogProbability    p_i proportional to exp(l_i / |a_i|^length_exponent / temperature)
    SampleFrequency   p_i = (n_i + epsilon) / (K + epsilon C)
    GeometricMean     p_i = exp(l_i / |a_i|), not normalized

l is the log-probability of a candidate's steps in nats, |a| its number of tokens, n how often it
was drawn, K the number of draws, C that of distinct candidates. Part of J. Gu and S. Liang (2025),
"Speculative Reward Model Boosts Decision Making Ability of LLMs Cost-Effectively", arXiv
2506.00396.

Differs from the paper: how it makes a probability of strings comparable with a reward is not known;
normalizing both over the candidates agrees with its worked example, and is the default.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, pow
from typing import ClassVar, Protocol, final

from specreward.checks import number, positive
from specreward.errors import InputError
from specreward.types import Path
from specreward.verify.citations import SPECULATIVE_REWARD_MODEL
from specreward.verify.families import Drawn, added
from specreward.verify.softmax import log_softmax

__all__ = ["GeometricMean", "LogProbability", "Proposal", "SampleFrequency"]


class Proposal(Protocol):
    """The law that the candidates were drawn from, as far as it is known."""

    def __call__(self, parent: Path, drawn: Drawn) -> list[float]:
        """Log p of each distinct child, ``[C]``, nats."""
        ...


def log_likelihood(parent: Path, child: Path, length_exponent: float) -> float:
    """Log-probability of a child's steps over the power of their number of tokens, nats.

    Raises:
        InputError: A step has no log-probability.
    """
    total = 0.0
    tokens = 0
    for step in added(parent, child):
        if step.logprob is None:
            raise InputError(
                f"expected a log-probability with each step, got none with {step.text[:200]!r}: "
                "the policy's engine gives none of the law that it samples from at this "
                "temperature; use a rule that needs none (scored(), likelihood_and_reward(1.0), "
                "speculative(proposal=sample_frequency())), or temperature 1, or a server that "
                "reports that law (docs/engines.md)"
            )
        total += step.logprob
        tokens += step.tokens
    return total / pow(max(tokens, 1), length_exponent)


@final
@dataclass(frozen=True, kw_only=True)
class LogProbability:
    """The policy's own log-probabilities, normalized over the candidates.

    Args:
        length_exponent: 1 compares the mean over tokens, so that long steps are not held to be
            unlikely; 0 is the exact law given the candidates, for steps of equal form.
        temperature: Above 1 flattens p, below 1 sharpens it.
    """

    length_exponent: float = 1.0
    temperature: float = 1.0

    __cite__: ClassVar[str] = SPECULATIVE_REWARD_MODEL

    def __post_init__(self) -> None:
        number("log_probability length_exponent", self.length_exponent, 0)
        positive("log_probability temperature", self.temperature)

    def __call__(self, parent: Path, drawn: Drawn) -> list[float]:
        """Log p of each distinct child, ``[C]``, nats; sums to one.

        Raises:
            InputError: A step has no log-probability.
        """
        exponent, temperature = self.length_exponent, self.temperature
        return log_softmax(
            [log_likelihood(parent, path, exponent) / temperature for path, _ in drawn]
        )


@final
@dataclass(frozen=True, kw_only=True)
class SampleFrequency:
    """How often each candidate was drawn, for engines that give no log-probabilities.

    Args:
        epsilon: Added to each count; pulls p towards uniform.
    """

    epsilon: float = 0.0

    __cite__: ClassVar[str] = SPECULATIVE_REWARD_MODEL

    def __post_init__(self) -> None:
        number("sample_frequency epsilon", self.epsilon, 0)

    def __call__(self, parent: Path, drawn: Drawn) -> list[float]:
        """Log p of each distinct child, ``[C]``, nats; sums to one."""
        counts = [count + self.epsilon for _, count in drawn]
        total = log(sum(counts))
        return [log(count) - total for count in counts]


@final
@dataclass(frozen=True, kw_only=True)
class GeometricMean:
    """The mean probability of a candidate's tokens, not normalized; pairs with ``raw_reward``.

    All candidates may be rejected under it, which costs further draws.
    """

    __cite__: ClassVar[str] = SPECULATIVE_REWARD_MODEL

    def __call__(self, parent: Path, drawn: Drawn) -> list[float]:
        """Log p of each distinct child, ``[C]``, nats, at most 0.

        Raises:
            InputError: A step has no log-probability.
        """
        return [log_likelihood(parent, path, 1.0) for path, _ in drawn]
