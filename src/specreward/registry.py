"""The table of names: what an object is called in text, and where its class lives.

Names come from one static table (``names.py``), whose modules are imported on use, then from
installed packages that declare the entry-point group ``specreward.plugins``. The kinds are the
protocols of the package in lower case: an object of the kind ``verifier`` is what a field annotated
``Verifier`` takes. A plugin's kind is not known before it is loaded, so that its kind is
``plugin``, and it is taken anywhere. A plugin with the name of a built-in object is passed over
with a warning.
"""

from __future__ import annotations

import importlib
import warnings
from dataclasses import is_dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from specreward.errors import InputError, nearest
from specreward.names import NAMES

__all__ = ["PLUGIN", "kind_of", "kinds", "load", "name_of_class", "registered"]

_GROUP = "specreward.plugins"

PLUGIN = "plugin"
"""The kind of what other packages bring."""


def _kind_by_name() -> dict[str, str]:
    table = {name: kind for kind, rows in NAMES.items() for name in rows}
    return dict.fromkeys(_plugins(), PLUGIN) | table


@cache
def _plugins() -> dict[str, EntryPoint]:
    """Entry points by name; looked up once, as installed packages do not change in between."""
    found: dict[str, EntryPoint] = {}
    taken = {name for rows in NAMES.values() for name in rows}
    for point in entry_points(group=_GROUP):
        if not point.name.isidentifier() or point.name in taken:
            why = "the name is taken" if point.name in taken else "the name is no identifier"
            warnings.warn(f"plugin {point.name!r} ({point.value}) passed over: {why}", stacklevel=2)
        else:
            found.setdefault(point.name, point)
    return found


def kinds() -> tuple[str, ...]:
    """The kinds of registered objects; ``plugin`` stands for what other packages bring."""
    return (*NAMES, PLUGIN)


def registered(kind: str | None = None) -> tuple[str, ...]:
    """The registered names, sorted; of one kind, or of all.

    Raises:
        UnknownName: There is no such kind.
    """
    if kind is not None and kind not in kinds():
        raise nearest(kind, kinds(), "kind")
    return tuple(sorted(n for n, own in _kind_by_name().items() if kind is None or own == kind))


def kind_of(name: str) -> str:
    """The kind of a registered name.

    Raises:
        UnknownName: The name is not registered.
    """
    known = _kind_by_name()
    if name not in known:
        raise nearest(name, known, "name")
    return known[name]


def load(name: str) -> type:
    """The class behind a registered name, imported now.

    Raises:
        UnknownName: The name is not registered.
        InputError: It belongs to a plugin that cannot be used; the message says which and why.
    """
    kind = kind_of(name)
    if kind == PLUGIN:
        return _load_plugin(_plugins()[name])
    module, _, attribute = NAMES[kind][name].partition(":")
    found: type = vars(importlib.import_module(module))[attribute]
    return found


def _load_plugin(point: EntryPoint) -> type:
    about = f"plugin {point.name!r} ({point.value})"
    try:
        found = point.load()
    except Exception as error:  # third-party code may fail in any way at import
        raise InputError(
            f"{about} cannot be loaded: {type(error).__name__}: {error}; "
            "mend or uninstall the package that brings it"
        ) from error
    if not (isinstance(found, type) and is_dataclass(found)):
        raise InputError(f"{about}: expected a dataclass, got {found!r}")
    return found


def name_of_class(cls: type) -> str | None:
    """The registered name of a class, or None. A plugin that cannot be loaded is warned of."""
    place = f"{cls.__module__}:{cls.__qualname__}"
    for rows in NAMES.values():
        for name, target in rows.items():
            if target == place:
                return name
    for name, point in _plugins().items():
        try:
            if point.value == place or _load_plugin(point) is cls:
                return name
        except InputError as error:
            warnings.warn(f"passed over: {error}", stacklevel=3)
    return None
