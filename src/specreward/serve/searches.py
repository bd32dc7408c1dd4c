"""The searches of a server: started, stopped, waited for.

start     a place at the gate; a task of its own
turn      run_async(stoppable strategy), which keeps tree and result in the store
stop      the client has left, the time is up, the server goes down: the search is cancelled;
          what it found is in its result, which is kept as a failed one, so that the same
          question is searched again and pays for no call twice
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from time import monotonic
from typing import TypeVar, final
from uuid import uuid4

from specreward.assemble import wire
from specreward.errors import InputError, SpecRewardError
from specreward.generate.policy import TaskPolicy
from specreward.ledger import Budget, Ledger, current
from specreward.prices import Prices
from specreward.run import run_async
from specreward.serve.limits import Gate
from specreward.serve.live import LiveSearches
from specreward.serve.menu import Dish
from specreward.serve.metrics import Metrics
from specreward.serve.refusals import Refusal
from specreward.serve.service import Service
from specreward.types import Candidate, Models, Problem, Result, Strategy, Trace

__all__ = ["Progress", "Search", "Searches", "Stop"]

N = TypeVar("N", int, float)


class Stop(Enum):
    """Why a search was stopped, in words for the store."""

    CLIENT = "the client went away"
    TIME = "its time on the clock was up"
    SERVER = "the server was stopped"


@final
class Stopped(SpecRewardError):
    """The search was stopped from outside."""


@final
@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a search stands.

    Args:
        state: ``queued`` or ``searching``.
        expansions: Paths whose children were judged.
        candidates: Answers found.
        tokens: Prompt and completion tokens of all roles.
        dollars: By the price table.
    """

    state: str
    expansions: int = 0
    candidates: int = 0
    tokens: int = 0
    dollars: float = 0.0


@final
class Search:
    """One search of the server.

    Args:
        problem: What is asked.
        dish: The strategy.
        budget: Its caps.
        models: The roles.

    Attributes:
        id: Of the search and its tree.
        stopped: Why it was stopped, or None.
        ledger: Its account; None before its turn, and where the result came from the store.
        task: Ends with the result, or cancelled where it never had its turn.
    """

    task: asyncio.Task[Result]

    def __init__(self, problem: Problem, dish: Dish, budget: Budget, models: Models) -> None:
        self.id = uuid4().hex
        self.problem = problem
        self.dish = dish
        self.budget = budget
        self.models = models
        self.stopped: Stop | None = None
        self.ledger: Ledger | None = None
        self.started = monotonic()
        self._trace: Trace | None = None
        self._inner: asyncio.Task[object] | None = None
        self._over = False

    def progress(self) -> Progress:
        """Where it stands."""
        if self._trace is None or self.ledger is None:
            return Progress(state="queued")
        return Progress(
            state="searching",
            expansions=len(self._trace.expansions),
            candidates=len(self._trace.found),
            tokens=self.ledger.total.tokens,
            dollars=self.ledger.total.dollars,
        )

    def stop(self, why: Stop) -> None:
        """End it; of several reasons the first counts."""
        if self._over or self.task.done() or self.stopped is not None:
            return
        self.stopped = why
        (self.task if self._inner is None else self._inner).cancel()

    def ended(self, result: Result) -> str:
        """How it ended: as its result says, or ``timeout`` or ``stopped`` from outside."""
        if self.stopped is None:
            return result.ended
        return "timeout" if self.stopped is Stop.TIME else "stopped"

    def best(self, result: Result) -> Candidate | None:
        """What to answer with: the chosen candidate, or of a search out of time the best so far."""
        if self.stopped is Stop.TIME:
            return self.dish.strategy.select(result.candidates, self.models)
        return result.best

    def begin(self, models: Models) -> None:
        """The strategy starts, in the present task, with the present ledger and a trace."""
        self.models, self._trace = models, models.trace
        self.ledger, self._inner = current(), asyncio.current_task()

    def end(self) -> None:
        """The strategy has ended: there is nothing left to stop."""
        self._over = True


