"""``specreward recipe``: the training recipes, and a copy of one to change and run."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from specreward.cli.folder import write
from specreward.cli.screen import results, say
from specreward.errors import InputError, nearest

__all__ = ["recipe"]


def recipe(
    name: Annotated[
        str | None, typer.Argument(help="Such as srm_plus; all are listed without it.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File or folder to write; by default NAME.py here."),
    ] = None,
) -> None:
    """List the training recipes, or copy one out: a script to read, to change and to run."""
    known = _known()
    if name is None:
        if output is not None:
            raise InputError(f"--output: expected the name of a recipe to write to {output}")
        _list(known)
        return
    if name not in known:
        raise nearest(name, known, "recipe")
    copies = _copies(name, output, known)
    missing = {target: text for target, text in copies.items() if not _there(target, text)}
    for target, text in missing.items():
        write(target, text)
    for target in copies:
        say(str(target))


def _known() -> dict[str, Path]:
    """All recipes by name: beside the package where it is a checkout, else in it.

    Raises:
        InputError: There are none.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "recipes", package.parents[1] / "recipes"):
        found = {file.stem: file for file in sorted(folder.glob("*.py"))}
        if found:
            return found
    raise InputError(f"expected recipes in {package / 'recipes'}, got none: install the package")


def _list(known: dict[str, Path]) -> None:
    """One line for each."""
    table = Table(box=None, show_header=False)
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for name, file in known.items():
        about = ast.get_docstring(ast.parse(file.read_text("utf-8"))) or ""
        table.add_row(name, about.partition("\n")[0])
    console = results()
    console.print(table)
    console.print("\nCopy one: specreward recipe NAME", style="dim", markup=False)


def _copies(name: str, output: Path | None, known: dict[str, Path]) -> dict[Path, str]:
    """What is to be there: the recipe, and beside it those that it imports.

    Raises:
        InputError: The recipe is to have the name of one that it imports.
    """
    first = Path(f"{name}.py") if output is None else output
    if first.is_dir():
        first /= f"{name}.py"
    others = _imported(name, known)
    if first.stem in others:
        raise InputError(
            f"--output: expected another name than {first.name}, which is that of a recipe that "
            f"{name} imports: give another --output"
        )
    files = {first: known[name]} | {first.with_name(f"{one}.py"): known[one] for one in others}
    return {target: source.read_text("utf-8") for target, source in files.items()}


def _imported(name: str, known: dict[str, Path]) -> list[str]:
    """The other recipes that a recipe imports, and those that they import."""
    found: list[str] = []
    new = [name]
    while new:
        tree = ast.parse(known[new.pop()].read_text("utf-8"))
        modules = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        others = [one for one in modules if one in known and one not in (name, *found)]
        found += [str(one) for one in others]
        new += [str(one) for one in others]
    return found


def _there(target: Path, text: str) -> bool:
    """Whether the same file is there already.

    Raises:
        InputError: Something else is there.
    """
    if not target.exists():
        return False
    if target.is_file() and target.read_bytes() == text.encode():
        return True
    raise InputError(
        f"expected a place for a new file, got {target}, where something else is: move it away, or "
        "give another --output"
    )
