"""``specreward solve``: one problem or a few, with the tree shown as it grows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, final

import typer
from rich.live import Live

from specreward.assemble import EMBEDDED, wire
from specreward.cli.forest import Growing, drawn
from specreward.cli.inputs import ModelChoice, read_budget, text_problems
from specreward.cli.options import (
    BudgetText,
    DraftText,
    JudgeText,
    PolicyText,
    PriceFile,
    RewardText,
    Seed,
    SourceName,
    StrategyText,
    TaskText,
)
from specreward.cli.screen import notes, results, say
from specreward.cli.table import cost_line, count_line
from specreward.ledger import Budget
from specreward.prices import Prices
from specreward.report.files import as_lines
from specreward.report.record import Outcome, line, outcome
from specreward.run import run
from specreward.spec import name_of, parse
from specreward.types import Candidate, Models, Problem, Result, Strategy, Task

__all__ = ["solve"]

DEFAULT = "bfs(verify=speculative())"


def solve(
    task: TaskText,
    problem: Annotated[
        str | None,
        typer.Argument(help="The problem, a file of problems, or - for standard input."),
    ] = None,
    strategy: StrategyText = DEFAULT,
    seed: Seed = 0,
    budget: BudgetText = None,
    models: SourceName = EMBEDDED,
    policy: PolicyText = None,
    reward: RewardText = None,
    judge: JudgeText = None,
    draft: DraftText = None,
    prices: PriceFile = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object a problem.")] = False,
) -> None:
    """Search for the answer of a problem; without a problem, of one made on the spot."""
    kind = parse(task, "task")
    search = parse(strategy, "strategy")
    cap = read_budget(budget)
    problems = text_problems(kind, problem, seed)
    table = None if prices is None else Prices.read(prices)
    chosen = ModelChoice(models=models, policy=policy, reward=reward, judge=judge, draft=draft)
    roles = wire(kind, chosen.engines(kind), seed=seed, prices=table)
    failed = False
    for one in problems:
        if json:
            [result] = run(search, [one], roles, budget=cap)
            record = {"question": one.question, **line(name_of(search), outcome(result, kind))}
            say(as_lines([record]).rstrip("\n"))
        else:
            result = _watched(search, one, roles, cap)
            _show(result, kind)
        failed = failed or result.ended == "failed"
    if failed:
        raise typer.Exit(1)


@final
@dataclass(frozen=True)
class Watched:
    """A strategy whose trace can be looked at while it searches."""

    strategy: Strategy
    picture: Growing

    async def __call__(self, problem: Problem, models: Models) -> Result:
        """Search, and let the picture see the trace."""
        self.picture.trace = models.trace
        return await self.strategy(problem, models)

    def select(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """As the strategy."""
        return self.strategy.select(candidates, models)


def _watched(strategy: Strategy, problem: Problem, models: Models, budget: Budget | None) -> Result:
    """Search with a picture on the terminal that goes away at the end; off a terminal, without."""
    console = notes()
    label = name_of(strategy)
    if not console.is_terminal:
        [result] = run(strategy, [problem], models, budget=budget, label=label)
        return result
    picture = Growing(title=problem.question, height=max(10, console.height - 4))
    with Live(picture, console=console, transient=True, refresh_per_second=8):
        watched = Watched(strategy, picture)
        [result] = run(watched, [problem], models, budget=budget, label=label)
    return result


def _show(result: Result, task: Task) -> None:
    one = outcome(result, task)
    best = result.best.path if result.best else None
    results().print(drawn(result.problem.question, result.expansions, best))
    for text in _verdict(one):
        say(text)
    say(f"cost    {cost_line(result.usage)}")
    if result.counts:
        say(f"counted {count_line(result.counts)}")


def _verdict(one: Outcome) -> list[str]:
    result = one.result
    why = f" ({result.error})" if result.error else ""
    if one.answer is None or result.best is None:
        return ["answer  none", f"ended   {result.ended}{why}"]
    checked = "right" if one.correct else "wrong"
    return [
        f"answer  {one.answer}",
        f"check   {checked}, score {result.best.score:.3g}",
        f"ended   {result.ended}{why}",
    ]
