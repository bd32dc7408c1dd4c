"""Keeps what another verifier scores high enough.

The pruning test of depth-first search in S. Yao et al. (2023), "Tree of Thoughts: Deliberate
Problem Solving with Large Language Models", arXiv 2305.10601, Algorithm 2.

    judged = of(children)
    for each child that ``of`` kept, best first:
        keep it if its score >= minimum, or if fewer than ``keep`` are kept so far
    prune the others

Differs from the paper: the test is >= where the paper has >; any verifier's scores can be tested;
``keep`` children survive even where all fall below, so that a search is not left with nothing
(``keep=0`` is the paper's rule, which may prune all).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace
from operator import attrgetter
from typing import ClassVar, final

from specreward.checks import number, rule, whole
from specreward.types import Judgement, Models, Siblings, Verifier
from specreward.verify.citations import TREE_OF_THOUGHTS
from specreward.verify.scored import RewardScores

__all__ = ["Threshold", "prune_below"]


def prune_below(judged: Sequence[Judgement], minimum: float, keep: int) -> list[Judgement]:
    """One family with the low ones pruned, in the given order; the pruned stay pruned.

    Args:
        judged: Judgements of one family.
        minimum: Lowest score that survives.
        keep: The best of the kept ones survive in any case, this many.
    """
    alive = sorted([item for item in judged if item.kept], key=attrgetter("rank"), reverse=True)
    saved = {id(item) for item in alive[:keep]}
    return [
        replace(item, kept=False)
        if item.kept and item.score < minimum and id(item) not in saved
        else item
        for item in judged
    ]


@final
@dataclass(frozen=True)
class Threshold:
    """Children that score below ``minimum`` are pruned.

    Args:
        minimum: Lowest score that survives, in the units of ``of``. The default asks of a
            calibrated reward that the path is more likely right than wrong.
        of: The verifier whose scores are tested; what it pruned stays pruned.
        keep: The best children that survive in any case; 0 may prune all.
    """

    minimum: float = 0.5
    _: KW_ONLY
    of: Verifier = RewardScores()
    keep: int = 1

    __cite__: ClassVar[str] = TREE_OF_THOUGHTS

    def __post_init__(self) -> None:
        number("threshold minimum", self.minimum)
        rule("threshold of", self.of, "scored()")
        whole("threshold keep", self.keep, 0)

    async def __call__(self, families: Sequence[Siblings], models: Models) -> list[list[Judgement]]:
        """Judgements of ``of`` with the low ones pruned."""
        judged = await self.of(families, models)
        return [prune_below(family, self.minimum, self.keep) for family in judged]
