"""What a comparison is to do: strategies, problems and caps, settled before any work starts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import final

from specreward.assemble import Engines
from specreward.cli.inputs import ModelChoice, file_problems, generated
from specreward.ledger import Budget
from specreward.prices import Price, Prices
from specreward.registry import PLUGIN, registered
from specreward.reward.composed import Scorer
from specreward.spec import name_of, parse
from specreward.types import Problem, Strategy, Task

__all__ = ["Domain", "Plan", "elsewhere", "from_file", "from_split"]

DEFAULT_LIMIT = 50


@final
@dataclass(frozen=True, kw_only=True)
class Domain:
    """Problems of one kind and where they come from.

    Args:
        task: Their task.
        source: ``split test, 50 problems`` or the path of a file.
        problems: At least one.
        engines: That search on them.
    """

    task: Task
    source: str
    problems: Sequence[Problem]
    engines: Engines

    @property
    def name(self) -> str:
        """Task and source in words."""
        return f"{name_of(self.task)}, {self.source}"

    def as_json(self) -> dict[str, object]:
        """What tells these problems from others."""
        texts = [f"{p.id}\x1f{p.question}\x1f{p.answer}" for p in self.problems]
        digest = hashlib.sha256("\x1e".join(texts).encode()).hexdigest()[:16]
        return {
            "task": name_of(self.task),
            "source": self.source,
            "digest": digest,
            "models": self.engines.names,
            **_settings(self.engines.reward),
        }


def _settings(reward: Scorer | None) -> dict[str, object]:
    """A reward model that was configured as text; what is in the names of models is not all."""
    return {"reward": name_of(reward)} if is_dataclass(reward) else {}


@final
@dataclass(frozen=True, kw_only=True)
class Plan:
    """All that settles the results of a comparison.

    Args:
        home: The problems.
        abroad: Those of another domain, for extensibility.
        tuned: The same with a reward model tuned for them.
        strategies: Names and objects; the first is the reference.
        seed: Root of all draws.
        budget: Caps for each problem and strategy.
        prices: The price table; None is the package's own.
        criteria: Whether the 3E criteria are wanted.
    """

    home: Domain
    abroad: Domain | None
    tuned: Domain | None
    strategies: Sequence[tuple[str, Strategy]]
    seed: int
    budget: Budget | None
    prices: Prices | None
    criteria: bool

    def as_json(self) -> dict[str, object]:
        """The plan as JSON; equal plans have equal results."""
        return {
            "task": name_of(self.home.task),
            "strategies": [name for name, _ in self.strategies],
            "seed": self.seed,
            "budget": None if self.budget is None else asdict(self.budget),
            "problems": self.home.as_json(),
            "criteria": self.criteria,
            "extend_to": None if self.abroad is None else self.abroad.as_json(),
            **({} if self.tuned is None else {"reward_there": self.tuned.as_json()}),
            "prices": {name: asdict(price) for name, price in self._prices()},
        }

    def _prices(self) -> list[tuple[str, Price]]:
        """Those of the models in use that have one."""
        table = Prices.packaged() if self.prices is None else self.prices
        places = [place for place in (self.home, self.abroad, self.tuned) if place is not None]
        names = dict.fromkeys([name for place in places for name in place.engines.names])
        found = [(name, table.find(name)) for name in names]
        return [(name, price) for name, price in found if price is not None]


def from_file(task: Task, path: Path, limit: int | None, models: ModelChoice) -> Domain:
    """The problems of a file or folder, all of them or the first ``limit``."""
    found = file_problems(task, path, limit)
    return Domain(task=task, source=str(path), problems=found, engines=models.engines(task))


def from_split(task: Task, split: str, limit: int | None, seed: int, models: ModelChoice) -> Domain:
    """Problems made on the spot: ``limit`` of them, or 50."""
    count = DEFAULT_LIMIT if limit is None else limit
    found = generated(task, count, split, seed)
    source = f"split {split}, {count} problems"
    return Domain(task=task, source=source, problems=found, engines=models.engines(task))


def elsewhere(task: Task, where: str, limit: int | None, seed: int, models: ModelChoice) -> Domain:
    """Another domain: the text of a task (whose test split is taken), a file, or a split.

    A folder is written with a slash, so that no folder can be taken for a split of its name.
    """
    if where.partition("(")[0].strip() in {*registered("task"), *registered(PLUGIN)}:
        return from_split(parse(where, "task"), "test", limit, seed, models)
    if "/" in where or Path(where).is_file():
        return from_file(task, Path(where), limit, models)
    return from_split(task, where, limit, seed, models)
