"""``specreward curve``: accuracy for every n from one run, without another call."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from specreward.cli.folder import COMMAND, made, run_file, write
from specreward.cli.inputs import read_strategies
from specreward.cli.options import Seed
from specreward.cli.screen import notes, results, warn
from specreward.errors import InputError
from specreward.report.chart import short
from specreward.report.curve import Curve, curve, figure, line, paths_of, rules_of
from specreward.report.files import as_lines
from specreward.spec import parse
from specreward.store import RunRow, Store
from specreward.types import Result, Task

__all__ = ["curves"]


def curves(
    run: Annotated[Path, typer.Argument(help="Folder of a comparison, or its run.db.")],
    pick: Annotated[
        list[str] | None,
        typer.Option(
            help="pass, vote, highest, weighted_vote or softmax_vote(0.5); once for each. "
            "By default the first four."
        ),
    ] = None,
    strategy: Annotated[
        str | None, typer.Option("--strategy", "-s", help="Only the run of this one.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder; by default that of the run.")
    ] = None,
    seed: Seed = 0,
) -> None:
    """Accuracy with 1, 2, 4, ... paths for each problem, from one run of best_of_n or votes."""
    file = run_file(run)
    task = _task(file)
    with Store(file, write=False) as store:
        rows = _rows(store, strategy)
        found: list[Curve] = []
        for row in rows:
            searched = store.results(row.id, trees=False)
            _complain(row.strategy, searched)
            rules = rules_of(row.strategy, pick or [])
            found += curve(row.strategy, searched, task, rules, seed)
    for row in rows:
        results().print(_table([one for one in found if one.spec == row.strategy]))
    folder = made(file.parent if output is None else output)
    title = f"{task.name}: accuracy for every n"
    write(folder / "curve.jsonl", as_lines([line(one, dot) for one in found for dot in one.dots]))
    write(folder / "curve.html", figure(title, found))
    notes().print(f"written to {folder}: curve.jsonl curve.html", markup=False)


def _task(file: Path) -> Task:
    """The task that the command beside a run file names."""
    command = file.with_name(COMMAND)
    try:
        text = json.loads(command.read_text("utf-8"))["task"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"expected {command}, which names the task of the run, got none that can be read: give "
            "the folder that specreward compare wrote"
        ) from error
    task: Task = parse(str(text), "task")
    return task


def _rows(store: Store, strategy: str | None) -> list[RunRow]:
    """The runs that draw all their paths, or the one that was asked for."""
    rows = [row for row in store.runs() if row.results and " on " not in row.strategy]
    kinds = "best_of_n or self_consistency"
    if strategy is not None:
        [(name, _)] = read_strategies([strategy])
        rows = [row for row in rows if row.strategy == name]
        if not rows:
            have = ", ".join([row.strategy for row in store.runs()])
            raise InputError(f"{store.path}: expected a run of {name}, got {have}")
    found, refused = [], None
    for row in rows:
        try:
            found += [row] if paths_of(row.strategy) is not None else []
        except InputError as error:
            refused = error
    if refused is not None and not found:
        raise refused
    if not found:
        have = ", ".join([row.strategy for row in rows]) or "no finished problem"
        raise InputError(
            f"{store.path}: expected a run of {kinds}, whose paths are drawn independently, got "
            f"{have}: run specreward compare with one of them"
        )
    left = ", ".join([row.strategy for row in rows if row not in found])
    if left:
        notes().print(f"left out, as no {kinds} that draws all its paths: {left}", markup=False)
    return found


def _complain(spec: str, searched: Sequence[Result]) -> None:
    short_of = [one for one in searched if one.ended in ("failed", "budget")]
    if short_of:
        warn(
            f"{spec}: {len(short_of)} of {len(searched)} problems failed or ran out of budget; "
            "they count as not solved with any n"
        )


def _table(found: Sequence[Curve]) -> Table:
    """One line for each n, one column for each rule."""
    first = found[0]
    title = f"{first.spec}: {first.problems} problems, 95 % intervals"
    table = Table(title=title, title_justify="left", title_style="bold", box=None)
    table.add_column("n", justify="right", style="dim")
    table.add_column("tokens", justify="right")
    for one in found:
        table.add_column("pass@n" if one.rule == "pass" else one.rule, justify="right")
    for i, dot in enumerate(first.dots):
        table.add_row(str(dot.n), short(dot.tokens), *[_cell(one, i) for one in found])
    return table


def _cell(one: Curve, i: int) -> str:
    own = one.dots[i].accuracy
    return f"[bold]{own.estimate:.1%}[/] ({100 * own.low:.1f} to {100 * own.high:.1f})"
