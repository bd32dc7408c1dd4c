"""Reward models that are made of other models: judges that a language model plays, cascades.

Such a model is configured with bare engines. Before a search it is *wired*: it gets back each of
its models merged, stored and metered like those of every other role.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from specreward.engines import LanguageModel, ValueModel
from specreward.reward.solutions import SolutionModel
from specreward.types import RewardModel

__all__ = ["Composed", "Scorer", "Wiring", "names_of"]


@runtime_checkable
class Composed(Protocol):
    """A reward model made of other models."""

    @property
    def names(self) -> list[str]:
        """Names of its engines: weights and revisions. Its settings are in its ``repr``, wired."""
        ...

    def wired(self, wiring: Wiring) -> RewardModel:
        """The same with each of its models as ``wiring`` gives it back."""
        ...


Scorer = RewardModel | SolutionModel | ValueModel | Composed
"""Whatever can be wired to score paths."""


def names_of(scorer: Scorer) -> list[str]:
    """Names of the engines that a reward model is made of; its ``repr`` where it has none."""
    if isinstance(scorer, Composed):
        return scorer.names
    return [scorer.name if isinstance(scorer, SolutionModel | ValueModel) else repr(scorer)]


class Wiring(Protocol):
    """Puts wrappers around engines."""

    def language_model(
        self, lm: LanguageModel, *, role: str = "judge", phase: str = "score"
    ) -> LanguageModel:
        """The engine with its calls merged, stored and metered under role and phase.

        A language model that judges counts as one, not as a reward model, wherever it stands.
        """
        ...

    def reward(self, scorer: Scorer, *, role: str = "reward", phase: str = "score") -> RewardModel:
        """What scores paths by an engine whose calls are merged, stored and metered."""
        ...

    def count(self, name: str, times: int) -> None:
        """Count something in the ledger of the search under way; it costs nothing."""
        ...
