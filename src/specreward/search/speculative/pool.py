"""The steps drawn for one place of a path: distinct ones, what is known of them, what they weigh.

    n draws -> dead ones out, equal ones merged (text and tokens) -> reward, log-ratio -> log weight

A weight of 1 (log 0) is that of a step with reward 1 that both models find equally likely. All is
in log space; minus infinity is a weight of zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, inf, isfinite, log
from typing import final

from specreward.types import Path

__all__ = ["Pool", "log_sum"]


def log_sum(values: Sequence[float]) -> float:
    """Log of the sum of exponentials; minus infinity where there is none."""
    top = max(values, default=-inf)
    return top if top == -inf else top + log(sum([exp(value - top) for value in values]))


@final
@dataclass(frozen=True, kw_only=True)
class Pool:
    """What one role wrote, with weights.

    Args:
        paths: The distinct living children, ``[C]``, in order of first drawing.
        counts: How often each was drawn, ``[C]``.
        rewards: Of each, in [0, 1], ``[C]``; None where nobody asked.
        log_ratios: Log of target's over writer's probability, ``[C]``, nats; 0 where the weight
            needs none.
        tilted: Reward plus log-ratio over the inverse temperature, ``[C]``; higher is better.
        log_weights: Of one draw of each, ``[C]``, nats; may be minus infinity.
        drawn: All draws, dead ones included.
        by_draft: Whether the draft wrote them.
    """

    paths: tuple[Path, ...]
    counts: tuple[int, ...]
    rewards: tuple[float | None, ...]
    log_ratios: tuple[float, ...]
    tilted: tuple[float, ...]
    log_weights: tuple[float, ...]
    drawn: int
    by_draft: bool

    @property
    def empty(self) -> bool:
        """Whether no step has a weight above zero."""
        return all(weight == -inf for weight in self.log_weights)

    @property
    def log_mass(self) -> float:
        """Log of the mean weight of a draw: an unbiased estimate of the normalizer, in nats."""
        return self._sum(1.0) - log(self.drawn)

    @property
    def share(self) -> float:
        """Effective sample size over draws, in [0, 1]; dead and weightless draws count as draws."""
        if self.empty:
            return 0.0
        return min(1.0, exp(2 * self._sum(1.0) - self._sum(2.0) - log(self.drawn)))

    def _sum(self, power: float) -> float:
        """Log of the sum over draws of a power of the weight."""
        pairs = zip(self.counts, self.log_weights, strict=True)
        return log_sum([log(count) + power * weight for count, weight in pairs])

    def details(self, place: int, chance: float, ratio: bool) -> Mapping[str, float]:
        """Evidence about one step, by name; what is infinite is left out.

        Args:
            place: Of the step.
            chance: That it was taken.
            ratio: Whether the ratio was asked for; else there is none to tell of.
        """
        reward = self.rewards[place]
        found = {"pool_share": self.share, "chance": chance, "draft": float(self.by_draft)}
        if ratio:
            found |= {"log_ratio": self.log_ratios[place], "tilted": self.tilted[place]}
        known = {} if reward is None else {"reward": reward}
        return known | {name: value for name, value in found.items() if isfinite(value)}
