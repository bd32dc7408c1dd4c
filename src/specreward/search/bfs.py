"""Breadth-first tree of thoughts: level by level, the best few states of each level.

S. Yao, D. Yu, J. Zhao, I. Shafran, T. Griffiths, Y. Cao, K. Narasimhan (2023), "Tree of Thoughts:
Deliberate Problem Solving with Large Language Models", arXiv 2305.10601.

    frontier <- {root}
    until frontier is empty or at the depth limit:
        children ~ policy(frontier), n of each path, all judged in one call
        frontier <- the ``width`` open kept children of the level that the verifier ranks highest
        stop once enough solutions are finished
    answer with the pick among all finished children

Published settings: Game of 24 width 5, temperature 0.7, three verdicts for a value (Yao et al.);
Blocksworld width 10, n 4, temperature 0.8 (llm-reasoners, arXiv 2404.05221).

Differs from the paper: steps are sampled one by one, n for each path (there one completion lists
them); finished children take no place in the frontier; the search may stop at the first level with
a finished path, which is natural where only an answer that meets the goal is finished.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, final

from specreward.checks import number, rule, whole
from specreward.search.expand import conclude, deepest, expand, ranked
from specreward.search.pick import Highest, Pick
from specreward.types import Candidate, Models, Path, Problem, Result, Verifier
from specreward.verify.citations import TREE_OF_THOUGHTS
from specreward.verify.scored import RewardScores

__all__ = ["BFS"]


@final
@dataclass(frozen=True, kw_only=True)
class BFS:
    """Breadth-first search with a frontier of fixed width.

    Args:
        width: Paths that go on from one level to the next, at least 1.  # b in the paper
        n: Children drawn for each path, at least 1.  # k in the paper
        temperature: Of the policy.
        verify: Judges all children of one level in one call.
        depth: Most steps of a path; None is the task's own limit.  # T in the paper
        solutions: Stop after the level at which this many finished paths were found; 0 goes on to
            the depth limit.
        pick: Chooses the answer among all finished children.

    Raises:
        InputError: A field is out of its range.
    """

    width: int = field(default=5, kw_only=False)
    n: int = 4
    temperature: float = 0.8
    verify: Verifier = RewardScores()
    depth: int | None = None
    solutions: int = 1
    pick: Pick = Highest()

    __cite__: ClassVar[str] = TREE_OF_THOUGHTS

    def __post_init__(self) -> None:
        whole("bfs width", self.width, 1)
        whole("bfs n", self.n, 1)
        number("bfs temperature", self.temperature, 0)
        if self.depth is not None:
            whole("bfs depth", self.depth, 1)
        whole("bfs solutions", self.solutions, 0)
        rule("bfs verify", self.verify, "scored()")
        rule("bfs pick", self.pick, "highest()")

    async def __call__(self, problem: Problem, models: Models) -> Result:
        """One level at a time."""
        frontier = [Path(problem)]
        for _ in range(deepest(problem, models, self.depth)):
            judged = await expand(
                frontier, models, n=self.n, verify=self.verify, temperature=self.temperature
            )
            if 0 < self.solutions <= len(models.trace.found):
                return conclude(self, problem, models, "done")
            level = ranked([item for siblings in judged for item in siblings])
            frontier = [item.path for item in level if not item.path.finished][: self.width]
            if not frontier:
                return conclude(self, problem, models, "exhausted")
        return conclude(self, problem, models, "done")

    def select(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """By ``pick``."""
        return self.pick(candidates, models)
