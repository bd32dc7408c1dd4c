"""The speculative reward model's rule with a tilted target, as a chain of steps.

J. Gu and S. Liang (2025), "Speculative Reward Model Boosts Decision Making Ability of LLMs
Cost-Effectively", arXiv 2506.00396; tilted target and envelope: our reading of its ratio.

    until the end:
        y_1..y_n ~ p(. | x, y)                          the policy
        SR_i = q(y_i) / p(y_i) = r_i^exponent / Z       for the target q = p r^exponent / Z
        accept each with probability SR_i / max SR = r_i^exponent
        y <- y with the first accepted step; none: one more draw as it is

p cancels, so that no log-probabilities are needed. The law of a step is exactly (1 - m) q + m p,
where m = (1 - E_p[r^exponent])^n is the chance that none is accepted: it nears q exponentially.

Differs from the paper: one step survives of each set, where ``speculative`` thins it for tree
searches; the ratio is of the policy's own law, not normalized over the candidates. It is no draft
and target: the large model proposes, the small reward model accepts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, final

from specreward.checks import number, whole
from specreward.search.pick import Highest
from specreward.search.speculative.selectors import ByRejection
from specreward.search.speculative.stepwise import Stepwise
from specreward.search.speculative.weights import ByPower
from specreward.search.speculative.writing import Block
from specreward.types import Candidate, Models, Problem, Result
from specreward.verify.citations import SPECULATIVE_REWARD_MODEL

__all__ = ["SRMSteps"]


@final
@dataclass(frozen=True, kw_only=True)
class SRMSteps:
    """One model proposes, the reward model accepts; any engine will do.

    Args:
        n: Steps drawn at a time, at least 1.
        exponent: Power of the reward, at least 0; large follows the reward and accepts less.
        temperature: Of the policy.
        depth: Most steps of a path; None is the task's own limit.

    Raises:
        InputError: A field is out of its range.
    """

    n: int = field(default=4, kw_only=False)
    exponent: float = 1.0
    temperature: float = 0.8
    depth: int | None = None

    __cite__: ClassVar[str] = SPECULATIVE_REWARD_MODEL

    def __post_init__(self) -> None:
        whole("srm_steps n", self.n, 1)
        number("srm_steps temperature", self.temperature, 0)
        self.parts()

    def parts(self) -> Stepwise:
        """The same as parts."""
        return Stepwise(
            draft=None,
            target=Block(self.n, weight=ByPower(self.exponent), selector=ByRejection(1.0)),
            temperature=self.temperature,
            depth=self.depth,
        )

    async def __call__(self, problem: Problem, models: Models) -> Result:
        """One path, step by step."""
        return await self.parts()(problem, models)

    def select(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """The candidate with the highest reward."""
        return Highest()(candidates, models)
