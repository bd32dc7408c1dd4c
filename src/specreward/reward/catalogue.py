"""Reward models by the name of their published weights."""

from __future__ import annotations

from specreward.reward.composed import Scorer
from specreward.spec import parse

__all__ = ["read_reward"]


def read_reward(text: str) -> Scorer:
    """The reward model that a text names."""
    return parse(text, "rewardmodel")
