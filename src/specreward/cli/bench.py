"""``specreward bench``: how good a reward model is, by published benchmarks and by own labels."""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, is_dataclass
from math import isnan
from pathlib import Path
from typing import Annotated, Any, cast, final

import typer
from rich.table import Table

from specreward.bench.agreement import RESULT, Card, agreement, read_cards, table
from specreward.bench.benchmark import Benchmark, Item, Judged, OnTask, Recorded, Settled
from specreward.bench.files import located
from specreward.bench.intervals import intervals
from specreward.bench.scoring import dump_judged, fingerprint, judge, judged_of, read_judged
from specreward.cli.folder import RUN, bind, made, write
from specreward.cli.guard import interrupted
from specreward.cli.inputs import read_budget
from specreward.cli.options import BudgetText, Concurrency, PriceFile, RewardText, Seed
from specreward.cli.screen import notes, progress, results, say, warn
from specreward.cli.table import cost_line
from specreward.engines import ValueModel
from specreward.errors import InputError
from specreward.ledger import Budget
from specreward.prices import Prices
from specreward.registry import load, registered
from specreward.report.files import as_json, as_lines
from specreward.report.rows import spent
from specreward.reward.catalogue import read_reward
from specreward.reward.composed import Scorer, names_of
from specreward.spec import name_of, parse
from specreward.stats import Interval
from specreward.store import Store
from specreward.tasks.qa import QA
from specreward.types import Result, Usage

__all__ = ["bench"]

SCORES = "scores.jsonl"

BenchmarkText = Annotated[
    str | None,
    typer.Argument(help="Such as processbench or 'own_labels(game24())'; all without it."),
]
Files = Annotated[
    str | None,
    typer.Argument(help="A file, a folder or owner/name on the hub; by default from --data."),
]
Scores = Annotated[Path | None, typer.Option(help="Recorded scores in place of a reward model.")]
Data = Annotated[
    Path | None,
    typer.Option(
        envvar="SPECREWARD_DATA", help="Folder of public data, one folder for each benchmark."
    ),
]
Most = Annotated[int | None, typer.Option("--limit", "-n", min=1, help="Most items of each group.")]
Folder = Annotated[Path | None, typer.Option("--output", "-o", help="Folder for what comes out.")]
Resamples = Annotated[int, typer.Option(min=1, help="Draws for the intervals.")]
Earlier = Annotated[
    list[Path] | None, typer.Option(help="Folders of earlier runs, of compare too: a report card.")
]


def bench(
    benchmark: BenchmarkText = None,
    files: Files = None,
    reward: RewardText = None,
    scores: Scores = None,
    data: Data = None,
    limit: Most = None,
    output: Folder = None,
    budget: BudgetText = None,
    concurrency: Concurrency = 16,
    prices: PriceFile = None,
    resamples: Resamples = 1000,
    seed: Seed = 0,
    compare: Earlier = None,
) -> None:
    """Measure a reward model; without a benchmark, list them."""
    if compare:
        _compare(compare)
        return
    if benchmark is None:
        _list(data)
        return
    chosen = cast(Benchmark, parse(benchmark, "benchmark"))
    if (reward is None) == (scores is None):
        raise InputError(
            "expected --reward with a reward model or --scores with recorded ones, got "
            f"{'neither' if reward is None else 'both'}"
        )
    work = Work(
        benchmark=chosen,
        files=files,
        scores=scores,
        data=data,
        limit=limit,
        output=output,
        budget=read_budget(budget),
        prices=None if prices is None else Prices.read(prices),
        concurrency=concurrency,
        resamples=resamples,
        seed=seed,
    )
    complete = work.score(read_reward(reward)) if reward is not None else work.recorded()
    if not complete:
        raise typer.Exit(1)


