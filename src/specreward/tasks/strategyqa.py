"""StrategyQA: yes-or-no questions whose steps must be found.

    question   Could a llama give birth twice during War in Vietnam?
    steps      Question 3.1: How long was the war?
               Answer: It went on for about 19 years. The answer is 19 years.
               ...
    answer     yes or no

M. Geva et al. (2021), "Did Aristotle Use a Laptop? A Question Answering Benchmark with Implicit
Reasoning Strategies", arXiv 2101.02235. Records are read as published: ``question``, ``answer``
(true or false), ``decomposition``, ``facts``. The decompositions have no answers to their
questions, so that there are no gold steps; they are kept in ``meta["decomposition"]``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, final

from specreward.errors import InputError
from specreward.tasks.checkers import one_of
from specreward.tasks.forms import Form, Part, Subquestions, Worked
from specreward.tasks.questions import Questions
from specreward.tasks.records import own, short, text_in
from specreward.types import Problem

__all__ = ["StrategyQA"]

_WORDS = {"yes": "yes", "no": "no", "true": "yes", "false": "no"}


@final
@dataclass(frozen=True, kw_only=True)
class StrategyQA(Questions):
    """The task.

    Args:
        data: A file in the published format, a folder, or a name on the hub
            (``ChilleD/StrategyQA``); empty for problems given otherwise.
        form: How steps are written: ``subquestions()`` or ``step_by_step()``.
        limit: The most steps that a path may have.
    """

    data: str = field(default="", kw_only=False)
    form: Form = Subquestions()
    limit: int = 8
    name: ClassVar[str] = "strategyqa"
    instructions: ClassVar[str] = (
        "Answer the question with yes or no. Find out first what one must know for it."
    )
    __cite__: ClassVar[str] = """@article{geva2021strategyqa,
  title={Did Aristotle Use a Laptop? A Question Answering Benchmark with Implicit Reasoning
    Strategies},
  author={Geva, Mor and Khashabi, Daniel and Segal, Elad and Khot, Tushar and Roth, Dan and
    Berant, Jonathan},
  journal={TACL}, year={2021}, eprint={2101.02235}}"""

    @property
    def examples(self) -> tuple[Worked, ...]:
        """Two questions of our own."""
        return _EXAMPLES

    def read(self, claim: str) -> str | None:
        """``yes`` or ``no``, which may be said as true or false; None where both are."""
        word = one_of(claim, tuple(_WORDS))
        return None if word is None else _WORDS[word]

    def wrong(self, problem: Problem) -> str | None:
        """The other word."""
        return None if problem.answer is None else "no" if problem.answer == "yes" else "yes"

    def parse(self, line: str) -> Problem:
        """A question in any words."""
        question = " ".join(line.split())
        if len(re.findall(r"[^\W\d_]+", question)) < 3:
            raise InputError(
                "expected a question, as in 'Could a penguin ski down a dune of the Sahara?', got "
                f"{short(line)}"
            )
        return self.named(question)

    def record(self, fields: Mapping[str, object], where: str) -> Problem:
        """A problem as published, or with the answer in words."""
        question = text_in(fields, "question", where)
        given = fields.get("answer")
        if isinstance(given, bool):
            given = "yes" if given else "no"
        elif given is not None:
            read = self.read(given) if isinstance(given, str) else None
            if read is None:
                raise InputError(
                    f"{where}: expected true, false, yes or no as the answer, got {given!r}"
                )
            given = read
        name = fields.get("qid", fields.get("id"))
        rest = {
            key: value
            for key, value in fields.items()
            if key not in ("question", "answer", "qid", "id", "evidence")
        }
        return own(self, {**rest, "question": question, "answer": given, "id": name}, where)


_EXAMPLES = (
    Worked(
        question="Would a grand piano fit through the door of a telephone box?",
        parts=(
            Part(
                "How wide is a grand piano?",
                "A grand piano is about 150 cm wide and at least as long, and its body stays at "
                "about 40 cm without its legs.",
                "150 cm wide and long",
            ),
            Part(
                "How large is the door of a telephone box?",
                "The door of a telephone box is about 75 cm wide and 200 cm high, and the box "
                "behind it is only about 90 cm deep.",
                "75 cm, with 90 cm behind it",
            ),
            Part(
                "Would a grand piano fit through the door of a telephone box?",
                "Something of 150 cm by 150 cm cannot go into a box that is 90 cm deep and wide.",
                "no",
            ),
        ),
        slip=Part(
            "How wide is a grand piano?",
            "A grand piano is about 15 cm wide, as a violin is.",
            "15 cm",
        ),
        why="A grand piano is about 150 cm wide.",
        wrong=("yes", "yes and no", "maybe", ""),
    ),
    Worked(
        question="Did people who saw the first Moon landing on television need electricity?",
        parts=(
            Part(
                "What does a television set need to work?",
                "A television set works with electricity, from a socket or a battery.",
                "electricity",
            ),
            Part(
                "Did people who saw the first Moon landing on television need electricity?",
                "They saw it on a television set, and this needs electricity.",
                "yes",
            ),
        ),
        slip=Part(
            "When was the first Moon landing?", "The first Moon landing was in 1869.", "1869"
        ),
        why="The first Moon landing was in 1969.",
        wrong=("no",),
    ),
)
