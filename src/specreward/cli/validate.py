"""``specreward validate``: whether a task judges rightly, or whether a file of problems can be read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from specreward.cli.screen import say
from specreward.errors import InputError
from specreward.spec import name_of, parse
from specreward.tasks.files import read_problems

__all__ = ["validate"]


def validate(
    task: Annotated[str, typer.Argument(help="Such as 'blocksworld'.")],
    problems: Annotated[
        Path | None, typer.Option(help="A file or folder of problems to read instead.")
    ] = None,
) -> None:
    """Check that right answers pass and wrong ones do not, or that every problem can be read."""
    kind = parse(task, "task")
    if problems is None:
        try:
            kind.validate()
        except AssertionError as error:
            raise InputError(f"{name_of(kind)} judges wrongly: {error}") from error
        say(f"{name_of(kind)}: right answers pass, wrong ones do not")
        return
    found, complaints = read_problems(kind, problems)
    if complaints or not found:
        what = "\n".join(complaints)
        say(what)
        raise InputError(f"{problems}: {len(complaints)} bad, {len(found)} good")
    say(f"{problems}: {len(found)} problems, all good")
