"""How a given answer is read and compared with the reference.

exact()                    the same text, letter case, spaces, quotes and closing stops aside
numeric(tolerance=0.01)    the same number, or one that is as near to it as 1 %
choice(letters='ABCD')     the same letter of a multiple choice
maths()                    the same mathematical expression, by math-verify (extra ``math``)
python_file('check.py')    whatever the function check(problem, answer) in that file says
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path as File
from typing import Protocol, final

from specreward import answers
from specreward.checks import number as checked_number
from specreward.checks import positive
from specreward.errors import InputError
from specreward.tasks import latex
from specreward.tasks.forms import Part, Worked
from specreward.types import Problem

__all__ = ["Checker", "Choice", "Exact", "Maths", "Numeric", "PythonFile", "near", "one_of"]


class Checker(Protocol):
    """Reads answers and judges them. Reading and judging are one matter: both say what is equal."""

    @property
    def example(self) -> Worked:
        """A solved question whose answer has the form that this checker reads."""
        ...

    def read(self, claim: str) -> str | None:
        """The canonical answer in a text that states it, or None."""
        ...

    def check(self, problem: Problem, answer: str) -> bool:
        """Whether the answer is right; False where the problem has no reference."""
        ...

    def wrong(self, reference: str) -> str | None:
        """An answer other than the reference; None where what is wrong cannot be told."""
        ...


def near(given: str, reference: str, tolerance: float) -> bool:
    """Whether two texts give the same number; see ``answers.same_number``.

    Args:
        given: A text with a number.
        reference: A text with the right number.
        tolerance: How far they may be apart, as a part of the reference; 0 asks for equality.
    """
    if answers.same_number(given, reference):
        return True
    a, b = answers.number(given), answers.number(reference)
    if a is None or b is None or not tolerance:
        return False
    meant = [(a, b)]
    if _in_percent(given) != _in_percent(reference):  # the one sign may be meant as a unit
        meant.append((a * 100, b) if _in_percent(given) else (a, b * 100))
    return any(abs(x - y) <= tolerance * abs(y) for x, y in meant)


def _in_percent(text: str) -> bool:
    return answers.number(text) != answers.number(re.sub(r"%|percent", "", text))


def one_of(text: str, words: Sequence[str]) -> str | None:
    """The word of a few that a text states; None where it states none, or more than one.

    Read from ``answers.final(text)``, or from the whole text where no answer is marked.
    """
    said = (answers.final(text) or text).lower()
    found = set(re.findall(rf"\b({'|'.join(words)})\b", said))
    return found.pop() if len(found) == 1 else None


@final
@dataclass(frozen=True)
class Exact:
    """Answers are texts; see ``answers.exact``."""

    @property
    def example(self) -> Worked:
        """A question of general knowledge."""
        return _CAPITAL

    def read(self, claim: str) -> str | None:
        """The text in lower case, without quotes and closing stops."""
        return answers.exact(claim)

    def check(self, problem: Problem, answer: str) -> bool:
        """Whether the texts are the same."""
        given = answers.exact(answer)
        return (
            problem.answer is not None and given is not None and given == self.read(problem.answer)
        )

    def wrong(self, reference: str) -> str | None:
        """The reference with a word more."""
        return f"not {reference}"


@final
@dataclass(frozen=True, kw_only=True)
class Numeric:
    """Answers are numbers; see ``answers.number``.

    Args:
        tolerance: How far an answer may be from the reference, as a part of it, in [0, 1].
    """

    tolerance: float = 0.0

    def __post_init__(self) -> None:
        checked_number("numeric tolerance", self.tolerance, 0, 1)

    @property
    def example(self) -> Worked:
        """A word problem."""
        return _EGGS

    def read(self, claim: str) -> str | None:
        """The number: whole, or a fraction in lowest terms."""
        value = answers.number(claim)
        return None if value is None else answers.number_text(value)

    def check(self, problem: Problem, answer: str) -> bool:
        """Whether the numbers are the same, or near enough."""
        return problem.answer is not None and near(answer, problem.answer, self.tolerance)

    def wrong(self, reference: str) -> str | None:
        """A number three times as far from 0, and 1 further."""
        value = answers.number(reference)
        return None if value is None else answers.number_text(value * 3 + (-1 if value < 0 else 1))


@final
@dataclass(frozen=True, kw_only=True)
class Choice:
    """Answers are letters of a multiple choice; see ``answers.choice``.

    Args:
        letters: Those on offer, in upper case, 2 to 26.
    """

    letters: str = "ABCDE"

    def __post_init__(self) -> None:
        letters = self.letters
        if not (
            isinstance(letters, str)
            and re.fullmatch("[A-Z]{2,26}", letters)
            and len(set(letters)) == len(letters)
        ):
            raise InputError(
                f"choice letters: expected different capital letters such as 'ABCD', got "
                f"{letters!r}"
            )

    @property
    def example(self) -> Worked:
        """A question with options."""
        return _options(self.letters)

    def read(self, claim: str) -> str | None:
        """The letter in upper case."""
        return answers.choice(claim, self.letters)

    def check(self, problem: Problem, answer: str) -> bool:
        """Whether the letters are the same."""
        given = self.read(answer)
        return (
            problem.answer is not None and given is not None and given == self.read(problem.answer)
        )

    def wrong(self, reference: str) -> str | None:
        """The letter before it; before the first, the last."""
        right = self.read(reference)
        return None if right is None else self.letters[self.letters.index(right) - 1]


@final
@dataclass(frozen=True, kw_only=True)
class Maths:
    r"""Answers are LaTeX expressions in ``\boxed{}``, compared as mathematics by math-verify.

    Args:
        seconds: Longest time for one comparison; what takes longer is not equal.
    """

    seconds: float = 5.0

    def __post_init__(self) -> None:
        positive("maths seconds", self.seconds)

    @property
    def example(self) -> Worked:
        """An equation."""
        return _EQUATION

    def read(self, claim: str) -> str | None:
        """The boxed or marked expression; see ``latex.canonical``."""
        stated = answers.boxed(claim) or answers.final(claim) or claim
        return latex.canonical(stated)

    def check(self, problem: Problem, answer: str) -> bool:
        """Whether the expressions are equal.

        Raises:
            MissingExtra: math-verify is not installed.
        """
        latex.require()
        if problem.answer is None:
            return False
        given, right = self.read(answer), self.read(problem.answer)
        if given is None or right is None:
            return False
        return given == right or latex.equal(
            answers.boxed(answer) or answer,
            answers.boxed(problem.answer) or problem.answer,
            self.seconds,
        )

    def same(self, one: str, other: str) -> bool:
        """Whether two expressions are equal; where math-verify is missing, only equal texts are."""
        return _same_expression(*sorted([one, other]), self.seconds)

    def wrong(self, reference: str) -> str | None:
        """A fraction that is no answer to anything."""
        return r"\frac{7919}{7907}"


@lru_cache(maxsize=1 << 14)
def _same_expression(one: str, other: str, seconds: float) -> bool:
    """Remembered, because a vote that may stop early is counted again and again."""
    return one == other or (latex.installed() and latex.equal(one, other, seconds))


@final
@dataclass(frozen=True, kw_only=True)
class PythonFile:
    """A function ``check(problem, answer) -> bool`` in a file judges. The file's code is run.

    It is read at the first check, once. ``problem`` is a ``specreward.types.Problem``, ``answer``
    the text that follows the last mark of an answer.

    Args:
        path: The file.
    """

    path: str = field(kw_only=False)

    def __post_init__(self) -> None:
        if not isinstance(self.path, str) or not self.path:
            raise InputError(f"python_file path: expected the path of a file, got {self.path!r}")

    @property
    def example(self) -> Worked:
        """A question of general knowledge."""
        return _CAPITAL

    def read(self, claim: str) -> str | None:
        """The stated answer as it is written, single spaces."""
        return " ".join((answers.final(claim) or claim).split()).rstrip(".") or None

    def check(self, problem: Problem, answer: str) -> bool:
        """What the function says.

        Raises:
            InputError: There is no such file or function, or it fails, or says neither True nor
                False.
        """
        try:
            said = _function(self.path)(problem, answer)
        except InputError:
            raise
        except Exception as error:  # a user's code may fail in any way
            raise InputError(
                f"{self.path}: check() failed on problem {problem.id!r} and answer "
                f"{answer[:80]!r}: {type(error).__name__}: {error}"
            ) from error
        if not isinstance(said, bool):
            raise InputError(f"{self.path}: expected True or False from check(), got {said!r}")
        return said

    def wrong(self, reference: str) -> str | None:
        """Unknown: only the function can tell."""
        return None


@lru_cache(maxsize=32)
def _function(path: str) -> Callable[[Problem, str], object]:
    """The function in a user's file."""
    file = File(path)
    if not file.is_file():
        raise InputError(f"{path}: expected a Python file with a function check, got no file there")
    spec = importlib.util.spec_from_file_location(f"checker {path}", file)
    if spec is None or spec.loader is None:
        raise InputError(f"{path}: expected a Python file, got a name that does not end with .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses, for one, look there
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # a user's code may fail in any way
        raise InputError(f"{path} cannot be run: {type(error).__name__}: {error}") from error
    found = vars(module).get("check")
    if not callable(found):
        raise InputError(f"{path}: expected a function check(problem, answer), got none")
    function: Callable[[Problem, str], object] = found
    return function


# ------------------------------------------------------------------ solved examples

_CAPITAL = Worked(
    question="Which sea does the longest river of Africa end in?",
    parts=(
        Part(
            "Which is the longest river of Africa?",
            "The longest river of Africa is the Nile.",
            "the Nile",
        ),
        Part(
            "Which sea does the Nile end in?",
            "The Nile ends in the Mediterranean Sea.",
            "the Mediterranean Sea",
        ),
    ),
    slip=Part(
        "Which is the longest river of Africa?",
        "The longest river of Africa is the Danube.",
        "the Danube",
    ),
    why="The Danube is in Europe.",
    wrong=("the Black Sea", ""),
)
_EGGS = Worked(
    question="A box holds 12 eggs. A cook has 4 boxes and breaks 9 eggs. How many eggs are whole?",
    parts=(
        Part("How many eggs were there?", "The 4 boxes hold 4 * 12 = 48 eggs.", "48"),
        Part("How many eggs are whole?", "After 9 are broken, 48 - 9 = 39 are whole.", "39"),
    ),
    slip=Part("How many eggs were there?", "The 4 boxes hold 4 + 12 = 16 eggs.", "16"),
    why="Four boxes of 12 are 4 * 12 eggs, not 4 + 12.",
    wrong=("48", "many", ""),
)


def _options(letters: str) -> Worked:
    """A question with three options, or two if there are no more letters; the second is right."""
    animals = list(zip(letters, ("trout", "whale", "heron"), strict=False))
    lines = [f"{letter}) {animal}" for letter, animal in animals]
    return Worked(
        question="\n".join(["Which of these is a mammal?", *lines]),
        parts=(
            Part("What tells a mammal?", "A mammal feeds its young with milk.", "it gives milk"),
            Part("Which of these is a mammal?", "Of these only a whale gives milk.", letters[1]),
        ),
        slip=Part("What tells a mammal?", "A mammal is an animal that lays eggs.", "it lays eggs"),
        why="Nearly all mammals bear live young.",
        wrong=(letters[0], "none of them", ""),
    )


_EQUATION = Worked(
    question=r"What is the sum of all solutions of $x^2 - 5x + 6 = 0$?",
    parts=(
        Part(
            "What are the solutions?",
            r"We have $x^2 - 5x + 6 = (x - 2)(x - 3)$, so that $x = 2$ or $x = 3$.",
            "2, 3",
        ),
        Part("What is their sum?", "The sum is $2 + 3 = 5$.", "5"),
    ),
    slip=Part(
        "What are the solutions?",
        r"We have $x^2 - 5x + 6 = (x - 1)(x - 6)$, so that $x = 1$ or $x = 6$.",
        "1, 6",
    ),
    why=r"$(x - 1)(x - 6)$ is $x^2 - 7x + 6$.",
    wrong=("6", r"\frac{5}{2}", ""),
    closing=(r"The answer is $\boxed{", "}$."),
)
