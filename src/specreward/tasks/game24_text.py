"""What the models read and write on Game of 24 and Countdown; one place for training and search."""

from __future__ import annotations

from fractions import Fraction

from specreward.tasks.countdown import Numbers, numbers_text

__all__ = ["LARGEST", "VOCABULARY", "good", "prompt", "reward", "step", "value"]

LARGEST = 200
"""The largest whole number that the embedded models know as a word."""

VOCABULARY = [
    *("<pad>", "target", ";", ":", "value", "good", "bad", "sure", "likely", "impossible"),
    *("+", "-", "*", "/", "=", "(left:", ")", ".", ","),
    *map(str, range(LARGEST + 1)),
]


def prompt(target: Fraction, numbers: Numbers) -> str:
    """Asks for the next step."""
    return f"target {target} ; {numbers_text(numbers)} ;"


def step(a: Fraction, operator: str, b: Fraction, result: Fraction, left: Numbers) -> str:
    """A step in the form of Tree of Thoughts: ``4 + 5 = 9 (left: 9 10 13)``."""
    return f"{a} {operator} {b} = {result} (left: {numbers_text(left)})"


def value(target: Fraction, numbers: Numbers) -> str:
    """Asks whether the numbers can make the target: trials, then sure, likely or impossible."""
    return f"{prompt(target, numbers)} value :"


def reward(target: Fraction, numbers: Numbers, action: str) -> str:
    """A step in its state."""
    return f"{prompt(target, numbers)} {action} ;"


def good(target: Fraction, numbers: Numbers, action: str) -> str:
    """Asks whether a step is good or bad."""
    return f"{reward(target, numbers, action)} good :"
