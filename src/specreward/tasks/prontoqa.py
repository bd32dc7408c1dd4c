"""PrOntoQA: whether a claim follows from rules, shown by a chain of steps.

    question   Every cat is a feline. Felines are mammals. Tom is a cat.
               True or false: Tom is a mammal.
    steps      Step 1: Tom is a cat. Every cat is a feline. Tom is a feline.
               Step 2: Felines are mammals. Tom is a mammal. The answer is true.
    answer     true or false

A. Saparov and H. He (2022), "Language Models Are Greedy Reasoners: A Systematic Formal Analysis of
Chain-of-Thought", arXiv 2210.01240. A step applies one rule: it cites the rule and says what
follows; the first one also says where it starts. The last one says whether the claim is true.

Records are read as RAP and LLM-reasoners publish them: an object of ``exampleN``, each with a
``test_example`` (``question``, ``query``, ``chain_of_thought``, ``answer``); the examples beside it
are not used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, final

from specreward.errors import InputError
from specreward.tasks.checkers import one_of
from specreward.tasks.forms import Form, Part, StepByStep, Worked
from specreward.tasks.questions import Questions
from specreward.tasks.records import own, short, text_in
from specreward.types import Problem

__all__ = ["ProntoQA"]

_QUERY = re.compile(r"true or false:", re.IGNORECASE)


@final
@dataclass(frozen=True, kw_only=True)
class ProntoQA(Questions):
    """The task.

    Args:
        data: A file in the format above, a folder, or a name on the hub; empty for problems given
            otherwise.
        form: How steps are written: ``step_by_step()`` or ``subquestions()``.
        limit: The most steps that a path may have.
    """

    data: str = field(default="", kw_only=False)
    form: Form = StepByStep(tokens=96)
    limit: int = 8
    name: ClassVar[str] = "prontoqa"
    instructions: ClassVar[str] = (
        "Say whether the claim at the end is true or false. Use only what is written, one rule in "
        "each step: cite it, and say what follows."
    )
    __cite__: ClassVar[str] = """@article{saparov2022prontoqa,
  title={Language Models Are Greedy Reasoners: A Systematic Formal Analysis of Chain-of-Thought},
  author={Saparov, Abulhair and He, He},
  journal={arXiv preprint arXiv:2210.01240}, year={2022}}"""

    @property
    def examples(self) -> tuple[Worked, ...]:
        """Two problems of our own, one of them with a claim that is false."""
        return _EXAMPLES

    def read(self, claim: str) -> str | None:
        """``true`` or ``false``; None where neither or both are said."""
        return one_of(claim, ("true", "false"))

    def wrong(self, problem: Problem) -> str | None:
        """The other word."""
        return None if problem.answer is None else "false" if problem.answer == "true" else "true"

    def parse(self, line: str) -> Problem:
        """Rules and facts, then ``True or false:`` and a claim."""
        facts, *claims = [" ".join(part.split()) for part in _QUERY.split(line)]
        if not facts or len(claims) != 1 or not claims[0]:
            raise InputError(
                "expected facts and a claim, as in 'Every cat is a mammal. Tom is a cat. True or "
                f"false: Tom is a mammal.', got {short(line)}"
            )
        question = f"{facts}\nTrue or false: {claims[0]}"
        return self.named(question)

    def record(self, fields: Mapping[str, object], where: str) -> Problem:
        """A problem as published, or as this package writes it (the claim within the question)."""
        inner = fields.get("test_example", fields)
        if not isinstance(inner, dict):
            raise InputError(f"{where}: expected an object as 'test_example', got {inner!r}")
        question = text_in(inner, "question", where)
        if "query" in inner:
            question = f"{question}\n{text_in(inner, 'query', where)}"
        given = inner.get("answer")
        if given is not None:
            read = self.read(str(given))
            if read is None:
                raise InputError(f"{where}: expected True or False as the answer, got {given!r}")
            given = read
        rest = {
            key: value for key, value in inner.items() if key not in ("question", "query", "answer")
        }
        name = fields.get("id", inner.get("id"))
        return own(self, {**rest, "question": question, "answer": given, "id": name}, where)

    def gold_steps(self, problem: Problem) -> list[str]:
        """The chain of thought: where it starts, then a rule and what follows in each step.

        Raises:
            InputError: The data has no chain, or steps are sub-questions.
        """
        chain = problem.meta.get("chain_of_thought")
        if not (isinstance(chain, list) and len(chain) >= 3 and len(chain) % 2 == 1):
            return super().gold_steps(problem)
        if not isinstance(self.form, StepByStep) or problem.answer is None:
            return super().gold_steps(problem)
        first, *rest = [str(sentence).strip() for sentence in chain]
        steps = [" ".join(rest[i : i + 2]) for i in range(0, len(rest), 2)]
        steps[0] = f"{first} {steps[0]}"
        steps[-1] = f"{steps[-1]} The answer is {problem.answer}."
        return steps


_EXAMPLES = (
    Worked(
        question=(
            "Every tram is a rail vehicle. Rail vehicles are not flying. Each rail vehicle is a "
            "machine. Machines are built. Gliders are flying. Berta is a tram.\n"
            "True or false: Berta is flying."
        ),
        parts=(
            Part(
                "What kind of thing is Berta?",
                "Berta is a tram. Every tram is a rail vehicle. Berta is a rail vehicle.",
                "a rail vehicle",
            ),
            Part(
                "Is Berta flying?",
                "Rail vehicles are not flying. Berta is not flying.",
                "false",
            ),
        ),
        slip=Part(
            "What kind of thing is Berta?",
            "Berta is a tram. Gliders are flying. Berta is a glider.",
            "a glider",
        ),
        why="No rule says that a tram is a glider.",
        wrong=("true", "true or false", "unknown", ""),
    ),
    Worked(
        question=(
            "Lilies are plants. Every plant is a living thing. Each stone is not living. Plants "
            "are green. Each living thing is made of cells. Iris is a lily.\n"
            "True or false: Iris is made of cells."
        ),
        parts=(
            Part(
                "What is Iris?",
                "Iris is a lily. Lilies are plants. Iris is a plant.",
                "a plant",
            ),
            Part(
                "What is a plant?",
                "Every plant is a living thing. Iris is a living thing.",
                "a living thing",
            ),
            Part(
                "Is Iris made of cells?",
                "Each living thing is made of cells. Iris is made of cells.",
                "true",
            ),
        ),
        slip=Part(
            "What is Iris?",
            "Iris is a lily. Each stone is not living. Iris is not living.",
            "not living",
        ),
        why="The rule is about stones, and Iris is none.",
        wrong=("false",),
    ),
)
