"""``specreward models``: published reward models, and how to ask for one."""

from __future__ import annotations

import inspect
import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from specreward.cli.screen import results, say
from specreward.registry import load
from specreward.reward.catalogue import PUBLISHED, Published, published

__all__ = ["models"]

NEEDS = "pip install 'specreward[transformers]'"

COMMAND = (
    'specreward solve math "What is 12 times 13?" --strategy "best_of_n(n=8)" '
    "--policy \"transformers('Qwen/Qwen2.5-Math-1.5B-Instruct')\""
)
"""A search of a model on the hub, in want of a reward model."""


def models(
    name: Annotated[
        str | None, typer.Argument(help="Such as Qwen/Qwen2.5-Math-PRM-7B; all without it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List published reward models, or show one with a ready command line."""
    if name is None:
        if as_json:
            say(json.dumps([_record(row) for row in PUBLISHED.values()], indent=2))
        else:
            _list()
        return
    row, revision = published(name)
    if as_json:
        say(json.dumps(_record(row, revision), indent=2))
    else:
        _show(row, revision)


def _record(row: Published, revision: str | None = None) -> dict[str, object]:
    return {
        **asdict(row),
        "gigabytes": row.gigabytes,
        "revision": revision,
        "needs": NEEDS,
        "text": row.text(revision),
    }


def _list() -> None:
    """One line for each checkpoint."""
    table = Table(box=None, header_style="bold")
    table.add_column("name", style="cyan", overflow="fold")
    for column in ("family", "size", "licence", "scores", "memory"):
        table.add_column(column, justify="right" if column in ("size", "memory") else "left")
    for row in PUBLISHED.values():
        table.add_row(
            row.name,
            row.family,
            f"{row.billions:g} B",
            row.licence,
            _scores(row),
            f"{row.gigabytes:g} GB",
        )
    console = results()
    console.print(table)
    console.print(
        f"\nMemory: the weights alone, in bfloat16. All need {NEEDS}. Weights of your own: name "
        "their family, such as \"qwen_prm('folder')\". Judges and servers: specreward list "
        "rewardmodel.",
        style="dim",
        markup=False,
    )


def _scores(row: Published) -> str:
    return "each step" if row.per_step else "whole solution"


def _show(row: Published, revision: str | None) -> None:
    """One checkpoint, its family, and what to type."""
    console = results()
    text = row.text(revision)
    console.print(text, style="bold", markup=False, soft_wrap=True)
    table = Table(box=None, show_header=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for key, value in (
        ("trained from", row.base),
        ("size", f"{row.billions:g} B parameters, {row.gigabytes:g} GB in bfloat16"),
        ("licence", row.licence),
        ("scores", _scores(row)),
        ("revision", revision or "the newest; name@revision fixes it"),
        ("note", row.note),
        ("needs", NEEDS),
    ):
        if value:
            table.add_row(key, escape(value))
    console.print(table)
    about = inspect.getdoc(sys.modules[load(row.family).__module__]) or ""
    console.print(f"\n{about}\n", markup=False)
    asked = row.name if revision is None else f"{row.name}@{revision}"
    console.print(f"{COMMAND} --reward {asked}", markup=False, soft_wrap=True)
