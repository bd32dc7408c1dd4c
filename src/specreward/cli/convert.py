"""``specreward convert``: a file of step labels from one format to another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, cast

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn
from rich.table import Table

from specreward.cli.inputs import SHOWN
from specreward.cli.screen import notes, results, say, warn
from specreward.errors import InputError
from specreward.label.formats import Format
from specreward.label.kinds import as_kind
from specreward.label.labelled import Labelled
from specreward.label.reading import Rejected, format_of, read_labelled
from specreward.label.writing import rejected_name, rows_of, set_aside, whole
from specreward.spec import name_of, parse

__all__ = ["convert"]


def convert(
    source: Annotated[Path, typer.Argument(help="JSON lines or a JSON list; .gz as well.")],
    target: Annotated[Path, typer.Argument(help="A list for .json, else lines; packed for .gz.")],
    from_: Annotated[
        str | None,
        typer.Option("--from", help="Its format; by default told from the first record."),
    ] = None,
    to: Annotated[
        str, typer.Option("--to", help="Such as 'stepwise_format(floats=True)'.")
    ] = "own_format()",
    kind: Annotated[
        str | None,
        typer.Option(help="Turn labels of steps into those of prefixes (prefix), or back (step)."),
    ] = None,
) -> None:
    """Convert a file of step labels; what cannot be read or held is set aside, with the reason."""
    writes = cast(Format, parse(to, "format"))
    aside = rejected_name(target)
    if source.resolve() in (target.resolve(), aside.resolve()):
        raise InputError(
            f"expected another file to write than to read, got {source} for both: {target} is "
            f"written, and {aside} for what is set aside"
        )
    reads = format_of(source) if from_ is None else cast(Format, parse(from_, "format"))
    if from_ is None:
        notes().print(f"reading {name_of(reads)}, by its first record", markup=False)
    counts = _Counts()
    with set_aside(aside) as keep:

        def take(bad: Rejected) -> None:
            bad = bad if bad.line else replace(bad, file=str(source))  # the target refuses it
            counts.refuse(bad)
            if counts.refused <= SHOWN:
                warn(f"set aside {bad}")
            keep(bad)

        with whole(target) as put:
            solutions = counts.of(_turned(read_labelled(source, reads, take), kind))
            for row in rows_of(_watched(solutions), writes, take):
                put(row)
                counts.records += 1
            if not counts.records:
                raise InputError(
                    f"expected something to write as {name_of(writes)}, got no record: "
                    f"{counts.first or 'the solutions make none'}"
                )
    results().print(counts.table())
    say(f"written: {target}")
    if counts.refused:
        warn(f"{counts.refused} set aside with their reasons in {aside}")


@dataclass
class _Counts:
    """What went through.

    Args:
        kind: Of the labels.
        solutions: Read.
        steps: In them.
        labels: Of them.
        good: Labels of at least one half.
        total: Sum of the labels.
        outcomes: Solutions with an outcome.
        records: Written.
        refused: Records and solutions set aside.
        first: Why the first one was.
    """

    kind: str = ""
    solutions: int = 0
    steps: int = 0
    labels: int = 0
    good: int = 0
    total: float = 0.0
    outcomes: int = 0
    records: int = 0
    refused: int = 0
    first: str = field(default="")

    def of(self, solutions: Iterable[Labelled]) -> Iterator[Labelled]:
        """The same, counted."""
        for one in solutions:
            known = [label for label in one.labels if label is not None]
            self.kind = one.kind
            self.solutions += 1
            self.steps += len(one.steps)
            self.labels += len(known)
            self.good += sum([label >= 0.5 for label in known])
            self.total += sum(known)
            self.outcomes += one.outcome is not None
            yield one

    def refuse(self, bad: Rejected) -> None:
        """Count one that is set aside."""
        self.first = self.first or str(bad)
        self.refused += 1

    def table(self) -> Table:
        """One line."""
        found = {
            "kind": self.kind,
            "solutions": f"{self.solutions:,}",
            "steps": f"{self.steps:,}",
            "labels": f"{self.labels:,}",
            "at least 0.5": f"{self.good / max(1, self.labels):.1%}",
            "mean label": f"{self.total / max(1, self.labels):.3f}",
            "outcomes": f"{self.outcomes:,}",
            "records": f"{self.records:,}",
            "set aside": f"{self.refused:,}",
        }
        table = Table()
        for name in found:
            table.add_column(name, justify="left" if name == "kind" else "right")
        table.add_row(*found.values())
        return table


def _turned(solutions: Iterable[Labelled], kind: str | None) -> Iterator[Labelled]:
    for one in solutions:
        yield one if kind is None else as_kind(one, kind)


def _watched(solutions: Iterable[Labelled]) -> Iterator[Labelled]:
    """The same, counted on a terminal."""
    words = TextColumn("{task.completed:,.0f} solutions")
    screen = notes()
    with Progress(
        SpinnerColumn(), words, console=screen, transient=True, disable=not screen.is_terminal
    ) as progress:
        bar = progress.add_task("", total=None)
        for one in solutions:
            progress.advance(bar)
            yield one
