"""RC: how far policy and reward model agree on a candidate; passed to ``speculative``.

    Reciprocal    RC = 1 / (1 + |SR - 1|)
    Symmetric     RC = min(SR, 1 / SR)

Part of J. Gu and S. Liang (2025), "Speculative Reward Model Boosts Decision Making Ability of LLMs
Cost-Effectively", arXiv 2506.00396. Both give 1 / SR above 1; below 1 the reciprocal form falls to
1/2 only.

Differs from the paper: its form is the reciprocal one; the symmetric one is an addition. Both work
on logarithms, so that at alpha = 1/2 every SR >= 1 scores exactly 1 and ties are ties.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import expm1, log1p
from typing import ClassVar, Protocol, final

from specreward.verify.citations import SPECULATIVE_REWARD_MODEL

__all__ = ["Consistency", "Reciprocal", "Symmetric"]


class Consistency(Protocol):
    """The agreement of policy and reward model."""

    def __call__(self, log_sr: float) -> float:
        """Log RC of one candidate, at most 0, from its log SR."""
        ...


@final
@dataclass(frozen=True, kw_only=True)
class Reciprocal:
    """1 / (1 + |SR - 1|): in [1/2, 1] below SR = 1, and 1 / SR above."""

    __cite__: ClassVar[str] = SPECULATIVE_REWARD_MODEL

    def __call__(self, log_sr: float) -> float:
        """Log RC of one candidate from its log SR."""
        return -log_sr if log_sr >= 0 else -log1p(-expm1(log_sr))


@final
@dataclass(frozen=True, kw_only=True)
class Symmetric:
    """min(SR, 1 / SR): half the ratio costs as much as twice the ratio."""

    __cite__: ClassVar[str] = SPECULATIVE_REWARD_MODEL

    def __call__(self, log_sr: float) -> float:
        """Log RC of one candidate from its log SR."""
        return -abs(log_sr)
