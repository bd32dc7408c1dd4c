"""``specreward train``: a reward model from labelled steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast, final

import typer
from rich.progress import TextColumn
from rich.table import Table

from specreward.cli.folder import COMMAND, bind
from specreward.cli.guard import command, interrupted
from specreward.cli.inputs import labelled
from specreward.cli.options import Output, Seed
from specreward.cli.screen import progress, results, say, warn
from specreward.embedded import EmbeddedSRM, embedded_tasks
from specreward.errors import InputError, MissingExtra
from specreward.label.labelled import Labelled
from specreward.report.chart import short
from specreward.reward.trained import Trained
from specreward.spec import name_of, parse
from specreward.train.checks import check_held_out
from specreward.train.networks import SmallDecoder
from specreward.train.splitting import split_by_problem

if TYPE_CHECKING:
    from specreward.train.fitting import Fitted, NetworkSettings, Settings
    from specreward.train.monitor import Moment

__all__ = ["train"]

CHECKPOINT = "checkpoint.safetensors"
REJECTED = "labels.rejected.jsonl"
REMEDY = (
    "label more problems, hold out another share (--held-out), or give a file (--held-out-file)"
)


LabelFiles = Annotated[list[Path], typer.Argument(help="Files of labelled solutions, any format.")]
TaskName = Annotated[
    str | None, typer.Option(help="Whose small decoder to train, where no network is named.")
]
NetworkText = Annotated[
    str | None, typer.Option(help='What to train: "small_decoder(game24())", ...')
]
ObjectiveText = Annotated[str, typer.Option(help="For what: srm(), srm_plus(), prm(), orm(), ...")]
HeldOut = Annotated[float, typer.Option(help="Share of the problems to measure on, in [0, 1].")]
HeldOutFile = Annotated[
    Path | None, typer.Option(help="Labelled solutions to measure on instead of a share.")
]
Steps = Annotated[int, typer.Option(min=1, help="Optimiser steps.")]
BatchSize = Annotated[int, typer.Option(min=1, help="Examples at once.")]
Accumulate = Annotated[int, typer.Option(min=1, help="Batches to a step.")]
Rate = Annotated[float, typer.Option(help="Peak learning rate, above 0.")]
Warmup = Annotated[int | None, typer.Option(min=1, help="Steps of warm-up; a 20th of all.")]
Every = Annotated[int | None, typer.Option(min=1, help="Steps between checkpoints; a 20th of all.")]
Patience = Annotated[
    int, typer.Option(min=0, help="Checkpoints without a better one before it ends; 0: none.")
]
Minutes = Annotated[
    float | None, typer.Option(help="Limit on the clock; results depend on the speed then.")
]
Precision = Annotated[str, typer.Option(help="float32 or bfloat16.")]
Combine = Annotated[str | None, typer.Option(help="How step scores become one, such as minimum().")]
Most = Annotated[
    int | None, typer.Option("--limit", "-n", min=1, help="Most solutions of each file.")
]


def train(
    labels: LabelFiles,
    output: Output,
    task: TaskName = None,
    network: NetworkText = None,
    objective: ObjectiveText = "srm_plus()",
    held_out: HeldOut = 0.1,
    held_out_file: HeldOutFile = None,
    steps: Steps = 500,
    batch: BatchSize = 16,
    accumulate: Accumulate = 1,
    rate: Rate = 3e-4,
    warmup: Warmup = None,
    every: Every = None,
    patience: Patience = 6,
    minutes: Minutes = None,
    precision: Precision = "float32",
    combine: Combine = None,
    limit: Most = None,
    seed: Seed = 0,
) -> None:
    """Train a reward model from labelled steps; the same command goes on where it was stopped."""
    job = _Job(
        network=_network(network, task),
        objective=parse(objective, "objective"),
        settings={
            "steps": steps,
            "rate": rate,
            "warmup": warmup or max(1, steps // 20),
            "minutes": math.inf if minutes is None else minutes,
            "batch": batch,
            "accumulate": accumulate,
            "every": every or max(1, steps // 20),
            "patience": patience,
            "seed": seed,
            "precision": precision,
        },
        labels=labels,
        held_out=held_out,
        held_out_file=held_out_file,
        combine=None if combine is None else name_of(parse(combine, "aggregate")),
        limit=limit,
    )
    job.run(output)


def _network(network: str | None, task: str | None) -> NetworkSettings:
    """The network that was named, or the small decoder of a task, from its own SRM if it has one.

    Raises:
        InputError: Neither is named, or both are.
    """
    if (network is None) == (task is None):
        raise InputError(
            "expected --task, such as --task game24, or --network, such as --network "
            f'"small_decoder(game24())", got {"neither" if network is None else "both"}'
        )
    if network is not None:
        found = parse(network, "network")
        if isinstance(found, SmallDecoder) and isinstance(found.start, Trained):
            assert found.start.kind  # its folder is read before the labels are
        return cast("NetworkSettings", found)
    kind = parse(str(task), "task")
    start = EmbeddedSRM(kind.name) if kind.name in embedded_tasks() else None
    return SmallDecoder(kind, start=start)


@final
@dataclass(frozen=True, kw_only=True)
class _Job:
    """What is to be trained on what."""

    network: NetworkSettings
    objective: Any
    settings: dict[str, Any]
    labels: Sequence[Path]
    held_out: float
    held_out_file: Path | None
    combine: str | None
    limit: int | None

    def as_json(self) -> dict[str, object]:
        """What settles the result."""
        numbers = {key: value for key, value in self.settings.items() if key != "patience"}
        return {
            "network": name_of(self.network),
            "objective": name_of(self.objective),
            **{key: None if value == math.inf else value for key, value in numbers.items()},
            "labels": [str(file) for file in self.labels],
            "held_out": None if self.held_out_file else self.held_out,
            "held_out_file": None if self.held_out_file is None else str(self.held_out_file),
            "limit": self.limit,
        }

    def run(self, output: Path) -> None:
        """Train, or go on, and say what came of it."""
        fit, settings = _fit_and_settings(self.settings)
        begun = (output / COMMAND).exists()
        bind(output, self.as_json())
        try:
            self._train(output, fit, settings)
        except (InputError, typer.Exit):
            if not begun and not list((output / "checkpoint").glob("*.safetensors")):
                (output / COMMAND).unlink()  # nothing was done: another command may have the folder
            raise

    def _train(self, output: Path, fit: Callable[..., Fitted], settings: Settings) -> None:
        train, held_out = self._data(output)
        check_held_out(self.objective, train, held_out, REMEDY)
        files = ", ".join([str(file) for file in self.labels])
        try:
            with progress(TextColumn("{task.fields[said]}", style="green")) as bars:
                bar = bars.add_task("training", total=settings.steps, said="")
                done = fit(
                    self.network,
                    self.objective,
                    train,
                    held_out,
                    settings,
                    output,
                    combine=self.combine,
                    about={"labels": files, "command": f"`{command()}`"},
                    on_step=lambda moment: bars.update(
                        bar, completed=moment.step, said=_said(moment)
                    ),
                )
        except KeyboardInterrupt:
            raise interrupted(output / "checkpoint" / CHECKPOINT) from None
        _report(done, self.objective)

    def _data(self, output: Path) -> tuple[list[Labelled], list[Labelled]]:
        """What is trained on and what is held out; bad records are set aside."""
        apart = [] if self.held_out_file is None else [self.held_out_file]
        found = labelled([*self.labels, *apart], output / REJECTED, limit=self.limit)
        data = [one for own in found[: len(self.labels)] for one in own]
        if self.held_out_file is not None:
            return data, found[-1]
        return split_by_problem(data, self.held_out, self.settings["seed"])


def _fit_and_settings(settings: dict[str, Any]) -> tuple[Any, Any]:
    """The function and its settings.

    Raises:
        MissingExtra: A library is not installed.
    """
    try:
        from specreward.train.fitting import Settings, fit
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"training needs {error.name}: pip install 'specreward[train]'"
        ) from error
    return fit, Settings(**settings)


def _said(moment: Moment) -> str:
    """Where the run stands."""
    said = f"loss {moment.loss:.4f}, {short(moment.speed)} tokens/s"
    if moment.watched is not None:
        name = moment.watch.removeprefix("held_out_")
        said += f", held-out {name} {moment.watched:.4f}"
    return said


def _report(done: Fitted, objective: Any) -> None:  # noqa: ANN401
    table = Table(title="held-out numbers", title_justify="left")
    table.add_column("")
    for name in ("first weights", f"weights of step {done.best_step}"):
        table.add_column(name, justify="right")
    for name, value in done.after.items():
        mark = " (decides)" if name == objective.watch else ""
        table.add_row(f"{name}{mark}", _number(done.before.get(name)), _number(value))
    results().print(table)
    if done.left_out:
        warn(f"{done.left_out} steps are left out: too long for the network")
    _doubt(done, objective.watch)
    ended = ": nothing got better any more" if done.stopped else ""
    say(f"{done.steps} steps{ended}; in {done.folder}: card.md, loss.html, log.jsonl")
    say(f"use it: --reward {done.folder}")


def _doubt(done: Fitted, watch: str) -> None:
    """Say so where nothing got better, or by less than two errors of what chance alone does."""
    if not done.best_step:
        warn("nothing was better than the first weights, which were kept: label more problems")
        return
    pairs, before, after = done.after.get("pairs"), done.before[watch], done.after[watch]
    if watch != "pair_accuracy" or not pairs or before is None or after is None:
        return
    error = 0.5 / math.sqrt(pairs)
    if after - before < 2 * error:
        warn(
            f"{pairs:.0f} held-out pairs chose these weights, and chance alone moves their "
            f"accuracy by {error:.2f}: label or hold out more problems to be sure of the gain"
        )


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"
