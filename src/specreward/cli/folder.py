"""The folder of a comparison: looked at before any work starts, and bound to one command.

command.json    what was asked for; the same command goes on, another one is refused
run.db          every call, tree and result, as they come
summary.json results.jsonl report.html    written whole at the end
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from specreward.errors import InputError, StoreError
from specreward.report.files import as_json, write_whole

__all__ = ["COMMAND", "RUN", "bind", "made", "run_file", "write"]

COMMAND = "command.json"
RUN = "run.db"
ROOM = 16 * 2**20
"""Free bytes without which no comparison is started."""


def bind(folder: Path, command: Mapping[str, object]) -> None:
    """Make the folder ready for a command, or check that it belongs to the same command.

    Args:
        folder: Made with its parents if need be.
        command: What settles the results; values of JSON.

    Raises:
        InputError: Another command's results are there; the message says where they differ.
        StoreError: The folder cannot be written, or the disk is all but full.
    """
    _check_room(folder)
    text = json.loads(json.dumps(command))
    file = folder / COMMAND
    if file.exists():
        _check_same(folder, file, text)
    elif (folder / RUN).exists():
        raise InputError(
            f"{folder} holds a {RUN} without {COMMAND}, so that nobody knows what it belongs to: "
            "give another --output"
        )
    else:
        write_whole(file, as_json(text))


def write(path: Path, text: str) -> None:
    """Write a file whole; its folder must be there.

    Raises:
        StoreError: It cannot be written.
    """
    try:
        write_whole(path, text)
    except OSError as error:
        raise StoreError(
            f"expected a file that can be written, got {path}: {error.strerror or error}; give "
            "another"
        ) from error


def made(folder: Path) -> Path:
    """The folder, with its parents made if need be.

    Raises:
        StoreError: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"expected a folder that can be written, got {folder}: {error.strerror or error}; give "
            "another --output"
        ) from error
    return folder


def _check_room(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for left_over in [*folder.glob(".*.part"), *folder.glob(".probe.*")]:
            left_over.unlink()
        probe = folder / f".probe.{os.getpid()}"
        probe.write_bytes(b"x")
        probe.unlink()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise StoreError(
            f"expected a folder that can be written, got {folder}: {error.strerror or error}; "
            "give another --output"
        ) from error
    if free < ROOM:
        raise StoreError(
            f"expected at least {ROOM >> 20} MiB free in {folder}, got {free >> 20}: make room or "
            "give another --output"
        )


def _check_same(folder: Path, file: Path, command: Mapping[str, object]) -> None:
    try:
        known = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise InputError(f"{file} is damaged ({error}): give another --output") from error
    other = known if isinstance(known, dict) else {}
    for key in [*command, *[key for key in other if key not in command]]:
        if other.get(key) != command.get(key):
            where, there, now = _difference(key, other.get(key), command.get(key))
            raise InputError(
                f"{folder} holds the results of another command ({where}: there {there!r}, "
                f"now {now!r}): give another --output, or the same command to go on"
            )


def _difference(where: str, there: object, now: object) -> tuple[str, object, object]:
    """The first setting that differs, looked for inside of objects too."""
    if isinstance(there, dict) and isinstance(now, dict):
        for key in [*now, *[key for key in there if key not in now]]:
            if there.get(key) != now.get(key):
                return _difference(f"{where}.{key}", there.get(key), now.get(key))
    return where, there, now


def run_file(run: Path) -> Path:
    """The run file that a user means: itself, or the one in a folder.

    Raises:
        InputError: There is none.
    """
    file = run / RUN if run.is_dir() else run
    if run.is_dir() and not file.is_file():
        raise InputError(
            f"expected a folder with {RUN} or a run file, got {run}: the folder holds no run"
        )
    if not file.is_file():
        raise InputError(f"expected a folder with {RUN} or a run file, got {run}: nothing is there")
    return file
