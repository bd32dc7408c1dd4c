"""``specreward show``: the fields of an object, and the pseudo-code and paper of its file."""

from __future__ import annotations

import inspect
import re
import sys
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Annotated

import typer
from rich.table import Table

from specreward.cli.screen import results
from specreward.registry import kind_of, load
from specreward.spec import name_of, parse

__all__ = ["show"]

_ENTRY = re.compile(r"^(\w+): (.*(?:\n[ ]{4,}.*)*)", re.MULTILINE)


def show(
    spec: Annotated[str, typer.Argument(help="Such as 'bfs' or 'speculative(alpha=1)'.")],
) -> None:
    """Show what an object does, its paper, and its fields with their values and defaults."""
    bare = spec.strip()
    needs = bare.isidentifier() and any(_required(field) for field in fields(load(bare)))
    cls, obj = (load(bare), None) if needs else (None, parse(spec))
    cls = type(obj) if cls is None else cls
    console = results()
    name = f"{bare}(...)" if obj is None else name_of(obj)
    console.print(name, style="bold", markup=False, soft_wrap=True)
    console.print(kind_of(name.partition("(")[0]), style="dim")
    about = inspect.getdoc(sys.modules[cls.__module__]) or inspect.getdoc(cls) or ""
    console.print(f"\n{about}\n", markup=False)
    if is_dataclass(cls) and fields(cls):
        console.print(_fields(cls, obj))


def _fields(cls: type, obj: object | None) -> Table:
    """One line per field: name, value, default where it differs, meaning."""
    assert is_dataclass(cls)
    meanings = _meanings(cls)
    table = Table(box=None, header_style="bold")
    for column in ("field", "value", "default", "meaning"):
        table.add_column(column, overflow="fold")
    for field in fields(cls):
        default = _default(field)
        value = default if obj is None else _text(getattr(obj, field.name))
        table.add_row(
            f"[cyan]{field.name}[/]",
            value,
            "" if default == value else default,
            meanings.get(field.name, ""),
        )
    return table


def _required(field: Field[object]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _default(field: Field[object]) -> str:
    if field.default_factory is not MISSING:
        return _text(field.default_factory())
    return "(required)" if field.default is MISSING else _text(field.default)


def _text(value: object) -> str:
    if is_dataclass(value) and not isinstance(value, type):
        return name_of(value)
    return repr(value)


def _meanings(cls: type) -> dict[str, str]:
    """The text after each name in the ``Args`` of a class's docstring."""
    _, _, after = (inspect.getdoc(cls) or "").partition("Args:\n")
    section = re.split(r"\n\S", after)[0]
    entries = _ENTRY.findall(inspect.cleandoc(section))
    return {name: " ".join(text.split()) for name, text in entries}
