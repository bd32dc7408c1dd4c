"""AQuA: algebraic word problems with five options, answered by a letter.

    question   A number and its double make 27. What is the number?
               A) 7
               B) 9
               ...
    steps      Step 1: The number and its double are 3 times the number, which is 27.
               Step 2: The number is 27 / 3 = 9, which is option B. The answer is B.
    answer     B

W. Ling et al. (2017), "Program Induction by Rationale Generation", arXiv 1705.04146. Records are
read as published: ``question``, ``options`` ("A)7", ...), ``rationale``, ``correct``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, final

from specreward import answers
from specreward.errors import InputError
from specreward.tasks.checkers import Choice
from specreward.tasks.forms import Form, Part, StepByStep, Worked
from specreward.tasks.questions import Questions
from specreward.tasks.records import own, short, text_in
from specreward.types import Problem

__all__ = ["AQuA"]

_LETTERS = "ABCDE"
_CHOICE = Choice(letters=_LETTERS)
_LINE = re.compile(r"^[ \t]*\(?([A-E])\s*\)\s*", re.MULTILINE)
_INLINE = re.compile(r"(?<=\s)\(?([A-E])\s*\)\s*")


@final
@dataclass(frozen=True, kw_only=True)
class AQuA(Questions):
    """The task.

    Args:
        data: A file in the published format, a folder, or a name on the hub
            (``deepmind/aqua_rat:raw``); empty for problems given otherwise.
        form: How steps are written: ``step_by_step()`` or ``subquestions()``.
        limit: The most steps that a path may have.
    """

    data: str = field(default="", kw_only=False)
    form: Form = StepByStep()
    limit: int = 12
    name: ClassVar[str] = "aqua"
    instructions: ClassVar[str] = (
        "Solve the problem and choose one of the options. The answer is its letter."
    )
    __cite__: ClassVar[str] = """@inproceedings{ling2017aqua,
  title={Program Induction by Rationale Generation: Learning to Solve and Explain Algebraic Word
    Problems},
  author={Ling, Wang and Yogatama, Dani and Dyer, Chris and Blunsom, Phil},
  booktitle={ACL}, year={2017}, eprint={1705.04146}}"""

    @property
    def examples(self) -> tuple[Worked, ...]:
        """Two problems of our own."""
        return _EXAMPLES

    def read(self, claim: str) -> str | None:
        """The letter in upper case; None where more than one is chosen."""
        return _CHOICE.read(claim)

    def wrong(self, problem: Problem) -> str | None:
        """The letter before the right one."""
        return None if problem.answer is None else _CHOICE.wrong(problem.answer)

    def parse(self, line: str) -> Problem:
        """A problem with its options, in lines of their own or one behind the other."""
        text = line.strip()
        marks = max(_marks(_LINE, text), _marks(_INLINE, text), key=len)
        if len(marks) < 2 or not marks[0].start():
            raise InputError(
                "expected a problem with options, as in 'What is 2 + 3? A) 4 B) 5 C) 6', got "
                f"{short(line)}"
            )
        ends = [*[match.start() for match in marks[1:]], len(text)]
        options = [
            f"{match[1]}) {text[match.end() : end].strip()}"
            for match, end in zip(marks, ends, strict=True)
        ]
        question = "\n".join([text[: marks[0].start()].strip(), *options])
        return self.named(question)

    def record(self, fields: Mapping[str, object], where: str) -> Problem:
        """A problem as published, or as this package writes it (options within the question)."""
        question = text_in(fields, "question", where)
        given = fields.get("correct", fields.get("answer"))
        if "options" in fields:
            question = "\n".join([question.strip(), *_options(fields["options"], where)])
        if given is not None and (not isinstance(given, str) or self.read(given) is None):
            raise InputError(f"{where}: expected a letter from A to E as the answer, got {given!r}")
        rest = {
            key: value
            for key, value in fields.items()
            if key not in ("question", "options", "correct", "answer", "id")
        }
        letter = None if given is None else self.read(given)
        whole_record = {**rest, "question": question, "answer": letter, "id": fields.get("id")}
        problem = own(self, whole_record, where)
        if letter is not None and f"\n{letter})" not in problem.question:
            raise InputError(f"{where}: expected one of the options as the answer, got {letter}")
        return problem

    def gold_steps(self, problem: Problem) -> list[str]:
        """The lines of the rationale without those that state an answer, then the answer.

        Of more lines than ``limit`` allows the last are one step.

        Raises:
            InputError: The data has no rationale, or steps are sub-questions.
        """
        rationale = problem.meta.get("rationale")
        plain = isinstance(self.form, StepByStep)
        if not plain or not isinstance(rationale, str) or problem.answer is None:
            return super().gold_steps(problem)
        lines = [line.strip() for line in rationale.splitlines() if line.strip()]
        steps = [line for line in lines if answers.final(line) is None]
        steps.append(f"The answer is {problem.answer}.")
        if len(steps) <= self.limit:
            return steps
        return [*steps[: self.limit - 1], "\n".join(steps[self.limit - 1 :])]


def _marks(pattern: re.Pattern[str], text: str) -> list[re.Match[str]]:
    """The labels of the options, from the last A on: each letter once, in order."""
    found = list(pattern.finditer(text))
    starts = [place for place, match in enumerate(found) if match[1] == "A"]
    marks: list[re.Match[str]] = []
    for match in found[starts[-1] :] if starts else ():
        if match[1] == _LETTERS[len(marks) : len(marks) + 1]:
            marks.append(match)
    return marks


def _options(given: object, where: str) -> Sequence[str]:
    """The options as lines ``A) 7``."""
    if not (isinstance(given, list) and given and all(isinstance(one, str) for one in given)):
        raise InputError(f"{where}: expected a list of texts as 'options', got {given!r}")
    lines = []
    for letter, option in zip(_LETTERS, given, strict=False):
        text = " ".join(option.split())
        if not text.upper().startswith((letter + ")", f"({letter})")):
            raise InputError(f"{where}: expected option {letter}) ..., got {short(option)}")
        lines.append(f"{letter}) {text.partition(')')[2].strip()}")
    if len(given) > len(_LETTERS):
        raise InputError(f"{where}: expected at most five options, got {len(given)}")
    return lines


_EXAMPLES = (
    Worked(
        question=(
            "A number and its double make 27. What is the number?\n"
            "A) 7\nB) 9\nC) 12\nD) 13.5\nE) 18"
        ),
        parts=(
            Part(
                "How many times the number is 27?",
                "The number and its double are 3 times the number, which is 27.",
                "3",
            ),
            Part(
                "Which option is the number?",
                "The number is 27 / 3 = 9, which is option B.",
                "B",
            ),
        ),
        slip=Part(
            "How many times the number is 27?",
            "The number and its double are 2 times the number, which is 27.",
            "2",
        ),
        why="The number and its double are 3 times the number.",
        wrong=("D", "A or B", "9", ""),
    ),
    Worked(
        question=(
            "A coat costs 80 dollars after a discount of 20 percent. What did it cost before?\n"
            "A) $64\nB) $96\nC) $100\nD) $104\nE) None of these"
        ),
        parts=(
            Part(
                "What part of the price is left?",
                "After the discount 100 - 20 = 80 percent of the price are left.",
                "80 percent",
            ),
            Part(
                "Which option is the price before?",
                "80 dollars are 80 percent, so that it cost 80 / 0.8 = 100 dollars, option C.",
                "C",
            ),
        ),
        slip=Part(
            "What part of the price is left?",
            "The discount of 20 percent is 0.2 * 80 = 16 dollars.",
            "16 dollars",
        ),
        why="The 20 percent are of the price before, not of the 80 dollars.",
        wrong=("B",),
    ),
)
