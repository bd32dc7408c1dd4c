"""Data sets from the Hugging Face hub, or from a folder on the disk in the same layout.

    openai/gsm8k:main                  owner/name, and the configuration behind a colon
    HuggingFaceH4/MATH-500@6e4ed1a     a revision behind an at sign
    data/mine                          a folder with train.jsonl, test.jsonl, ...

Needs the ``datasets`` library (extra ``hub``). Nothing of a set is run: sets that are programs are
refused by the library.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path as File

from specreward.errors import InputError, MissingExtra

__all__ = ["is_hub_name", "rows"]

_NAME = re.compile(
    r"(?P<name>[\w.-]+/[\w.-]+)(?::(?P<config>[\w.-]+))?(?:@(?P<revision>[\w./-]+))?"
)

_FILES = (".csv", ".json", ".jsonl", ".parquet", ".txt")


def is_hub_name(text: str) -> bool:
    """Whether a text has the form of a name on the hub, and not of a file that is missing."""
    return _NAME.fullmatch(text) is not None and File(text).suffix.lower() not in _FILES


def rows(name: str) -> dict[str, list[Mapping[str, object]]]:
    """The records of a set by split, as the set names its splits.

    Args:
        name: ``owner/name``, with ``:configuration`` and ``@revision`` at will, or a folder.

    Raises:
        MissingExtra: The library is not installed.
        InputError: There is no such set, or it cannot be had now; the message says why.
    """
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise MissingExtra(
            "data from a folder or the hub needs datasets: pip install 'specreward[hub]'"
        ) from error
    match = None if File(name).is_dir() else _NAME.fullmatch(name)
    place, config, revision = (name, None, None) if match is None else match.groups()
    try:
        found = load_dataset(place, config, revision=revision)
        return {str(split): list(found[split]) for split in found}
    except Exception as error:  # the library and what it stands on fail in many ways
        why = " ".join(str(error).split())[:300]
        raise InputError(
            f"data {name!r}: expected a data set on the hub (owner/name:configuration@revision) or "
            f"in a folder, got {type(error).__name__}: {why}"
        ) from error
