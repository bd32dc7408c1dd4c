"""Lessons: how an exact task is explained to a language model that does not know its form.

    proposing   rules  | posed + solution, for each example   | posed + done,  Step k:
    verdict     judge  | asked + Judgement, for each example  | asked,         Judgement:
    grade       grade  | judged step + good or bad            | judged step,   The step is

A lesson belongs to one task. It poses problems in plain words, makes solved examples from problems
of the task by the task's own rules, and finds the step in what a model wrote.
"""

from __future__ import annotations

import random
import re
from typing import Protocol

from specreward.types import Path, Problem

__all__ = ["GRADES", "VERDICTS", "Lesson", "arithmetic_signs", "lines"]

VERDICTS = ("sure", "likely", "impossible")
"""What is said of a state; those of Tree of Thoughts (arXiv 2305.10601)."""

GRADES = ("good", "bad")
"""What is said of a step."""

_SIGNS = str.maketrans("\u2212\u2010\u2011\u2012\u2013\u2014\u2015\u00a0\u202f", "-------  ")
_LABEL = re.compile(
    r"(?:[-*>\u2022]\s+)*(?:\d+[.)]\s+)?(?:(?:next\s+)?(?:step|action)(?:\s*\d+\s*[:.)-]|\s*:)\s*)*",
    re.IGNORECASE,
)
_NUMERIC = (
    (re.compile(r"\\times|\\cdot|[\u00d7\u22c5\u00b7\u2217]"), "*"),
    (re.compile(r"\\div|[\u00f7\u2215\u2044]"), "/"),
    (re.compile(r"(?<=\d)\s*[xX]\s*(?=-?\d)"), " * "),
    (re.compile(r"\\[()]|\$"), ""),
    (re.compile(r"(?<=\d),(?=\d{3}(?!\d))"), ""),
)


class Lesson(Protocol):
    """How a task is explained.

    It has many members because what is shown, what is asked and what is read must be of one form.
    """

    @property
    def stops(self) -> tuple[str, ...]:
        """Texts that end a step: the label of the next, and the opening of another problem."""
        ...

    @property
    def rules(self) -> str:
        """What the task is, and the form of a step."""
        ...

    @property
    def judge(self) -> str:
        """What a verdict is about, and what each of ``VERDICTS`` means."""
        ...

    @property
    def grade(self) -> str:
        """What a grade is about, and what each of ``GRADES`` means."""
        ...

    def posed(self, path: Path) -> str:
        """The problem that is left at the end of a path."""
        ...

    def done(self, path: Path) -> list[str]:
        """The steps that belong to ``posed``: none where it shows the state that they led to."""
        ...

    def asked(self, path: Path) -> str:
        """What a verdict on a path is given on."""
        ...

    def proposed(self, path: Path) -> str:
        """What a grade for the last step of a path is given on; the path has a step."""
        ...

    def solution(self, problem: Problem, rng: random.Random) -> list[str]:
        """Steps that solve a problem of the task's own."""
        ...

    def judged(self, problem: Problem, verdict: str, rng: random.Random) -> tuple[str, str]:
        """What such a verdict is right on, on the way from a problem, and why; both as written."""
        ...

    def graded(self, problem: Problem, grade: str, rng: random.Random) -> str:
        """What such a grade is right on, on the way from a problem."""
        ...

    def read(self, path: Path, written: str) -> str | None:
        """The step that a text opens with, in the task's own form; None where there is none."""
        ...


def lines(written: str) -> list[str]:
    """Where a step may stand in what a model wrote: each line in turn, then all as one.

    Left out are code fences, emphasis, marks and numbers of lists, and labels said again
    (``Step 1:``); dashes and spaces of other kinds become the plain ones. Lines are stripped.
    """
    plain = re.sub(r"^\s*```.*$", "", written, flags=re.MULTILINE).translate(_SIGNS)
    bare = [" ".join(line.split()) for line in re.sub(r"\*\*|`", "", plain).splitlines()]
    found = [bare_line for line in bare if (bare_line := _LABEL.sub("", line, count=1))]
    return found if len(found) == 1 else [*found, " ".join(found)]


def arithmetic_signs(text: str) -> str:
    """The text with ``*`` and ``/`` for other signs of these; no dollars, no thousands commas."""
    for pattern, plain in _NUMERIC:
        text = pattern.sub(plain, text)
    return text
