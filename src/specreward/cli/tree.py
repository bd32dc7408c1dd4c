"""``specreward tree``: the search trees of a run file, on the screen or as a page."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

import typer

from specreward.cli.folder import run_file, write
from specreward.cli.forest import drawn
from specreward.cli.inputs import read_strategies
from specreward.cli.screen import notes, results, say
from specreward.cli.table import cost_line, count_line
from specreward.errors import InputError, nearest
from specreward.report.archive import Archive
from specreward.report.viewer import exported_page
from specreward.store import RunRow, Store
from specreward.types import Problem

__all__ = ["tree"]


def tree(
    run: Annotated[Path, typer.Argument(help="Folder of a comparison, or its run.db.")],
    problem: Annotated[
        str | None, typer.Argument(help="Id of a problem; with --html all, if none is given.")
    ] = None,
    strategy: Annotated[
        str | None, typer.Option("--strategy", "-s", help="Only the tree of this one.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write a page to look through, as one file.")
    ] = None,
) -> None:
    """Draw what each strategy did on a problem: kept and pruned steps, SR, RC, score."""
    file = run_file(run)
    with Store(file, write=False) as store:
        asked = [] if problem is None else _problems(store, problem)
        rows = _rows(store, strategy)
        if html is None:
            if problem is None:
                raise InputError("give the id of a problem, or --html FILE for all of them")
            _draw(store, rows, asked)
    if html is not None:
        _export(file, [row.id for row in rows], problem, html)


def _draw(store: Store, rows: list[RunRow], asked: list[Problem]) -> None:
    found = [
        (row, result)
        for row in rows
        for one in asked
        if (result := store.result(row.id, one)) is not None
    ]
    if not found:
        raise InputError(f"{store.path}: no result of {asked[0].id} yet")
    console = results()
    for row, result in found:
        best = result.best.path if result.best else None
        console.print(drawn(row.strategy, result.expansions, best))
        score = "" if result.best is None else f", score {result.best.score:.3g}"
        error = f", {result.error}" if result.error else ""
        say(f"{result.problem.question}\nended   {result.ended}{score}{error}")
        counted = f"\ncounted {count_line(result.counts)}" if result.counts else ""
        say(f"cost    {cost_line(result.usage)}{counted}\n")


def _export(file: Path, runs: list[int], problem: str | None, page: Path) -> None:
    """The viewer with these runs in it, as one file."""
    archive = Archive([file], only=lambda row: row.id in runs)
    try:
        text = exported_page(archive, problem=problem)
    finally:
        archive.close()
    write(page, text)
    notes().print(f"written to {page}: {len(text.encode()) / 1e6:.2f} MB", markup=False)


def _problems(store: Store, name: str) -> list[Problem]:
    """Those with this id; two domains may use the same ids."""
    known = store.problems()
    found = [one for one in known if one.id == name]
    if not found:
        close = get_close_matches(name, [one.id for one in known], n=5, cutoff=0.0)
        raise nearest(name, close, f"problem (of {len(known)} in this run)")
    return found


def _rows(store: Store, strategy: str | None) -> list[RunRow]:
    """All runs, or those of one strategy, on whatever domain."""
    rows = store.runs()
    if strategy is None:
        return rows
    [(name, _)] = read_strategies([strategy])
    found = [row for row in rows if row.strategy.partition(" on ")[0] == name]
    if not found:
        raise nearest(name, [row.strategy for row in rows], "strategy of this run")
    return found
