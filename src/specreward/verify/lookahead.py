"""Looks ahead: a child is judged by where it leads, not by where it stands.

Lookahead search in C. Snell, J. Lee, K. Xu, A. Kumar (2024), "Scaling LLM Test-Time Compute
Optimally can be More Effective than Scaling Model Parameters", arXiv 2408.03314.

    for each distinct open child c of each parent:
        roll(c) <- c and up to ``k`` further steps of the policy at temperature 0
    judged = verify(rolls)
    judge c: as its roll was judged

The search goes on from c, never from its roll: the steps ahead are not in the tree, and a roll that
comes to an answer is no candidate, because the tree would hold no judged step that leads to it, and
because the paper commits to the first step only. k = 0 is the inner verifier exactly.

Differs from the paper: a roll ends before a step that breaks the task's rules, and is judged there
(such rolls are counted); a child at the depth limit is judged where it stands. In the reference
code of search-and-learn a beam generates the rolls and scores the children without them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import ClassVar, final

from specreward.checks import rule, whole
from specreward.types import Judgement, Models, Path, Siblings, Verifier
from specreward.verify.citations import TEST_TIME_COMPUTE
from specreward.verify.families import distinct
from specreward.verify.scored import RewardScores

__all__ = ["Lookahead"]


async def _rolled(children: Sequence[Path], k: int, models: Models) -> list[Path]:
    """Each child with up to ``k`` further steps, ``[C]``."""
    ends = list(children)
    going = list(range(len(ends)))
    for _ in range(k):
        going = [
            place
            for place in going
            if ends[place].open and ends[place].depth < models.task.max_steps(ends[place].problem)
        ]
        if not going:
            break
        drawn = await models.policy.extend([ends[place] for place in going], 1, temperature=0.0)
        models.trace.count("steps looked ahead", len(going))
        for place, [longer] in zip(list(going), drawn, strict=True):
            if longer.dead:
                models.trace.count("looks ahead that broke a rule")
                going.remove(place)
            else:
                ends[place] = longer
    return ends


@final
@dataclass(frozen=True)
class Lookahead:
    """The judgement of another verifier, some steps later.

    Args:
        k: Steps to look ahead, at least 0.
        verify: Judges the rolls; a child whose roll it prunes is pruned.
    """

    k: int = 1
    _: KW_ONLY
    verify: Verifier = RewardScores()

    __cite__: ClassVar[str] = TEST_TIME_COMPUTE

    def __post_init__(self) -> None:
        whole("lookahead k", self.k, 0)
        rule("lookahead verify", self.verify, "scored()")

    async def __call__(self, families: Sequence[Siblings], models: Models) -> list[list[Judgement]]:
        """Judgements of ``verify``, details ``ahead`` (steps rolled) added to its own.

        A child that ``verify`` itself draws later (``redraw``) is judged where it stands.
        """
        if self.k == 0:
            return await self.verify(families, models)
        alike = [[child for child, n in distinct(family) for _ in range(n)] for family in families]
        children = list(dict.fromkeys([child for family in alike for child in family]))
        rolls = dict(zip(children, await _rolled(children, self.k, models), strict=True))
        judged = await self.verify(
            [
                Siblings(family.parent, tuple([rolls[child] for child in same]))
                for family, same in zip(families, alike, strict=True)
            ],
            models,
        )
        return [
            _brought_back(family, {rolls[child]: child for child in same})
            for family, same in zip(judged, alike, strict=True)
        ]


def _brought_back(judged: Sequence[Judgement], back: Mapping[Path, Path]) -> list[Judgement]:
    """The judgements of one family's rolls as those of its children."""
    return [
        replace(
            item,
            path=back[item.path],
            details={**item.details, "ahead": float(item.path.depth - back[item.path].depth)},
        )
        if item.path in back
        else item
        for item in judged
    ]
