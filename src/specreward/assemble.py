"""From a name of models to the roles of a search: loaded, merged into batches, kept and metered.

    language model   Metered(Coalesce(Stored(engine)))     policy and judge: told apart by phase
    draft            the same; its draws have a seed of their own
    reward model     the same around its engine, then what reads paths: TaskReward, SolutionReward

An engine elsewhere (``Concurrent``) takes many calls at once: nothing is merged for it.

Other packages bring models under the entry-point group ``specreward.models``: a function from a
task to ``Engines``, whose docstring begins with one line about them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import final

from specreward.batching import Coalesce, CoalesceSolutions, CoalesceValues
from specreward.engines import Concurrent, LanguageModel, Rereading, ValueModel
from specreward.errors import InputError, SpecRewardError, nearest
from specreward.generate.policy import TaskPolicy
from specreward.ledger import TokenCounter, Utf8Bytes, current
from specreward.metering import Metered, MeteredSolutions, MeteredValues
from specreward.prices import Prices
from specreward.replay import Stored, StoredSolutions, StoredValues
from specreward.reward.composed import Composed, Scorer, names_of
from specreward.reward.solutions import SolutionModel, SolutionReward
from specreward.reward.task_reward import TaskReward
from specreward.seeds import derive
from specreward.store import Store
from specreward.types import Models, RewardModel, Task

__all__ = ["EMBEDDED", "Engines", "assemble", "engines_for", "sources", "wire", "wire_reward"]

EMBEDDED = "embedded"
"""Name of the models that come with the package."""

_GROUP = "specreward.models"


@dataclass(frozen=True, kw_only=True)
class Engines:
    """The engines for one task.

    Args:
        policy: Proposes steps.
        reward: Scores steps; None where there is none, so that self-evaluation must do.
        judge: Answers evaluation prompts; by default the policy's engine.
        draft: Proposes steps for the policy to accept or not; None where there is none.
        counter: Counts the tokens of prompts before a call, for budgets, where an engine does not
            count them itself; never too few for any of these engines.
    """

    policy: LanguageModel
    reward: Scorer | None = None
    judge: LanguageModel | None = None
    draft: LanguageModel | None = None
    counter: TokenCounter = Utf8Bytes()

    @property
    def names(self) -> list[str]:
        """Weights and revisions, each once."""
        played = (self.policy, self.judge, self.draft)
        found = [engine.name for engine in played if engine is not None]
        if self.reward is not None:
            found += names_of(self.reward)
        return list(dict.fromkeys(found))


@final
class _Wiring:
    """The wrappers of one assembly; an engine has one store and one merger, whoever uses it."""

    def __init__(
        self, task: Task, store: Store | None, counter: TokenCounter, prices: Prices
    ) -> None:
        self._task = task
        self._store = store
        self._counter = counter
        self._prices = prices
        self._merged: dict[int, tuple[LanguageModel, LanguageModel]] = {}

    def language_model(
        self, lm: LanguageModel, *, role: str = "judge", phase: str = "score"
    ) -> LanguageModel:
        """The engine with its calls merged, stored and metered."""
        if id(lm) not in self._merged:
            kept = lm if self._store is None else Stored(lm, self._store)
            self._merged[id(lm)] = (lm, kept if isinstance(lm, Concurrent) else Coalesce(kept))
        return Metered(
            self._merged[id(lm)][1],
            role=role,
            phase=phase,
            counter=self._counts(lm),
            prices=self._prices,
            rereads=isinstance(lm, Rereading) and lm.rereads,
        )

    def reward(self, scorer: Scorer, *, role: str = "reward", phase: str = "score") -> RewardModel:
        """What scores paths by an engine whose calls are merged, stored and metered."""
        store, counter, prices = self._store, self._counts(scorer), self._prices
        if isinstance(scorer, Composed):
            return scorer.wired(self)
        if isinstance(scorer, SolutionModel):
            graded = scorer if store is None else StoredSolutions(scorer, store)
            merged = graded if isinstance(scorer, Concurrent) else CoalesceSolutions(graded)
            return SolutionReward(
                MeteredSolutions(merged, role=role, phase=phase, counter=counter, prices=prices)
            )
        if isinstance(scorer, ValueModel):
            valued = scorer if store is None else StoredValues(scorer, store)
            joined = valued if isinstance(scorer, Concurrent) else CoalesceValues(valued)
            return TaskReward(
                MeteredValues(joined, role=role, phase=phase, counter=counter, prices=prices),
                task=self._task,
            )
        return scorer

    def _counts(self, engine: object) -> TokenCounter:
        """An engine counts its own tokens where it can."""
        return engine if isinstance(engine, TokenCounter) else self._counter

    def count(self, name: str, times: int) -> None:
        """Counted in the ledger of the search under way, if there is one."""
        ledger = current()
        if ledger is not None:
            ledger.count(name, times)


def assemble(
    task: Task,
    *,
    store: Store | None = None,
    seed: int = 0,
    models: str = EMBEDDED,
    policy: LanguageModel | None = None,
    reward: Scorer | None = None,
    judge: LanguageModel | None = None,
    draft: LanguageModel | None = None,
    prices: Prices | None = None,
) -> Models:
    """The roles of a search on a task.

    Args:
        task: Says which models are loaded.
        store: Keeps every call; None keeps none.
        seed: Root of all draws.
        models: Where those that are not given come from, one of ``sources()``; nowhere if there is
            a policy.
        policy: The engine that proposes steps.
        reward: What scores steps.
        judge: The engine that answers evaluation prompts; by default the policy's.
        draft: The engine that proposes steps for the policy to accept or not; by default the
            source's, where it has one.
        prices: The price table; by default the package's own.

    Raises:
        UnknownName: There is no such source, or it has no models for the task.
        InputError: The models cannot be loaded.
    """
    engines = engines_for(task, models, policy=policy, reward=reward, judge=judge, draft=draft)
    return wire(task, engines, store=store, seed=seed, prices=prices)


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
    wiring = _Wiring(task, store, engines.counter, table)
    judge = engines.policy if engines.judge is None else engines.judge
    own = "policy" if engines.judge is None else "judge"
    proposer = wiring.language_model(engines.policy, role="policy", phase="propose")
    drafter = None
    if engines.draft is not None:  # draws of its own, also where it is the policy's engine
        lm = wiring.language_model(engines.draft, role="draft", phase="propose")
        drafter = TaskPolicy(lm, task=task, seed=derive(seed, "draft"))
    return Models(
        task=task,
        policy=TaskPolicy(proposer, task=task, seed=seed),
        draft=drafter,
        judge=wiring.language_model(judge, role=own, phase="evaluate"),
        reward=None if engines.reward is None else wiring.reward(engines.reward),
        seed=seed,
    )


def wire_reward(
    task: Task, reward: Scorer, *, store: Store | None = None, prices: Prices | None = None
) -> RewardModel:
    """A reward model alone, its calls merged, stored and metered; arguments as for ``wire``."""
    table = Prices.packaged() if prices is None else prices
    return _Wiring(task, store, Utf8Bytes(), table).reward(reward)


def engines_for(
    task: Task,
    models: str = EMBEDDED,
    *,
    policy: LanguageModel | None = None,
    reward: Scorer | None = None,
    judge: LanguageModel | None = None,
    draft: LanguageModel | None = None,
) -> Engines:
    """The engines for a task; arguments and errors as for ``assemble``."""
    if policy is not None:
        return Engines(policy=policy, reward=reward, judge=judge, draft=draft)
    found = _sourced(task, models)
    if reward is None and judge is None and draft is None:
        return found
    return replace(  # the source's counter need not know the tokens of what is given
        found,
        reward=found.reward if reward is None else reward,
        judge=found.judge if judge is None else judge,
        draft=found.draft if draft is None else draft,
        counter=Utf8Bytes(),
    )


def _sourced(task: Task, models: str) -> Engines:
    """The engines of a source."""
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
    from specreward.embedded import embedded_draft, embedded_models  # loads the engine

    policy, reward = embedded_models(task.name)
    draft = embedded_draft(task.name)
    return Engines(policy=policy, reward=reward, draft=draft, counter=policy)  # of equal words


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
