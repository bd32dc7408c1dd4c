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
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import cycle
from typing import ClassVar, NamedTuple, final

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
_GRADE = "The step is"

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
        largest: Numbers in steps must be whole, from 0 to this: prompts say so, and another step is
            dead. None sets no bound. For ``embedded_srm('game24')`` 200: it knows no other numbers
            and refuses to score them. Not for ``blocksworld``.

    Raises:
        InputError: The task is another one, or a number is out of its range.
    """

    task: Task = field(kw_only=False)
    shots: int = 4
    seed: int = 0
    tokens: int = 160
    largest: int | None = None

    __cite__: ClassVar[str] = """@inproceedings{brown2020fewshot,
  title = {Language Models are Few-Shot Learners},
  author = {Brown, Tom and Mann, Benjamin and Ryder, Nick and Subbiah, Melanie and Kaplan, Jared
            and others},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2020},
  note = {arXiv:2005.14165}
}"""

    def __post_init__(self) -> None:
        if not isinstance(self.task, _Exact):
            raise InputError(
                f"few_shot: expected blocksworld(...), game24(...) or arithmetic(...), got "
                f"{self.task!r}: other tasks have examples in their prompts as they are"
            )
        whole("few_shot shots", self.shots, 1)
        whole("few_shot seed", self.seed, 0)
        whole("few_shot tokens", self.tokens, 1)
        if self.largest is not None:
            whole("few_shot largest", self.largest, 1)
            if isinstance(self._exact, Blocksworld):
                raise InputError(
                    f"few_shot largest: expected None for blocksworld, whose steps have no "
                    f"numbers, got {self.largest!r}"
                )

    @property
    def _exact(self) -> _Exact:
        assert isinstance(self.task, _Exact), self.task
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
        bound = f"Use whole numbers from 0 to {self.largest} only."
        rules = lesson.rules if self.largest is None else f"{lesson.rules} {bound}"
        user = [rules, *self._examples(_solved(self), path.problem), lesson.posed(path)]
        done = lesson.done(path)
        return _chat(user, "\n".join([*_labelled(done), f"Step {len(done) + 1}:"]))

    def step(self, path: Path, completion: Completion) -> Step:
        """The step that the text opens with, ``final`` and ``dead`` as the task says."""
        written = completion.text
        if completion.finish == "length":
            written = re.sub(r"\S+$", "", written)
        lesson, found = _lesson(self._exact), lines(written)
        read = [lesson.read(path, line) for line in found]
        text = next((step for step in read if step is not None), found[-1])
        step = self._exact.step(path, replace(completion, text=text))
        within = self.largest is None or _within(step.text, self.largest)
        return step if within else replace(step, final=False, dead=True)

    def max_steps(self, problem: Problem) -> int:
        """As the task says."""
        return self._exact.max_steps(problem)

    def answer(self, path: Path) -> str:
        """As the task says."""
        return self._exact.answer(path)

    def check(self, problem: Problem, answer: str) -> bool:
        """As the task says."""
        return self._exact.check(problem, answer)

    def reachable(self, path: Path) -> bool:
        """As the task says.

        Raises:
            InputError: Numbers are bounded, and which states can be solved so is not known; or as
                for the task.
        """
        if self.largest is not None:
            raise InputError(
                f"expected few_shot without a bound on numbers, to tell exactly what can be "
                f"reached, got largest={self.largest}: use another labeller, such as monte_carlo()"
            )
        return self._exact.reachable(path)

    # ------------------------------------------------------------------ evaluation

    def value_prompt(self, path: Path) -> str:
        """Asks for a verdict in a line that gives reasons; examples show each of the three."""
        lesson = _lesson(self._exact)
        shown = self._examples(_judged(self), path.problem)
        return _chat([lesson.judge, *shown, lesson.asked(path)], _JUDGEMENT)

    def good_prompt(self, path: Path) -> str:
        """Asks whether the last step is good; ends where the word ``good`` or ``bad`` follows."""
        if not path.steps:
            raise InputError(f"expected a path with a step to evaluate, got {path.problem.id!r}")
        lesson = _lesson(self._exact)
        shown = self._examples(_graded(self), path.problem)
        return _chat([lesson.grade, *shown, lesson.proposed(path)], _GRADE)

    def reward_text(self, path: Path) -> str:
        """The task's own, without examples: what the reward model in the package reads."""
        return self._exact.reward_text(path)

    def validate(self) -> None:
        """The task's own check; solved examples are read as they are written, and are right."""
        self._exact.validate()
        lesson = _lesson(self._exact)
        for problem in _problems(self):
            steps = lesson.solution(problem, _rng(self, problem))
            path = _followed(self, problem)
            assert [step.text for step in path.steps] == steps, (path, steps)
            assert path.finished, path
            assert self.check(problem, self.answer(path)), path

    def _examples(self, made: Sequence[_Example], problem: Problem) -> list[str]:
        """As many as wanted, of the kinds wanted; none of them on the problem itself."""
        own = self.canonical(problem)
        wanted = Counter([example.kind for example in made[: -len(VERDICTS)]])
        chosen = []
        for example in made:
            if example.form != own and wanted[example.kind]:
                wanted[example.kind] -= 1
                chosen.append(example.text)
        return chosen


