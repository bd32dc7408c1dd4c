"""GRACE: at each step the child with the best mixture of likelihood and reward, no way back.

M. Khalifa, L. Logeswaran, M. Lee, H. Lee, L. Wang (2023), "GRACE: Discriminator-Guided
Chain-of-Thought Reasoning", arXiv 2305.14934.

    path <- root
    until path is finished or at the depth limit:
        children ~ policy(path), n of them
        path <- argmax over children of (1 - reward_share) lm + reward_share share
    answer with the path

lm and share: see ``likelihood_and_reward``. It is ``greedy`` with that verifier, but for the
answer: scores of different steps cannot be compared, so that the path walked to wins over finished
children passed by, which are answered with only where it came to no end.

Differs from the paper: the reward model stands for its discriminator; no top-p cut of the policy's
law (there 0.95).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, final

from specreward.checks import number, whole
from specreward.search.expand import conclude, deepest, expand, ranked
from specreward.types import Candidate, Models, Path, Problem, Result
from specreward.verify import citations
from specreward.verify.likelihood_and_reward import LikelihoodAndReward

__all__ = ["GRACE"]


@final
@dataclass(frozen=True, kw_only=True)
class GRACE:
    """A greedy walk that listens to the policy and to the reward model.

    Args:
        n: Children drawn at each step, at least 1.  # J
        reward_share: Weight of the reward, in [0, 1]; 0 follows the likelihood alone and needs no
            reward model, 1 the reward alone and needs no log-probabilities.  # beta
        temperature: Of the policy; log-probabilities are of the law at this temperature.
        depth: Most steps of a path; None is the task's own limit.

    Raises:
        InputError: A field is out of its range.
    """

    n: int = field(default=20, kw_only=False)
    reward_share: float = 0.1
    temperature: float = 0.8
    depth: int | None = None

    __cite__: ClassVar[str] = citations.GRACE

    def __post_init__(self) -> None:
        whole("grace n", self.n, 1)
        number("grace reward_share", self.reward_share, 0, 1)
        number("grace temperature", self.temperature, 0)
        if self.depth is not None:
            whole("grace depth", self.depth, 1)

    async def __call__(self, problem: Problem, models: Models) -> Result:
        """Walk down from the root."""
        limit, path = deepest(problem, models, self.depth), Path(problem)
        verify = LikelihoodAndReward(self.reward_share)
        while path.open and path.depth < limit:
            [judged] = await expand(
                [path], models, n=self.n, verify=verify, temperature=self.temperature
            )
            if not judged:
                return conclude(self, problem, models, "exhausted")
            path = ranked(judged)[0].path
        return conclude(self, problem, models, "done")

    def select(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """The end of the walk; where it came to none, the deepest candidate, then the highest."""
        walked = {ranked(judged)[0].path for _, judged in models.trace.expansions if judged}
        return max(
            candidates,
            key=lambda found: (found.path.depth, found.score, found.path in walked),
            default=None,
        )
