"""Drawing again where an acceptance rule rejected every candidate of a parent.

    up to ``rounds`` times, for the parents with nothing kept:
        draw ``n`` further children of each
        merge them with those at hand and decide anew

Only rules without the guarantee of normalized ratios come here (``tilted``, ``at_least`` above 1,
``geometric_mean`` with ``raw_reward``). When the rounds are over the best by score is kept. The
recommended fallback where J. Gu and S. Liang (2025), "Speculative Reward Model Boosts Decision
Making Ability of LLMs Cost-Effectively", arXiv 2506.00396, leaves it open.

Differs from the paper: it does not say what happens when all candidates are rejected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

from specreward.checks import number, whole
from specreward.types import Models, Siblings
from specreward.verify.citations import SPECULATIVE_REWARD_MODEL

__all__ = ["Redraw"]

FRESH = 1 << 20
"""Index of the first further sample; lower ones are left to the search itself."""


@final
@dataclass(frozen=True, kw_only=True)
class Redraw:
    """Further draws from the policy.

    Args:
        rounds: The most times to draw again; 0 keeps the best at once.
        n: Children drawn for each parent in a round.
        temperature: Of the policy; should be the strategy's own.
    """

    rounds: int = 2
    n: int = 4
    temperature: float = 0.8

    __cite__: ClassVar[str] = SPECULATIVE_REWARD_MODEL

    def __post_init__(self) -> None:
        whole("redraw rounds", self.rounds, 0)
        whole("redraw n", self.n, 1)
        number("redraw temperature", self.temperature, 0)

    async def __call__(
        self, families: Sequence[Siblings], turn: int, models: Models
    ) -> list[Siblings]:
        """The families with further children behind their own; dead ones are left out.

        Args:
            families: Where nothing was kept, ``[F]``.
            turn: 0 in the first round.
            models: The roles; the policy draws.
        """
        drawn = await models.policy.extend(
            [family.parent for family in families],
            self.n,
            temperature=self.temperature,
            start=FRESH + turn * self.n,
        )
        return [
            Siblings(family.parent, (*family.children, *[c for c in children if not c.dead]))
            for family, children in zip(families, drawn, strict=True)
        ]
