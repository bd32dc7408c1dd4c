"""Step-level beam search: the best few paths go on side by side.

F. Yu, A. Gao, B. Wang (2023), "OVM, Outcome-supervised Value Models for Planning in Mathematical
Reasoning", arXiv 2311.09724; C. Snell, J. Lee, K. Xu, A. Kumar (2024), "Scaling LLM Test-Time
Compute Optimally can be More Effective than Scaling Model Parameters", arXiv 2408.03314.

    beam <- {root};  places <- width
    until beam is empty or at the depth limit:
        children ~ policy(beam), n of each path, all judged in one call
        best <- the ``places`` kept children that the verifier ranks highest
        set the finished ones of best aside, each with its place
        beam <- the open ones of best
    answer with the pick among all finished children

Differs from the papers: each path has its own n children, so a short beam draws fewer (search-and-
learn fills up with copies, which biases a vote); a finished path competes once and then keeps its
place (in OVM it competes again at each step). Width 1 is ``Greedy``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, final

from specreward.checks import number, rule, whole
from specreward.search.expand import conclude, deepest, expand, ranked
from specreward.search.pick import Highest, Pick
from specreward.types import Candidate, Models, Path, Problem, Result, Verifier
from specreward.verify.citations import OVM, TEST_TIME_COMPUTE
from specreward.verify.scored import RewardScores

__all__ = ["Beam"]


@final
@dataclass(frozen=True, kw_only=True)
class Beam:
    """A beam that narrows as its paths finish: about ``width`` answers, bounded cost.

    Args:
        width: Beam width: places for open and finished paths together, at least 1.
        n: Children drawn for each path, at least 1.  # M, beam_width in search-and-learn
        temperature: Of the policy.
        verify: Judges all children of one step in one call.
        depth: Most steps of a path; None is the task's own limit.
        pick: Chooses the answer among all finished children.

    Raises:
        InputError: A field is out of its range.
    """

    width: int = field(default=4, kw_only=False)
    n: int = 4
    temperature: float = 0.8
    verify: Verifier = RewardScores()
    depth: int | None = None
    pick: Pick = Highest()

    __cite__: ClassVar[str] = f"{OVM}\n{TEST_TIME_COMPUTE}"

    def __post_init__(self) -> None:
        whole("beam width", self.width, 1)
        whole("beam n", self.n, 1)
        number("beam temperature", self.temperature, 0)
        if self.depth is not None:
            whole("beam depth", self.depth, 1)
        rule("beam verify", self.verify, "scored()")
        rule("beam pick", self.pick, "highest()")

    async def __call__(self, problem: Problem, models: Models) -> Result:
        """One step for the whole beam at a time."""
        beam, places = [Path(problem)], self.width
        for _ in range(deepest(problem, models, self.depth)):
            judged = await expand(
                beam, models, n=self.n, verify=self.verify, temperature=self.temperature
            )
            best = ranked([item for siblings in judged for item in siblings])[:places]
            beam = [item.path for item in best if not item.path.finished]
            places -= len(best) - len(beam)
            if not beam:
                return conclude(self, problem, models, "done" if places == 0 else "exhausted")
        return conclude(self, problem, models, "done")

    def select(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """By ``pick``."""
        return self.pick(candidates, models)