class _Example(NamedTuple):
    """An example of a prompt: the canonical form of its problem, what it shows, and its text."""

    form: str
    kind: str
    text: str


def _lesson(task: _Exact) -> Lesson:
    match task:
        case Game24():
            return Game24Lesson(task)
        case Blocksworld():
            return BlocksworldLesson(task)
        case Arithmetic():
            return ArithmeticLesson(task)


@cache
def _problems(of: FewShot) -> tuple[Problem, ...]:
    """Those that examples are made of: three to spare, so that one of each kind can be left out."""
    count = max(of.shots, len(VERDICTS)) + len(VERDICTS)
    drawn = of.generate(count if of.largest is None else 4 * count, "train", of.seed)
    usable = [problem for problem in drawn if _followed(of, problem).finished]
    if len(usable) < count:
        raise InputError(
            f"few_shot largest: expected one that lets {count} of {len(drawn)} examples be solved, "
            f"got {of.largest}: {len(usable)} can be"
        )
    return tuple(usable[:count])


def _followed(of: FewShot, problem: Problem) -> Path:
    """The path of a solution, as far as it is open."""
    path = Path(problem)
    for text in _lesson(of._exact).solution(problem, _rng(of, problem)):
        if path.open:
            path = path.then(of.step(path, Completion(f" {text}\n", 0, None, 0)))
    return path


def _rng(of: FewShot, problem: Problem, kind: str = "solved") -> random.Random:
    return random.Random(derive(of.seed, "few_shot", problem.question, kind))


@cache
def _solved(of: FewShot) -> tuple[_Example, ...]:
    """Problems with their solutions."""
    lesson = _lesson(of._exact)
    made = []
    for problem in _problems(of)[: of.shots + len(VERDICTS)]:
        steps = _labelled(lesson.solution(problem, _rng(of, problem)))
        text = f"{lesson.posed(Path(problem))}\n\n" + "\n".join(steps)
        made.append(_Example(of.canonical(problem), "solved", text))
    return tuple(made)


@cache
def _judged(of: FewShot) -> tuple[_Example, ...]:
    """States with their verdicts, each kind in turn."""
    made = []
    for problem, verdict in zip(_problems(of), cycle(VERDICTS), strict=False):
        asked, why = _lesson(of._exact).judged(problem, verdict, _rng(of, problem, verdict))
        text = f"{asked}\n\n{_JUDGEMENT} {why} {verdict}"
        made.append(_Example(of.canonical(problem), verdict, text))
    return tuple(made)


@cache
def _graded(of: FewShot) -> tuple[_Example, ...]:
    """Steps with their grades, in turn."""
    made = []
    count = max(of.shots, len(GRADES)) + len(VERDICTS)
    for problem, grade in zip(_problems(of)[:count], cycle(GRADES), strict=False):
        proposed = _lesson(of._exact).graded(problem, grade, _rng(of, problem, grade))
        made.append(_Example(of.canonical(problem), grade, f"{proposed}\n\n{_GRADE} {grade}"))
    return tuple(made)


def _within(step: str, largest: int) -> bool:
    """Whether all numbers of a step are whole, from 0 to the largest."""
    odd = re.search(r"\d[/.]\d|(?<!\S)-\d", step)
    return odd is None and all(int(number) <= largest for number in re.findall(r"\d+", step))


def _labelled(steps: Sequence[str]) -> list[str]:
    return [f"Step {number}: {step}" for number, step in enumerate(steps, 1)]


def _chat(user: Sequence[str], own: str) -> ChatPrompt:
    """One message of the user and an unfinished one of the assistant."""
    return ChatPrompt([Message("user", "\n\n".join(user)), Message("assistant", own)])
