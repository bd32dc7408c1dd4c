"""Judges that give a number to one beginning of a solution, whatever else is judged with it.

    r_t        = grade(question, first t steps), in [0, 1]
    score      = combine(r_t of the steps that it needs)      by default r_T

Equal beginnings in a call are judged once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, final

from specreward.errors import RewardError
from specreward.reward.aggregate import Aggregate, Last
from specreward.reward.solutions import Solution, read_path
from specreward.types import Path

__all__ = ["PointReward", "Pointwise"]


class Pointwise(Protocol):
    """Gives each beginning of a solution a number."""

    async def grade(self, beginnings: Sequence[Solution]) -> list[float]:
        """One number for each, ``[B]``, in [0, 1], higher is better."""
        ...


@final
@dataclass(frozen=True, kw_only=True)
class PointReward:
    """Scores paths, and their steps, by a judge of beginnings.

    Args:
        judge: Its engines are wired.
        combine: How the numbers after each step become the score of a path.
    """

    judge: Pointwise = field(kw_only=False)
    combine: Aggregate = Last()

    async def score(self, paths: Sequence[Path]) -> list[float]:
        """One score for each path, ``[P]``, in [0, 1], higher is better.

        Raises:
            InputError: A path has no step.
            RewardError: A verdict cannot be had.
        """
        needed = [self.combine.needed(path.depth) for path in paths]
        return [self.combine(values) for values in await self._ask(paths, needed)]

    async def steps(self, paths: Sequence[Path]) -> list[list[float]]:
        """The number after each step, ``[P][T]``, T the depth of the path.

        Raises:
            InputError: A path has no step.
            RewardError: A verdict cannot be had.
        """
        return await self._ask(paths, [range(path.depth) for path in paths])

    async def _ask(
        self, paths: Sequence[Path], needed: Sequence[Sequence[int]]
    ) -> list[list[float]]:
        """The numbers after the needed steps of each path, in one call."""
        beginnings = [
            [Solution(one.question, one.steps[: step + 1]) for step in steps]
            for one, steps in zip(map(read_path, paths), needed, strict=True)
        ]
        different = list(dict.fromkeys([one for row in beginnings for one in row]))
        values = await self.judge.grade(different) if different else []
        for value in values:
            if not 0.0 <= value <= 1.0:
                raise RewardError(
                    f"{self.judge!r}: expected a number in [0, 1], got {value!r}: mend the judge's "
                    "engine; no score is made up in its place"
                )
        known = dict(zip(different, values, strict=True))
        return [[known[one] for one in row] for row in beginnings]
