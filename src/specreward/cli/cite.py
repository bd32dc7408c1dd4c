"""``specreward cite``: the papers behind a strategy, verifier or task."""

from __future__ import annotations

from typing import Annotated

import typer

from specreward.cite import cite as bibtex
from specreward.cli.screen import say
from specreward.errors import InputError
from specreward.spec import parse

__all__ = ["cite"]


def cite(
    specs: Annotated[
        list[str], typer.Argument(metavar="SPEC...", help="Such as 'bfs(verify=speculative())'.")
    ],
) -> None:
    """Print the BibTeX of what an object is made of, each entry once."""
    found = bibtex(*[parse(spec) for spec in specs])
    if not found:
        raise InputError(f"{', '.join(specs)}: nothing to cite")
    say(found)
