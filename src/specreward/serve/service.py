"""What a server serves: a task, engines, strategies by name, caps and a store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import final

from specreward.assemble import Engines
from specreward.errors import InputError
from specreward.ledger import Budget
from specreward.prices import Prices
from specreward.reward.composed import Composed
from specreward.reward.solutions import SolutionModel
from specreward.serve.limits import Limits
from specreward.store import Store
from specreward.types import Strategy, Task, ValueModel

__all__ = ["Service"]


@final
@dataclass(frozen=True, kw_only=True)
class Service:
    """What a server serves, and to whom.

    Args:
        task: How a question is read and what its answer is.
        engines: Policy, reward model, judge and draft.
        strategies: By the names that clients give as ``model``, at least one.
        budget: The most that one search may spend; a client may ask for less.
        store: Keeps calls, trees and results; None keeps nothing.
        prices: The price table; None is the package's own.
        seed: Of requests that bring none.
        api_key: What clients must send; None lets everybody in.
        limits: Of the server.

    Raises:
        InputError: There is no strategy, or the key is empty.
    """

    task: Task
    engines: Engines
    strategies: Mapping[str, Strategy]
    budget: Budget = field(default_factory=Budget)
    store: Store | None = None
    prices: Prices | None = None
    seed: int = 0
    api_key: str | None = field(default=None, repr=False)
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if not self.strategies:
            raise InputError("expected at least one strategy to serve, got none")
        if self.api_key is not None and not self.api_key.strip():
            raise InputError("expected an API key, got an empty one: a server with it is open")

    @property
    def priced_names(self) -> list[str]:
        """The engines whose calls are counted: not a reward model that only has a ``score``."""
        known = isinstance(self.engines.reward, Composed | SolutionModel | ValueModel)
        return (self.engines if known else replace(self.engines, reward=None)).names

    @property
    def reward_name(self) -> str | None:
        """Weights and revisions of the reward model; None where there is none."""
        names = replace(self.engines, judge=None, draft=None).names[1:]
        return None if self.engines.reward is None else "+".join(names) or "reward"
