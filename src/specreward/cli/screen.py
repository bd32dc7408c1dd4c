"""Where the command line writes: results to standard output, everything else to standard error."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

__all__ = ["notes", "progress", "results", "say", "warn"]


def results() -> Console:
    """What was asked for. Off a terminal the lines are not cut."""
    console = Console(file=sys.stdout, highlight=False)
    if not console.is_terminal:
        console.width = 10_000
    return console


def notes() -> Console:
    """Progress, warnings and errors."""
    return Console(file=sys.stderr, highlight=False, soft_wrap=True)


def progress(*more: ProgressColumn) -> Progress:
    """Bars with a name, what is done of how many, more columns and the time left; on a terminal."""
    console = notes()
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        *more,
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def say(text: str) -> None:
    """One line or block of plain text to standard output."""
    results().print(text, markup=False, soft_wrap=True)


def warn(text: str) -> None:
    """One line to standard error."""
    notes().print(f"warning: {' '.join(text.split())}", style="yellow", markup=False)
