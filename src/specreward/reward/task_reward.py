"""The reward model on a task: a value model reads what the task shows it of each path.

    text_t    = task.reward_text(first t steps of the path)
    r_t       = value(text_t), in [0, 1]: how good it is to stand there
    score     = combine(r_t of the steps that it needs)         by default r_T

J. Gu and S. Liang (2025), "Speculative Reward Model Boosts Decision Making Ability of LLMs
Cost-Effectively", arXiv 2506.00396.

Differs from the paper: its reward model reads a path at one go; here each step is scored where it
ends, so that one model judges steps and paths. Equal texts in a call are read once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, final

from specreward.errors import InputError, RewardError
from specreward.reward.aggregate import Aggregate, Last
from specreward.types import Path, Task, ValueModel
from specreward.verify.citations import SPECULATIVE_REWARD_MODEL

__all__ = ["TaskReward"]


@final
@dataclass(frozen=True, kw_only=True)
class TaskReward:
    """Scores paths, and their steps, by a value model.

    Args:
        values: The engine, as a rule in its wrappers.
        task: Says what the engine reads.
        combine: How step scores become the score of a path.
    """

    values: ValueModel = field(kw_only=False)
    task: Task
    combine: Aggregate = Last()

    __cite__: ClassVar[str] = SPECULATIVE_REWARD_MODEL

    async def score(self, paths: Sequence[Path]) -> list[float]:
        """One score for each path, ``[P]``, in [0, 1], higher is better.

        Raises:
            InputError: A path has no step.
            RewardError: A value is missing, NaN or outside [0, 1].
        """
        needed = [self.combine.needed(path.depth) for path in paths]
        return [self.combine(scores) for scores in await self._ask(paths, needed)]

    async def steps(self, paths: Sequence[Path]) -> list[list[float]]:
        """The score after each step, ``[P][T]``, T the depth of the path.

        Raises:
            InputError: A path has no step.
            RewardError: A value is missing, NaN or outside [0, 1].
        """
        return await self._ask(paths, [range(path.depth) for path in paths])

    async def _ask(
        self, paths: Sequence[Path], needed: Sequence[Sequence[int]]
    ) -> list[list[float]]:
        """The scores of the needed steps of each path, in one call."""
        for path in paths:
            if not path.steps:
                raise InputError(
                    f"expected paths with a step to score, got bare problem {path.problem.id!r}"
                )
        texts = [
            [self.task.reward_text(Path(path.problem, path.steps[: step + 1])) for step in steps]
            for path, steps in zip(paths, needed, strict=True)
        ]
        different = list(dict.fromkeys([text for row in texts for text in row]))
        scored = await self.values.values(different) if different else []
        if len(scored) != len(different):
            raise RewardError(
                f"{self.values.name}: expected {len(different)} values, got {len(scored)}: an "
                "engine must give one for each text, in order"
            )
        known = {text: one.value for text, one in zip(different, scored, strict=True)}
        for text, value in known.items():
            if not 0.0 <= value <= 1.0:
                raise RewardError(
                    f"{self.values.name}: expected a value in [0, 1], got {value!r} for "
                    f"{text[-200:]!r}: mend the model; no score is made up in its place"
                )
        return [[known[text] for text in row] for row in texts]
