"""``specreward threshold``: the threshold of a gate from the share of steps it is to accept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import is_dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from specreward.assemble import EMBEDDED, Engines, wire
from specreward.cli.folder import write
from specreward.cli.inputs import ModelChoice, generated
from specreward.cli.options import (
    Concurrency,
    DraftText,
    Number,
    PolicyText,
    RewardText,
    Seed,
    SourceName,
    Split,
    StrategyText,
    TaskText,
)
from specreward.cli.screen import notes, results, say, warn
from specreward.errors import InputError
from specreward.report.files import as_json
from specreward.reward.composed import names_of
from specreward.run import run
from specreward.search.speculative import Calibration, Gated, calibrate, quantile, statistics
from specreward.spec import name_of, parse
from specreward.types import Result

__all__ = ["threshold"]

SHARES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
WORDS = {
    "reward": "reward of the last step",
    "pool_share": "effective sample size over draws",
    "tilted": "tilted reward of the drafted step",
}
"""What a gate reads, by the name of the detail."""


def threshold(
    task: TaskText,
    strategy: StrategyText,
    accept: Annotated[float, typer.Option(help="Share of steps to accept, above 0 to 1.")] = 0.8,
    split: Split = "tune",
    limit: Number = 40,
    seed: Seed = 0,
    models: SourceName = EMBEDDED,
    policy: PolicyText = None,
    reward: RewardText = None,
    draft: DraftText = None,
    concurrency: Concurrency = 16,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write, as JSON.")
    ] = None,
) -> None:
    """Run gsi, rsd or specs with the gate open and set its threshold from what it would read."""
    kind = parse(task, "task")
    gated = parse(strategy, "strategy")
    if not isinstance(gated, Gated):
        raise InputError(
            f"expected gsi(...), rsd(...) or specs(...), got {name_of(gated)}: it has no threshold"
        )
    calibrate([0.0], accept)  # a share that cannot be is refused before any work
    problems = generated(kind, limit, split, seed)
    chosen = ModelChoice(models=models, policy=policy, reward=reward, judge=None, draft=draft)
    engines = chosen.engines(kind)
    done = run(gated.opened(), problems, wire(kind, engines, seed=seed), concurrency=concurrency)
    _complain(done)
    values = statistics(done, gated)
    found = calibrate(values, accept)
    text = name_of(gated.calibrated(found.threshold))
    results().print(_table(values, WORDS[gated.statistic]))
    say(f"threshold {found.threshold:g}: reached by {found.rate:.1%} of {found.n} steps")
    say(text)
    if output is not None:
        record = {
            "strategy": text,
            "from": name_of(gated),
            "statistic": gated.statistic,
            "accept": found.asked,
            "task": name_of(kind),
            "split": split,
            "problems": len(problems),
            "seed": seed,
            "models": engines.names,
            "reward": _reward(engines),
        }
        write(output, as_json(record | _numbers(found, values)))
        notes().print(f"written: {output}", markup=False)


def _numbers(found: Calibration, values: Sequence[float]) -> dict[str, object]:
    return {
        "threshold": found.threshold,
        "rate": found.rate,
        "steps": found.n,
        "quantiles": {f"{share:g}": quantile(values, share) for share in SHARES},
    }


def _complain(done: Sequence[Result]) -> None:
    failed = [one for one in done if one.ended == "failed"]
    if len(failed) == len(done):
        raise InputError(f"every search failed; the first: {failed[0].error}")
    if failed:
        warn(f"{len(failed)} of {len(done)} searches failed; the first: {failed[0].error}")


def _reward(engines: Engines) -> object:
    """The reward model whose scale the threshold is on: its text, or the names of its engines."""
    model = engines.reward
    if model is None:
        return None
    return name_of(model) if is_dataclass(model) else names_of(model)


def _table(values: Sequence[float], title: str) -> Table:
    table = Table(title=title, title_justify="left")
    for share in SHARES:
        table.add_column(f"{share:.0%}", justify="right")
    table.add_row(*[f"{quantile(values, share):.4g}" for share in SHARES])
    return table
