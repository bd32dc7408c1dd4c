"""``specreward tree``: the search trees of one problem, from a run file."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

import typer

from specreward.cli.folder import run_file
from specreward.cli.forest import drawn
from specreward.cli.inputs import read_strategies
from specreward.cli.screen import results, say
from specreward.cli.table import cost_line
from specreward.errors import InputError, nearest
from specreward.store import RunRow, Store
from specreward.types import Problem

__all__ = ["tree"]


def tree(
    run: Annotated[Path, typer.Argument(help="Folder of a comparison, or its run.db.")],
    problem: Annotated[str, typer.Argument(help="Id of a problem.")],
    strategy: Annotated[
        str | None, typer.Option("--strategy", "-s", help="Only the tree of this one.")
    ] = None,
) -> None:
    """Draw what each strategy did on a problem: kept and pruned steps, SR, RC, score."""
    with Store(run_file(run), write=False) as store:
        asked = _problems(store, problem)
        found = [
            (row, result)
            for row in _rows(store, strategy)
            for one in asked
            if (result := store.result(row.id, one)) is not None
        ]
    if not found:
        raise InputError(f"{run}: no result of {problem} yet")
    console = results()
    for row, result in found:
        best = result.best.path if result.best else None
        console.print(drawn(row.strategy, result.expansions, best))
        score = "" if result.best is None else f", score {result.best.score:.3g}"
        error = f", {result.error}" if result.error else ""
        say(f"{result.problem.question}\nended   {result.ended}{score}{error}")
        say(f"cost    {cost_line(result.usage)}\n")


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
