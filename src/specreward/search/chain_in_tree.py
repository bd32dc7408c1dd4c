"""Chain-in-Tree: a tree that branches only where it must.

X. Li (2025), "Chain-in-Tree: Back to Sequential Reasoning in LLM Tree Search", arXiv 2509.25835, on
breadth-first search; ``branching.py`` has the two tests of the paper.

    frontier <- {root}
    until frontier is empty:
        chain:   for each path of frontier, all in one call for each step:
                     steps ~ policy(path), a few
                     ``branching`` finds one of them plain:  path <- path + that step, again
                     else:  path is a fork, and its steps are its first children
        branch:  fill the children of the forks up to n, judge them all in one call
        frontier <- the ``width`` open kept children that the verifier ranks highest
        stop once enough solutions are finished
    answer with the pick among all finished paths

Differs from the paper: the frontier is pruned over forks, whatever their depth (there among paths
of one depth); a chain's end is judged once if it is finished, and nothing else of a chain ever is;
the first answers end the search (there more than five), and one is picked by score (there by
votes).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, final

from specreward.checks import number, rule, whole
from specreward.errors import InputError
from specreward.search.branching import CHAIN_IN_TREE, Branching, SamplesAgree
from specreward.search.expand import conclude, deepest, ranked, take
from specreward.search.pick import Highest, Pick
from specreward.types import (
    Candidate,
    Judgement,
    Models,
    Path,
    Problem,
    Result,
    Siblings,
    Verifier,
)
from specreward.verify.scored import RewardScores

__all__ = ["ChainInTree"]


@final
@dataclass(frozen=True, kw_only=True)
class ChainInTree:
    """Breadth-first search that goes on in a chain where there is nothing to choose.

    Args:
        width: Paths that go on from one branching to the next, at least 1.
        n: Children of a fork, at least as many as ``branching`` wants to see.
        branching: ``samples_agree()`` (BN-SC) or ``judge_agrees()`` (BN-DP).
        temperature: Of the policy.
        verify: Judges the children of forks and the ends of chains.
        depth: Most steps of a path; None is the task's own limit.
        solutions: Stop as soon as this many finished paths were found; 0 goes on until nothing is
            open.
        pick: Chooses the answer among all finished paths.

    Raises:
        InputError: A field is out of its range.
    """

    width: int = field(default=5, kw_only=False)
    n: int = 3
    branching: Branching = SamplesAgree()
    temperature: float = 0.7
    verify: Verifier = RewardScores()
    depth: int | None = None
    solutions: int = 1
    pick: Pick = Highest()

    __cite__: ClassVar[str] = CHAIN_IN_TREE

    def __post_init__(self) -> None:
        whole("chain_in_tree width", self.width, 1)
        whole("chain_in_tree n", self.n, 1)
        rule("chain_in_tree branching", self.branching, "samples_agree()")
        if self.branching.probes > self.n:
            raise InputError(
                f"chain_in_tree n: expected at least the {self.branching.probes} samples that "
                f"branching draws, got {self.n!r}: they are the first children of a fork"
            )
        number("chain_in_tree temperature", self.temperature, 0)
        rule("chain_in_tree verify", self.verify, "scored()")
        if self.depth is not None:
            whole("chain_in_tree depth", self.depth, 1)
        whole("chain_in_tree solutions", self.solutions, 0)
        rule("chain_in_tree pick", self.pick, "highest()")

    async def __call__(self, problem: Problem, models: Models) -> Result:
        """Chains from the whole frontier, then one branching of them all."""
        limit, frontier = deepest(problem, models, self.depth), [Path(problem)]
        while frontier:
            ends, forks = await self._chain(frontier, models, limit)
            await self._judge(ends, models)
            if self._enough(models):
                return conclude(self, problem, models, "done")
            level = ranked(await self._judge(await self._fill(forks, models), models))
            if self._enough(models):
                return conclude(self, problem, models, "done")
            open_paths = [item.path for item in level if not item.path.finished]
            frontier = [path for path in open_paths if path.depth < limit][: self.width]
        return conclude(self, problem, models, "exhausted")

    async def _chain(
        self, paths: Sequence[Path], models: Models, limit: int
    ) -> tuple[list[Siblings], list[Siblings]]:
        """Last steps of the chains that finished, and the families of those that must branch."""
        ends: list[Siblings] = []
        forks: list[Siblings] = []
        while paths:
            drawn = await models.policy.extend(
                paths, self.branching.probes, temperature=self.temperature
            )
            families = [Siblings(p, tuple(new)) for p, new in zip(paths, drawn, strict=True)]
            ahead = []
            for family, go in zip(families, await self.branching(families, models), strict=True):
                if go is None:
                    forks.append(family)
                    continue
                models.trace.count("chained steps")
                if go.path.finished:
                    ends.append(Siblings(family.parent, (go.path,) * go.count))
                    continue
                models.trace.record(family.parent, [go])
                ahead += [go.path] if go.path.depth < limit else []
            paths = ahead
        models.trace.count("forks", len(forks))
        return ends, forks

    async def _fill(self, forks: Sequence[Siblings], models: Models) -> list[Siblings]:
        """The forks with ``n`` children each."""
        more: Sequence[Sequence[Path]] = [()] * len(forks)
        if forks and self.n > self.branching.probes:
            more = await models.policy.extend(
                [fork.parent for fork in forks],
                self.n - self.branching.probes,
                temperature=self.temperature,
                start=self.branching.probes,
            )
        return [
            Siblings(fork.parent, (*fork.children, *new))
            for fork, new in zip(forks, more, strict=True)
        ]

    async def _judge(self, families: Sequence[Siblings], models: Models) -> list[Judgement]:
        """Have families judged in one call; finished children that are kept are candidates."""
        parents = [family.parent for family in families]
        drawn = [family.children for family in families]
        judged = await take(parents, drawn, models, self.verify)
        return [item for judgements in judged for item in judgements]

    def _enough(self, models: Models) -> bool:
        """Whether as many finished paths were found as were asked for."""
        return 0 < self.solutions <= len(models.trace.found)

    def select(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """By ``pick``."""
        return self.pick(candidates, models)
