"""Many problems under one strategy: the sync door and the async one.

    for each problem, at most ``concurrency`` at once:
        a finished result in the store: take it
        else search with a trace and a ledger of its own
            budget reached -> choose among what was found
            anything wrong -> a failed result; the others go on
        store <- result and tree, one commit
    results in the order of the problems

A result depends on the strategy, the problem, the models and the budget, and on nothing that ran
beside or before it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import final
from uuid import uuid4

from specreward.errors import BudgetExhausted, InputError, MissingExtra, StoreError
from specreward.ledger import Budget, Ledger
from specreward.records import dump_problem
from specreward.spec import name_of
from specreward.store import Store
from specreward.types import Models, Problem, Result, Strategy, Trace

__all__ = ["run", "run_async"]


@final
@dataclass(frozen=True, kw_only=True)
class _Job:
    """What is done to each problem."""

    strategy: Strategy
    models: Models
    budget: Budget
    on_result: Callable[[Result], None] | None
    kept: tuple[Store, int] | None

    async def __call__(self, position: int, problem: Problem) -> Result:
        """The result from the store, or of a search."""
        store, row = self.kept or (None, 0)
        result = None if store is None else store.result(row, problem)
        if result is None or result.ended == "failed":
            result = await self._search(problem)
            if store is not None:
                store.save_result(row, position, result)
        if self.on_result is not None:
            self.on_result(result)
        return result

    async def _search(self, problem: Problem) -> Result:
        """One search under its budget; whatever goes wrong with the problem is in the result."""
        models = replace(self.models, trace=Trace())
        ledger = Ledger(self.budget)
        with ledger.active():
            try:
                try:
                    result = await self.strategy(problem, models)
                except BudgetExhausted:
                    result = self._best_so_far(problem, models)
            except (MissingExtra, StoreError):
                raise
            except Exception as error:
                result = _failure(problem, models, error)
        usage = {key: ledger.usage[key] for key in sorted(ledger.usage)}
        counts = Counter(ledger.counts) + Counter(models.trace.counts)
        return replace(result, usage=usage, counts=dict(sorted(counts.items())))

    def _best_so_far(self, problem: Problem, models: Models) -> Result:
        found = tuple(models.trace.found)
        return Result(
            problem,
            self.strategy.select(found, models),
            candidates=found,
            ended="budget",
            expansions=tuple(models.trace.expansions),
        )


def _failure(problem: Problem, models: Models, error: Exception) -> Result:
    """What was found, nothing chosen, and in one line what went wrong and where."""
    notes = dict.fromkeys(vars(error).get("__notes__", ()))
    words = [f"problem {problem.id}", type(error).__name__, str(error), *notes]
    return Result(
        problem,
        None,
        candidates=tuple(models.trace.found),
        ended="failed",
        expansions=tuple(models.trace.expansions),
        error=": ".join([" ".join(part.split()) for part in words if part.strip()]),
    )


def _row(
    strategy: Strategy, models: Models, budget: Budget, store: Store, label: str | None
) -> int:
    """The run's number in the store."""
    roles = (models.task, models.policy, models.reward, models.judge, models.draft)
    words = " ".join([f"seed={models.seed}", *[repr(role) for role in roles]])
    name = name_of(strategy) if label is None else label
    if " at 0x" in words:
        # The address of an object tells nothing tomorrow: this run is not to be taken up again.
        words = f"{words} opened={uuid4().hex}"
    return store.open_run(name, words, repr(budget))


def _check(problems: Sequence[Problem], concurrency: int) -> None:
    if not isinstance(concurrency, int) or concurrency < 1:
        raise InputError(f"concurrency: expected an integer of at least 1, got {concurrency!r}")
    names = Counter([problem.id for problem in problems])
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise InputError(
            f"expected problems with different ids, got {len(twice)} that repeat, {twice[0]!r} "
            f"{names[twice[0]]} times: rename or drop them"
        )


async def run_async(
    strategy: Strategy,
    problems: Sequence[Problem],
    models: Models,
    *,
    store: Store | None = None,
    budget: Budget | None = None,
    concurrency: int = 64,
    on_result: Callable[[Result], None] | None = None,
    label: str | None = None,
) -> list[Result]:
    """As ``run``, inside an event loop."""
    _check(problems, concurrency)
    caps = Budget() if budget is None else budget
    if store is not None:
        for problem in problems:  # what cannot be kept is said before work starts
            dump_problem(problem)
    kept = None if store is None else (store, _row(strategy, models, caps, store, label))
    job = _Job(strategy=strategy, models=models, budget=caps, on_result=on_result, kept=kept)
    gate = asyncio.Semaphore(concurrency)

    async def one(position: int, problem: Problem) -> Result:
        async with gate:
            return await job(position, problem)

    tasks = [asyncio.create_task(one(i, problem)) for i, problem in enumerate(problems)]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def run(
    strategy: Strategy,
    problems: Sequence[Problem],
    models: Models,
    *,
    store: Store | None = None,
    budget: Budget | None = None,
    concurrency: int = 64,
    on_result: Callable[[Result], None] | None = None,
    label: str | None = None,
) -> list[Result]:
    """Search each problem; one result for each, ``[P]``, in order.

    Args:
        strategy: The search.
        problems: What to solve; ids are unique.
        models: The roles; each search gets a trace of its own.
        store: Keeps results and trees. Problems with a result of the same strategy, models and
            budget in it are not searched again, failed ones excepted. The models must have a
            ``repr`` that says what they are, as those of this package do; others are searched
            again, and pay for no call twice if they are wrapped in ``Stored``.
        budget: Hard caps for the search of each problem.
        concurrency: Most searches at once, at least 1; changes the time, never a result.
        on_result: Called with each result as it comes, those from the store included.
        label: The strategy's name in the store; by default its text.

    Raises:
        InputError: Two problems share an id, ``concurrency`` is below 1, or an event loop runs here
            already.
        MissingExtra: A model needs what is not installed.
        StoreError: The store cannot be read or written.
        KeyboardInterrupt: Ctrl-C. What came in before is in the store; the same call goes on.
    """
    if _in_a_loop():
        raise InputError(
            "run() was called inside a running event loop, as in a notebook or a server: "
            "write `await run_async(...)` with the same arguments there"
        )
    return asyncio.run(
        run_async(
            strategy,
            problems,
            models,
            store=store,
            budget=budget,
            concurrency=concurrency,
            on_result=on_result,
            label=label,
        )
    )


def _in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