@final
@dataclass(frozen=True)
class _Stoppable:
    """A strategy that can be stopped: a stop becomes a failure, which ``run`` writes down."""

    strategy: Strategy
    search: Search

    async def __call__(self, problem: Problem, models: Models) -> Result:
        """Search."""
        self.search.begin(models)
        try:
            return await self.strategy(problem, models)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self.search.stopped is None or task is None:
                raise
            task.uncancel()
            raise Stopped(self.search.stopped.value) from None
        finally:
            self.search.end()

    def select(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """As the strategy."""
        return self.strategy.select(candidates, models)


@final
class Searches:
    """All searches of a server.

    Args:
        service: What is served.
        gate: Lets them in.
        metrics: Counts them.
        live: Lets the viewer look on.

    Raises:
        InputError: The budget is in dollars, and a model has no price.
    """

    def __init__(self, service: Service, gate: Gate, metrics: Metrics, live: LiveSearches) -> None:
        self._service = service
        self._live = live
        self._gate = gate
        self._metrics = metrics
        self._under_way: set[Search] = set()
        self._closing = False
        self._models = wire(
            service.task,
            service.engines,
            store=service.store,
            seed=service.seed,
            prices=service.prices,
        )
        prices = Prices.packaged() if service.prices is None else service.prices
        self._unpriced = [name for name in service.priced_names if prices.find(name) is None]
        self._check_priced(service.budget)

    @property
    def priced(self) -> bool:
        """Whether every model has a price."""
        return not self._unpriced

    def _check_priced(self, budget: Budget) -> None:
        if budget.dollars is not None and self._unpriced:
            raise InputError(
                f"a budget in dollars needs the price of {self._unpriced[0]!r}, which is not in "
                "the price table: start the server with --prices, or leave dollars out"
            )

    def check_open(self) -> None:
        """Let nobody in once the server goes down.

        Raises:
            Refusal: 503.
        """
        if self._closing:
            raise Refusal(503, "the server is being stopped: ask again later", code="stopping")

    def models(self, seed: int | None) -> Models:
        """The roles with a root of all draws; engines and their mergers are shared by all."""
        if seed is None or seed == self._models.seed:
            return self._models
        policy = self._models.policy
        assert isinstance(policy, TaskPolicy)
        return replace(self._models, policy=replace(policy, seed=seed), seed=seed)

    def budget(self, asked: Budget) -> Budget:
        """What a client asks for, or the server's cap where that is less.

        Raises:
            InputError: It asks for dollars, and a model has no price.
        """
        self._check_priced(asked)
        cap = self._service.budget
        return Budget(
            tokens=_least(asked.tokens, cap.tokens),
            calls=_least(asked.calls, cap.calls),
            dollars=_least(asked.dollars, cap.dollars),
            seconds=_least(asked.seconds, cap.seconds),
        )

    async def start(self, question: str, dish: Dish, budget: Budget, seed: int | None) -> Search:
        """A search in a task of its own, under a budget from ``budget``.

        The problem is read in a thread, as it may take a while, and has its place by then.

        Raises:
            Refusal: The server is full or goes down.
            InputError: The question is no problem of the task.
        """
        self.check_open()
        self._gate.enter()
        try:
            problem = await asyncio.to_thread(self._service.task.parse, question)
            self.check_open()
        except BaseException:
            self._gate.leave()
            raise
        search = Search(problem, dish, budget, self.models(seed))
        search.task = asyncio.create_task(self._run(search))
        self._under_way.add(search)

        def over(_: asyncio.Task[Result]) -> None:
            self._gate.leave()
            self._under_way.discard(search)

        search.task.add_done_callback(over)
        return search

    async def _run(self, search: Search) -> Result:
        async with self._gate.turn():
            search.started = monotonic()
            loop = asyncio.get_running_loop()
            timer = loop.call_later(self._service.limits.seconds, search.stop, Stop.TIME)
            try:
                [result] = await run_async(
                    _Stoppable(self._live.watch(search.dish.strategy, id=search.id), search),
                    [search.problem],
                    search.models,
                    store=self._service.store,
                    budget=search.budget,
                    label=search.dish.text,
                )
            finally:
                timer.cancel()
        seconds = monotonic() - search.started
        self._metrics.searched(search.ended(result), seconds, search.ledger)
        return result

    async def drain(self, grace: float) -> None:
        """Let nobody in; give those inside ``grace`` seconds, then stop them."""
        self._closing = True
        self._live.close()
        if tasks := [search.task for search in self._under_way]:
            await asyncio.wait(tasks, timeout=grace)
        for search in list(self._under_way):
            search.stop(Stop.SERVER)
        if tasks := [search.task for search in self._under_way]:
            await asyncio.wait(tasks)


def _least(asked: N | None, cap: N | None) -> N | None:
    if asked is None or cap is None:
        return cap if asked is None else asked
    return min(asked, cap)