@final
@dataclass(frozen=True, kw_only=True)
class Work:
    """What is to be measured, as the command line says it."""

    benchmark: Benchmark
    files: str | None
    scores: Path | None
    data: Path | None
    limit: int | None
    output: Path | None
    budget: Budget | None
    prices: Prices | None
    concurrency: int
    resamples: int
    seed: int

    def score(self, reward: Scorer) -> bool:
        """Ask a reward model; whether all items were scored."""
        items = self._items()
        text = name_of(reward) if is_dataclass(reward) else ", ".join(names_of(reward))
        plan = {
            "benchmark": name_of(self.benchmark),
            "reward": text,
            "models": names_of(reward),
            "items": fingerprint(items),
            "budget": None if self.budget is None else asdict(self.budget),
            "resamples": self.resamples,
            "seed": self.seed,
        }
        if self.output is not None:
            bind(self.output, plan)
        try:
            done = self._judged(items, reward)
        except KeyboardInterrupt:
            if self.output is None:
                raise
            raise interrupted(self.output / RUN) from None
        judged = judged_of(items, done)
        whole = self._complain(done, len(items) - len(judged), reward)
        left_out = len(items) - len(judged)
        about = {"reward": text, "models": names_of(reward), "scores": None, "left_out": left_out}
        self._report(judged, about, spent([one.usage for one in done]))
        return whole

    def recorded(self) -> bool:
        """Take recorded scores."""
        assert self.scores is not None
        if not self.scores.exists():
            raise InputError(f"expected a file of scores, got no {self.scores}")
        items: list[Item] = []

        def asked() -> list[Item]:
            items.extend(self._items())
            return items

        judged = self._first(read_judged(self.benchmark, asked, self.scores))
        wanted = len(self._first([Judged(item, ()) for item in items])) or len(judged)
        if wanted > len(judged):
            warn(f"scores of {len(judged)} of {wanted} items; the others are left out")
        about: dict[str, object] = {"reward": None, "models": [], "scores": str(self.scores)}
        self._report(judged, about | {"left_out": wanted - len(judged)}, {})
        return True

    def _items(self) -> list[Item]:
        """The items, at most ``limit`` of a group; what the files are warned of is reported."""
        with warnings.catch_warnings(record=True) as complaints:
            warnings.simplefilter("always")
            with located(self.files, self.benchmark.folder, self.data) as place:
                found = self.benchmark.items(place)
        for complaint in complaints:
            warn(str(complaint.message))
        if not found:
            where = self.files or self.benchmark.folder
            raise InputError(f"{where}: expected items of the benchmark, got none in its files")
        if self.scores is not None:
            return found
        return [one.item for one in self._first([Judged(item, ()) for item in found])]

    def _first(self, judged: Sequence[Judged]) -> list[Judged]:
        taken: dict[str, int] = {}
        kept = []
        for one in judged:
            taken[one.item.group] = taken.get(one.item.group, 0) + 1
            if self.limit is None or taken[one.item.group] <= self.limit:
                kept.append(one)
        return kept

    def _judged(self, items: Sequence[Item], reward: Scorer) -> list[Result]:
        with ExitStack() as stack:
            store = None
            if self.output is not None:
                store = stack.enter_context(Store(self.output / RUN))
            bars = stack.enter_context(progress())
            bar = bars.add_task(name_of(self.benchmark), total=len(items))
            return judge(
                self.benchmark,
                items,
                reward,
                store=store,
                budget=self.budget,
                prices=self.prices,
                concurrency=self.concurrency,
                label=f"bench {name_of(self.benchmark)}",
                on_result=lambda _: bars.advance(bar),
            )

    def _complain(self, done: Sequence[Result], lacking: int, reward: Scorer) -> bool:
        if not lacking:
            return True
        bad = next(one for one in done if one.ended != "done")
        why = bad.error or "the budget ended"
        if lacking == len(done):
            raise InputError(f"no item could be scored; the first: {why}{self._hint(reward)}")
        warn(f"{lacking} of {len(done)} items are left out; the first, {bad.problem.id}: {why}")
        return False

    def _hint(self, reward: Scorer) -> str:
        """For a model that reads the problems of one task, and no free text."""
        free = not isinstance(self.benchmark, OnTask) or isinstance(self.benchmark.task, QA)
        if isinstance(reward, ValueModel) and free:
            return (
                "; a model of one task is measured on labels of that task: name it, such as "
                "own_labels(game24())"
            )
        return ""

    def _report(
        self,
        judged: Sequence[Judged],
        about: Mapping[str, object],
        usage: Mapping[tuple[str, str], Usage],
    ) -> None:
        """Numbers on the screen, and the two files."""
        if self.output is not None:  # first of all: they may have been dear
            write(made(self.output) / SCORES, as_lines(list(dump_judged(judged))))
        final_one = self.benchmark
        if isinstance(final_one, Settled):
            final_one = final_one.settled(judged)
        text = name_of(final_one)
        numbers = intervals(final_one, judged, seed=self.seed, resamples=self.resamples)
        groups: dict[str, int] = {}
        for one in judged:
            groups[one.item.group] = groups.get(one.item.group, 0) + 1
        results().print(_table(numbers, f"{text}: {len(judged)} items"))
        say("items   " + ", ".join([f"{name} {count}" for name, count in sorted(groups.items())]))
        if text != name_of(self.benchmark):
            say(f"settled {text}, from these scores")
        if usage:
            say(f"cost    {cost_line(usage)}")
        if self.output is None:
            return
        record = {
            "benchmark": name_of(self.benchmark),
            "settled": text,
            **about,
            "items": len(judged),
            "groups": groups,
            "digest": fingerprint([one.item for one in judged]),
            "numbers": {name: _record(value) for name, value in numbers.items()},
            "confidence": 0.95,
            "resamples": self.resamples,
            "seed": self.seed,
            "usage": {" ".join(key): asdict(own) for key, own in usage.items()},
        }
        write(self.output / RESULT, as_json(record))
        notes().print(f"written to {self.output}: {RESULT} {SCORES}", markup=False)


