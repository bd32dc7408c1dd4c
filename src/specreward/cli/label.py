"""``specreward label``: labelled steps from a policy, from a search run or from solutions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Annotated, cast, final

import typer
from rich.progress import TextColumn
from rich.table import Table

from specreward.assemble import EMBEDDED, Engines, wire
from specreward.cli.folder import RUN, bind
from specreward.cli.guard import interrupted
from specreward.cli.inputs import ModelChoice, read_budget
from specreward.cli.material import Material, Origin
from specreward.cli.options import (
    BudgetText,
    Concurrency,
    DraftText,
    Limit,
    Output,
    PolicyText,
    PriceFile,
    ProblemFile,
    RewardText,
    Seed,
    SourceName,
    TaskText,
)
from specreward.cli.screen import notes, progress, results, warn
from specreward.errors import InputError
from specreward.label.labeller import Labeller
from specreward.label.reading import Rejected
from specreward.label.solutions import Pile, piled
from specreward.label.splitting import Splitter, Written
from specreward.label.summary import different_rows, label_summary
from specreward.label.work import Done, label_piles
from specreward.label.writing import set_aside, write_labelled
from specreward.ledger import Budget, Ledger
from specreward.prices import Prices
from specreward.records import dump_problem
from specreward.report.chart import short
from specreward.report.files import as_json, write_whole
from specreward.spec import name_of, parse
from specreward.store import Store
from specreward.types import Models, Task, Usage

__all__ = ["label"]

LABELS, REJECTED, SUMMARY, JOURNAL = (
    "labels.jsonl",
    "labels.rejected.jsonl",
    "summary.json",
    "journal.jsonl",
)


SourcePath = Annotated[
    Path | None,
    typer.Argument(help="A compare folder, its run.db or a file of solutions; else drawn."),
]
LabellerText = Annotated[str, typer.Option(help="What labels, such as 'monte_carlo(k=8)'.")]
TrainSplit = Annotated[
    str | None, typer.Option(help="train (the default), tune or test; they share no problem.")
]
SampleCount = Annotated[
    int | None, typer.Option(help="Solutions drawn for each problem; 4. 0 draws none.")
]
SampleHeat = Annotated[float | None, typer.Option(help="Of these draws, at least 0; 0.8.")]
OneStrategy = Annotated[
    str | None, typer.Option("--strategy", "-s", help="Of a run: only this search.")
]
Leaves = Annotated[
    bool, typer.Option("--leaves", help="Of a run: also paths that a search gave up.")
]
SplitterText = Annotated[
    str | None, typer.Option(help="Of a file: how a text is cut; 'by_delimiter()'.")
]


def label(
    task: TaskText,
    output: Output,
    source: SourcePath = None,
    labeller: LabellerText = "monte_carlo()",
    problems: ProblemFile = None,
    split: TrainSplit = None,
    limit: Limit = None,
    samples: SampleCount = None,
    temperature: SampleHeat = None,
    strategy: OneStrategy = None,
    leaves: Leaves = False,
    splitter: SplitterText = None,
    seed: Seed = 0,
    budget: BudgetText = None,
    concurrency: Concurrency = 64,
    models: SourceName = EMBEDDED,
    policy: PolicyText = None,
    draft: DraftText = None,
    reward: RewardText = None,
    prices: PriceFile = None,
) -> None:
    """Label the steps of solutions; the same command again goes on where it was stopped."""
    _check_apart(source, output)
    origin = Origin(
        source=source,
        problems=problems,
        split=split,
        limit=limit,
        samples=samples,
        temperature=temperature,
        strategy=strategy,
        leaves=leaves,
        splitter=splitter,
    )
    kind = parse(task, "task")
    chosen = ModelChoice(models=models, policy=policy, reward=reward, judge=None, draft=draft)
    job = _Job(
        task=kind,
        engines=chosen.engines(kind),
        labeller=cast(Labeller, parse(labeller, "labeller")),
        material=origin.material(kind, seed),
        seed=seed,
        budget=read_budget(budget),
        prices=None if prices is None else Prices.read(prices),
    )
    _carry_out(job, output, concurrency)


def _check_apart(source: Path | None, output: Path) -> None:
    """Refuse to write over the solutions."""
    written = [(output / name).resolve() for name in (LABELS, REJECTED)]
    if source is not None and source.resolve() in written:
        raise InputError(f"expected solutions that are not written over, got {source}: move it")


def _carry_out(job: _Job, output: Path, concurrency: int) -> None:
    """Label, or go on labelling, and say what came of it."""
    bind(output, job.as_json())
    began = time.monotonic()
    try:
        finished = job.run(output, concurrency)
    except KeyboardInterrupt:
        raise interrupted(output / RUN) from None
    _report(job, finished, output, time.monotonic() - began)


# ---------------------------------------------------------------------------------- work


@final
@dataclass(frozen=True, kw_only=True)
class _Finished:
    """What came of it all."""

    done: Sequence[Done]
    rejected: Sequence[Rejected]
    longer: int
    spent: Mapping[tuple[str, str], Usage]


@final
@dataclass(frozen=True, kw_only=True)
class _Job:
    """All that settles the labels."""

    task: Task
    engines: Engines
    labeller: Labeller
    material: Material
    seed: int
    budget: Budget | None
    prices: Prices | None

    def as_json(self) -> dict[str, object]:
        """Equal jobs have equal labels."""
        reward = self.engines.reward  # its name is among those of the models; here its settings
        table = Prices.packaged() if self.prices is None else self.prices
        priced = [(name, table.find(name)) for name in self.engines.names]
        return {
            "verb": "label",
            "task": name_of(self.task),
            "labeller": name_of(self.labeller),
            "seed": self.seed,
            "solutions": dict(self.material.words),
            "budget": None if self.budget is None else asdict(self.budget),
            "models": self.engines.names,
            "reward": name_of(reward) if is_dataclass(reward) else None,
            "prices": {name: asdict(price) for name, price in priced if price is not None},
        }

    def run(self, folder: Path, concurrency: int) -> _Finished:
        """Label, with progress on the screen; what was done before is taken from the folder."""
        with Store(folder / RUN) as store:
            models = wire(self.task, self.engines, store=store, seed=self.seed, prices=self.prices)
            piles, rejected, longer, spent = self._cut(models)
            done = self._label(piles, models, folder / JOURNAL, concurrency)
        return _Finished(
            done=done, rejected=[*self.material.rejected, *rejected], longer=longer, spent=spent
        )

    def _cut(
        self, models: Models
    ) -> tuple[Sequence[Pile], list[Rejected], int, Mapping[tuple[str, str], Usage]]:
        """The piles; those of a file once it is cut into steps."""
        splitter, written = self.material.splitter, self.material.written
        if splitter is None:
            return self.material.piles, [], 0, {}
        with Ledger().active() as ledger:
            steps = asyncio.run(_split(splitter, written, models))
        origin = f"{self.material.words['file']}, {self.material.words['splitter']}"
        pile, rejected, longer = piled(self.task, written, steps, origin)
        return [pile], rejected, longer, ledger.usage

    def _label(
        self, piles: Sequence[Pile], models: Models, journal: Path, concurrency: int
    ) -> list[Done]:
        with progress(TextColumn("{task.fields[steps]} steps", style="green")) as bars:
            total = sum([len(pile.found) for pile in piles])
            bar = bars.add_task(name_of(self.labeller), total=total, steps=0)
            steps = 0

            def seen(one: Done) -> None:
                nonlocal steps
                steps += sum([len(row.steps) for row in one.rows])
                bars.update(bar, advance=1, steps=steps)

            return label_piles(
                self.labeller,
                piles,
                models,
                budget=self.budget,
                concurrency=concurrency,
                journal=journal,
                about={"seed": self.seed, "models": self.engines.names},
                on_done=seen,
            )


async def _split(
    splitter: Splitter, written: Sequence[Written], models: Models
) -> list[tuple[str, ...]]:
    return await splitter(written, models)


# ---------------------------------------------------------------------------------- report


def _report(job: _Job, finished: _Finished, folder: Path, seconds: float) -> None:
    """The files, written whole, a table, and what was set aside."""
    rows = different_rows(finished.done)
    numbers = label_summary(finished.done, rows, finished.spent)
    rejected = [*finished.rejected, *_unlabelled(finished.done)]
    about = job.as_json() | {"rejected": len(rejected), "seconds_on_clock": round(seconds, 3)}
    about["solutions_from"] = about.pop("solutions")
    write_labelled(folder / LABELS, rows)
    with set_aside(folder / REJECTED) as take:
        for bad in rejected:
            take(bad)
    write_whole(folder / SUMMARY, as_json(about | numbers))
    (folder / JOURNAL).unlink(missing_ok=True)
    results().print(_table(numbers, f"{name_of(job.task)}: {name_of(job.labeller)}"))
    files = [LABELS, SUMMARY, *([REJECTED] if rejected else [])]
    notes().print(f"written to {folder}: {' '.join(files)}", markup=False)
    _warn(numbers, rejected, finished.longer)
    if not rows:
        raise typer.Exit(1)


def _unlabelled(done: Sequence[Done]) -> list[Rejected]:
    return [
        Rejected(one.origin, 0, one.reason, dump_problem(one.problem))
        for one in done
        if one.reason is not None
    ]


def _warn(numbers: Mapping[str, object], rejected: Sequence[Rejected], longer: int) -> None:
    if rejected:
        warn(f"{len(rejected)} set aside in {REJECTED}, the first: {_words(rejected[0])}")
    if longer:
        warn(f"{longer} solutions have steps behind the one that ends them: those are left off")
    if numbers["unlabelled_problems"]:
        warn(f"{numbers['unlabelled_problems']} problems got no label: nothing could be said")
    if numbers["share_good"] in (0.0, 1.0) and numbers["kind"] != "value":
        warn(
            "all labels are the same, so that nothing can be learnt from them: take other "
            "problems, more --samples, or of a run --leaves"
        )


def _words(bad: Rejected) -> str:
    """The reason; with the place, where it is a line of a file."""
    return str(bad) if bad.line else bad.reason


def _table(numbers: Mapping[str, object], title: str) -> Table:
    """The numbers that matter, one a line."""
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column(style="dim")
    table.add_column(justify="right")
    for key, name in (
        ("problems", "problems"),
        ("solutions", "solutions"),
        ("labels", "steps labelled"),
        ("unlabelled_steps", "steps left open"),
        ("tokens", "tokens"),
    ):
        table.add_row(name, short(float(str(numbers[key]))))
    for key, name, form in (
        ("share_good", "share good", ".1%"),
        ("mean", "mean label", ".3f"),
        ("rollouts_per_label", "rollouts per label", ".3g"),
    ):
        value = numbers[key]
        table.add_row(name, "–" if value is None else format(float(str(value)), form))
    return table
