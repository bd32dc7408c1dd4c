"""q: what the rewards say the candidates' law should be; an object to pass to ``speculative``.

    Luce          q_i proportional to exp(logit(r_i) / temperature)
    RewardShare   q_i = r_i / sum of r
    RewardTilt    q_i proportional to p_i r_i^exponent
    RawReward     q_i = r_i, not normalized

Part of J. Gu and S. Liang (2025), "Speculative Reward Model Boosts Decision Making Ability of LLMs
Cost-Effectively", arXiv 2506.00396. Luce is the choice model for which logits trained on pairs are
the log-weights. RewardTilt is the best law under a KL price: the maximum over q of
exponent * E_q[log r] - KL(q || p).

Differs from the paper: its normalization is not known; see ``proposal``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, log, log1p
from typing import ClassVar, Protocol, final

from specreward.checks import positive
from specreward.verify.citations import SPECULATIVE_REWARD_MODEL
from specreward.verify.softmax import log_softmax

__all__ = ["Luce", "RawReward", "RewardShare", "RewardTilt", "Target"]

MARGIN = 1e-6
"""Logits are taken of rewards this far from 0 and 1 at least."""


class Target(Protocol):
    """The law that the reward model asks for."""

    def __call__(self, rewards: Sequence[float], log_p: Sequence[float]) -> list[float]:
        """Log q of each distinct child, ``[C]``, nats, from rewards in [0, 1] and log p."""
        ...


def logit(reward: float) -> float:
    """Log-odds of a reward, finite at 0 and 1 too."""
    inside = min(max(reward, MARGIN), 1 - MARGIN)
    return log(inside) - log1p(-inside)


def log_reward(reward: float) -> float:
    """Log of a reward, minus infinity at 0."""
    return log(reward) if reward > 0 else -inf


@final
@dataclass(frozen=True, kw_only=True)
class Luce:
    """Softmax of the rewards' log-odds over the candidates.

    Args:
        temperature: Below 1 trusts the reward model more, above 1 less. To be tuned on training
            problems so that the mean of sum min(p, q) is between .5 and .8.
    """

    temperature: float = 1.0

    __cite__: ClassVar[str] = SPECULATIVE_REWARD_MODEL

    def __post_init__(self) -> None:
        positive("luce temperature", self.temperature)

    def __call__(self, rewards: Sequence[float], log_p: Sequence[float]) -> list[float]:
        """Log q of each distinct child, ``[C]``, nats; sums to one."""
        return log_softmax([logit(reward) / self.temperature for reward in rewards])


@final
@dataclass(frozen=True, kw_only=True)
class RewardShare:
    """Each reward's share of their sum: flat, for rewards that are calibrated one by one."""

    __cite__: ClassVar[str] = SPECULATIVE_REWARD_MODEL

    def __call__(self, rewards: Sequence[float], log_p: Sequence[float]) -> list[float]:
        """Log q of each distinct child, ``[C]``, nats; sums to one; uniform if all are 0."""
        if not any(rewards):
            return log_softmax([0.0] * len(rewards))
        return log_softmax([log_reward(reward) for reward in rewards])


@final
@dataclass(frozen=True, kw_only=True)
class RewardTilt:
    """The policy's law tilted by the rewards; with ``accept=tilted()`` rejection sampling is exact.

    Args:
        exponent: Power of the reward; larger trusts the reward model more.
    """

    exponent: float = 1.0

    __cite__: ClassVar[str] = SPECULATIVE_REWARD_MODEL

    def __post_init__(self) -> None:
        positive("reward_tilt exponent", self.exponent)

    def __call__(self, rewards: Sequence[float], log_p: Sequence[float]) -> list[float]:
        """Log q of each distinct child, ``[C]``, nats; sums to one; p if all rewards are 0."""
        if not any(rewards):
            return log_softmax(log_p)
        return log_softmax(
            [
                share + self.exponent * log_reward(reward)
                for reward, share in zip(rewards, log_p, strict=True)
            ]
        )


@final
@dataclass(frozen=True, kw_only=True)
class RawReward:
    """The reward itself, not normalized; pairs with ``geometric_mean``.

    All candidates may be rejected under it, which costs further draws.
    """

    __cite__: ClassVar[str] = SPECULATIVE_REWARD_MODEL

    def __call__(self, rewards: Sequence[float], log_p: Sequence[float]) -> list[float]:
        """Log r of each distinct child, ``[C]``, nats."""
        return [log_reward(reward) for reward in rewards]
