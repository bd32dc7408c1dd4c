"""GSM8K: grade-school word problems whose answer is a number; and sets in its likeness.

    question   Ann has 5 apples and finds 7 more. Ben has 3 times as many. How many has Ben?
    steps      Question 3.1: How many apples does Ann have?
               Answer: Ann has 5 + 7 = 12 apples. The answer is 12.
               ...
    answer     36

K. Cobbe et al. (2021), "Training Verifiers to Solve Math Word Problems", arXiv 2110.14168.
Steps are by default those of RAP (S. Hao et al., 2023, arXiv 2305.14992); ``form=step_by_step()``
is plain. Differs from RAP: a sub-question and its answer are one step, and prompts are our own.

Records that are read, each as published: GSM8K and its Socratic form, GSM-Plus, GSM-Symbolic
templates, SVAMP, ASDiv. A record whose answer is no number is a complaint.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, final

from specreward import answers
from specreward.errors import InputError
from specreward.tasks.checkers import Numeric
from specreward.tasks.forms import Form, Part, Subquestions, Worked
from specreward.tasks.questions import Questions
from specreward.tasks.records import own, short, text_in
from specreward.types import Problem

__all__ = ["GSM8K"]

_NUMERIC = Numeric()
_UNIT = re.compile(r"\s*\([^()]*\)\s*$")
_PLAIN = re.compile(r"[-+]?[$€£]?\s*[-+]?[\d,.]*\d(?:\s*/\s*\d+)?\s*%?")


@final
@dataclass(frozen=True, kw_only=True)
class GSM8K(Questions):
    """The task.

    Args:
        data: A file of one of the formats above, a folder, or a name on the hub
            (``openai/gsm8k:main``); empty for problems given otherwise.
        form: How steps are written: ``subquestions()`` or ``step_by_step()``.
        limit: The most steps that a path may have.
    """

    data: str = field(default="", kw_only=False)
    form: Form = Subquestions()
    limit: int = 10
    name: ClassVar[str] = "gsm8k"
    instructions: ClassVar[str] = "Solve the word problem. Its answer is a number."
    __cite__: ClassVar[str] = """@article{cobbe2021gsm8k,
  title={Training Verifiers to Solve Math Word Problems},
  author={Cobbe, Karl and Kosaraju, Vineet and Bavarian, Mohammad and Chen, Mark and Jun, Heewoo
    and Kaiser, Lukasz and Plappert, Matthias and Tworek, Jerry and Hilton, Jacob
    and Nakano, Reiichiro and Hesse, Christopher and Schulman, John},
  journal={arXiv preprint arXiv:2110.14168}, year={2021}}"""

    @property
    def examples(self) -> tuple[Worked, ...]:
        """Two word problems of our own."""
        return _EXAMPLES

    def read(self, claim: str) -> str | None:
        """The number: whole, or a fraction in lowest terms."""
        return _NUMERIC.read(claim)

    def check(self, problem: Problem, answer: str) -> bool:
        """Whether the answer is the reference as a number; False where there is no reference."""
        return _NUMERIC.check(problem, answer)

    def wrong(self, problem: Problem) -> str | None:
        """Another number."""
        return None if problem.answer is None else _NUMERIC.wrong(problem.answer)

    def parse(self, line: str) -> Problem:
        """A word problem in any words, three of them at least."""
        question = "\n".join([" ".join(part.split()) for part in line.strip().splitlines()])
        if len(re.findall(r"[^\W\d_]+", question)) < 3:
            raise InputError(
                "expected a word problem, as in 'Ann has 5 apples and finds 7 more. How many "
                f"apples has Ann now?', got {short(line)}"
            )
        return self.named(question)

    def record(self, fields: Mapping[str, object], where: str) -> Problem:
        """A problem of one of the formats in the module's docstring."""
        low = {key.lower(): value for key, value in fields.items()}
        question = text_in(low, "question", where)
        if "body" in low:  # SVAMP, ASDiv
            body = text_in(low, "body", where).strip()
            question = f"{body}{'' if body.endswith(('.', '?', '!')) else '.'} {question.strip()}"
        given = low.get("answer")
        rest = {
            key: value
            for key, value in fields.items()
            if key.lower() not in ("question", "body", "answer", "id", "idx", "solution")
        }
        name = low.get("id", low.get("idx"))
        if isinstance(name, int):
            name = f"{self.name}-{name}"
        if isinstance(given, str) and "####" in given and low.get("solution") is None:
            rest["solution"] = given
        elif low.get("solution") is not None:
            rest["solution"] = low["solution"]
        if given is not None:
            given = _reference(given, where)
        return own(self, {**rest, "question": question, "answer": given, "id": name}, where)

    def gold_steps(self, problem: Problem) -> list[str]:
        """The right steps: lines of the solution, or sub-questions of the Socratic form.

        Raises:
            InputError: The data has no solution, or none with sub-questions where these are asked.
        """
        solution = problem.meta.get("solution")
        if not isinstance(solution, str) or problem.answer is None:
            return super().gold_steps(problem)
        lines = [line for line in solution.partition("####")[0].splitlines() if line.strip()]
        parts = [_part(line) for line in lines]
        bare = any(not part.asked for part in parts)
        if not parts or (bare and isinstance(self.form, Subquestions)):
            return super().gold_steps(problem)
        closing = parts[-1]._replace(result=problem.answer)
        return self.form.worked(replace(_EXAMPLES[0], parts=(*parts[:-1], closing)))


