"""SR: which way up the ratio of reward model to policy stands; passed to ``speculative``.

    SrmOverLlm    SR = q / p
    LlmOverSrm    SR = p / q

Part of J. Gu and S. Liang (2025), "Speculative Reward Model Boosts Decision Making Ability of LLMs
Cost-Effectively", arXiv 2506.00396. Candidates are drawn from p, so q / p is the ratio of
speculative sampling; the worked example of the paper agrees with it.

Differs from the paper: accounts of it can be read the other way up, so that way is kept for
comparison. It prunes what the reward model prefers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol, final

from specreward.verify.citations import SPECULATIVE_REWARD_MODEL

__all__ = ["LlmOverSrm", "Ratio", "SrmOverLlm"]


class Ratio(Protocol):
    """The direction of the speculative ratio."""

    def __call__(self, log_p: float, log_q: float) -> float:
        """Log SR of one candidate from its log p and log q."""
        ...


@final
@dataclass(frozen=True, kw_only=True)
class SrmOverLlm:
    """q / p: above 1 where the reward model thinks more of a candidate than the policy."""

    __cite__: ClassVar[str] = SPECULATIVE_REWARD_MODEL

    def __call__(self, log_p: float, log_q: float) -> float:
        """Log SR of one candidate from its log p and log q."""
        return log_q - log_p


@final
@dataclass(frozen=True, kw_only=True)
class LlmOverSrm:
    """p / q: above 1 where the policy thinks more of a candidate than the reward model."""

    __cite__: ClassVar[str] = SPECULATIVE_REWARD_MODEL

    def __call__(self, log_p: float, log_q: float) -> float:
        """Log SR of one candidate from its log p and log q."""
        return log_p - log_q
