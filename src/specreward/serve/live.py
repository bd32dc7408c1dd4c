"""Searches under way, and the last ones that ended, for whoever wants to look on.

    live = LiveSearches()
    run_async(live.watch(strategy), problems, models, label=name_of(strategy))

    a search begins    an entry with the problem, the trace and the account
    somebody looks     the expansions since the last look become nodes
    it ends            the entry says how; the oldest ended ones are forgotten

A watched search does no more work than any other until somebody looks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from secrets import token_hex
from time import monotonic, time
from typing import Literal, final

from specreward.checks import whole
from specreward.errors import BudgetExhausted
from specreward.ledger import Ledger, current
from specreward.report.reasons import reason_of, rule_of
from specreward.report.views import Growth, NodeView, UsageView, usage_views
from specreward.spec import name_of
from specreward.types import Candidate, Models, Problem, Result, Strategy, Trace

__all__ = ["Ended", "LiveSearch", "LiveSearches", "LiveTree", "LiveView", "Watched"]

Ended = Literal["done", "exhausted", "budget", "failed", "cancelled"]
"""How a search ended; ``cancelled``: from outside, as whoever asked went away, its time was up,
or the server stopped."""

CHUNK = 2000
"""Nodes after which an answer is closed, at the next expansion."""
LOOK = 0.05
"""Seconds between two looks at a trace while a client waits."""


@final
@dataclass(frozen=True, kw_only=True)
class LiveView:
    """A search in the list of those under way.

    Args:
        id: Its id.
        problem: The problem's id.
        question: What was asked.
        strategy: As text.
        started: Seconds since 1970.
        seconds: On the clock, until now or until it ended.
        expansions: Parents whose children were judged so far.
        found: Finished paths so far.
        ended: How it ended; None while it searches.
    """

    id: str
    problem: str
    question: str
    strategy: str
    started: float
    seconds: float
    expansions: int
    found: int
    ended: Ended | None


@final
@dataclass(frozen=True, kw_only=True)
class LiveTree:
    """What happened in a search after a point of it.

    Args:
        search: The search.
        after: The point to ask from next: expansions that were told of so far.
        more: Whether more is known already.
        nodes: New or changed ones with their numbers, parents first.
        usage: Spent so far, by role and phase.
        chosen: Number of the node that the answer was taken from; None until it ended.
        score: Of that node.
        error: What failed, in one line.
    """

    search: LiveView
    after: int
    more: bool
    nodes: Sequence[NodeView]
    usage: Sequence[UsageView]
    chosen: int | None
    score: float | None
    error: str | None


@final
class LiveSearch:
    """One search that can be looked at.

    Args:
        id: Its id.
        problem: What is searched.
        strategy: Its name.
        trace: Which the search writes to.
        ledger: Its account, or None.
        rule: The verifier, which says why a step was pruned; None leaves it to the evidence.
    """

    def __init__(
        self,
        *,
        id: str,
        problem: Problem,
        strategy: str,
        trace: Trace,
        ledger: Ledger | None,
        rule: object | None,
    ) -> None:
        self.id = id
        self._problem, self._strategy = problem, strategy
        self._trace, self._ledger = trace, ledger
        self._growth = Growth(problem, reason_of(rule))
        self._changes: list[list[int]] = []
        self._started, self._begun = time(), monotonic()
        self._seconds: float | None = None
        self._ended: Ended | None = None
        self._best: Candidate | None = None
        self._error: str | None = None

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self._ended is not None

    @property
    def expansions(self) -> int:
        """Parents whose children were judged so far."""
        return len(self._trace.expansions)

    def finish(self, result: Result) -> None:
        """It ended with a result."""
        self.end(result.ended, best=result.best, error=result.error)

    def end(self, how: Ended, *, best: Candidate | None = None, error: str | None = None) -> None:
        """It is over; a second call changes nothing."""
        if self._ended is None:
            self._seconds = monotonic() - self._begun
            self._ended, self._best, self._error = how, best, error

    def view(self) -> LiveView:
        """Its line in the list."""
        seconds = monotonic() - self._begun if self._seconds is None else self._seconds
        return LiveView(
            id=self.id,
            problem=self._problem.id,
            question=self._problem.question,
            strategy=self._strategy,
            started=self._started,
            seconds=seconds,
            expansions=self.expansions,
            found=len(self._trace.found),
            ended=self._ended,
        )

    def tree(self, after: int = 0) -> LiveTree:
        """What happened after a point; the problem itself is told of at the start.

        Args:
            after: Expansions that the asker knows; at least 0.
        """
        for parent, judgements in self._trace.expansions[len(self._changes) :]:
            self._changes.append(self._growth.add(parent, judgements))
        numbers = set() if after else {0}
        while after < len(self._changes) and len(numbers) < CHUNK:
            numbers.update(self._changes[after])
            after += 1
        best = self._best
        return LiveTree(
            search=self.view(),
            after=after,
            more=after < len(self._changes),
            nodes=[self._growth.nodes[number] for number in sorted(numbers)],
            usage=[] if self._ledger is None else usage_views(self._ledger.usage),
            chosen=None if best is None else self._growth.find(best.path),
            score=None if best is None else best.score,
            error=self._error,
        )


@final
class LiveSearches:
    """The searches of one server.

    Args:
        keep: Ended ones that stay to be looked at, at least 0; those under way all stay.
    """

    def __init__(self, *, keep: int = 64) -> None:
        whole("live searches keep", keep, 0)
        self._keep = keep
        self._searches: dict[str, LiveSearch] = {}
        self._closed = False

    def start(
        self,
        problem: Problem,
        strategy: str,
        trace: Trace,
        *,
        ledger: Ledger | None = None,
        rule: object | None = None,
        id: str | None = None,
    ) -> LiveSearch:
        """A search begins; call ``finish`` or ``end`` on what this returns when it is over.

        Args:
            problem: What is searched.
            strategy: Its name.
            trace: Which the search writes to.
            ledger: Its account; None shows no cost.
            rule: The verifier, which says why a step was pruned.
            id: Its id; None takes a random one. An older search of this id is forgotten.
        """
        search = LiveSearch(
            id=token_hex(8) if id is None else id,
            problem=problem,
            strategy=strategy,
            trace=trace,
            ledger=ledger,
            rule=rule,
        )
        self._searches.pop(search.id, None)
        self._searches[search.id] = search
        ended = [name for name, one in self._searches.items() if one.ended]
        for name in ended[: max(len(ended) - self._keep, 0)]:
            del self._searches[name]
        return search

    def watch(
        self, strategy: Strategy, *, id: str | None = None, name: str | None = None
    ) -> Watched:
        """The strategy, with an entry here for each search that it makes.

        Args:
            strategy: Any strategy; its name in a store is to be given as the ``label`` of ``run``.
            id: Of the entry; None takes a random one for each search.
            name: What the entry calls the strategy; None takes its text.
        """
        return Watched(strategy, live=self, id=id, name=name)

    def list(self) -> list[LiveView]:
        """Those under way and the last that ended, newest first."""
        return [search.view() for search in reversed(self._searches.values())]

    def get(self, id: str) -> LiveSearch | None:
        """One of them."""
        return self._searches.get(id)

    async def look(self, search: LiveSearch, after: int, wait: float) -> LiveTree:
        """What happened in a search after a point, as soon as there is anything new.

        Args:
            search: One of those here.
            after: Expansions that the asker knows.
            wait: Most seconds until an answer that may say nothing new.
        """
        until = monotonic() + wait
        while not (search.expansions > after or search.ended or self._closed):
            left = until - monotonic()
            if left <= 0:
                break
            await asyncio.sleep(min(left, LOOK))
        return search.tree(after)

    def close(self) -> None:
        """Nobody waits here any longer."""
        self._closed = True


@final
@dataclass(frozen=True)
class Watched:
    """A strategy whose searches can be looked at.

    Args:
        strategy: What searches.
        live: Where the searches are entered.
        id: Of the entry; None for random ones.
        name: Of the strategy; None for its text.
    """

    strategy: Strategy
    live: LiveSearches = field(kw_only=True)
    id: str | None = field(kw_only=True)
    name: str | None = field(kw_only=True)

    async def __call__(self, problem: Problem, models: Models) -> Result:
        """Search, with an entry from the beginning to the end, however it ends."""
        search = self.live.start(
            problem,
            name_of(self.strategy) if self.name is None else self.name,
            models.trace,
            ledger=current(),
            rule=rule_of(self.strategy),
            id=self.id,
        )
        try:
            result = await self.strategy(problem, models)
        except BudgetExhausted:
            search.end("budget", best=self.select(tuple(models.trace.found), models))
            raise
        except Exception as error:
            search.end("failed", error=" ".join(f"{type(error).__name__}: {error}".split()))
            raise
        except BaseException:
            search.end("cancelled")
            raise
        search.finish(result)
        return result

    def select(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """As the strategy."""
        return self.strategy.select(candidates, models)
