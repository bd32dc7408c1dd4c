"""Best-first search: always extend the most promising open path of the whole tree.

J. Y. Koh, S. McAleer, D. Fried, R. Salakhutdinov (2024), "Tree Search for Language Model Agents",
arXiv 2407.01476.

    queue <- {root}
    while queue is not empty and expansions are left:
        path <- the one of queue that the verifier ranked highest
        children ~ policy(path), n of them, judged in one call
        stop once enough solutions are finished
        queue <- queue + the open kept children that are not at the depth limit
    answer with the pick among all finished children

Differs from the paper: the search ends at a number of solutions (there at a value above a
threshold). Of equal ranks the deeper path goes first, then the one judged first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import ClassVar, final

from specreward.checks import number, rule, whole
from specreward.search.expand import conclude, deepest, expand, ranked
from specreward.search.pick import Highest, Pick
from specreward.types import Candidate, Models, Path, Problem, Result, Verifier
from specreward.verify.scored import RewardScores

__all__ = ["BestFirst"]


@final
@dataclass(frozen=True, kw_only=True)
class BestFirst:
    """Best-first search over a priority queue.

    Args:
        n: Children drawn for each path, at least 1.  # b in the paper
        expansions: Most paths extended in all, at least 1.  # c in the paper
        temperature: Of the policy.
        verify: Judges the children of each path.
        depth: Most steps of a path; None is the task's own limit.  # d in the paper
        solutions: Stop as soon as this many finished paths were found; 0 goes on until the queue or
            the expansions are spent.
        pick: Chooses the answer among all finished children.

    Raises:
        InputError: A field is out of its range.
    """

    n: int = field(default=5, kw_only=False)
    expansions: int = 20
    temperature: float = 1.0
    verify: Verifier = RewardScores()
    depth: int | None = None
    solutions: int = 1
    pick: Pick = Highest()

    __cite__: ClassVar[str] = """@article{koh2024tree,
  title = {Tree Search for Language Model Agents},
  author = {Koh, Jing Yu and McAleer, Stephen and Fried, Daniel and Salakhutdinov, Ruslan},
  journal = {arXiv preprint arXiv:2407.01476},
  year = {2024}
}"""

    def __post_init__(self) -> None:
        whole("best_first n", self.n, 1)
        whole("best_first expansions", self.expansions, 1)
        number("best_first temperature", self.temperature, 0)
        if self.depth is not None:
            whole("best_first depth", self.depth, 1)
        whole("best_first solutions", self.solutions, 0)
        rule("best_first verify", self.verify, "scored()")
        rule("best_first pick", self.pick, "highest()")

    async def __call__(self, problem: Problem, models: Models) -> Result:
        """One path at a time, the best of the queue."""
        limit, path, spent = deepest(problem, models, self.depth), Path(problem), 0
        queue: list[tuple[tuple[float, ...], int, Path]] = [((), 0, path)]
        pushed = 0
        while queue and spent < self.expansions:
            path = heappop(queue)[2]
            [judged] = await expand(
                [path], models, n=self.n, verify=self.verify, temperature=self.temperature
            )
            spent += 1
            if 0 < self.solutions <= len(models.trace.found):
                return conclude(self, problem, models, "done")
            for item in ranked(judged):
                if not item.path.finished and item.path.depth < limit:
                    pushed += 1
                    order = (*[-part for part in item.rank], -item.path.depth)
                    heappush(queue, (order, pushed, item.path))
        return conclude(self, problem, models, "done" if queue else "exhausted")

    def select(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """By ``pick``."""
        return self.pick(candidates, models)
