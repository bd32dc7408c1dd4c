"""The papers behind an object, as BibTeX, each once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass

__all__ = ["cite"]

_ENTRY = re.compile(r"^@\w+\s*\{\s*([^,\s]+)", re.MULTILINE)


def cite(*objects: object) -> str:
    """BibTeX entries of the objects and of all objects nested in their fields.

    Each class says in ``__cite__`` what it is taken from. Entries with the same key are given once,
    in the order met, outermost first; the text is empty where nothing is cited.
    """
    found: dict[str, str] = {}
    for text in (text for obj in objects for text in _cited(obj)):
        starts = [match.start() for match in _ENTRY.finditer(text)]
        for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
            entry = text[start:end].strip()
            found.setdefault(_ENTRY.findall(entry)[0], entry)
    return "\n\n".join(found.values())


def _cited(obj: object) -> Iterator[str]:
    if isinstance(obj, tuple):
        for item in obj:
            yield from _cited(item)
    elif is_dataclass(obj) and not isinstance(obj, type):
        own = vars(type(obj)).get("__cite__")
        if isinstance(own, str):
            yield own
        for field in fields(obj):
            yield from _cited(getattr(obj, field.name))
