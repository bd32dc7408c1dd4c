"""Randomness as an argument: draws come from content, not from a stream.

A number that depends on (seed, path, index) alone is the same whatever ran before or beside it, so
a search gives the same result at any concurrency and after any resume.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from hashlib import blake2b
from itertools import accumulate
from math import isfinite

from specreward.errors import InputError

__all__ = ["choose", "derive", "rolled", "rolling", "uniform"]

Dice = Callable[..., int]
"""Takes weights, at least 0, the seed and the parts that name the draw; gives the index drawn."""

_dice: ContextVar[Dice | None] = ContextVar("specreward_dice", default=None)


def derive(seed: int, *parts: object) -> int:
    """A 63-bit seed from a root seed and the parts that name the draw."""
    text = "\x1f".join([str(seed), *map(str, parts)])
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def uniform(seed: int, *parts: object) -> float:
    """A number in [0, 1) from a root seed and the parts that name the draw."""
    return (derive(seed, *parts) >> 10) / (1 << 53)


def choose(weights: Sequence[float], seed: int, *parts: object) -> int:
    """An index, drawn with a probability in proportion to its weight.

    Every draw among alternatives in a search is made here, so that a test can play all of them
    (``rolled``) and know the law of the search exactly.

    Args:
        weights: At least 0, finite, one above 0.
        seed: Root seed.
        parts: Name the draw.

    Raises:
        InputError: A weight is negative, infinite or NaN, none is above 0, or their sum is
            beyond all numbers.
    """
    bounds = list(accumulate(weights))
    sound = bool(bounds) and min(weights) >= 0 and isfinite(bounds[-1])
    if not sound or not bounds[-1] > 0:
        raise InputError(
            f"expected finite weights of at least 0, not all 0 and with a finite sum, got "
            f"{list(weights)!r}"
        )
    dice = _dice.get()
    if dice is not None:
        return dice(weights, seed, *parts)
    point = uniform(seed, *parts) * bounds[-1]
    last = max(i for i, weight in enumerate(weights) if weight > 0)  # where rounding ends
    return next((i for i, bound in enumerate(bounds) if point < bound), last)


@contextmanager
def rolled(dice: Dice) -> Iterator[None]:
    """Inside, ``choose`` asks the dice; see ``specreward.testing.exact``."""
    token = _dice.set(dice)
    try:
        yield
    finally:
        _dice.reset(token)


def rolling() -> bool:
    """Whether somebody else rolls the dice."""
    return _dice.get() is not None
