"""Forms of a step on written questions: how a policy is asked to go on, and what it wrote.

    step_by_step()    Step 1: Ann has 5 + 7 = 12 apples.
                      Step 2: Ben has 12 * 3 = 36 apples. The answer is 36.
    subquestions()    Question 3.1: How many apples does Ann have?
                      Answer: Ann has 5 + 7 = 12 apples. The answer is 12.
                      Question 3.2: Now we can answer the question: How many apples has Ben?
                      Answer: Ben has 12 * 3 = 36 apples. The answer is 36.

The first is chain of thought (Wei et al., 2022, arXiv 2201.11903) cut into steps; the second is the
decomposition of RAP on GSM8K (Hao et al., 2023, arXiv 2305.14992), with a sub-question and its
answer as one step, where RAP draws them one after the other. RAP numbers the answers too; here the
label within a step has no number, so that a step is one text wherever it stands: what the policy
wrote, what a prompt shows, what a reward model reads and what is scored as a continuation.

A prompt ends with the label of the next step, never with white space: chat templates that trim a
message, and vocabularies whose words carry the space before them, do no harm then.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol, final

from specreward import answers
from specreward.checks import whole
from specreward.engines import Sampling
from specreward.verify.citations import CHAIN_OF_THOUGHT, RAP

__all__ = ["LAST", "Form", "Part", "StepByStep", "Subquestions", "Worked", "unlabelled"]

LAST = "Now we can answer the question"
"""What the last sub-question opens with."""


class Part(NamedTuple):
    """One part of a solved example: a sub-question, how it is worked out, and the result."""

    asked: str
    worked: str
    result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Worked:
    """A solved example of a prompt.

    Args:
        question: In the task's own text form.
        parts: In order, two at least; the result of the last is the answer.
        slip: A first part that is wrong.
        why: What is wrong with it, in one sentence.
        wrong: Answers that are not right.
        closing: What stands before and behind a result.
    """

    question: str
    parts: tuple[Part, ...]
    slip: Part
    why: str
    wrong: tuple[str, ...]
    closing: tuple[str, str] = ("The answer is ", ".")

    @property
    def answer(self) -> str:
        """The right answer."""
        return self.parts[-1].result

    def stated(self, part: Part) -> str:
        """How a part is worked out, and its result in a sentence."""
        return f"{part.worked} {self.closing[0]}{part.result}{self.closing[1]}"


class Form(Protocol):
    """How steps are written. Problems in a prompt are numbered: the examples, then the question.

    It has several methods because what is shown must be what is read.
    """

    @property
    def sampling(self) -> Sampling:
        """Stops and token cap of one step."""
        ...

    @property
    def rules(self) -> str:
        """What a prompt says of the form."""
        ...

    def head(self, number: int, question: str) -> str:
        """A question with its label."""
        ...

    def shown(self, number: int, question: str, steps: Sequence[str]) -> list[str]:
        """The steps with their labels."""
        ...

    def opening(self, number: int, depth: int) -> str:
        """The label of the step after ``depth`` others."""
        ...

    def tidy(self, written: str) -> str:
        """The step in what a model wrote after the label."""
        ...

    def sound(self, question: str, steps: Sequence[str]) -> bool:
        """Whether the last of the steps is of this form; those before it are."""
        ...

    def closes(self, text: str) -> bool:
        """Whether a step says of itself that it is the last."""
        ...

    def claim(self, question: str, steps: Sequence[str]) -> str | None:
        """The text in which the last of the steps states the final answer, or None."""
        ...

    def worked(self, example: Worked) -> list[str]:
        """The steps of a solved example."""
        ...

    def slip(self, example: Worked) -> str:
        """The wrong first step of a solved example."""
        ...


@final
@dataclass(frozen=True, kw_only=True)
class StepByStep:
    """Numbered steps; the last one states the answer.

    Args:
        tokens: Most tokens of a step; a step that is cut there ends its path.
    """

    tokens: int = 256

    __cite__: ClassVar[str] = CHAIN_OF_THOUGHT

    def __post_init__(self) -> None:
        whole("step_by_step tokens", self.tokens, 1)

    @property
    def sampling(self) -> Sampling:
        """Up to the label of the next step, plain or in Markdown, or of another question."""
        stop = ("\nStep ", "\n**Step ", "\n### Step ", "\nQuestion:")  # servers take four
        return Sampling(max_tokens=self.tokens, stop=stop)

    @property
    def rules(self) -> str:
        """What a prompt says of the form."""
        return (
            "Work in short steps. Each step is one paragraph that opens with its label: Step 1:, "
            "Step 2:, and so on. The last step, and no other, ends with a sentence that states the "
            "answer, as in the examples."
        )

    def head(self, number: int, question: str) -> str:
        """The question with its label; the number is not shown."""
        return f"Question: {question}"

    def shown(self, number: int, question: str, steps: Sequence[str]) -> list[str]:
        """The steps with their labels."""
        return [f"{self.opening(number, depth)} {text}" for depth, text in enumerate(steps)]

    def opening(self, number: int, depth: int) -> str:
        """The label of the step after ``depth`` others."""
        return f"Step {depth + 1}:"

    def tidy(self, written: str) -> str:
        """The text without the space around it and without a label said again."""
        return unlabelled("Step", written)

    def sound(self, question: str, steps: Sequence[str]) -> bool:
        """Whether there is any text."""
        return bool(steps[-1])

    def closes(self, text: str) -> bool:
        """Never: only an answer that can be read ends a path."""
        return False

    def claim(self, question: str, steps: Sequence[str]) -> str | None:
        """The last step, if an answer is marked in it; see ``answers.final``."""
        return None if answers.final(steps[-1]) is None else steps[-1]

    def worked(self, example: Worked) -> list[str]:
        """How each part is worked out; the last one states its result."""
        *first, last = example.parts
        return [*[part.worked for part in first], example.stated(last)]

    def slip(self, example: Worked) -> str:
        """The wrong first step of a solved example."""
        return example.slip.worked


@final
@dataclass(frozen=True, kw_only=True)
class Subquestions:
    """Sub-questions with their answers; the last asks the question itself.

    Args:
        tokens: Most tokens of a step; a step that is cut there ends its path.
    """

    tokens: int = 256

    __cite__: ClassVar[str] = RAP

    def __post_init__(self) -> None:
        whole("subquestions tokens", self.tokens, 1)

    @property
    def sampling(self) -> Sampling:
        """Up to the label of the next question, plain or in Markdown."""
        stop = ("\nQuestion", "\n**Question", "\n### Question")
        return Sampling(max_tokens=self.tokens, stop=stop)

    @property
    def rules(self) -> str:
        """What a prompt says of the form."""
        return (
            "Break the question into smaller ones. Ask one at a time, under its number, and answer "
            "it in the next line, as in the examples. End every answer with a sentence that states "
            "it. As soon as the question itself can be answered, ask it again after the words "
            f'"{LAST}:", and answer it.'
        )

    def head(self, number: int, question: str) -> str:
        """The question with its number."""
        return f"Question {number}: {question}"

    def shown(self, number: int, question: str, steps: Sequence[str]) -> list[str]:
        """The steps with their labels."""
        return [f"{self.opening(number, depth)} {text}" for depth, text in enumerate(steps)]

    def opening(self, number: int, depth: int) -> str:
        """The label of the sub-question after ``depth`` others."""
        return f"Question {number}.{depth + 1}:"

    def tidy(self, written: str) -> str:
        """The text without a label said again, the answer in a line behind ``Answer:``."""
        text = unlabelled("Question", written)
        asked, answer = _halves(text)
        return _whole(asked, answer) if asked and answer else text

    def sound(self, question: str, steps: Sequence[str]) -> bool:
        """Whether there is a question and an answer to it."""
        asked, answer = _halves(steps[-1])
        return bool(asked) and bool(answer)

    def closes(self, text: str) -> bool:
        """Whether the sub-question opens with ``LAST``."""
        return text.lower().startswith(LAST.lower())

    def claim(self, question: str, steps: Sequence[str]) -> str | None:
        """The answer of the last step, if that closes the path."""
        return (_halves(steps[-1])[1] or None) if self.closes(steps[-1]) else None

    def worked(self, example: Worked) -> list[str]:
        """Each part with its sub-question; the last asks the question itself."""
        *first, last = example.parts
        closing = last._replace(asked=f"{LAST}: {last.asked}")
        return [_whole(part.asked, example.stated(part)) for part in (*first, closing)]

    def slip(self, example: Worked) -> str:
        """The wrong first step of a solved example."""
        return _whole(example.slip.asked, example.stated(example.slip))


def unlabelled(word: str, written: str) -> str:
    """A text without the space around it and the labels it opens with (``Step 2:``)."""
    label = rf"[#*\s]*{word} \d+(?:\.\d+)?\**\s*[:.]\**\s*"
    return re.sub(rf"^(?:{label})+", "", written.strip()).strip()


def _whole(asked: str, answer: str) -> str:
    return f"{asked}\nAnswer: {answer}"


def _halves(text: str) -> tuple[str, str]:
    """The question and the answer in a step; the answer is empty where it is not marked."""
    label = r"\s*(?<!\w)\**Answer(?: \d+(?:\.\d+)?)?\**\s*:\**\s*"
    asked, *rest = re.split(label, text, maxsplit=1)
    return asked.strip(), rest[0].strip() if rest else ""
