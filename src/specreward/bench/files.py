"""The files of a benchmark: where they are, their rows, and errors that name file and line.

    *.jsonl    an object a line                        file:line
    *.json     a list of objects, objects by name,     file:entry number
               or lists of objects by name
    *.csv      a line of names, then the rows          file:line

A benchmark is asked for by a path (a file or a folder, at any depth), by a name on the hub
(``owner/name``, which needs the extra ``hub``), or it is taken from a folder of public data that
has one folder for each benchmark.
"""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from specreward.checks import is_number
from specreward.errors import InputError
from specreward.tasks import hub
from specreward.tasks.records import short

__all__ = ["Row", "files_of", "located", "read_file", "read_files"]

SUFFIXES = (".jsonl", ".json", ".csv")


@dataclass(frozen=True, slots=True)
class Row:
    """One record of a file; its methods give a field, or refuse it with the place.

    Args:
        fields: By name.
        where: ``file:line``.
        file: Where it stands.
    """

    fields: Mapping[str, Any]
    where: str
    file: Path

    def refused(self, expected: str, got: object) -> InputError:
        """The error for something in this row."""
        return InputError(f"{self.where}: expected {expected}, got {_shown(got)}")

    def has(self, *names: str) -> bool:
        """Whether all these fields are there."""
        return all(name in self.fields for name in names)

    def value(self, name: str) -> Any:  # noqa: ANN401  # whatever JSON holds
        """A field that must be there."""
        if name not in self.fields:
            raise self.refused(f"a field {name!r}", list(self.fields))
        return self.fields[name]

    def text(self, name: str) -> str:
        """A text, which may be empty; a number is written as one."""
        value = self.value(name)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self.refused(f"text as {name!r}", value)
        return str(value)

    def texts(self, name: str) -> tuple[str, ...]:
        """At least one text."""
        value = self.value(name)
        if not isinstance(value, list) or not value:
            raise self.refused(f"a list of texts as {name!r}", value)
        if not all(isinstance(one, str) for one in value):
            raise self.refused(f"texts in {name!r}", value)
        return tuple(value)

    def whole(self, name: str, low: int, high: int) -> int:
        """An integer from ``low`` to ``high``; text that is one counts too."""
        value = self.value(name)
        if isinstance(value, str) and value.strip().lstrip("-").isdecimal():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.refused(f"an integer from {low} to {high} as {name!r}", value)
        return value

    def number(self, name: str) -> float:
        """A finite number."""
        value = self.value(name)
        if not is_number(value):
            raise self.refused(f"a number as {name!r}", value)
        return float(value)

    def numbers(self, name: str) -> tuple[float, ...]:
        """At least one finite number."""
        value = self.value(name)
        if not isinstance(value, list) or not value or not all(map(is_number, value)):
            raise self.refused(f"a list of numbers as {name!r}", value)
        return tuple([float(one) for one in value])

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self.value(name)
        if not isinstance(value, bool):
            raise self.refused(f"true or false as {name!r}", value)
        return value

    def choice(self, name: str, *allowed: object) -> Any:  # noqa: ANN401  # one of them
        """One of some values."""
        value = self.value(name)
        if not any(value == one and type(value) is type(one) for one in allowed):
            raise self.refused(f"one of {', '.join(map(repr, allowed))} as {name!r}", value)
        return value


