"""Files of records that are there whole or not at all, written as they come.

    with whole(path) as put:        a list for .json, else lines; packed for .gz
        put(record)                 ... then the file is moved to its place

What was there before stays until the last record is on the disk.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import groupby
from pathlib import Path
from typing import IO, Any, cast

from specreward.errors import InputError, StoreError
from specreward.label.formats import Format, OwnFormat
from specreward.label.labelled import Labelled, dump_labelled
from specreward.label.reading import Rejected

__all__ = ["rejected_name", "rows_of", "set_aside", "whole", "write_labelled"]

Put = Callable[[Mapping[str, Any]], None]


def write_labelled(path: Path, solutions: Iterable[Labelled], format: Format | None = None) -> int:
    """Write solutions; returns the number of records.

    Args:
        path: A list for .json, else lines; packed for .gz.
        solutions: In order, taken one by one; all of one kind.
        format: How records look; None is the package's own.

    Raises:
        InputError: The format cannot hold a solution, or there are labels of several kinds; nothing
            is written.
        StoreError: The file cannot be written; what was there before is untouched.
    """
    layout: Format = OwnFormat() if format is None else format
    records = 0
    with whole(path) as put:
        for row in rows_of(_one_kind(solutions), layout):
            put(row)
            records += 1
    return records


def _one_kind(solutions: Iterable[Labelled]) -> Iterator[Labelled]:
    first = None
    for one in solutions:
        first = one if first is None else first
        if one.kind != first.kind:
            raise InputError(
                f"problem {one.problem.id!r}: expected labels of kind {first.kind} as of problem "
                f"{first.problem.id!r}, got {one.kind}: one file holds labels of one kind"
            )
        yield one


def rows_of(
    solutions: Iterable[Labelled],
    format: Format,
    on_reject: Callable[[Rejected], None] | None = None,
) -> Iterator[dict[str, Any]]:
    """The records of solutions, as they come.

    Args:
        solutions: In order. Those of one problem are joined where they stand together and the
            format joins them.
        format: How records look.
        on_reject: Takes each solution that the format cannot hold; None raises at the first one.

    Raises:
        InputError: As ``Format.write``.
    """
    groups: Iterable[list[Labelled]] = ([one] for one in solutions)
    if format.joins:
        groups = (list(group) for _, group in groupby(solutions, lambda one: one.problem))
    for group in groups:
        try:
            found = format.write(group)
        except InputError as error:
            if on_reject is None:
                raise
            for one in group:
                on_reject(_refused(one, error))
            continue
        yield from found


def _refused(one: Labelled, error: InputError) -> Rejected:
    file, _, line = str(one.source.get("place", "")).rpartition(":")
    known = line.isdigit()
    try:
        raw = dump_labelled(one)
    except InputError:  # not even JSON holds it
        raw = repr(one)
    return Rejected(file if known else one.problem.id, int(line) if known else 0, str(error), raw)


@contextmanager
def whole(path: Path) -> Iterator[Put]:
    """A function that writes one record; the file is in its place after the last.

    Raises:
        StoreError: It cannot be written; what was there before is untouched.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    listed = path.name.removesuffix(".gz").endswith(".json")
    begin = b"[\n" if listed else b""
    try:
        with ExitStack() as opened:
            file = opened.enter_context(_opened(part))
            if path.suffix == ".gz":  # no name and no time in it: equal records, equal bytes
                zipped = gzip.GzipFile("", "wb", fileobj=file, mtime=0)
                file = opened.enter_context(cast(IO[bytes], zipped))

            def put(row: Mapping[str, Any]) -> None:
                nonlocal begin
                _write(file, path, begin + _line(row) + (b"" if listed else b"\n"))
                begin = b",\n" if listed else b""

            yield put
            if listed:
                _write(file, path, b"\n]\n" if begin == b",\n" else b"[]\n")
        _settled(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _line(row: Mapping[str, Any]) -> bytes:
    """A record; as plain ASCII where it has half of a character, which has no UTF-8."""
    try:
        return json.dumps(row, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        return json.dumps(row, allow_nan=False).encode()


def _opened(part: Path) -> IO[bytes]:
    try:
        return part.open("wb")
    except OSError as error:
        raise _unwritable(part, error) from error


def _write(file: IO[bytes], path: Path, line: bytes) -> None:
    try:
        file.write(line)
    except OSError as error:
        raise _unwritable(path, error) from error


def _settled(part: Path, path: Path) -> None:
    try:
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"expected a file that can be written, got {path}: {error.strerror or error}; give another"
    )


def rejected_name(path: Path) -> Path:
    """Where the bad records of a file go: ``labels.rejected.jsonl`` beside ``labels.jsonl.gz``."""
    name = path.name.removesuffix(".gz")
    stem, dot, _ = name.rpartition(".")
    return path.with_name(f"{stem if dot else name}.rejected.jsonl")


@contextmanager
def set_aside(path: Path) -> Iterator[Callable[[Rejected], None]]:
    """A function that writes a bad record to a file; one that is there from before is replaced.

    Without a bad record there is no file. What was taken is kept also where the work ends with an
    error: bad records are not lost.

    Raises:
        StoreError: It cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    file: IO[bytes] | None = None

    def take(bad: Rejected) -> None:
        nonlocal file
        if file is None:
            file = _opened(part)
        row = {"file": bad.file, "line": bad.line, "reason": bad.reason, "raw": bad.raw}
        _write(file, path, _line(row) + b"\n")

    try:
        yield take
    finally:
        if file is None:
            path.unlink(missing_ok=True)
        else:
            file.close()
            _settled(part, path)
