"""The command line: one verb, one file.

    solve      search for the answer of a problem, the tree shown as it grows
    compare    strategies on the same problems: table, summary, report; goes on where it was stopped
    demo       self-evaluation against the reward model on two tasks, in less than a minute
    tree       the tree of a problem of a finished or running comparison
    generate   problems of a task as JSON lines
    validate   a task's own check, or a file of problems
    list, show, cite    what there is, what its fields mean, where it comes from
"""

from __future__ import annotations

import typer

from specreward.cli.cite import cite
from specreward.cli.compare import compare
from specreward.cli.demo import demo
from specreward.cli.generate import generate
from specreward.cli.guard import guarded
from specreward.cli.list import list_
from specreward.cli.show import show
from specreward.cli.solve import solve
from specreward.cli.tree import tree
from specreward.cli.validate import validate

__all__ = ["app", "main"]

app = typer.Typer(
    name="specreward",
    help="Cheap search over language-model reasoning.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

for verb in (solve, compare, demo, tree, generate, validate, show, cite):
    app.command(verb.__name__)(guarded(verb))
app.command("list")(guarded(list_))


def main() -> None:
    """The console script ``specreward``."""
    app()
