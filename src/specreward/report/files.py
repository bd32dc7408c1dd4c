"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from json import dumps
from pathlib import Path

__all__ = ["as_json", "as_lines", "write_whole"]


def write_whole(path: Path, text: str) -> None:
    """Write a file beside its place, then move it there: a reader sees the old one or the new one.

    Raises:
        OSError: It cannot be written; what was there before is untouched and nothing is left over.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def as_json(value: Mapping[str, object]) -> str:
    """A readable JSON document; NaN and infinity, which JSON has no words for, are errors."""
    return dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def as_lines(values: Sequence[Mapping[str, object]]) -> str:
    """JSON lines."""
    return "".join([dumps(value, ensure_ascii=False, allow_nan=False) + "\n" for value in values])
