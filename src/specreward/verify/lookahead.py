"""Looks ahead: a child is judged by where it leads, not by where it stands.

Lookahead search in C. Snell, J. Lee, K. Xu, A. Kumar (2024), "Scaling LLM Test-Time Compute
Optimally can be More Effective than Scaling Model Parameters", arXiv 2408.03314.

    for each distinct open child c of each parent:
        roll(c) <- c and up to ``ahead`` further steps of the policy at temperature 0
    judged = verify(rolls)
    judge c: as its roll was judged

The search goes on from c, never from its roll: the steps ahead are not in the tree, and a roll that
comes to an answer is no candidate, because the tree would hold no judged step that leads to it, and
because the paper commits to the first step only. With 0 it is the inner verifier exactly.

What weighs likelihoods (``speculative``, ``likelihood_and_reward``) sees the child's own: the steps
ahead are certain at temperature 0, and count as no tokens of log-probability 0.

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
from specreward.verify.families import distinct, wording
from specreward.verify.scored import RewardScores

__all__ = ["Lookahead"]


async def _rolled(children: Sequence[Path], most: int, models: Models) -> list[Path]:
    """Each child with up to ``most`` further steps, ``[C]``."""
    ends = list(children)
    going = list(range(len(ends)))
    for _ in range(most):
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
                # Certain at temperature 0: a likelihood is that of the child's own step.
                ends[place] = ends[place].then(replace(longer.steps[-1], tokens=0, logprob=0.0))
    return ends


@final
@dataclass(frozen=True)
class Lookahead:
    """The judgement of another verifier, some steps later.

    Args:
        ahead: Steps to look ahead, at least 0.
        verify: Judges the rolls; a child whose roll it prunes is pruned.
    """

    ahead: int = 1
    _: KW_ONLY
    verify: Verifier = RewardScores()

    __cite__: ClassVar[str] = TEST_TIME_COMPUTE

    def __post_init__(self) -> None:
        whole("lookahead ahead", self.ahead, 0)
        rule("lookahead verify", self.verify, "scored()")

    async def __call__(self, families: Sequence[Siblings], models: Models) -> list[list[Judgement]]:
        """Judgements of ``verify``, details ``ahead`` (steps rolled) added to its own.

        A child that ``verify`` itself draws later (``redraw``) is judged where it stands; where it
        is one of those at hand, it counts if it is kept and the roll was not.
        """
        if self.ahead == 0:
            return await self.verify(families, models)
        alike = [[child for child, n in distinct(family) for _ in range(n)] for family in families]
        children = list(dict.fromkeys([child for family in alike for child in family]))
        rolls = dict(zip(children, await _rolled(children, self.ahead, models), strict=True))
        judged = await self.verify(
            [
                Siblings(family.parent, tuple([rolls[child] for child in same]))
                for family, same in zip(families, alike, strict=True)
            ],
            models,
        )
        return [
            _brought_back(family.parent, items, {rolls[child]: child for child in same})
            for family, items, same in zip(families, judged, alike, strict=True)
        ]


def _brought_back(
    parent: Path, judged: Sequence[Judgement], back: Mapping[Path, Path]
) -> list[Judgement]:
    """The judgements of one family's rolls as those of its children, each once."""
    found: dict[str, Judgement] = {}
    for item in judged:
        child = back.get(item.path, item.path)
        if item.path in back:
            ahead = float(item.path.depth - child.depth)
            item = replace(item, path=child, details={**item.details, "ahead": ahead})
        text = wording(parent, child)
        if text not in found or (item.kept and not found[text].kept):
            found[text] = item
    return list(found.values())
