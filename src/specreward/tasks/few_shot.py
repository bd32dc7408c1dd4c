"""Few-shot prompts: the exact tasks for language models that have not been trained on them.

    prompt(path) = user:       what the task is, the form of a step
                               `shots` solved problems
                               the problem that is left at the end of the path
                   assistant:  the steps so far where they matter, and the label of the next

T. Brown et al. (2020), "Language Models are Few-Shot Learners", arXiv 2005.14165.

The models in the package are trained on the terse prompts of ``blocksworld``, ``game24`` and
``arithmetic``; another model does not know what they mean. ``few_shot`` says it, and shows solved
problems of the task's own ``train`` split. All else is the task's: problems, rules, answers, check,
and what the embedded reward model reads.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import cycle, islice
from typing import ClassVar, final

from specreward.checks import whole
from specreward.engines import ChatPrompt, Completion, Message, Sampling
from specreward.errors import InputError
from specreward.seeds import derive
from specreward.tasks.arithmetic import Arithmetic
from specreward.tasks.arithmetic_lesson import ArithmeticLesson
from specreward.tasks.blocksworld import Blocksworld
from specreward.tasks.blocksworld_lesson import BlocksworldLesson
from specreward.tasks.game24 import Game24
from specreward.tasks.game24_lesson import Game24Lesson
from specreward.tasks.lesson import GRADES, VERDICTS, Lesson, lines
from specreward.types import Path, Problem, Step, Task

__all__ = ["FewShot"]

_JUDGEMENT = "Judgement:"
_GRADED = "The step is"

_Exact = Game24 | Blocksworld | Arithmetic


@final
@dataclass(frozen=True, kw_only=True)
class FewShot:
    """An exact task with prompts that say what it is.

    A step may be written as language models write: in a code fence or bold type, behind its label,
    with other spaces, signs and brackets, with text behind it. It is brought to the task's own form
    and is then final or dead as the task says; what is not of the form stays dead, and so is a step
    that the token cap may have cut.

    Args:
        task: ``blocksworld``, ``game24`` or ``arithmetic``.
        shots: Solved problems in a prompt, at least 1. Prompts for verdicts and for grades have as
            many examples, but one of each verdict (three) and grade (two) at least.
        seed: Another one makes other examples. A problem is never among its own.
        tokens: Most tokens of a step or a verdict.

    Raises:
        InputError: The task is another one, or a number is out of its range.
    """

    task: Task = field(kw_only=False)
    shots: int = 4
    seed: int = 0
    tokens: int = 160

    __cite__: ClassVar[str] = """@inproceedings{brown2020fewshot,
  title = {Language Models are Few-Shot Learners},
  author = {Brown, Tom and Mann, Benjamin and Ryder, Nick and Subbiah, Melanie and Kaplan, Jared
            and others},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2020},
  note = {arXiv:2005.14165}
}"""

    def __post_init__(self) -> None:
        whole("few_shot shots", self.shots, 1)
        whole("few_shot seed", self.seed, 0)
        whole("few_shot tokens", self.tokens, 1)
        self._exact  # noqa: B018  refuses other tasks

    @property
    def _exact(self) -> _Exact:
        if not isinstance(self.task, _Exact):
            raise InputError(
                f"few_shot: expected blocksworld(...), game24(...) or arithmetic(...), got "
                f"{self.task!r}: other tasks have examples in their prompts as they are"
            )
        return self.task

    @property
    def name(self) -> str:
        """The task's own: its files, and the reward model in the package, are read as ever."""
        return self._exact.name

    @property
    def sampling(self) -> Sampling:
        """Up to the label of the next step, or to another problem."""
        return Sampling(max_tokens=self.tokens, stop=_lesson(self._exact).stops)

    @property
    def value_sampling(self) -> Sampling:
        """One line."""
        return Sampling(max_tokens=self.tokens, stop=("\n",))

    # ------------------------------------------------------------------ problems

    def generate(
        self, n: int, split: str, seed: int, exclude: frozenset[str] = frozenset()
    ) -> list[Problem]:
        """As the task does; examples are problems of ``train``."""
        return self._exact.generate(n, split, seed, exclude)

    def parse(self, line: str) -> Problem:
        """As the task does."""
        return self._exact.parse(line)

    def canonical(self, problem: Problem) -> str:
        """As the task does."""
        return self._exact.canonical(problem)

    # ------------------------------------------------------------------ steps

    def prompt(self, path: Path) -> str:
        """What the task is, solved problems, the problem left; the label of the next step."""
        lesson = _lesson(self._exact)
        user = [lesson.rules, *self._examples(_solved(self), path.problem), lesson.posed(path)]
        done = lesson.done(path)
        return _chat(user, "\n".join([*_labelled(done), f"Step {len(done) + 1}:"]))

    def step(self, path: Path, completion: Completion) -> Step:
        """The step that the text opens with, ``final`` and ``dead`` as the task says."""
        whole_text = completion.text
        if completion.finish == "length":  # its last word may be half a one
            whole_text = " ".join(whole_text.split()[:-1]) if False else _less_a_word(whole_text)
        lesson = _lesson(self._exact)
        found = lines(whole_text)
        read = (lesson.read(path, line) for line in found)
        text = next((step for step in read if step is not None), found[-1])
        return self._exact.step(path, replace(completion, text=text))

    def max_steps(self, problem: Problem) -> int:
        """As the task does."""
        return self._exact.max_steps(problem)

    def answer(self, path: Path) -> str:
        """As the task does."""
        return self._exact.answer(path)

    def check(self, problem: Problem, answer: str) -> bool:
        """As the task does."""
        return self._exact.check(problem, answer)
