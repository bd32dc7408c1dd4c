"""Strategies on the same problems, one after another, with progress on the screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from rich.progress import Progress, TextColumn

from specreward.cli.screen import progress
from specreward.ledger import Budget
from specreward.report.record import Arm, outcome
from specreward.run import run
from specreward.store import Store
from specreward.types import Models, Problem, Result, Strategy

__all__ = ["Comparison"]


@final
@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How strategies are run against each other.

    Args:
        models: The roles, the same for all.
        store: Where all is kept; None keeps nothing.
        budget: Caps for each problem and strategy.
        concurrency: Problems in flight at once; changes the speed, never a result.
    """

    models: Models
    store: Store | None = None
    budget: Budget | None = None
    concurrency: int = 64

    def arms(
        self,
        strategies: Sequence[tuple[str, Strategy]],
        problems: Sequence[Problem],
        domain: str = "",
    ) -> list[Arm]:
        """One arm for each strategy, in order.

        Args:
            strategies: Names and objects.
            problems: The same for all.
            domain: Set apart in the store what is run on other problems than the main ones.
        """
        with progress(TextColumn("{task.fields[solved]} solved", style="green")) as bars:
            return [
                self._arm(spec, strategy, problems, domain, bars) for spec, strategy in strategies
            ]

    def _arm(
        self,
        spec: str,
        strategy: Strategy,
        problems: Sequence[Problem],
        domain: str,
        bars: Progress,
    ) -> Arm:
        name = f"{spec} on {domain}" if domain else spec
        bar = bars.add_task(name, total=len(problems), solved=0)
        solved = 0

        def seen(result: Result) -> None:
            nonlocal solved
            solved += outcome(result, self.models.task).correct
            bars.update(bar, advance=1, solved=solved)

        results = run(
            strategy,
            problems,
            self.models,
            store=self.store,
            budget=self.budget,
            concurrency=self.concurrency,
            on_result=seen,
            label=name,
        )
        return Arm(spec, tuple([outcome(result, self.models.task) for result in results]))
