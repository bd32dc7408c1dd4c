import asyncio
from collections.abc import Collection, Mapping
from dataclasses import replace

import pytest

from specreward.testing import ScriptedPolicy, ScriptedReward, ToyTask
from specreward.types import Models, Path, Problem, Result, Step, Strategy, Trace


class Plant:
    """A written tree: words of one letter per step with their rewards, and those that end."""

    def __init__(
        self,
        rewards: Mapping[str, float],
        final: Collection[str] = (),
        dead: Collection[str] = (),
        depth: int = 3,
    ) -> None:
        steps: dict[tuple[str, ...], list[Step]] = {}
        for word in rewards:
            step = Step(word[-1], 1, -1.0, final=word in final, dead=word in dead)
            steps.setdefault(tuple(word[:-1]), []).append(step)
        self.policy = ScriptedPolicy(steps)
        self.reward = ScriptedReward({tuple(word): score for word, score in rewards.items()})
        self.models = Models(
            task=ToyTask(depth=depth, branch=26), policy=self.policy, reward=self.reward
        )
        self.problem = Problem("p", "q")

    def run(self, strategy: Strategy) -> Result:
        self.policy.calls.clear()
        self.reward.calls.clear()
        return asyncio.run(strategy(self.problem, replace(self.models, trace=Trace())))

    @property
    def levels(self) -> list[list[str]]:
        """The paths extended, by call."""
        return [["".join(texts) for texts in call.paths] for call in self.policy.calls]

    @property
    def extended(self) -> list[str]:
        """The paths extended, in order."""
        return [word for level in self.levels for word in level]


def word(path: Path) -> str:
    return "".join(step.text for step in path.steps)


def words(result: Result) -> list[str]:
    return [word(candidate.path) for candidate in result.candidates]


@pytest.fixture
def plant() -> type[Plant]:
    return Plant


@pytest.fixture
def spelled():
    """The words of a result's candidates, in the order found."""
    return words


@pytest.fixture
def best():
    """The word of a result's choice."""
    return lambda result: word(result.best.path)
