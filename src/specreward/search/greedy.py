"""Greedy search: at each step the best of a few children, no way back.

M. Khalifa, L. Logeswaran, M. Lee, H. Lee, L. Wang (2023), "GRACE: Discriminator-Guided
Chain-of-Thought Reasoning", arXiv 2305.14934.

    path <- root
    until path is finished or at the depth limit:
        children ~ policy(path), n of them
        path <- the kept child that the verifier ranks highest; stop if there is none

Differs from the paper: the verifier's score alone decides (there beta * discriminator +
(1 - beta) * likelihood), and n is 4 (there 20). Finished children passed over stay candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, final

from specreward.checks import number, rule, whole
from specreward.search.expand import conclude, deepest, expand, ranked
from specreward.search.pick import Highest
from specreward.types import Candidate, Models, Path, Problem, Result, Verifier
from specreward.verify.citations import GRACE
from specreward.verify.scored import RewardScores

__all__ = ["Greedy"]


@final
@dataclass(frozen=True, kw_only=True)
class Greedy:
    """Best child at each step; the cheapest search with a verifier.

    Args:
        n: Children drawn at each step, at least 1.  # J in the paper
        temperature: Of the policy.
        verify: Judges the children of each step.
        depth: Most steps of a path; None is the task's own limit.

    Raises:
        InputError: A field is out of its range.
    """

    n: int = field(default=4, kw_only=False)
    temperature: float = 0.8
    verify: Verifier = RewardScores()
    depth: int | None = None

    __cite__: ClassVar[str] = GRACE

    def __post_init__(self) -> None:
        whole("greedy n", self.n, 1)
        number("greedy temperature", self.temperature, 0)
        if self.depth is not None:
            whole("greedy depth", self.depth, 1)
        rule("greedy verify", self.verify, "scored()")

    async def __call__(self, problem: Problem, models: Models) -> Result:
        """Walk down from the root."""
        limit, path = deepest(problem, models, self.depth), Path(problem)
        while path.open and path.depth < limit:
            [judged] = await expand(
                [path], models, n=self.n, verify=self.verify, temperature=self.temperature
            )
            kept = ranked(judged)
            if not kept:
                return conclude(self, problem, models, "exhausted")
            path = kept[0].path
        return conclude(self, problem, models, "done")

    def select(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """The candidate with the highest score."""
        return Highest()(candidates, models)
