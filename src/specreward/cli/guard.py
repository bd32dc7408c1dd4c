"""Errors of the package as one line and an exit code, for every verb."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from threading import current_thread, main_thread
from types import FrameType
from typing import ParamSpec

import typer

from specreward.cli.screen import notes
from specreward.errors import SpecRewardError

__all__ = ["command", "guarded", "interrupted"]

P = ParamSpec("P")

FAILED = 2
INTERRUPTED = 130


def guarded(verb: Callable[P, None]) -> Callable[P, None]:
    """The verb with its foreseen errors printed as ``error: ...`` (exit 2) instead of a traceback.

    Ctrl-C and SIGTERM end it with exit code 130; a reader that went away (``| head``) with 0.
    """

    @wraps(verb)
    def call(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            with _terminated_like_interrupted():
                verb(*args, **kwargs)
        except BrokenPipeError:
            raise typer.Exit(0) from None
        except (SpecRewardError, OSError) as error:
            line = " ".join(str(error).split())
            notes().print(f"error: {line}", style="red", markup=False)
            raise typer.Exit(FAILED) from None
        except KeyboardInterrupt:
            notes().print("interrupted", markup=False)
            raise typer.Exit(INTERRUPTED) from None

    return call


def command() -> str:
    """What was typed."""
    return shlex.join(["specreward", *sys.argv[1:]])


def interrupted(saved: Path) -> typer.Exit:
    """Say where the state is and how to go on; to be raised in place of the interrupt.

    Args:
        saved: File of the state, which may not be there yet.
    """
    if not saved.exists():
        notes().print(f"interrupted, nothing saved yet; begin again: {command()}", markup=False)
        return typer.Exit(INTERRUPTED)
    notes().print(f"interrupted, state saved in {saved}; go on: {command()}", markup=False)
    return typer.Exit(INTERRUPTED)


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """SIGTERM inside does what Ctrl-C does: half-written files are taken away."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if current_thread() is not main_thread():  # where no handler can be set
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
