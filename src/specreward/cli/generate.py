"""``specreward generate``: fresh problems of a task as JSON lines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from specreward.cli.folder import write
from specreward.cli.inputs import generated
from specreward.cli.options import Number, Seed, Split, TaskText
from specreward.cli.screen import say
from specreward.report.files import as_lines
from specreward.spec import parse
from specreward.types import Problem

__all__ = ["generate"]


def generate(
    task: TaskText,
    limit: Number = 10,
    split: Split = "test",
    seed: Seed = 0,
    out: Annotated[Path | None, typer.Option(help="File to write; else standard output.")] = None,
) -> None:
    """Make problems, with answers, in the form that --problems reads."""
    text = as_lines([_line(p) for p in generated(parse(task, "task"), limit, split, seed)])
    if out is None:
        say(text.rstrip("\n"))
    else:
        write(out, text)


def _line(problem: Problem) -> dict[str, object]:
    return {
        **problem.meta,
        "id": problem.id,
        "question": problem.question,
        "answer": problem.answer,
    }
