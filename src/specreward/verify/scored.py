"""Plain reward-model scores: every child keeps its reward, none is pruned.

Step-wise scoring by a process reward model: H. Lightman et al. (2023), "Let's Verify Step by Step",
arXiv 2305.20050.

    for each distinct child c of the parent:
        r = reward(c)                   one call for all children of all parents
        judge c: score r, kept

Differs from the paper: a path is scored where it stands, however the reward model aggregates its
steps; pruning is left to the search, or to a rule around this one (``threshold``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

from specreward.types import Judgement, Models, Siblings
from specreward.verify.citations import LETS_VERIFY
from specreward.verify.families import distinct
from specreward.verify.rewards import rewards

__all__ = ["RewardScores"]


@final
@dataclass(frozen=True, kw_only=True)
class RewardScores:
    """Each child's score is its reward, in [0, 1]; all are kept."""

    __cite__: ClassVar[str] = LETS_VERIFY

    async def __call__(self, families: Sequence[Siblings], models: Models) -> list[list[Judgement]]:
        """Judgements of the distinct children of each family, details ``reward``.

        Raises:
            InputError: There is no reward model.
            RewardError: A reward is missing, NaN or outside [0, 1].
        """
        drawn = [distinct(family) for family in families]
        scored = await rewards(drawn, models)
        return [
            [
                Judgement(path, reward, True, count, {"reward": reward})
                for (path, count), reward in zip(children, values, strict=True)
            ]
            for children, values in zip(drawn, scored, strict=True)
        ]