def _part(line: str) -> Part:
    """A line of a solution: ``question ** text``, or the text alone; ``<<9*2=18>>`` is left out."""
    asked, _, text = line.strip().rpartition(" ** ")
    results = re.findall(r"=([^<>=]+)>>", text)
    plain = re.sub(r"<<[^<>]*>>", "", text).strip()
    value = answers.number(results[-1] if results else plain)
    return Part(asked.strip(), plain, "known" if value is None else answers.number_text(value))


def _reference(given: object, where: str) -> str:
    """The number of a reference answer: ``#### 1,080``, ``15 (balls)``, 1.0.

    Raises:
        InputError: It is no number.
    """
    said = _UNIT.sub("", str(given).rpartition("####")[2].strip())
    if not _PLAIN.fullmatch(said) or (read := _NUMERIC.read(said)) is None:
        raise InputError(f"{where}: expected a number as the answer, got {short(str(given))}")
    return read


_EXAMPLES = (
    Worked(
        question=(
            "A baker fills 6 trays with 8 rolls each. She sells 29 rolls in the morning and the "
            "rest in the afternoon for 2 dollars each. How many dollars does she get in the "
            "afternoon?"
        ),
        parts=(
            Part("How many rolls does the baker make?", "She makes 6 * 8 = 48 rolls.", "48"),
            Part(
                "How many rolls are left for the afternoon?",
                "After the morning, 48 - 29 = 19 rolls are left.",
                "19",
            ),
            Part(
                "How many dollars does she get in the afternoon?",
                "She gets 19 * 2 = 38 dollars.",
                "38",
            ),
        ),
        slip=Part("How many rolls does the baker make?", "She makes 6 + 8 = 14 rolls.", "14"),
        why="6 trays with 8 rolls each hold 6 * 8 rolls, not 6 + 8.",
        wrong=("19", "3.8", "some", ""),
    ),
    Worked(
        question=(
            "Tim is 4 years older than Lea. Together they are 30 years old. How old will Tim be in "
            "5 years?"
        ),
        parts=(
            Part(
                "How old is Lea?",
                "Without the 4 years, twice the age of Lea is 30 - 4 = 26, so she is 26 / 2 = 13.",
                "13",
            ),
            Part("How old is Tim now?", "He is 13 + 4 = 17.", "17"),
            Part("How old will Tim be in 5 years?", "He will be 17 + 5 = 22.", "22"),
        ),
        slip=Part("How old is Lea?", "Half of 30 is 15, so Lea is 15.", "15"),
        why="The two are not of the same age, so that Lea is not half of 30.",
        wrong=("17", "22.5"),
    ),
)
