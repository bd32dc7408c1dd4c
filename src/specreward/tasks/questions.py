"""What tasks on written questions share: prompts, steps, splits and self-checks.

    prompt    instructions, solved examples, the question | the steps so far, the next label
    step      what the form makes of a completion: final if its answer can be read
    verdict   the same with a judgement of the first steps: sure, likely or impossible (ToT)

The prompt is a conversation whose last message, the assistant's, is unfinished; read as plain text
it is a prompt with solved examples for a model without chat. Verdicts are those of Tree of Thoughts
(Yao et al., 2023, arXiv 2305.10601), in our own words.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import ClassVar

from specreward.checks import whole
from specreward.engines import ChatPrompt, Completion, Message, Sampling
from specreward.errors import InputError
from specreward.tasks.data import instances, pick
from specreward.tasks.forms import Form, Worked
from specreward.types import Path, Problem, Step

__all__ = ["Questions"]

_JUDGE = (
    "Below is a question and the first steps of a solution. Judge in one line whether these steps "
    "can lead to the right answer. Check each of them, say what you find, and end with one word:\n"
    "sure        the steps are right, and the right answer is reached or plainly within reach\n"
    "likely      no mistake is found, but there is a way to go\n"
    "impossible  a step is wrong, so that the right answer cannot follow"
)
_GRADE = (
    "Below is a question and the first steps of a solution. Judge the last step alone: it is good "
    "if it is right and brings the answer nearer, and bad if not. Reply with one word, good or bad."
)


class Questions(ABC):
    """A task on written questions; a subclass brings the wording, the records and the check."""

    name: ClassVar[str]
    value_sampling: ClassVar[Sampling] = Sampling(max_tokens=256, stop=("\n",))

    def __post_init__(self) -> None:
        if not isinstance(self.data, str):
            raise InputError(
                f"data: expected a path or the name of a set, as a text, got {self.data!r}"
            )
        whole("limit", self.limit, 1)
        example = self.examples[0]
        if not self.form.sound(example.question, self.form.worked(example)[:1]):
            raise InputError(
                f"form: expected one in which steps of {self.name} can be written, such as "
                f"step_by_step(), got {self.form!r}"
            )

    # ------------------------------------------------------------------ what a subclass brings

    @property
    @abstractmethod
    def data(self) -> str:
        """Where problems come from: a file, a folder, the name of a set on the hub, or nothing."""

    @property
    @abstractmethod
    def form(self) -> Form:
        """How steps are written."""

    @property
    @abstractmethod
    def limit(self) -> int:
        """The most steps of a path."""

    @property
    @abstractmethod
    def instructions(self) -> str:
        """What a prompt says of the task."""

    @property
    @abstractmethod
    def examples(self) -> tuple[Worked, ...]:
        """The solved examples of a prompt, at least one."""

    @abstractmethod
    def read(self, claim: str) -> str | None:
        """The canonical answer in a text that states it, or None."""

    @abstractmethod
    def wrong(self, problem: Problem) -> str | None:
        """An answer that is not right, for ``validate``; None where none is known to be wrong."""

    @abstractmethod
    def parse(self, line: str) -> Problem:
        """A problem from one line as a user writes it."""

    @abstractmethod
    def record(self, fields: Mapping[str, object], where: str) -> Problem:
        """A problem from one record of a data set."""

    def check(self, problem: Problem, answer: str) -> bool:
        """Whether answer and reference are read as the same; False where there is no reference."""
        given = self.read(answer)
        right = None if problem.answer is None else self.read(problem.answer)
        return given is not None and given == right

    def gold_steps(self, problem: Problem) -> list[str]:
        """The right steps, where the data has them.

        Raises:
            InputError: There are none for this problem.
        """
        raise InputError(
            f"expected a problem whose data has steps in the form {self.form!r}, got {problem.id!r}"
        )

    def kin(self, problem: Problem) -> str:
        """A text that problems share which must not stand in different splits."""
        return self.canonical(problem)

    # ------------------------------------------------------------------ problems

    def generate(self, n: int, split: str, seed: int) -> list[Problem]:
        """``n`` problems of the data in an order that the seed fixes; see ``tasks/data.py``.

        Raises:
            InputError: There is no data, no such split, or not so many problems in it.
            MissingExtra: The data is on the hub, and ``datasets`` is not installed.
        """
        return pick(self, n, split, seed)

    def canonical(self, problem: Problem) -> str:
        """The question in lower case with single spaces."""
        return " ".join(problem.question.lower().split())

    # ------------------------------------------------------------------ steps

    @property
    def sampling(self) -> Sampling:
        """Stops and token cap of the form."""
        return self.form.sampling

    def prompt(self, path: Path) -> str:
        """Instructions, examples and question; the steps so far, and the label of the next."""
        question, steps = path.problem.question, _texts(path)
        user = [f"{self.instructions} {self.form.rules}"]
        for number, example in enumerate(self.examples, 1):
            user += self._written(number, example.question, self.form.worked(example))
        user.append(self.form.head(self._number, question))
        own = [
            *self.form.shown(self._number, question, steps),
            self.form.opening(self._number, path.depth),
        ]
        return _chat(user, own)

    def step(self, path: Path, completion: Completion) -> Step:
        """A step of the form.

        It is final if it states an answer that can be read. It is dead if it was cut at the token
        cap, is not of the form, says that it is the last without an answer, or is the last that
        the limit allows.
        """
        text = self.form.tidy(completion.text)
        question, steps = path.problem.question, [*_texts(path), text]
        sound = completion.finish == "stop" and self.form.sound(question, steps)
        final = sound and self._answer(question, steps) is not None
        over = self.form.closes(text) or path.depth + 1 >= self.max_steps(path.problem)
        dead = not final and (over or not sound)
        return Step(text, completion.tokens, completion.logprob, final, dead)

    def max_steps(self, problem: Problem) -> int:
        """The field ``limit``."""
        return self.limit

    def answer(self, path: Path) -> str:
        """The answer of a finished path in canonical form; empty where it states none."""
        if not path.steps:
            return ""
        return self._answer(path.problem.question, _texts(path)) or ""

    # ------------------------------------------------------------------ evaluation

    def value_prompt(self, path: Path) -> str:
        """Asks for a verdict on the steps so far; three solved examples show how."""
        example = self.examples[0]
        right, wrong = self.form.worked(example), [self.form.slip(example)]
        user = [_JUDGE]
        shown = [
            (right[:1], "The step is right, and more is to be done. likely"),
            (wrong, f"{example.why} impossible"),
            (right, "Every step is right, and the last one gives what is asked for. sure"),
        ]
        for steps, verdict in shown:
            user += [*self._written(1, example.question, steps), f"Judgement: {verdict}"]
        user += self._written(2, path.problem.question, _texts(path))
        return _chat(user, ["Judgement:"])

    def good_prompt(self, path: Path) -> str:
        """Asks whether the last step is good; ends where the word ``good`` or ``bad`` follows."""
        user = [_GRADE, *self._written(1, path.problem.question, _texts(_not_bare(path)))]
        return _chat(user, ["The last step is"])

    def reward_text(self, path: Path) -> str:
        """The question and all steps, the last of them to be scored."""
        return "\n\n".join(self._written(1, path.problem.question, _texts(_not_bare(path))))

    def validate(self) -> None:
        """Right answers pass and wrong ones do not: of the examples, and of the data if given."""
        self.validate_examples()
        self.validate_data()

    def validate_examples(self) -> None:
        """The solved examples are read as they are written, and their wrong answers refused."""
        for example in self.examples:
            problem = Problem("example", example.question, example.answer)
            self._follow(problem, self.form.worked(example))
            for wrong in example.wrong:
                assert not self.check(problem, wrong), (example.question, wrong)

    def validate_data(self) -> None:
        """The references of the data are right, and another answer is not."""
        for problem in instances(self) if self.data else ():
            if problem.answer is None:
                continue
            assert self.check(problem, problem.answer), problem
            wrong = self.wrong(problem)
            assert wrong is None or not self.check(problem, wrong), problem

    # ------------------------------------------------------------------ helpers

    def named(self, question: str) -> Problem:
        """The problem of a question, its id made from the text."""
        digest = blake2b(question.encode(), digest_size=6).hexdigest()
        return Problem(f"{self.name}-{digest}", question)

    @property
    def _number(self) -> int:
        """Of the question in a prompt: the examples come first."""
        return len(self.examples) + 1

    def _written(self, number: int, question: str, steps: Sequence[str]) -> list[str]:
        return [self.form.head(number, question), *self.form.shown(number, question, steps)]

    def _answer(self, question: str, steps: Sequence[str]) -> str | None:
        claim = self.form.claim(question, steps)
        return None if claim is None else self.read(claim)

    def _follow(self, problem: Problem, steps: Sequence[str]) -> None:
        """Steps that must be sound, end the path with the last of them, and be right."""
        path = Path(problem)
        for text in steps:
            assert path.open, (path, text)
            path = path.then(self.step(path, Completion(text, 0, None, 0)))
        assert path.finished, path
        assert self.check(problem, self.answer(path)), path


def _texts(path: Path) -> list[str]:
    return [step.text for step in path.steps]


def _chat(user: Sequence[str], own: Sequence[str]) -> ChatPrompt:
    """One message of the user and an unfinished one of the assistant."""
    return ChatPrompt([Message("user", "\n\n".join(user)), Message("assistant", "\n\n".join(own))])


def _not_bare(path: Path) -> Path:
    if not path.steps:
        raise InputError("expected a path with at least one step to evaluate, got the bare problem")
    return path
