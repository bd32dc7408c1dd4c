"""Grade-school word problems, explained to a language model.

    Question: Ann has 5 apples. Ann finds 7 more apples. How many apples does Ann have now?

    Step 1: Now we can answer the question: How many apples does Ann have now? 5 + 7 = 12. The
            answer is 12.

    Judgement: Every step is right, and the last one answers the question. sure

A verdict in an example is right by the solution of the story: ``impossible`` after a wrong step,
else ``sure`` where the question is answered, and ``likely`` where more is to be done.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, final

from specreward.tasks import arithmetic_text as text
from specreward.tasks.arithmetic import Arithmetic
from specreward.tasks.lesson import arithmetic_signs
from specreward.types import Path, Problem

__all__ = ["ArithmeticLesson"]

_NUMBER = r"-?\d+(?:\.\d+|/\d+)?"
_UNIT = r"(?: [A-Za-z]+)?"
_STEP = re.compile(
    rf"(?P<last>{text.LAST}\s*)?(?P<question>[^?]+\?)\s*"
    rf"(?P<expression>{_NUMBER}(?:\s*[-+*/]\s*{_NUMBER})+)\s*=\s*(?P<result>{_NUMBER}){_UNIT}\."
    rf"\s*The answer is:?\s*(?P<answer>{_NUMBER}){_UNIT}(?=\s*$|\.(?!\d)|\s*[(!])",
    re.IGNORECASE,
)
_SPACED = re.compile(rf"{_NUMBER}(?: [-+*/] {_NUMBER})+")
_WORKED = re.compile(r"(?P<asked>.*\?) (?P<a>\d+) (?P<sign>.) (?P<b>\d+) = (?P<result>\d+)\..*")


@final
@dataclass(frozen=True, kw_only=True)
class ArithmeticLesson:
    """The lesson.

    Args:
        task: Whose it is.
    """

    task: Arithmetic = field(kw_only=False)

    stops: ClassVar[tuple[str, ...]] = ("\nStep ", "\nQuestion")
    rules: ClassVar[str] = (
        "Answer the question in small steps. Each step is one line: a smaller question, one "
        "operation on two numbers with its result, and the result said again, written just as in "
        f'the examples. The last step asks the question itself after the words "{text.LAST}".'
    )
    judge: ClassVar[str] = (
        "Below is a question and the first steps of a solution. Can they lead to the right answer? "
        "Check each and judge in one line that ends with one word:\n"
        "sure        every step is right, and the question is answered\n"
        "likely      every step is right, and more is to be done\n"
        "impossible  a step is wrong"
    )
    grade: ClassVar[str] = (
        "Below is a question and the first steps of a solution. Judge the last step alone: it is "
        "good if it is right and brings the answer nearer, and bad if not. Reply with one word, "
        "good or bad."
    )

    def posed(self, path: Path) -> str:
        """The question."""
        return f"Question: {path.problem.question}"

    def done(self, path: Path) -> list[str]:
        """All steps."""
        return [step.text for step in path.steps]

    def asked(self, path: Path) -> str:
        """The question and all steps."""
        return _shown(path.problem, self.done(path))

    def proposed(self, path: Path) -> str:
        """The question and all steps."""
        return self.asked(path)

    def solution(self, problem: Problem, rng: random.Random) -> list[str]:
        """The right steps."""
        return self.task.gold_steps(problem)

    def judged(self, problem: Problem, verdict: str, rng: random.Random) -> tuple[str, str]:
        """The steps up to some point, the last one spoiled for ``impossible``."""
        steps = self.task.gold_steps(problem)
        if verdict == "sure":
            why = "Every step is right, and the last one answers the question."
            return _shown(problem, steps), why
        if verdict == "likely":
            some = steps[: rng.randrange(1, len(steps))] if len(steps) > 1 else []
            return _shown(problem, some), "No step is wrong, and more is to be done."
        depth = rng.randrange(len(steps))
        given = [*steps[:depth], _spoiled(steps[depth], rng)]
        right = _operation(steps[depth])
        return _shown(problem, given), f"Step {depth + 1} is wrong: right is {right}."

    def graded(self, problem: Problem, grade: str, rng: random.Random) -> str:
        """The steps up to some point, the last one spoiled for ``bad``."""
        steps = self.task.gold_steps(problem)
        depth = rng.randrange(len(steps))
        last = steps[depth] if grade == "good" else _spoiled(steps[depth], rng)
        return _shown(problem, [*steps[:depth], last])

    def read(self, path: Path, written: str) -> str | None:
        """The step, without units behind its results; its numbers and words stay what they are."""
        match = _STEP.match(arithmetic_signs(written))
        if match is None:
            return None
        expression = " ".join(match["expression"].split())
        if not _SPACED.fullmatch(expression):
            expression = re.sub(r"(?<=\d)\s*([-+*/])\s*", r" \1 ", expression)
        opening = f"{text.LAST} " if match["last"] else ""
        said = f"{opening}{match['question']} {expression} = {match['result']}."
        return text.tidy(f"{said} The answer is {match['answer']}.")


def _shown(problem: Problem, steps: Sequence[str]) -> str:
    numbered = [f"Step {number}: {step}" for number, step in enumerate(steps, 1)]
    return "\n".join([f"Question: {problem.question}", *numbered])


def _operation(step: str) -> str:
    match = _WORKED.fullmatch(step)
    assert match is not None, step
    return f"{match['a']} {match['sign']} {match['b']} = {match['result']}"


def _spoiled(step: str, rng: random.Random) -> str:
    """A right step with one mistake: a slip in the result, or another operation."""
    match = _WORKED.fullmatch(step)
    assert match is not None, step
    a, b, result = int(match["a"]), int(match["b"]), int(match["result"])
    asked, sign = match["asked"], match["sign"]
    others = {"+": a + b, "-": a - b, "*": a * b}
    wrong = [other for other, value in others.items() if value >= 0 and value != result]
    if wrong and rng.random() < 0.5:
        sign = rng.choice(wrong)
        result = others[sign]
    else:
        result += rng.choice([slip for slip in (-10, -2, -1, 1, 2, 10) if result + slip >= 0])
    return text.step(asked, f"{a} {sign} {b}", str(result), last=False)
