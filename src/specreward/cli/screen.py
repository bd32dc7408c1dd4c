"""Where the command line writes: results to standard output, everything else to standard error."""

from __future__ import annotations

import sys

from rich.console import Console

__all__ = ["notes", "results", "say", "warn"]


def results() -> Console:
    """What was asked for. Off a terminal the lines are not cut."""
    console = Console(file=sys.stdout, highlight=False)
    if not console.is_terminal:
        console.width = 10_000
    return console


def notes() -> Console:
    """Progress, warnings and errors."""
    return Console(file=sys.stderr, highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """One line or block of plain text to standard output."""
    results().print(text, markup=False, soft_wrap=True)


def warn(text: str) -> None:
    """One line to standard error."""
    notes().print(f"warning: {' '.join(text.split())}", style="yellow", markup=False)
