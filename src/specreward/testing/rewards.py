"""Reward models with known answers: the truth, the truth with noise, and a script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

from specreward.errors import RewardError
from specreward.seeds import uniform
from specreward.testing.toy_task import ToyTask
from specreward.types import Path, RewardModel

__all__ = ["NoisyReward", "OracleReward", "ScriptedReward"]


@final
@dataclass(frozen=True, kw_only=True)
class OracleReward:
    """The true value of each path of the toy tree."""

    task: ToyTask

    async def score(self, paths: Sequence[Path]) -> list[float]:
        """``ToyTask.value`` of each, ``[P]``."""
        return [self.task.value(path) for path in paths]

    async def steps(self, paths: Sequence[Path]) -> list[list[float]]:
        """The value after each step, ``[P][T]``."""
        return [
            [self.task.value(Path(path.problem, path.steps[: i + 1])) for i in range(path.depth)]
            for path in paths
        ]


@final
@dataclass(frozen=True, kw_only=True)
class NoisyReward:
    """Another reward model with noise: the same path always gets the same error.

    Args:
        reward: The model to spoil.
        noise: Half-width of the uniform error, in [0, 1]; results are clipped to [0, 1].
        seed: Root of the errors.
    """

    reward: RewardModel
    noise: float = 0.2
    seed: int = 0

    async def score(self, paths: Sequence[Path]) -> list[float]:
        """One score for each path, ``[P]``."""
        true = await self.reward.score(paths)
        return [
            min(1.0, max(0.0, value + self.noise * (2 * uniform(self.seed, *path.key) - 1)))
            for path, value in zip(paths, true, strict=True)
        ]


@final
@dataclass(frozen=True, kw_only=True)
class ScriptedReward:
    """Scores written down beforehand, by the texts of a path's steps.

    Args:
        scores: Score by step texts.
        calls: What each call asked for: a list of step texts, in order.
    """

    scores: Mapping[tuple[str, ...], float] = field(kw_only=False)
    calls: list[list[tuple[str, ...]]] = field(default_factory=list, compare=False)

    async def score(self, paths: Sequence[Path]) -> list[float]:
        """One score for each path, ``[P]``.

        Raises:
            RewardError: A path is not in the script.
        """
        asked = [tuple([step.text for step in path.steps]) for path in paths]
        self.calls.append(asked)
        for texts in asked:
            if texts not in self.scores:
                raise RewardError(f"expected a path of the script, got {texts!r}: add its score")
        return [self.scores[texts] for texts in asked]