def _shown(value: object) -> str:
    """A value as Python writes it, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def files_of(place: Path, *patterns: str) -> list[Path]:
    """The files of a folder, at any depth, whose names match one of the patterns; sorted.

    A file is taken as it is, whatever its name.

    Raises:
        InputError: There is nothing at the path, or no such file below it.
    """
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise InputError(f"expected a file or a folder, got {place}: nothing is there")
    wanted = patterns or tuple([f"*{suffix}" for suffix in SUFFIXES])
    found = {file for pattern in wanted for file in place.rglob(pattern) if file.is_file()}
    if not found:
        raise InputError(f"{place}: expected {' or '.join(wanted)} in the folder, got none")
    return sorted(found)


def read_files(place: Path, *patterns: str) -> Iterator[Row]:
    """The rows of ``files_of``, one file after another."""
    for file in files_of(place, *patterns):
        yield from read_file(file)


def read_file(file: Path) -> Iterator[Row]:
    """The rows of a file.

    Raises:
        InputError: It cannot be read, is of another kind, or a line holds no object.
    """
    if file.suffix not in SUFFIXES:
        raise InputError(f"{file}: expected a file of {', '.join(SUFFIXES)}")
    try:
        text = file.read_text("utf-8-sig")
    except OSError as error:
        raise InputError(f"{file}: expected a readable file, got {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: expected text in UTF-8, got {error}") from error
    if file.suffix == ".jsonl":
        yield from _lines(file, text)
    elif file.suffix == ".json":
        yield from _document(file, text)
    else:
        yield from _table(file, text)


def _lines(file: Path, text: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            where = f"{file}:{number}"
            yield _row(file, _parsed(line, where), where)


def _document(file: Path, text: str) -> Iterator[Row]:
    value = _parsed(text, str(file))
    if isinstance(value, dict):
        groups = [one if isinstance(one, list) else [one] for one in value.values()]
        value = [entry for group in groups for entry in group]
    if not isinstance(value, list):
        raise InputError(f"{file}: expected a list of objects, got {_shown(value)}")
    for number, entry in enumerate(value, 1):
        where = f"{file}:entry {number}"
        yield _row(file, entry, where)


def _table(file: Path, text: str) -> Iterator[Row]:
    reader = csv.DictReader(StringIO(text, newline=""), strict=True)
    try:
        for fields in reader:
            where = f"{file}:{reader.line_num}"
            if None in fields or None in fields.values():
                raise InputError(
                    f"{where}: expected {len(reader.fieldnames or ())} cells, as in the first line"
                )
            yield Row(fields, where, file)
    except csv.Error as error:
        raise InputError(f"{file}:{reader.line_num}: expected CSV, got {error}") from error


def _parsed(text: str, where: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: expected JSON, got {short(text)}: {error}") from None


def _row(file: Path, entry: object, where: str) -> Row:
    if not isinstance(entry, dict):
        raise InputError(f"{where}: expected an object, got {_shown(entry)}")
    return Row(entry, where, file)


# ---------------------------------------------------------------------------------- places


@contextmanager
def located(where: str | None, name: str, data: Path | None) -> Iterator[Path]:
    """The folder or file of a benchmark; what comes from the hub is there inside only.

    Args:
        where: A path or a name on the hub; None takes the benchmark's folder in ``data``.
        name: Of that folder.
        data: The folder of public data, or None.

    Raises:
        InputError: There is nothing.
        MissingExtra: A name on the hub needs a library that is not installed.
    """
    if where is None:
        yield _public(name, data)
    elif Path(where).exists() or not hub.is_hub_name(where):
        files_of(Path(where))
        yield Path(where)
    else:
        with tempfile.TemporaryDirectory(prefix="specreward-") as folder:
            _fetch(where, Path(folder))
            yield Path(folder)


def _public(name: str, data: Path | None) -> Path:
    if data is None or not (data / name).is_dir():
        at = "none" if data is None else f"no folder {data / name}"
        raise InputError(
            f"expected the files of the benchmark, got {at}: give a file, a folder or a name on "
            f"the hub, or the folder of public data that holds {name}/ with --data"
        )
    return data / name


def _fetch(name: str, folder: Path) -> None:
    """The splits of a set on the hub as files of JSON lines."""
    for split, records in hub.rows(name).items():
        lines: Sequence[str] = [
            json.dumps(record, ensure_ascii=False, default=str) + "\n" for record in records
        ]
        (folder / f"{split}.jsonl").write_text("".join(lines), "utf-8")
