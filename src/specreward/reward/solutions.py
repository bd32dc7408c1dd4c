"""Reward models that read a solution, a question and its steps, in a template of their own.

    grade(question, steps) -> a number for each step   process reward model
                           -> one number               outcome reward model
    score(path) = combine(numbers)                     by default as the family's paper does

The published families are in ``reward/published``, one file each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, final, runtime_checkable

from specreward.engines import Usage
from specreward.errors import InputError, RewardError
from specreward.reward.aggregate import Aggregate
from specreward.types import Path

__all__ = ["Graded", "Solution", "SolutionModel", "SolutionReward", "read_path"]


@dataclass(frozen=True, slots=True)
class Solution:
    """What a reward model reads.

    Args:
        question: As the problem has it.
        steps: Texts without delimiters, at least one; it need not be finished.
    """

    question: str
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Graded:
    """What a reward model says of a solution.

    Args:
        values: In [0, 1], higher is better: one for each step, or one for all.
        prompt_tokens: Tokens read.
        cached_tokens: Of these, not computed for this answer.
        completion_tokens: Tokens written, by models that write before they judge.
        seconds: This answer's share of the engine's time.
        wasted: What attempts that failed before this one cost; ``calls`` and ``failed`` count them.
    """

    values: tuple[float, ...]
    prompt_tokens: int
    cached_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    wasted: Usage = Usage()


@runtime_checkable
class SolutionModel(Protocol):
    """An engine that grades solutions."""

    @property
    def name(self) -> str:
        """Identifies weights, revision, template and whatever else changes a number."""
        ...

    @property
    def parameters(self) -> int:
        """Number of parameters, for FLOPs; 0 if unknown."""
        ...

    @property
    def per_step(self) -> bool:
        """Whether it gives a number for each step; else one for the whole solution."""
        ...

    @property
    def combine(self) -> Aggregate:
        """How its numbers become the score of a solution; used if it gives one for each step."""
        ...

    @property
    def most_tokens(self) -> int:
        """Most tokens that it writes for one answer; 0 where it only reads."""
        ...

    async def grade(self, solutions: Sequence[Solution]) -> list[Graded]:
        """One answer for each solution, ``[P]``, in order; each depends on its solution alone."""
        ...


@final
@dataclass(frozen=True, kw_only=True, repr=False)
class SolutionReward:
    """Scores paths, and their steps, by a solution model.

    Args:
        model: The engine, as a rule in its wrappers.
    """

    model: SolutionModel = field(kw_only=False)

    def __repr__(self) -> str:
        """With what its scores depend on beside the model: results are kept under it."""
        return f"SolutionReward({self.model!r}, combine={self.model.combine!r})"

    async def score(self, paths: Sequence[Path]) -> list[float]:
        """One score for each path, ``[P]``, in [0, 1], higher is better.

        Raises:
            InputError: A path has no step.
            RewardError: A number is missing, NaN or outside [0, 1].
        """
        graded = await self._ask([read_path(path) for path in paths])
        if not self.model.per_step:
            return [values[0] for values in graded]
        combine = self.model.combine
        return [
            combine([values[step] for step in combine.needed(path.depth)])
            for path, values in zip(paths, graded, strict=True)
        ]

    async def steps(self, paths: Sequence[Path]) -> list[list[float]]:
        """The score of each step, ``[P][T]``, T the depth of the path.

        A model that gives one number for a solution is asked for each beginning of it.

        Raises:
            InputError: A path has no step.
            RewardError: A number is missing, NaN or outside [0, 1].
        """
        read = [read_path(path) for path in paths]
        if self.model.per_step:
            return [list(values) for values in await self._ask(read)]
        parts = [
            Solution(one.question, one.steps[: depth + 1])
            for one in read
            for depth in range(len(one.steps))
        ]
        values = iter(await self._ask(parts))
        return [[next(values)[0] for _ in one.steps] for one in read]

    async def _ask(self, solutions: Sequence[Solution]) -> list[tuple[float, ...]]:
        """The numbers for each solution; equal ones are asked once."""
        different = list(dict.fromkeys(solutions))
        graded = await self.model.grade(different) if different else []
        if len(graded) != len(different):
            raise RewardError(
                f"{self.model.name}: expected {len(different)} answers, got {len(graded)}: an "
                "engine must give one for each solution, in order"
            )
        known: dict[Solution, tuple[float, ...]] = {}
        for one, answer in zip(different, graded, strict=True):
            known[one] = self._checked(one, answer.values)
        return [known[one] for one in solutions]

    def _checked(self, solution: Solution, values: tuple[float, ...]) -> tuple[float, ...]:
        expected = len(solution.steps) if self.model.per_step else 1
        if len(values) != expected:
            raise RewardError(
                f"{self.model.name}: expected {expected} number(s) for {len(solution.steps)} "
                f"step(s), got {len(values)}: mend the model or its template"
            )
        for value in values:
            if not 0.0 <= value <= 1.0:
                raise RewardError(
                    f"{self.model.name}: expected numbers in [0, 1], got {value!r} for "
                    f"{solution.steps[-1][-200:]!r}: mend the model; no score is made up in its "
                    "place"
                )
        return values


def read_path(path: Path) -> Solution:
    """What a reward model reads of a path.

    Raises:
        InputError: The path has no step.
    """
    if not path.steps:
        raise InputError(
            f"expected paths with a step to score, got bare problem {path.problem.id!r}"
        )
    return Solution(path.problem.question, tuple([step.text for step in path.steps]))
