"""OVM: value-guided beam search in which finished paths stay in the beam and compete.

F. Yu, A. Gao, B. Wang (2023), "OVM, Outcome-supervised Value Models for Planning in Mathematical
Reasoning", arXiv 2311.09724.

    beam <- {root}
    until all in the beam are finished, or at the depth limit:
        children ~ policy(open paths of the beam), n / width of each (of the root: n), judged
        beam <- the ``width`` that the verifier ranks highest, among the kept children and the
                finished paths of the beam
    answer with the pick among all finished children

``beam`` differs in one thing: there a finished path keeps its place for good, here a better one may
take it, and the place is drawn for again.

Differs from the paper: equal children are one (its mode without duplicates, but a beam that is
short of distinct children is not filled up with copies, and draws fewer); a finished path that lost
its place stays a candidate; any verifier may judge, where the paper has a value model trained on
outcomes; no top-k cut of the policy's law (there 50).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, final

from specreward.checks import number, rule, whole
from specreward.errors import InputError
from specreward.search.expand import conclude, deepest, expand, ranked
from specreward.search.pick import Highest, Pick
from specreward.types import Candidate, Judgement, Models, Path, Problem, Result, Verifier
from specreward.verify import citations
from specreward.verify.scored import RewardScores

__all__ = ["OVM"]


@final
@dataclass(frozen=True, kw_only=True)
class OVM:
    """A beam whose finished paths go on competing.

    Args:
        width: Beam width: places for open and finished paths together, at least 1.  # b
        n: Children drawn at each step by the whole beam, a multiple of ``width``.  # K
        temperature: Of the policy.
        verify: Judges all children of one step in one call; its scores are compared across depths.
        depth: Most steps of a path; None is the task's own limit.
        pick: Chooses the answer among all finished children.

    Raises:
        InputError: A field is out of its range, or ``n`` is no multiple of ``width``.
    """

    width: int = field(default=4, kw_only=False)
    n: int = 20
    temperature: float = 0.7
    verify: Verifier = RewardScores()
    depth: int | None = None
    pick: Pick = Highest()

    __cite__: ClassVar[str] = citations.OVM

    def __post_init__(self) -> None:
        whole("ovm width", self.width, 1)
        whole("ovm n", self.n, 1)
        if self.n % self.width:
            raise InputError(
                f"ovm n: expected a multiple of width={self.width}, got {self.n}: the n children "
                "of a step are drawn evenly from width paths"
            )
        number("ovm temperature", self.temperature, 0)
        rule("ovm verify", self.verify, "scored()")
        if self.depth is not None:
            whole("ovm depth", self.depth, 1)
        rule("ovm pick", self.pick, "highest()")

    async def __call__(self, problem: Problem, models: Models) -> Result:
        """One step for the open paths of the beam at a time."""
        going, finished, share = [Path(problem)], list[Judgement](), self.n
        for _ in range(deepest(problem, models, self.depth)):
            judged = await expand(
                going, models, n=share, verify=self.verify, temperature=self.temperature
            )
            children = [item for family in judged for item in family]
            best = ranked([*finished, *children])[: self.width]
            finished = [item for item in best if item.path.finished]
            going = [item.path for item in best if not item.path.finished]
            if not going:
                return conclude(self, problem, models, "done" if finished else "exhausted")
            share = self.n // self.width
        return conclude(self, problem, models, "done")

    def select(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """By ``pick``."""
        return self.pick(candidates, models)
