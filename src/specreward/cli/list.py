"""``specreward list``: the names that the command line knows."""

from __future__ import annotations

import inspect
import sys
from typing import Annotated

import typer
from rich.table import Table

from specreward.assemble import sources
from specreward.cli.screen import results
from specreward.errors import nearest
from specreward.registry import kinds, load, registered

__all__ = ["list_"]

MODELS = "models"

ALONE = ("strategy", "verifier", "task")
"""Kinds of which a file holds one."""


def list_(
    kind: Annotated[
        str | None, typer.Argument(help="Only these, such as 'strategy' or 'verifier'.")
    ] = None,
) -> None:
    """List strategies, verifiers and their parts, tasks and models."""
    known = (*kinds(), MODELS)
    if kind is not None and kind not in known:
        raise nearest(kind, known, "kind")
    console = results()
    for name in known if kind is None else [kind]:
        lines = list(sources().items()) if name == MODELS else _objects(name)
        if not lines and kind is None:
            continue
        table = Table(title=name, title_justify="left", title_style="bold", box=None)
        table.add_column(style="cyan", no_wrap=True, min_width=18)
        table.add_column()
        table.show_header = False
        for line in lines:
            table.add_row(*line)
        console.print(table)


def _objects(kind: str) -> list[tuple[str, str]]:
    return [(name, _about(load(name), kind)) for name in registered(kind)]


def _about(cls: type, kind: str) -> str:
    """The first line about a class: of its file where it is what the file is for, else its own."""
    place = sys.modules[cls.__module__] if kind in ALONE else cls
    return (inspect.getdoc(place) or "").partition("\n")[0].replace("``", "")