def _record(value: Interval) -> dict[str, float | None]:
    return {name: None if isnan(number) else number for name, number in asdict(value).items()}


def _table(numbers: Mapping[str, Interval], title: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None)
    table.add_column("", style="cyan")
    table.add_column("", justify="right", style="bold")
    table.add_column("95 % interval", justify="right", style="dim")
    for name, value in numbers.items():
        table.add_row(name, _number(value.estimate), _between(value))
    return table


def _number(value: float) -> str:
    return "–" if isnan(value) else f"{value:.4f}"


def _between(value: Interval) -> str:
    return "" if isnan(value.low) else f"{value.low:.4f} to {value.high:.4f}"


def _list(data: Path | None) -> None:
    """One line for each benchmark."""
    table = Table(box=None, header_style="bold")
    table.add_column("name", style="cyan")
    table.add_column("data", justify="left")
    table.add_column("scores of", justify="left")
    table.add_column("", overflow="fold")
    for name in registered("benchmark"):
        kind: Any = load(name)
        about = inspect.getdoc(sys.modules[kind.__module__]) or ""
        one = cast(Benchmark, kind())
        here = data is not None and (data / one.folder).is_dir()
        what = "steps" if one.per_step else "answers"
        taken = f"{what}, recorded too" if isinstance(one, Recorded) else what
        table.add_row(name, "here" if here else "–", taken, about.partition("\n")[0])
    console = results()
    console.print(table)
    place = f"in {data}" if data is not None else "nowhere: give --data or set SPECREWARD_DATA"
    say(f"\nData are looked for {place}. What each measures: specreward show NAME.")


def _compare(folders: Sequence[Path]) -> None:
    """The numbers of each model side by side, and the rank correlation of each two of them."""
    cards = [card for folder in folders for card in read_cards(folder)]
    found = table(cards)
    models = list(dict.fromkeys([card.model for card in cards]))
    shown = Table(box=None, header_style="bold")
    shown.add_column("", style="cyan", overflow="fold")
    for place, model in enumerate(models, 1):
        say(f"[{place}] {model}")
        shown.add_column(f"[{place}]", justify="right")
    for measure, own in found.items():
        shown.add_row(measure, *[_cell(own.get(model)) for model in models])
    results().print(shown)
    for pair in agreement(cards):
        few = "" if pair.models > 2 else ", too few models to tell"
        say(
            f"{pair.first} and {pair.second}: rank correlation {_number(pair.correlation)} over "
            f"{pair.models} models{few}"
        )


def _cell(card: Card | None) -> str:
    return "" if card is None else f"{_number(card.value)} (n {card.items})"
