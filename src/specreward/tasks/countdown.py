"""Exact search for Game of 24 and Countdown: which numbers can be made of which.

A state is a sorted tuple of numbers. A step takes two of them away and puts ``a op b`` back. All
arithmetic is on ``Fraction``: no rounding anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from itertools import combinations

__all__ = ["Numbers", "canonical_numbers", "moves", "numbers_text", "solvable"]

Numbers = tuple[Fraction, ...]
"""Sorted."""


def canonical_numbers(values: list[Fraction] | list[int]) -> Numbers:
    """Sorted exact numbers."""
    return tuple(sorted(map(Fraction, values)))


def numbers_text(numbers: Numbers) -> str:
    """Numbers separated by spaces."""
    return " ".join(map(str, numbers))


def moves(numbers: Numbers) -> Iterator[tuple[Fraction, str, Fraction, Fraction, Numbers]]:
    """All steps: (a, operator, b, result, numbers left); equal ones once.

    The larger operand of a commutative operation comes first; both orders of - and / are given.
    """
    seen = set()
    for i, j in combinations(range(len(numbers)), 2):
        low, high = numbers[i], numbers[j]
        if (low, high) in seen:
            continue
        seen.add((low, high))
        rest = numbers[:i] + numbers[i + 1 : j] + numbers[j + 1 :]
        steps = [
            (high, "+", low, high + low),
            (high, "-", low, high - low),
            (high, "*", low, high * low),
        ]
        if low != high:
            steps.append((low, "-", high, low - high))
        if low:
            steps.append((high, "/", low, high / low))
        if high and low != high:
            steps.append((low, "/", high, low / high))
        for a, operator, b, result in steps:
            yield a, operator, b, result, tuple(sorted((*rest, result)))


@lru_cache(maxsize=1 << 20)
def solvable(numbers: Numbers, target: Fraction) -> bool:
    """Whether the numbers, each used once, can make the target."""
    if len(numbers) == 1:
        return numbers[0] == target
    if len(numbers) == 2:
        return any(left[0] == target for *_, left in moves(numbers))
    return any(solvable(left, target) for *_, left in moves(numbers))
