"""What a role may be able to do besides: optional protocols, asked for by ``isinstance``.

    StepScorer       a reward model that also scores each step
    Comparing        a reward model that compares the paths of one call, and no more
    StepLikelihood   a policy that says how likely it would have written given steps
    Equating         a task that knows of answers which are equal in other words
    Reaching         a task that knows whether a right answer can still be reached

What every role must do is in ``types.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from specreward.types import Path, RewardModel

__all__ = ["Comparing", "Equating", "Reaching", "StepLikelihood", "StepScorer"]


@runtime_checkable
class StepScorer(Protocol):
    """A reward model that also scores each step of a path."""

    async def steps(self, paths: Sequence[Path]) -> list[list[float]]:
        """Scores in [0, 1], ``[P][T]``, T the depth of the path."""
        ...


@runtime_checkable
class Comparing(RewardModel, Protocol):
    """A reward model whose scores say how a path stands among those of its call, and no more."""

    @property
    def tournament(self) -> object:
        """Who is compared with whom."""
        ...


@runtime_checkable
class StepLikelihood(Protocol):
    """A policy that also says how likely it would have written given steps."""

    def tokenizer(self) -> str:
        """Identifies the table of token ids: equal where equal ids stand for equal tokens."""
        ...

    async def likelihood(self, paths: Sequence[Path], *, temperature: float) -> list[float]:
        """Log-probability in nats of the last step of each path given those before, ``[P]``.

        Under the law of ``extend`` at this temperature, token for token: ``Step.ids`` decide, not
        the text.

        Raises:
            InputError: The engine cannot do it, a step has no ids, or the temperature is not above
                0.
        """
        ...


@runtime_checkable
class Equating(Protocol):
    """A task whose answers can be equal though their canonical texts differ; votes add them up."""

    def same(self, one: str, other: str) -> bool:
        """Whether two answers of different text are equal."""
        ...


@runtime_checkable
class Reaching(Protocol):
    """A task that knows whether a right answer can still be reached: its steps' exact labels."""

    def reachable(self, path: Path) -> bool:
        """Whether steps that are left could lead from the end of a path to a right answer.

        Within the task's limit of steps; of a finished path, whether it is right; of a dead one,
        False. The bare problem can be asked as well.
        """
        ...
