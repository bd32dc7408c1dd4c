"""Files of labelled steps, one record at a time: JSON lines or a JSON list, packed or not.

    for each record of the file                  lines; or elements of a list, found in a window
        not JSON, or not as its format is  ->  set aside with file, line and reason
        else                               ->  its solutions, in order

Memory does not grow with the file. A bad record never stops the reading; solutions of two kinds of
labels in one file do, because nothing can be made of them together.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from specreward.errors import InputError
from specreward.label.formats import Format
from specreward.label.labelled import Labelled, check_labels
from specreward.registry import registered
from specreward.spec import parse

__all__ = [
    "LONGEST",
    "Record",
    "Rejected",
    "format_of",
    "guess",
    "read_labelled",
    "read_records",
]

LONGEST = 1 << 26
"""Most bytes of one record: 64 MiB."""

_LOOKS = 100
"""Objects of an unknown format that are passed over in search of one that is known."""

_WINDOW = 1 << 18
_SIGNS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|["\[\]{},]', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a file.

    Args:
        line: Where it begins, from 1.
        raw: Its text; bytes that are no UTF-8 are escaped.
        row: What it holds, or None where it is no JSON object.
        reason: Why it holds nothing, or an empty text.
    """

    line: int
    raw: str
    row: dict[str, Any] | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that was set aside.

    Args:
        file: Its file, as named.
        line: Where it begins, from 1; 0 where that is not known.
        reason: What was expected and what came.
        raw: Its text.
    """

    file: str
    line: int
    reason: str
    raw: str

    def __str__(self) -> str:
        """``file:line: expected ..., got ...``; without a line that is not known."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.reason}"


def read_labelled(
    file: str | Path,
    format: Format | None = None,
    on_reject: Callable[[Rejected], None] | None = None,
) -> Iterator[Labelled]:
    """The solutions of a file, in order, as they are read.

    Args:
        file: JSON lines or one JSON list, plain or packed by gzip.
        format: How records look; None tells it from the first that is known, see ``format_of``.
        on_reject: Takes each bad record; None raises at the first one.

    Raises:
        InputError: There is no such file, nothing in it can be read, two solutions have labels of
            different kinds, or a bad record and nobody to take it.
    """
    layout = format_of(file) if format is None else format
    first: tuple[str, int] | None = None
    refused: Rejected | None = None
    for record in read_records(file):
        try:
            if record.row is None:
                raise InputError(record.reason)
            solutions = layout.read(record.row, f"{file}:{record.line}")
        except InputError as error:
            bad = Rejected(str(file), record.line, str(error), record.raw)
            if on_reject is None:
                raise InputError(str(bad)) from error
            refused = bad if refused is None else refused
            on_reject(bad)
            continue
        for one in solutions:
            if first is None:
                first = (one.kind, record.line)
            if one.kind != first[0]:
                raise InputError(
                    f"{file}:{record.line}: expected labels of kind {first[0]} as in line "
                    f"{first[1]}, got {one.kind}: one file holds labels of one kind; divide it"
                )
            yield one
    if first is None:
        why = "" if refused is None else f"; the first bad record: {refused}"
        raise InputError(f"{file}: expected labelled solutions, got none{why}")


def format_of(file: str | Path) -> Format:
    """The format of the first record that looks like one; stray objects are passed over.

    Raises:
        InputError: There is no such file or no object in it, ``guess`` knows none of the first
            hundred, or one looks like several formats.
    """
    first: Record | None = None
    unknown: list[Record] = []
    for record in read_records(file):
        first = record if first is None else first
        if record.row is None:
            continue
        if _fitting(record.row):
            return _guessed(file, record.line, record.row)
        unknown.append(record)
        if len(unknown) == _LOOKS:
            break
    if first is None:
        raise InputError(f"{file}: expected records, got none")
    if unknown and unknown[0].row is not None:
        return _guessed(file, unknown[0].line, unknown[0].row)
    raise InputError(f"{file}:{first.line}: {first.reason}")


def _guessed(file: str | Path, line: int, row: dict[str, Any]) -> Format:
    try:
        return guess(row)
    except InputError as error:
        raise InputError(f"{file}:{line}: {error}") from error


def guess(row: dict[str, Any]) -> Format:
    """The format that a record looks like.

    Raises:
        InputError: It looks like none of them, or like several.
    """
    fitting = _fitting(row)
    if len(fitting) == 1:
        return next(iter(fitting.values()))
    if not fitting and {"question", "steps", "label_kind"} <= row.keys():
        check_labels(row)
    raise InputError(
        f"expected a record of one of the formats {', '.join(registered('format'))}, got one of "
        f"{' and '.join(fitting) or 'none'}, with the fields {', '.join(row)[:200] or '(none)'}: "
        "name its format"
    )


def _fitting(row: dict[str, Any]) -> dict[str, Format]:
    """The formats that a record looks like, by name."""
    formats = {name: cast(Format, parse(name, "format")) for name in registered("format")}
    return {name: format for name, format in formats.items() if format.fits(row)}


