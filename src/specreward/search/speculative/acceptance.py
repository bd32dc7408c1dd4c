"""With which probability a step of a given reward is accepted; an object for ``reward_gate``.

    StepAt      1 if r >= threshold, else 0
    Constant    share
    Clipped     r, which lies in [0, 1]
    Odds        r / (1 + r)
    Logistic    1 / (1 + exp(-slope (r - threshold)))

B. Liao et al. (2025), "Reward-Guided Speculative Decoding for Efficient LLM Reasoning", arXiv
2501.19324, table 1. Among all rules with at least a given rate of acceptance a step function has
the largest expected reward.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import exp
from typing import ClassVar, Protocol, final

from specreward.checks import number, positive
from specreward.search.speculative.citations import RSD_PAPER

__all__ = ["Acceptance", "Clipped", "Constant", "Logistic", "Odds", "StepAt"]


class Acceptance(Protocol):
    """From a reward in [0, 1] to a probability; never falls with the reward."""

    def __call__(self, reward: float) -> float:
        """The probability that the step is accepted."""
        ...


@final
@dataclass(frozen=True, kw_only=True)
class StepAt:
    """All that reaches the threshold.

    Args:
        threshold: In [0, 1]; a reward equal to it is accepted.

    Raises:
        InputError: A field is out of its range.
    """

    threshold: float = field(default=0.7, kw_only=False)

    __cite__: ClassVar[str] = RSD_PAPER

    def __post_init__(self) -> None:
        number("step_at threshold", self.threshold, 0, 1)

    def __call__(self, reward: float) -> float:
        """0 or 1."""
        return float(reward >= self.threshold)


@final
@dataclass(frozen=True, kw_only=True)
class Constant:
    """The same for all: a mixture of the two models without regard to the reward.

    Args:
        share: Probability, in [0, 1].

    Raises:
        InputError: A field is out of its range.
    """

    share: float = field(default=0.5, kw_only=False)

    __cite__: ClassVar[str] = RSD_PAPER

    def __post_init__(self) -> None:
        number("constant share", self.share, 0, 1)

    def __call__(self, reward: float) -> float:
        """The share."""
        return self.share


@final
@dataclass(frozen=True, kw_only=True)
class Clipped:
    """The reward itself, held to [0, 1]."""

    __cite__: ClassVar[str] = RSD_PAPER

    def __call__(self, reward: float) -> float:
        """The reward."""
        return min(max(reward, 0.0), 1.0)


@final
@dataclass(frozen=True, kw_only=True)
class Odds:
    """r / (1 + r): one half at most."""

    __cite__: ClassVar[str] = RSD_PAPER

    def __call__(self, reward: float) -> float:
        """At most 1/2."""
        return reward / (1 + reward)


@final
@dataclass(frozen=True, kw_only=True)
class Logistic:
    """A soft step.

    Args:
        threshold: Where the chance is one half, in [0, 1].
        slope: Above 0; large is a hard step.

    Raises:
        InputError: A field is out of its range.
    """

    threshold: float = field(default=0.7, kw_only=False)
    slope: float = 10.0

    __cite__: ClassVar[str] = RSD_PAPER

    def __post_init__(self) -> None:
        number("logistic threshold", self.threshold, 0, 1)
        positive("logistic slope", self.slope)

    def __call__(self, reward: float) -> float:
        """Between 0 and 1."""
        at = self.slope * (reward - self.threshold)
        return 1 / (1 + exp(-at)) if at >= 0 else exp(at) / (1 + exp(at))
