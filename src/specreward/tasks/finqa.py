"""FinQA: questions on a page of a financial report, text and table.

    question   (the page)
               |  | 2019 | 2018 |
               | net sales | $ 1200 | $ 1000 |
               Asked: by what part did net sales grow in 2019?
    steps      Step 1: subtract(1200, 1000) -> #0 = 200
               Step 2: answer = divide(#0, 1000) -> #1 = 0.2
    answer     0.2

Z. Chen et al. (2021), "FinQA: A Dataset of Numerical Reasoning over Financial Data", arXiv
2109.00122. The answer of a program is right if it is the reference, both rounded to five decimals
(execution accuracy, as the authors' program has it). With another form, a number in words counts
that is within ``tolerance`` of the reference. A part of 1 may be said in percent.

Records are read as published, or in the reduced fields that others made of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, final

from specreward import answers
from specreward.checks import number
from specreward.errors import InputError
from specreward.tasks.checkers import near, one_of
from specreward.tasks.finqa_program import PAPER, Program, Table, rounded, split, table_lines
from specreward.tasks.forms import Form, Part, Worked
from specreward.tasks.questions import Questions
from specreward.tasks.records import own, short, text_in
from specreward.types import Problem

__all__ = ["FinQA"]

_ASKED = "Asked: "
_ANSWERS = ("exe_ans", "final_result", "answer")
_SPENT = ("question", "pre_text", "post_text", "table", "table_ori", "id", "qa", *_ANSWERS)


@final
@dataclass(frozen=True, kw_only=True)
class FinQA(Questions):
    """The task.

    Args:
        data: A file in one of the two formats, a folder, or a name on the hub; empty for problems
            given otherwise.
        form: How steps are written: ``program()``, ``subquestions()`` or ``step_by_step()``.
        limit: The most steps that a path may have.
        tolerance: Of answers that are not the result of a program: how far they may be from the
            reference, as a part of it, in [0, 1].
    """

    data: str = field(default="", kw_only=False)
    form: Form = Program()
    limit: int = 8
    tolerance: float = 0.01
    name: ClassVar[str] = "finqa"
    instructions: ClassVar[str] = (
        "Below is a page of a financial report, with a table, and what is asked about it. The "
        "answer is a number, or yes or no."
    )
    __cite__: ClassVar[str] = PAPER

    def __post_init__(self) -> None:
        super().__post_init__()
        number("tolerance", self.tolerance, 0, 1)

    @property
    def examples(self) -> tuple[Worked, ...]:
        """One page of our own with two questions, solved in the form of the task."""
        return _PROGRAMS if isinstance(self.form, Program) else _IN_WORDS

    def read(self, claim: str) -> str | None:
        """The number with at most five decimals, or ``yes`` or ``no``; 5 % is 0.05."""
        value = answers.number(claim)
        if value is None:
            return one_of(claim, ("yes", "no"))
        try:
            return rounded(float(value))
        except OverflowError:
            return None

    def check(self, problem: Problem, answer: str) -> bool:
        """Whether the answer is the reference, see above; False where there is no reference."""
        if problem.answer is None:
            return False
        given, right = self.read(answer), self.read(problem.answer)
        if given is None or right is None or isinstance(self.form, Program):
            return given is not None and given == right
        return given == right or near(given, right, self.tolerance)

    def wrong(self, problem: Problem) -> str | None:
        """The other word, or another number."""
        right = None if problem.answer is None else self.read(problem.answer)
        if right in ("yes", "no", None):
            return {"yes": "no", "no": "yes"}.get(right or "")
        return rounded(float(right) * 2 + 1) if right else None

    def kin(self, problem: Problem) -> str:
        """The page: questions on it stay in one split. Without a page, the question."""
        page = " ".join(problem.question.rpartition(_ASKED)[0].split())
        return page or self.canonical(problem)

    def parse(self, line: str) -> Problem:
        """A page as above that ends with ``Asked: ...``, or a question without a page."""
        text = line.strip()
        question = text if _ASKED in text else f"{_ASKED}{text}"
        if len(re.findall(r"[^\W\d_]+", question.rpartition(_ASKED)[2])) < 2:
            raise InputError(
                "expected a question, as in 'by what part did net sales grow from 1000 to 1200?', "
                f"got {short(line)}"
            )
        return self.named(question)

    def record(self, fields: Mapping[str, object], where: str) -> Problem:
        """A problem as published (``qa``), in reduced fields, or with the page in the question."""
        qa = fields.get("qa", {})
        if not isinstance(qa, dict):
            raise InputError(f"{where}: expected an object as 'qa', got {qa!r}")
        known = {**fields, **qa}
        question = text_in(known, "question", where)
        if "table" in known or "pre_text" in known:
            parts = [
                _prose(known, "pre_text", where),
                *table_lines(_table(known.get("table", []), where)),
                _prose(known, "post_text", where),
                f"{_ASKED}{' '.join(question.split())}",
            ]
            question = "\n".join([part for part in parts if part])
        given = next((known[key] for key in _ANSWERS if known.get(key) is not None), None)
        if given is not None and (
            not isinstance(given, str | int | float) or self.read(str(given)) is None
        ):
            raise InputError(f"{where}: expected a number, yes or no as the answer, got {given!r}")
        rest = {
            key: value
            for key, value in fields.items()
            if key not in _SPENT and "retrieved" not in key  # what a retriever found for others
        }
        rest |= {key: qa[key] for key in ("program", "explanation", "gold_inds") if key in qa}
        if qa.get("answer") is not None:
            rest["said"] = qa["answer"]
        answer = None if given is None else self.read(str(given))
        return own(
            self, {**rest, "question": question, "answer": answer, "id": known.get("id")}, where
        )

    def gold_steps(self, problem: Problem) -> list[str]:
        """The operations of the gold program.

        Raises:
            InputError: The data has no program, or steps are no operations.
        """
        program = problem.meta.get("program")
        if not isinstance(program, str) or not isinstance(self.form, Program):
            return super().gold_steps(problem)
        *first, last = split(program)
        return [*first, f"answer = {last}"]


def _prose(fields: Mapping[str, object], key: str, where: str) -> str:
    """The sentences of a field in one line; runs of stops, which stand for rules, become one."""
    value = fields.get(key, [])
    sentences = [value] if isinstance(value, str) else value
    if not isinstance(sentences, Sequence) or not all(isinstance(s, str) for s in sentences):
        raise InputError(f"{where}: expected a list of sentences as {key!r}, got {value!r}")
    return re.sub(r"(?:\. ){2,}", ". ", " ".join(" ".join(sentences).split()))


def _table(value: object, where: str) -> Table:
    if not isinstance(value, list) or not all(
        isinstance(row, list) and row and all(isinstance(cell, str) for cell in row)
        for row in value
    ):
        raise InputError(f"{where}: expected a list of rows of texts as 'table', got {value!r:.80}")
    for place, row in enumerate(value):
        if len(row) != len(value[0]):
            raise InputError(
                f"{where}: expected rows of one length in the table, {len(value[0])} cells as in "
                f"the first, got {len(row)} in row {place + 1}: {short(str(row))}"
            )
    return tuple([tuple(row) for row in value])


# ------------------------------------------------------------------ solved examples

_PAGE = """The company sells bicycles and tyres. Amounts are in thousands of dollars.
|  | 2019 | 2018 | 2017 |
| net sales | $ 1200 | $ 1000 | $ 950 |
| cost of sales | 720 | 650 | 610 |
The number of shops rose from 16 to 20 in 2019.
Asked: """

_PROGRAMS = (
    Worked(
        question=f"{_PAGE}by what part did net sales grow in 2019?",
        parts=(Part("", "subtract(1200, 1000)", "200"), Part("", "divide(#0, 1000)", "0.2")),
        slip=Part("", "subtract(720, 650)", "70"),
        why="These are the costs of sales, and not the net sales.",
        wrong=("200", "20", "0.2001", "yes", ""),
    ),
    Worked(
        question=f"{_PAGE}what was the average cost of sales of the three years, in dollars?",
        parts=(
            Part("", "table_average(cost of sales, none)", "660"),
            Part("", "multiply(#0, const_1000)", "660000"),
        ),
        slip=Part("", "table_sum(cost of sales, none)", "1980"),
        why="This is the sum of the three years, and the average is asked for.",
        wrong=("660",),
    ),
)
_IN_WORDS = (
    Worked(
        question=f"{_PAGE}by what part did net sales grow in 2019?",
        parts=(
            Part(
                "By how much did net sales grow in 2019?", "They grew by 1200 - 1000 = 200.", "200"
            ),
            Part("By what part did they grow?", "Of 1000 that is 200 / 1000 = 0.2.", "20%"),
        ),
        slip=Part("By how much did net sales grow in 2019?", "They grew by 720 - 650 = 70.", "70"),
        why="These are the costs of sales, and not the net sales.",
        wrong=("200", "0.3", "yes", ""),
    ),
    Worked(
        question=f"{_PAGE}were net sales per shop higher in 2019 than in 2018?",
        parts=(
            Part("What were net sales per shop in 2019?", "They were 1200 / 20 = 60.", "60"),
            Part("What were net sales per shop in 2018?", "They were 1000 / 16 = 62.5.", "62.5"),
            Part("Were they higher in 2019?", "60 is less than 62.5.", "no"),
        ),
        slip=Part("What were net sales per shop in 2019?", "They were 1200 / 16 = 75.", "75"),
        why="In 2019 there were 20 shops.",
        wrong=("yes", "60"),
    ),
)
