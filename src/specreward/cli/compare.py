"""``specreward compare``: strategies on the same problems, and what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import typer

from specreward.assemble import EMBEDDED, wire
from specreward.cli.comparison import Comparison
from specreward.cli.folder import RUN, bind
from specreward.cli.guard import interrupted
from specreward.cli.inputs import ModelChoice, read_budget, read_strategies
from specreward.cli.options import (
    BudgetText,
    Concurrency,
    Criteria,
    DraftText,
    ExtendTo,
    JudgeText,
    Limit,
    Output,
    PolicyText,
    PriceFile,
    ProblemFile,
    RewardText,
    RewardThere,
    Seed,
    SourceName,
    Split,
    StrategyTexts,
    TaskText,
)
from specreward.cli.plan import Plan, elsewhere, from_file, from_split
from specreward.cli.screen import notes, results, warn
from specreward.cli.table import comparison_table, criteria_table
from specreward.errors import InputError
from specreward.prices import Prices
from specreward.report.files import as_json, as_lines, write_whole
from specreward.report.page import page
from specreward.report.record import Arm, line
from specreward.report.rows import Row, rows
from specreward.report.summary import summary
from specreward.report.three_e import Criteria as Found
from specreward.report.three_e import three_e
from specreward.spec import name_of, parse
from specreward.store import Store
from specreward.types import Strategy

__all__ = ["compare"]

BASE = "cot()"
"""What the 3E criteria are measured against."""


def compare(
    task: TaskText,
    strategy: StrategyTexts,
    output: Output,
    limit: Limit = None,
    split: Split = "test",
    problems: ProblemFile = None,
    seed: Seed = 0,
    budget: BudgetText = None,
    criteria: Criteria = False,
    extend_to: ExtendTo = None,
    reward_there: RewardThere = None,
    concurrency: Concurrency = 64,
    models: SourceName = EMBEDDED,
    policy: PolicyText = None,
    reward: RewardText = None,
    judge: JudgeText = None,
    draft: DraftText = None,
    prices: PriceFile = None,
) -> None:
    """Compare strategies; started again with the same command, it goes on where it was stopped."""
    _check_extension(criteria, extend_to, reward_there)
    kind = parse(task, "task")
    chosen = ModelChoice(models=models, policy=policy, reward=reward, judge=judge, draft=draft)
    plan = Plan(
        strategies=_with_base(read_strategies(strategy), criteria),
        budget=read_budget(budget),
        prices=None if prices is None else Prices.read(prices),
        home=from_split(kind, split, limit, seed, chosen)
        if problems is None
        else from_file(kind, problems, limit, chosen),
        abroad=None if extend_to is None else elsewhere(kind, extend_to, limit, seed, chosen),
        tuned=None
        if extend_to is None or reward_there is None
        else elsewhere(kind, extend_to, limit, seed, replace(chosen, reward=reward_there)),
        seed=seed,
        criteria=criteria,
    )
    bind(output, plan.as_json())
    try:
        home, abroad, tuned = _run(plan, output / RUN, concurrency)
    except KeyboardInterrupt:
        raise interrupted(output / RUN) from None
    _report(plan, home, abroad, tuned, output)
    if _complaints([*home, *abroad, *tuned]):
        raise typer.Exit(1)


def _check_extension(criteria: bool, extend_to: str | None, reward_there: str | None) -> None:
    if extend_to is not None and not criteria:
        raise InputError("--extend-to is for the 3E criteria: give --three-e too")
    if reward_there is not None and extend_to is None:
        raise InputError("--reward-there is for another domain: give --extend-to too")


def _with_base(
    strategies: list[tuple[str, Strategy]], criteria: bool
) -> list[tuple[str, Strategy]]:
    """The strategies, and chain of thought after them where the 3E criteria need it."""
    if criteria and BASE not in [name for name, _ in strategies]:
        return [*strategies, *read_strategies([BASE])]
    return strategies


def _run(plan: Plan, file: Path, concurrency: int) -> tuple[list[Arm], list[Arm], list[Arm]]:
    """The arms at home and, where it was asked for, abroad, there also with a tuned reward."""
    arms: list[list[Arm]] = []
    with Store(file) as store:
        for place in (plan.home, plan.abroad, plan.tuned):
            if place is None:
                arms.append([])
                continue
            comparison = Comparison(
                models=wire(
                    place.task, place.engines, store=store, seed=plan.seed, prices=plan.prices
                ),
                store=store,
                budget=plan.budget,
                concurrency=concurrency,
            )
            apart = "" if place is plan.home else place.name
            if place is plan.tuned:
                apart += ", tuned"
            arms.append(comparison.arms(plan.strategies, place.problems, apart))
    home, abroad, tuned = arms
    return home, abroad, tuned


def _report(
    plan: Plan, home: Sequence[Arm], abroad: Sequence[Arm], tuned: Sequence[Arm], folder: Path
) -> None:
    """Tables on the screen, and the three files."""
    found = rows(home, plan.seed)
    criteria = _criteria(plan, found, abroad, tuned)
    task = name_of(plan.home.task)
    about: dict[str, object] = {
        "problems": plan.home.source,
        "seed": plan.seed,
        "budget": "none" if plan.budget is None else name_of(plan.budget),
        "models": ", ".join(plan.home.engines.names),
    }
    text = as_json(summary(task, plan.seed, found, criteria, about=plan.as_json()))
    lines = [line(arm.spec, one) for arm in home for one in arm.outcomes]
    write_whole(folder / "results.jsonl", as_lines(lines))
    write_whole(folder / "report.html", page(task, home, found, criteria, about=about))
    write_whole(folder / "summary.json", text)
    console = results()
    console.print(comparison_table(found, f"{task}: {plan.home.source}"))
    if criteria:
        console.print(criteria_table(criteria))
    notes().print(f"written to {folder}: summary.json results.jsonl report.html", markup=False)


def _criteria(
    plan: Plan, found: Sequence[Row], abroad: Sequence[Arm], tuned: Sequence[Arm]
) -> list[Found]:
    if not plan.criteria:
        return []
    name = plan.abroad.name if plan.abroad else ""
    return three_e(found, BASE, domain=name, extended=abroad, tuned=tuned)


def _complaints(arms: Sequence[Arm]) -> bool:
    """Say which strategies failed on some problems; whether one failed on all of them."""
    hopeless = False
    for arm in arms:
        errors = [one.result.error for one in arm.outcomes if one.result.ended == "failed"]
        if errors:
            many = f"{len(errors)} of {len(arm.outcomes)} problems failed"
            warn(f"{arm.spec}: {many}, the first: {errors[0]}")
        hopeless = hopeless or len(errors) == len(arm.outcomes)
    return hopeless
