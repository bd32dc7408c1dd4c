"""Chain of thought: one path from the root to its end, never looked at again.

J. Wei, X. Wang, D. Schuurmans, M. Bosma, B. Ichter, F. Xia, E. Chi, Q. Le, D. Zhou (2022),
"Chain-of-Thought Prompting Elicits Reasoning in Large Language Models", arXiv 2201.11903.

    path ~ policy(root), greedily, until its end
    answer with it if it is finished

Differs from the paper: a path that breaks the task's rules or runs out of steps gives no answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

from specreward.checks import number
from specreward.search.expand import conclude
from specreward.search.self_consistency import sample
from specreward.types import Candidate, Models, Problem, Result
from specreward.verify.citations import CHAIN_OF_THOUGHT

__all__ = ["ChainOfThought"]


@final
@dataclass(frozen=True, kw_only=True)
class ChainOfThought:
    """One path, no verifier: the baseline of every search.

    Args:
        temperature: Of the policy; 0 is greedy, as published.

    Raises:
        InputError: A field is out of its range.
    """

    temperature: float = 0.0

    __cite__: ClassVar[str] = CHAIN_OF_THOUGHT

    def __post_init__(self) -> None:
        number("cot temperature", self.temperature, 0)

    async def __call__(self, problem: Problem, models: Models) -> Result:
        """Draw the path; its score is 1, the share of the only vote."""
        await sample(problem, models, 1, self.temperature)
        return conclude(self, problem, models, "done")

    def select(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """The path drawn, or None where it did not finish."""
        return candidates[0] if candidates else None
