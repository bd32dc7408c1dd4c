"""Depth-first tree of thoughts: the best child first, back to the next one where it leads nowhere.

S. Yao, D. Yu, J. Zhao, I. Shafran, T. Griffiths, Y. Cao, K. Narasimhan (2023), "Tree of Thoughts:
Deliberate Problem Solving with Large Language Models", arXiv 2305.10601.

    visit(path):
        stop if enough solutions are finished or all expansions are spent
        children ~ policy(path), n of them;  drop those the verifier prunes
        for child in the ``children`` open ones ranked highest:
            visit(child) unless it is at the depth limit
    visit(root);  answer with the pick among all finished children

Published settings: at most 100 steps, pruned on "impossible" (Yao et al., crosswords); 10 states in
all, 3 for each state, n 4 at temperature 0.8 (llm-reasoners, arXiv 2404.05221). The total here is
the former, since 10 states cannot reach a plan of 12 steps; the rest is the latter.

Differs from the paper: a finished child is a candidate as soon as it is judged, whatever its turn.
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

__all__ = ["DFS"]


@final
@dataclass(frozen=True, kw_only=True)
class DFS:
    """Depth-first search with backtracking.

    Args:
        n: Children drawn for each path, at least 1.  # k in the paper
        children: Most open children visited of one path, at least 1.  # max_per_state
        expansions: Most paths extended in all, at least 1.
        temperature: Of the policy.
        verify: Judges the children of each path; what it prunes is not visited.
        depth: Most steps of a path; None is the task's own limit.
        solutions: Stop as soon as this many finished paths were found; 0 goes on until the tree or
            the expansions are spent.
        pick: Chooses the answer among all finished children.

    Raises:
        InputError: A field is out of its range.
    """

    n: int = field(default=4, kw_only=False)
    children: int = 3
    expansions: int = 100
    temperature: float = 0.8
    verify: Verifier = RewardScores()
    depth: int | None = None
    solutions: int = 1
    pick: Pick = Highest()

    __cite__: ClassVar[str] = TREE_OF_THOUGHTS

    def __post_init__(self) -> None:
        whole("dfs n", self.n, 1)
        whole("dfs children", self.children, 1)
        whole("dfs expansions", self.expansions, 1)
        number("dfs temperature", self.temperature, 0)
        if self.depth is not None:
            whole("dfs depth", self.depth, 1)
        whole("dfs solutions", self.solutions, 0)
        rule("dfs verify", self.verify, "scored()")
        rule("dfs pick", self.pick, "highest()")

    async def __call__(self, problem: Problem, models: Models) -> Result:
        """One path at a time, from a stack whose top is the next to visit."""
        limit, stack, spent = deepest(problem, models, self.depth), [Path(problem)], 0
        while stack and spent < self.expansions:
            [judged] = await expand(
                [stack.pop()], models, n=self.n, verify=self.verify, temperature=self.temperature
            )
            spent += 1
            if 0 < self.solutions <= len(models.trace.found):
                return conclude(self, problem, models, "done")
            below = [item.path for item in ranked(judged) if not item.path.finished]
            stack += [path for path in reversed(below[: self.children]) if path.depth < limit]
        return conclude(self, problem, models, "done" if stack else "exhausted")

    def select(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """By ``pick``."""
        return self.pick(candidates, models)
