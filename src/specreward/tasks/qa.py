"""QA: a user's own questions, with a chosen way to judge answers.

    qa(data='mine.jsonl', checker=numeric(tolerance=0.01))
    qa(checker=choice(letters='ABCD'), form=subquestions(), instructions='Name the right one.')

A file has one object a line, ``{"question": "...", "answer": "...", "id": "..."}``; answer and id
may be missing, and other fields go to ``meta``. A ``.json`` file holds a list of such objects.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, final

from specreward.abilities import Equating
from specreward.errors import InputError
from specreward.tasks.checkers import Checker, Exact, PythonFile
from specreward.tasks.forms import Form, StepByStep, Worked
from specreward.tasks.questions import Questions
from specreward.tasks.records import own, short, text_in
from specreward.types import Problem

__all__ = ["QA"]


@final
@dataclass(frozen=True, kw_only=True)
class QA(Questions):
    """The task.

    Args:
        data: A file as above, a folder, or a name on the hub; empty for problems given otherwise.
        checker: Reads and judges answers: ``exact()``, ``numeric()``, ``choice()``, ``maths()`` or
            ``python_file('check.py')``. The example in the prompt is of its kind.
        form: How steps are written: ``step_by_step()`` or ``subquestions()``.
        instructions: What a prompt says of the task.
        limit: The most steps that a path may have.
    """

    data: str = field(default="", kw_only=False)
    checker: Checker = Exact()
    form: Form = StepByStep()
    instructions: str = "Answer the question."
    limit: int = 12
    name: ClassVar[str] = "qa"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.instructions, str) or not self.instructions.strip():
            raise InputError(
                f"instructions: expected a sentence or more, got {self.instructions!r}"
            )

    @property
    def examples(self) -> tuple[Worked, ...]:
        """One, whose answer is of the checker's kind."""
        return (self.checker.example,)

    def read(self, claim: str) -> str | None:
        """What the checker reads."""
        return self.checker.read(claim)

    def check(self, problem: Problem, answer: str) -> bool:
        """What the checker says."""
        return self.checker.check(problem, answer)

    def same(self, one: str, other: str) -> bool:
        """Whether the checker calls two answers of different text equal: ``maths()`` may."""
        return isinstance(self.checker, Equating) and self.checker.same(one, other)

    def wrong(self, problem: Problem) -> str | None:
        """What the checker takes for wrong."""
        return None if problem.answer is None else self.checker.wrong(problem.answer)

    def parse(self, line: str) -> Problem:
        """Any text with a word or number in it."""
        question = line.strip()
        if not re.search(r"\w", question):
            raise InputError(f"expected a question, got {short(line)}")
        return self.named(question)

    def record(self, fields: Mapping[str, object], where: str) -> Problem:
        """A problem from an object with a question.

        Raises:
            InputError: There is no question, or the checker cannot read the answer.
        """
        text_in(fields, "question", where)
        given = fields.get("answer")
        if given is not None and self.checker.read(str(given)) is None:
            raise InputError(
                f"{where}: expected an answer that {self.checker!r} can read, got {given!r}"
            )
        return own(self, fields, where)

    def validate(self) -> None:
        """As for every task; a user's function judges the data alone, and not the example."""
        if not isinstance(self.checker, PythonFile):
            self.validate_examples()
        self.validate_data()
