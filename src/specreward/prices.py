"""The price table: what a million tokens of a model cost, read from a JSON file.

    {"models": {"gpt-4o-mini": {"prompt": 0.15, "cached": 0.075, "completion": 0.6}, "my-*": ...}}

A name that ends in ``*`` stands for every name that begins so; an exact name goes first, then the
longest beginning. What runs on the user's own machine costs nothing here unless the table says
otherwise, and a name that is not in the table is told from one that is free.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from math import isfinite
from pathlib import Path as File
from typing import final

from specreward.errors import InputError
from specreward.types import Usage

__all__ = ["Price", "Prices"]

_FIELDS = ("prompt", "cached", "completion")


@final
@dataclass(frozen=True, kw_only=True)
class Price:
    """Dollars for a million tokens, each at least 0.

    Args:
        prompt: Of prompt tokens that were computed.
        cached: Of prompt tokens that were found in the engine's cache.
        completion: Of tokens written.

    Raises:
        InputError: A price is no finite number of at least 0.
    """

    prompt: float = 0.0
    cached: float = 0.0
    completion: float = 0.0

    def __post_init__(self) -> None:
        for name, value in zip(_FIELDS, (self.prompt, self.cached, self.completion), strict=True):
            known = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not known or not isfinite(value) or value < 0:
                raise InputError(
                    f"{name}: expected dollars for a million tokens, at least 0, got {value!r}"
                )

    def dollars(self, usage: Usage) -> float:
        """What the tokens of ``usage`` cost."""
        computed = usage.prompt_tokens - usage.cached_tokens
        millionths = (
            self.prompt * computed
            + self.cached * usage.cached_tokens
            + self.completion * usage.completion_tokens
        )
        return millionths / 1e6

    def most(self, prompt_tokens: int, completion_tokens: int) -> float:
        """The most that this many tokens can cost, whatever part of them is cached."""
        dearest = max(self.prompt, self.cached)
        return (dearest * prompt_tokens + self.completion * completion_tokens) / 1e6


@final
@dataclass(frozen=True)
class Prices:
    """Prices by model name.

    Args:
        table: Name, or beginning of names with ``*`` at its end, to price.
    """

    table: Mapping[str, Price]

    def find(self, name: str) -> Price | None:
        """The price of a model; None where the table does not know it."""
        for exact in (name, name.partition(" ")[0]):  # an engine elsewhere adds how it is asked
            if exact in self.table:
                return self.table[exact]
        starts = [key.removesuffix("*") for key in self.table if key.endswith("*")]
        fitting = [start for start in starts if name.startswith(start)]
        return self.table[max(fitting, key=len) + "*"] if fitting else None

    @classmethod
    def read(cls, path: str | File) -> Prices:
        """The table in a file.

        Raises:
            InputError: The file cannot be read, or is no price table; the message says where.
        """
        try:
            text = File(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: the price table cannot be read: {error}") from error
        return _parse(text, str(path))

    @classmethod
    def packaged(cls) -> Prices:
        """The table that comes with the package; ``as_of`` in ``prices.json`` is its date."""
        return _packaged()


@lru_cache(maxsize=1)
def _packaged() -> Prices:
    text = files("specreward").joinpath("prices.json").read_text(encoding="utf-8")
    return _parse(text, "prices.json")


def _parse(text: str, where: str) -> Prices:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise InputError(f"{where}: expected a price table in JSON: {error}") from error
    models = document.get("models") if isinstance(document, dict) else None
    if not isinstance(models, dict):
        raise InputError(
            f'{where}: expected {{"models": {{name: {{"prompt": dollars, ...}}}}}}, got no "models"'
        )
    return Prices({name: _price(row, f"{where}: {name}") for name, row in models.items()})


def _price(row: object, where: str) -> Price:
    if not isinstance(row, dict) or set(row) != set(_FIELDS):
        raise InputError(f"{where}: expected the fields {', '.join(_FIELDS)}, got {row!r}")
    try:
        return Price(**row)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