def read_records(file: str | Path) -> Iterator[Record]:
    """The records of a file, bad ones among them.

    Raises:
        InputError: There is no such file, it cannot be read or unpacked, it is empty, it ends
            within its list or goes on after it, or a record is longer than ``LONGEST``.
    """
    path = Path(file)
    try:
        with _opened(path) as stream:
            line, begin = 1, stream.read(1)
            while begin and begin in b" \t\r\n\xef\xbb\xbf":
                line += begin == b"\n"
                begin = stream.read(1)
            if begin == b"[":
                yield from _elements(stream, line, file)
                return
            if not begin:
                raise InputError(f"{file}: expected records, got an empty file")
            stream.seek(0)
            yield from _lines(stream, file)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"{file}: expected a file of JSON lines or a JSON list, got {_trouble(error)}"
        ) from error


def _trouble(error: Exception) -> str:
    """Why a file cannot be read, in words."""
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, IsADirectoryError):
        return "a folder: name a file in it"
    why = error.strerror if isinstance(error, OSError) else None
    return f"what cannot be read: {why or error}"


def _opened(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return cast(IO[bytes], gzip.open(path)) if packed else path.open("rb")


def _record(raw: bytes, line: int) -> Record:
    """A record from its bytes."""
    try:
        text = raw.decode("utf-8")
        value = json.loads(text)
    except UnicodeDecodeError as error:
        text = raw.decode("utf-8", "backslashreplace")
        return Record(line, text, None, f"expected UTF-8, got byte {raw[error.start]:#x}")
    except (ValueError, RecursionError) as error:
        what = str(error) if isinstance(error, ValueError) else "it is nested too deep"
        return Record(line, text, None, f"expected a JSON object, got no JSON: {what}")
    if not isinstance(value, dict):
        return Record(line, text, None, f"expected a JSON object, got {text[:80]!r}")
    return Record(line, text, value)


def _too_long(file: str | Path, line: int) -> InputError:
    return InputError(
        f"{file}:{line}: expected a record of at most {LONGEST >> 20} MiB, got a longer one: is "
        "this a file of JSON lines or a JSON list?"
    )


def _lines(stream: IO[bytes], file: str | Path) -> Iterator[Record]:
    number = 0
    while raw := stream.readline(LONGEST + 1):
        number += 1
        if len(raw) > LONGEST:
            raise _too_long(file, number)
        raw = raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw
        raw = raw.strip()
        if raw:
            yield _record(raw, number)


class _Window:
    """What of a list was read and not yet used."""

    def __init__(self, stream: IO[bytes], line: int) -> None:
        self._stream = stream
        self.held = b""
        self.at = 0
        self.line = line

    def more(self) -> bool:
        """Read on, at least as much as is held: long records are not looked through again often."""
        new = self._stream.read(max(_WINDOW, len(self.held) - self.at))
        self.held = self.held[self.at :] + new
        self.at = 0
        return bool(new)

    def skip(self, end: int) -> bytes:
        """Use up what is held before ``end``."""
        used = self.held[self.at : end]
        self.at = end
        self.line += used.count(b"\n")
        return used


def _elements(stream: IO[bytes], line: int, file: str | Path) -> Iterator[Record]:
    """The elements of a list that begins on a line; a bad one ends where its brackets do."""
    window = _Window(stream, line)
    while True:
        end = _end(window, file)
        raw = window.skip(end)
        lead = len(raw) - len(raw.lstrip())
        line = window.line - raw[lead:].count(b"\n")
        closes = window.held[end : end + 1] == b"]"
        window.skip(end + 1)
        if raw.strip():
            yield _record(raw.strip(), line)
        elif not closes:
            yield Record(line, "", None, "expected a JSON object, got nothing before a comma")
        if closes:
            _nothing_after(window, file)
            return


def _nothing_after(window: _Window, file: str | Path) -> None:
    """Refuse what stands behind the list: it would be left out without a word."""
    while True:
        left = window.held[window.at :]
        rest = left.lstrip()
        if rest:
            line = window.line + left[: len(left) - len(rest)].count(b"\n")
            raise InputError(
                f"{file}:{line}: expected nothing after the end of the list, got "
                f"{rest[:80].decode('utf-8', 'backslashreplace')!r}: write one list, or an object "
                "a line"
            )
        window.skip(len(window.held))
        if not window.more():
            return


def _end(window: _Window, file: str | Path) -> int:
    """Where the comma or bracket after an element stands, with that much in the window."""
    depth, start = 0, window.at
    while True:
        for match in _SIGNS.finditer(window.held, start):
            sign = match.group()
            if sign == b'"':  # a string that goes on after the window
                break
            start = match.end()
            if len(sign) > 1:
                continue
            if depth == 0 and sign in b",]":
                return match.start()
            depth += (sign in b"[{") - (sign in b"]}" and depth > 0)
        else:
            start = len(window.held)
        before = start - window.at
        if len(window.held) - window.at > LONGEST:
            raise _too_long(file, window.line)
        if not window.more():
            raise InputError(
                f"{file}:{window.line}: expected the end of the list, got that of the file"
            )
        start = before
