r"""MATH and its kin: competition problems whose answer is a LaTeX expression in ``\boxed{}``.

    question   What is the sum of all solutions of $x^2 - 5x + 6 = 0$?
    steps      Step 1: We have $x^2 - 5x + 6 = (x - 2)(x - 3)$, so that $x = 2$ or $x = 3$.
               Step 2: The sum is $2 + 3 = 5$. The answer is $\boxed{5}$.
    answer     5

D. Hendrycks et al. (2021), "Measuring Mathematical Problem Solving With the MATH Dataset", arXiv
2103.03874; its 500 problems for tests are those of H. Lightman et al. (2023), arXiv 2305.20050.
A path is finished when a step has something in ``\boxed{}``. Answers are compared by math-verify
(extra ``math``) in a process of its own; see ``tasks/latex.py``.

Records that are read, each as published: MATH, MATH-500, OlympiadBench (text only, open answers),
AIME, and problems with a ``final_answer``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, final

from specreward import answers
from specreward.errors import InputError
from specreward.tasks.checkers import Maths
from specreward.tasks.forms import Form, Part, StepByStep, Worked
from specreward.tasks.questions import Questions
from specreward.tasks.records import own, short, text_in
from specreward.types import Problem

__all__ = ["Math"]

_QUESTIONS = ("problem", "question")
_ANSWERS = ("answer", "final_answer", "expected_answer")


@final
@dataclass(frozen=True, kw_only=True)
class Math(Questions):
    r"""The task.

    Args:
        data: A file of one of the formats above, a folder, or a name on the hub
            (``HuggingFaceH4/MATH-500``); empty for problems given otherwise.
        form: How steps are written: ``step_by_step()`` or ``subquestions()``.
        limit: The most steps that a path may have.
        seconds: Longest time for one comparison of answers; what takes longer is not equal.
    """

    data: str = field(default="", kw_only=False)
    form: Form = StepByStep(tokens=512)
    limit: int = 20
    seconds: float = 5.0
    name: ClassVar[str] = "math"
    instructions: ClassVar[str] = (
        r"Solve the problem. Write the answer in LaTeX, as short as it can be, in \boxed{}."
    )
    __cite__: ClassVar[str] = """@article{hendrycks2021math,
  title={Measuring Mathematical Problem Solving With the MATH Dataset},
  author={Hendrycks, Dan and Burns, Collin and Kadavath, Saurav and Arora, Akul and
    Basart, Steven and Tang, Eric and Song, Dawn and Steinhardt, Jacob},
  journal={arXiv preprint arXiv:2103.03874}, year={2021}}"""

    def __post_init__(self) -> None:
        super().__post_init__()
        Maths(seconds=self.seconds)  # refuses what it cannot be

    @property
    def examples(self) -> tuple[Worked, ...]:
        """Two problems of our own."""
        return (Maths().example, _TILES)

    def read(self, claim: str) -> str | None:
        r"""The content of the last ``\boxed{}`` in canonical form; see ``latex.canonical``."""
        return None if answers.boxed(claim) is None else self._checker.read(claim)

    def check(self, problem: Problem, answer: str) -> bool:
        """Whether the expressions are equal; False where there is no reference.

        Raises:
            MissingExtra: math-verify is not installed.
        """
        return self._checker.check(problem, answer)

    def same(self, one: str, other: str) -> bool:
        """Whether two expressions are equal; where math-verify is missing, only equal texts are."""
        return self._checker.same(one, other)

    def wrong(self, problem: Problem) -> str | None:
        """A fraction that is no answer to anything."""
        return None if problem.answer is None else self._checker.wrong(problem.answer)

    def parse(self, line: str) -> Problem:
        """A problem in any words."""
        question = line.strip()
        if not re.search(r"\w", question):
            raise InputError(f"expected a problem in words, got {short(line)}")
        return self.named(question)

    def record(self, fields: Mapping[str, object], where: str) -> Problem:
        """A problem of one of the formats in the module's docstring."""
        key = next((key for key in _QUESTIONS if key in fields), "problem")
        question = text_in(fields, key, where)
        if isinstance(context := fields.get("context"), str) and context.strip():
            question = f"{context.strip()}\n{question}"
        given = next((fields[key] for key in _ANSWERS if fields.get(key) is not None), None)
        solution = fields.get("solution")
        if given is None and isinstance(solution, str):
            given = answers.boxed(solution)
            if given is None:
                raise InputError(rf"{where}: expected a solution with \boxed{{...}}, got none")
        if isinstance(given, list):
            given = ", ".join([str(part).strip().strip("$") for part in given])
        name = fields.get("unique_id", fields.get("id"))
        used = {key, *_ANSWERS, "id", "unique_id", "context"}
        rest = {key: value for key, value in fields.items() if key not in used}
        if isinstance(name, int):
            name = f"{self.name}-{name}"
        return own(self, {**rest, "question": question, "answer": given, "id": name}, where)

    def gold_steps(self, problem: Problem) -> list[str]:
        r"""The paragraphs of the solution; what follows ``\boxed{}`` belongs to its step.

        Raises:
            InputError: The data has no solution with a boxed answer, or steps are sub-questions.
        """
        solution = problem.meta.get("solution")
        plain = isinstance(self.form, StepByStep)
        if not plain or not isinstance(solution, str) or answers.boxed(solution) is None:
            return super().gold_steps(problem)
        steps = [part.strip() for part in re.split(r"\n\s*\n", solution) if part.strip()]
        last = next(i for i, _ in enumerate(steps) if answers.boxed("\n\n".join(steps[: i + 1])))
        return [*steps[:last], "\n\n".join(steps[last:])]

    @property
    def _checker(self) -> Maths:
        return Maths(seconds=self.seconds)


_TILES = Worked(
    question=(
        r"A rectangle is $\frac{3}{2}$ times as long as it is wide, and its area is $24$ square "
        r"units. How long is its diagonal?"
    ),
    parts=(
        Part(
            "How wide is the rectangle?",
            r"If the width is $w$, then $\frac{3}{2} w^2 = 24$, so that $w^2 = 16$ and $w = 4$.",
            "4",
        ),
        Part("How long is the rectangle?", r"The length is $\frac{3}{2} \cdot 4 = 6$.", "6"),
        Part(
            "How long is the diagonal?",
            r"The diagonal is $\sqrt{4^2 + 6^2} = \sqrt{52} = 2\sqrt{13}$.",
            r"2\sqrt{13}",
        ),
    ),
    slip=Part(
        "How wide is the rectangle?",
        r"If the width is $w$, then $\frac{3}{2} w = 24$, so that $w = 16$.",
        "16",
    ),
    why=r"The area is $w \cdot \frac{3}{2} w$, not $\frac{3}{2} w$.",
    wrong=("52", "13", r"\sqrt{13}"),
    closing=(r"The answer is $\boxed{", "}$."),
)
