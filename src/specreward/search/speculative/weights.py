"""How much a drawn step weighs; an object to pass to a ``block``.

    ByReward         log w = beta_inv (r - 1)               r~ = r
    ByTiltedReward   log w = beta_inv (r - 1) + log B/S     r~ = r + (log B/S) / beta_inv
    ByPower          log w = exponent log r                 r~ = r

r is the reward of the step in [0, 1], B and S the probabilities that target and draft give it. The
weight of reward 1 at equal probabilities is 1, so that weights by reward never exceed 1.

J. Geuter, Y. Mroueh, D. Alvarez-Melis (2025), "Guided Speculative Inference for Efficient Test-Time
Alignment of LLMs", arXiv 2506.04118 (tilted reward). C. Verdun et al. (2025), "Soft Best-of-n
Sampling for Model Alignment", arXiv 2505.03156 (weights by reward). J. Gu and S. Liang (2025),
arXiv 2506.00396 (rewards as a ratio).

Differs from the papers: a constant factor, which no choice in proportion sees.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import copysign, inf, log
from typing import ClassVar, Protocol, final, runtime_checkable

from specreward.checks import number, positive
from specreward.search.soft_best_of_n import SoftBestOfN
from specreward.search.speculative.citations import GSI_PAPER
from specreward.verify.citations import SPECULATIVE_REWARD_MODEL

__all__ = ["ByPower", "ByReward", "ByTiltedReward", "Weight"]


@runtime_checkable
class Weight(Protocol):
    """The weight of one draw, and its reward on the scale of the weights."""

    @property
    def ratio(self) -> bool:
        """Whether the log-ratio of target and draft is needed."""
        ...

    def __call__(self, reward: float, log_ratio: float) -> float:
        """Log weight in nats from a reward in [0, 1] and a log-ratio in nats; may be -inf."""
        ...

    def tilted(self, reward: float, log_ratio: float) -> float:
        """The reward corrected for who wrote the step; higher is better, without bounds."""
        ...


@final
@dataclass(frozen=True, kw_only=True)
class ByReward:
    """Exponential in the reward alone: for steps of the model whose law is to be tilted.

    Args:
        beta_inv: Inverse temperature, at least 0; 0 weighs all alike, large takes the best.

    Raises:
        InputError: A field is out of its range.
    """

    beta_inv: float = field(default=20.0, kw_only=False)

    __cite__: ClassVar[str] = SoftBestOfN.__cite__

    def __post_init__(self) -> None:
        number("by_reward beta_inv", self.beta_inv, 0)

    @property
    def ratio(self) -> bool:
        """No."""
        return False

    def __call__(self, reward: float, log_ratio: float) -> float:
        """Log weight, nats, at most 0."""
        return self.beta_inv * (reward - 1)

    def tilted(self, reward: float, log_ratio: float) -> float:
        """The reward."""
        return reward


@final
@dataclass(frozen=True, kw_only=True)
class ByTiltedReward:
    """Exponential in the reward, corrected by how much likelier the target finds the step.

    Args:
        beta_inv: Inverse temperature, at least 0; 0 is importance sampling of the target.
        log_ratio_clip: Log-ratios are held to plus and minus this many nats, above 0; None is no
            bound. A bound makes the law wrong (biased) wherever it binds, and the weights tamer.

    Raises:
        InputError: A field is out of its range.
    """

    beta_inv: float = field(default=20.0, kw_only=False)
    log_ratio_clip: float | None = None

    __cite__: ClassVar[str] = GSI_PAPER

    def __post_init__(self) -> None:
        number("by_tilted_reward beta_inv", self.beta_inv, 0)
        if self.log_ratio_clip is not None:
            positive("by_tilted_reward log_ratio_clip", self.log_ratio_clip)

    @property
    def ratio(self) -> bool:
        """Yes."""
        return True

    def _held(self, log_ratio: float) -> float:
        bound = inf if self.log_ratio_clip is None else self.log_ratio_clip
        return min(max(log_ratio, -bound), bound)

    def __call__(self, reward: float, log_ratio: float) -> float:
        """Log weight, nats."""
        return self.beta_inv * (reward - 1) + self._held(log_ratio)

    def tilted(self, reward: float, log_ratio: float) -> float:
        """Reward plus log-ratio over ``beta_inv``; infinite at 0 unless the ratio is 1."""
        held = self._held(log_ratio)
        if held == 0.0:
            return reward
        return reward + (held / self.beta_inv if self.beta_inv else copysign(inf, held))


@final
@dataclass(frozen=True, kw_only=True)
class ByPower:
    """A power of the reward: the ratio q/p of the speculative reward model with a tilted target.

    Args:
        exponent: At least 0; 0 weighs all alike.

    Raises:
        InputError: A field is out of its range.
    """

    exponent: float = field(default=1.0, kw_only=False)

    __cite__: ClassVar[str] = SPECULATIVE_REWARD_MODEL

    def __post_init__(self) -> None:
        number("by_power exponent", self.exponent, 0)

    @property
    def ratio(self) -> bool:
        """No."""
        return False

    def __call__(self, reward: float, log_ratio: float) -> float:
        """Log weight, nats, at most 0; minus infinity at reward 0."""
        if self.exponent == 0:
            return 0.0
        return self.exponent * log(reward) if reward > 0 else -inf

    def tilted(self, reward: float, log_ratio: float) -> float:
        """The reward."""
        return reward
