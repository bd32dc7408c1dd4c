"""What a server counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from specreward.ledger import Ledger
from specreward.serve.limits import Gate
from specreward.types import Usage

__all__ = ["Metrics"]

_SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000)


@final
class Metrics:
    """Counters of one server; two servers in a process do not share them.

    Args:
        gate: Knows how many searches run and wait.
    """

    def __init__(self, gate: Gate) -> None:
        self._registry = CollectorRegistry()
        self._requests = self._counter("requests", "Requests answered", "route", "status")
        self._searches = self._counter("searches", "Searches ended", "ended")
        self._tokens = self._counter("tokens", "Tokens", "role", "phase", "kind")
        self._calls = self._counter("calls", "Completions and scores", "role", "phase")
        self._failed = self._counter("failed_calls", "Those that failed", "role", "phase")
        self._dollars = self._counter("dollars", "By the price table", "role", "phase")
        self._seconds = Histogram(
            "specreward_search_seconds",
            "Seconds on the clock of a search, from its turn on",
            buckets=_SECONDS,
            registry=self._registry,
        )
        for name, about, count in (
            ("running", "Searches that run", lambda: gate.running),
            ("queued", "Searches that wait for their turn", lambda: gate.waiting),
        ):
            gauge = Gauge(f"specreward_searches_{name}", about, registry=self._registry)
            gauge.set_function(count)

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"specreward_{name}", about, labels, registry=self._registry)

    def answered(self, route: str, status: int) -> None:
        """A request was answered."""
        self._requests.labels(route, str(status)).inc()

    def searched(self, ended: str, seconds: float, ledger: Ledger | None) -> None:
        """A search ended; without a ledger its result was taken from the store."""
        self._searches.labels("stored" if ledger is None else ended).inc()
        if ledger is not None:
            self._seconds.observe(seconds)
            self.spent(ledger.usage)

    def spent(self, usage: Mapping[tuple[str, str], Usage]) -> None:
        """Model calls were made."""
        for (role, phase), spent in usage.items():
            self._tokens.labels(role, phase, "prompt").inc(spent.prompt_tokens)
            self._tokens.labels(role, phase, "cached").inc(spent.cached_tokens)
            self._tokens.labels(role, phase, "completion").inc(spent.completion_tokens)
            self._calls.labels(role, phase).inc(spent.calls)
            self._failed.labels(role, phase).inc(spent.failed)
            self._dollars.labels(role, phase).inc(spent.dollars)

    def page(self) -> bytes:
        """All of it, in Prometheus' text form."""
        page: bytes = generate_latest(self._registry)
        return page
