"""Game of 24 and Countdown, explained to a language model.

    Numbers: 4 4 10. Target: 24.        the numbers left, whatever the steps before

    Step 1: 10 - 4 = 6 (left: 4 6)

    Numbers: 4 6. Target: 24.

    Judgement: 6 * 4 = 24. sure

A verdict in an example is right by the task's search: ``sure`` with a way that makes the target,
``likely`` with ways that fail where another one makes it, ``impossible`` where none does.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from fractions import Fraction
from typing import ClassVar, final

from specreward.tasks import game24_text as text
from specreward.tasks.countdown import Numbers, canonical_numbers, moves, numbers_text, solvable
from specreward.tasks.game24 import Game24, state_of
from specreward.tasks.lesson import arithmetic_signs
from specreward.types import Path, Problem

__all__ = ["Game24Lesson"]

_Move = tuple[Fraction, str, Fraction, Fraction, Numbers]

_TRIALS = 3
"""Ways that an example of a verdict tries."""

_NUMBER = r"-?\d+(?:\.\d+|/\d+)?"
_STEP = re.compile(
    rf"({_NUMBER})\s*([-+*/])\s*({_NUMBER})\s*=\s*({_NUMBER})[\s,;:.]*"
    rf"[(\[]\s*left\s*:?\s*({_NUMBER}(?:(?:\s*,\s*|\s+)(?:and\s+)?{_NUMBER})*)\s*[)\]]",
    re.IGNORECASE,
)


@final
@dataclass(frozen=True, kw_only=True)
class Game24Lesson:
    """The lesson.

    Args:
        task: Whose it is.
    """

    task: Game24 = field(kw_only=False)

    stops: ClassVar[tuple[str, ...]] = ("\nStep 2", "\nNumbers")
    rules: ClassVar[str] = (
        "Make the target from the numbers with +, -, * and /, using each number exactly once. A "
        "step takes two of the numbers and puts what one operation makes of them in their place, "
        "until only the target is left. Write a step on one line: the operation, its exact result, "
        "and in brackets all numbers left after it, as in the examples. Fractions are written like "
        "5/2."
    )
    judge: ClassVar[str] = (
        "Can the target be made from the numbers with +, -, * and /, using each number exactly "
        "once? Try some ways and judge in one line that ends with one word:\n"
        "sure        a way makes the target\n"
        "likely      no way tried makes it, but there may well be one\n"
        "impossible  no way can make it"
    )
    grade: ClassVar[str] = (
        "The target is to be made from the numbers with +, -, * and /, using each number exactly "
        "once. A step is good if it is exact and the target can be made from the numbers that it "
        "leaves, and bad if not. Reply with one word, good or bad."
    )

    def posed(self, path: Path) -> str:
        """The numbers left and the target."""
        return _state(*state_of(path))

    def done(self, path: Path) -> list[str]:
        """None: the numbers left say it all."""
        return []

    def asked(self, path: Path) -> str:
        """The numbers left and the target."""
        return self.posed(path)

    def proposed(self, path: Path) -> str:
        """The numbers before the last step, and the step."""
        return f"{self.posed(Path(path.problem, path.steps[:-1]))}\nStep: {path.steps[-1].text}"

    def solution(self, problem: Problem, rng: random.Random) -> list[str]:
        """A way to the target."""
        return [text.step(*move) for move in _way(*state_of(Path(problem)), rng, win=True)]

    def judged(self, problem: Problem, verdict: str, rng: random.Random) -> tuple[str, str]:
        """The numbers, and ways that show it or fail."""
        target, numbers = state_of(Path(problem))
        if verdict == "impossible":
            states = [numbers, *[move[4] for move in _way(target, numbers, rng, win=True)]]
            numbers = _losing(target, [s for s in states if len(s) > 1], rng)[1][4]
            return _state(target, numbers), _hopeless(target, numbers, rng)
        wanted = 3 if verdict == "likely" else rng.choice((2, 3))
        for move in _way(target, numbers, rng, win=True):
            if len(numbers) > wanted:
                numbers = move[4]
        if verdict == "likely":
            return _state(target, numbers), _trials(target, numbers, rng)
        return _state(target, numbers), f"{_written(_way(target, numbers, rng, win=True))}."

    def graded(self, problem: Problem, grade: str, rng: random.Random) -> str:
        """Numbers that can make the target, and a step that keeps or spoils that."""
        target, numbers = state_of(Path(problem))
        way = _way(target, numbers, rng, win=True)
        states = [numbers, *[move[4] for move in way[:-1]]]
        if grade == "good":
            numbers, move = rng.choice(list(zip(states, way, strict=True)))
        else:
            numbers, move = _losing(target, states, rng)
        return f"{_state(target, numbers)}\nStep: {text.step(*move)}"

    def read(self, path: Path, written: str) -> str | None:
        """The step; the larger of two numbers added or multiplied first, those left in order."""
        match = _STEP.match(arithmetic_signs(written))
        if match is None:
            return None
        try:
            a, b, result = Fraction(match[1]), Fraction(match[3]), Fraction(match[4])
            left = [Fraction(word) for word in re.findall(_NUMBER, match[5])]
        except (ValueError, ZeroDivisionError):  # a number too long, or a fraction over 0
            return None
        if match[2] in "+*" and a < b:
            a, b = b, a
        return text.step(a, match[2], b, result, canonical_numbers(left))


def _state(target: Fraction, numbers: Numbers) -> str:
    return f"Numbers: {numbers_text(numbers)}. Target: {target}."


def _way(target: Fraction, numbers: Numbers, rng: random.Random, *, win: bool) -> list[_Move]:
    """Steps to one number, in whole numbers where that can be; to the target, or past it."""
    way: list[_Move] = []
    while len(numbers) > 1:
        steps = list(moves(numbers))
        if win:
            steps = [move for move in steps if solvable(move[4], target)]
        elif len(numbers) == 2:
            steps = [move for move in steps if move[3] != target]
        whole = [move for move in steps if move[3].denominator == 1 and move[3] >= 0]
        way.append(rng.choice(whole or steps))
        numbers = way[-1][4]
    return way


def _losing(target: Fraction, states: list[Numbers], rng: random.Random) -> tuple[Numbers, _Move]:
    """One of the states, and a step from it that leaves numbers which cannot make the target.

    There is one where two numbers are left: no target is all that an operation can make of them.
    """
    found = [
        (numbers, move)
        for numbers in states
        for move in moves(numbers)
        if not solvable(move[4], target) and move[3].denominator == 1 and move[3] >= 0
    ]
    return rng.choice(found)


def _written(way: list[_Move]) -> str:
    return ", ".join([f"{a} {sign} {b} = {result}" for a, sign, b, result, _ in way])


def _trials(target: Fraction, numbers: Numbers, rng: random.Random) -> str:
    """Different ways that do not make the target."""
    tried = [_written(_way(target, numbers, rng, win=False)) for _ in range(_TRIALS)]
    return f"{'; '.join(dict.fromkeys(tried))}."


def _hopeless(target: Fraction, numbers: Numbers, rng: random.Random) -> str:
    """Why numbers cannot make the target: all that two of them make, or ways that fail."""
    if len(numbers) == 1:
        return f"{numbers[0]} is not {target}."
    if len(numbers) == 2:
        return f"{_written(list(moves(numbers)))}."
    return _trials(target, numbers, rng)
