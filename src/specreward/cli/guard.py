"""Errors of the package as one line and an exit code, for every verb."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import typer

from specreward.cli.screen import notes
from specreward.errors import SpecRewardError

__all__ = ["guarded"]

P = ParamSpec("P")

FAILED = 2
INTERRUPTED = 130


def guarded(verb: Callable[P, None]) -> Callable[P, None]:
    """The verb with its foreseen errors printed as ``error: ...`` (exit 2) instead of a traceback.

    Ctrl-C ends it with exit code 130; a reader that went away (``| head``) with 0.
    """

    @wraps(verb)
    def call(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
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
