"""From a name of models to the roles of a search: loaded, merged into batches, kept and metered.

    policy, judge   Metered(Coalesce(Stored(engine)))     one engine, told apart by phase
    reward          MeteredValues(CoalesceValues(StoredValues(engine)))

Other packages bring models under the entry-point group ``specreward.models``: a function from a
task to ``Engines``, whose docstring begins with one line about them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from specreward.batching import Coalesce, CoalesceValues
from specreward.errors import InputError, SpecRewardError, nearest
from specreward.generate.policy import TaskPolicy
from specreward.ledger import Metered, MeteredValues, TokenCounter, Utf8Bytes
from specreward.prices import Prices
from specreward.replay import Stored, StoredValues
from specreward.reward.task_reward import TaskReward
from specreward.store import Store
from specreward.types import LanguageModel, Models, Task, ValueModel

__all__ = ["EMBEDDED", "Engines", "assemble", "engines_for", "sources", "wire"]

EMBEDDED = "embedded"
"""Name of the models that come with the package."""

_GROUP = "specreward.models"


@dataclass(frozen=True, kw_only=True)
class Engines:
    """The engines for one task.

    Args:
        policy: Proposes steps and answers evaluation prompts.
        reward: Scores steps; None where there is none, so that self-evaluation must do.
        counter: Counts the tokens of prompts before a call, for budgets.
    """

    policy: LanguageModel
    reward: ValueModel | None = None
    counter: TokenCounter = Utf8Bytes()

    @property
    def names(self) -> list[str]:
        """Weights and revisions."""
        reward = [] if self.reward is None else [self.reward.name]
        return [self.policy.name, *reward]


def assemble(
    task: Task,
    *,
    store: Store | None = None,
    seed: int = 0,
    models: str = EMBEDDED,
    prices: Prices | None = None,
) -> Models:
    """The roles of a search on a task.

    Args:
        task: Says which models are loaded.
        store: Keeps every call; None keeps none.
        seed: Root of all draws.
        models: Where they come from, one of ``sources()``.
        prices: The price table; by default the package's own.

    Raises:
        UnknownName: There is no such source, or it has no models for the task.
        InputError: The models cannot be loaded.
    """
    return wire(task, engines_for(task, models), store=store, seed=seed, prices=prices)


def wire(
    task: Task,
    engines: Engines,
    *,
    store: Store | None = None,
    seed: int = 0,
    prices: Prices | None = None,
) -> Models:
    """The roles of a search played by engines; arguments as for ``assemble``."""
    table = Prices.packaged() if prices is None else prices
    lm, vm = engines.policy, engines.reward
    merged = Coalesce(lm if store is None else Stored(lm, store))
    reward = None
    if vm is not None:
        joined = CoalesceValues(vm if store is None else StoredValues(vm, store))
        reward = TaskReward(MeteredValues(joined, counter=engines.counter, prices=table), task=task)

    def metered(phase: str) -> Metered:
        return Metered(merged, role="policy", phase=phase, counter=engines.counter, prices=table)

    return Models(
        task=task,
        policy=TaskPolicy(metered("propose"), task=task, seed=seed),
        judge=metered("evaluate"),
        reward=reward,
        seed=seed,
    )


def engines_for(task: Task, models: str = EMBEDDED) -> Engines:
    """The engines of a source for a task; raises as ``assemble``."""
    if models == EMBEDDED:
        return _embedded(task)
    if models not in _plugins():
        raise nearest(models, [EMBEDDED, *_plugins()], "source of models")
    load = _load(models)
    try:
        engines = load(task)
    except SpecRewardError:
        raise
    except Exception as error:  # third-party code may fail in any way
        raise _unusable(models, error) from error
    if not isinstance(engines, Engines):
        raise InputError(f"models {models!r}: expected Engines, got {engines!r}")
    return engines


def sources() -> dict[str, str]:
    """Where models may come from: name and one line about them, or why they cannot be loaded."""
    about = {EMBEDDED: inspect.getdoc(_embedded) or ""}
    for name in _plugins():
        try:
            about[name] = inspect.getdoc(_load(name)) or ""
        except InputError as error:
            about[name] = str(error)
    return {name: about[name].partition("\n")[0] for name in sorted(about)}


def _embedded(task: Task) -> Engines:
    """Small models in the package, for tasks that have them; no network, no accelerator."""
    from specreward.embedded import embedded_models  # not before it is needed: loads the engine

    policy, reward = embedded_models(task.name)
    return Engines(policy=policy, reward=reward, counter=policy)  # both have the same words


@cache
def _plugins() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=_GROUP) if point.name != EMBEDDED}


@cache
def _load(name: str) -> Callable[[Task], object]:
    """The function behind a plug-in's name."""
    try:
        loaded = _plugins()[name].load()
    except Exception as error:  # third-party code may fail in any way at import
        raise _unusable(name, error) from error
    if not callable(loaded):
        raise InputError(f"models {name!r}: expected a function of a task, got {loaded!r}")
    found: Callable[[Task], object] = loaded
    return found


def _unusable(name: str, error: Exception) -> InputError:
    return InputError(
        f"models {name!r} cannot be loaded: {type(error).__name__}: {error}; mend or uninstall the "
        "package that brings them"
    )
