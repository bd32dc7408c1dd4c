"""Arithmetic: grade-school word problems; each step asks a sub-question and answers it.

    question   Ann has 5 apples. Ann finds 7 more apples. Ben has 3 times as many apples as Ann.
               How many apples does Ben have?
    steps      How many apples does Ann have now? 5 + 7 = 12. The answer is 12.
               Now we can answer the question: How many apples does Ben have? 12 * 3 = 36.
               The answer is 36.
    answer     36

Steps have the form that RAP gives to GSM8K (Hao et al., 2023, arXiv 2305.14992). A path is finished
after a step that opens with "Now we can answer the question:". It is dead after a step that is not
of this form, or that reaches the step limit without finishing; a wrong number is wrong, not dead.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import ClassVar, final

from specreward.answers import number, number_text, same_number
from specreward.checks import span, whole
from specreward.errors import InputError
from specreward.seeds import derive
from specreward.tasks import arithmetic_text as text
from specreward.tasks.stories import Operation, Story, canonical, random_story, read_story, solve
from specreward.types import Completion, Path, Problem, Sampling, Step

__all__ = ["Arithmetic"]

_SHARES = {"train": range(60), "tune": range(60, 80), "test": range(80, 100)}
_PATIENCE = 20_000
"""Draws without a new problem before the search for more is given up."""

_NUMBER = r"-?\d+(?:\.\d+|/\d+)?"
_STEP = re.compile(
    rf"(?P<last>{text.LAST} )?(?P<question>[^?]+\?) (?P<expression>{_NUMBER}(?: [-+*/] {_NUMBER})+)"
    rf" = (?P<result>{_NUMBER})\. The answer is (?P<answer>{_NUMBER})\.?"
)


@final
@dataclass(frozen=True, kw_only=True)
class Arithmetic:
    """The task.

    Args:
        steps: Fewest and most steps of generated problems, each from 1 to 8.
        largest: The largest amount in generated problems, 20 to 999.
        distractors: Sentences of generated problems that the question does not need, 0 to 3.
        limit: The most steps that a path may have, the same for all problems.
    """

    steps: tuple[int, int] = (2, 8)
    largest: int = 199
    distractors: int = 0
    limit: int = 10
    name: ClassVar[str] = "arithmetic"
    sampling: ClassVar[Sampling] = Sampling(max_tokens=48, stop=(";",))
    value_sampling: ClassVar[Sampling] = Sampling(max_tokens=4, stop=(";",))
    __cite__: ClassVar[str] = """@article{cobbe2021gsm8k,
  title={Training Verifiers to Solve Math Word Problems},
  author={Cobbe, Karl and Kosaraju, Vineet and Bavarian, Mohammad and Chen, Mark and Jun, Heewoo
    and Kaiser, Lukasz and Plappert, Matthias and Tworek, Jerry and Hilton, Jacob
    and Nakano, Reiichiro and Hesse, Christopher and Schulman, John},
  journal={arXiv preprint arXiv:2110.14168}, year={2021}}"""

    def __post_init__(self) -> None:
        span("steps", self.steps, 1, 8)
        whole("largest", self.largest, 20, text.LARGEST)
        whole("distractors", self.distractors, 0, 3)
        whole("limit", self.limit, self.steps[1])

    # ------------------------------------------------------------------ problems

    def generate(
        self, n: int, split: str, seed: int, exclude: frozenset[str] = frozenset()
    ) -> list[Problem]:
        """``n`` different problems, spread evenly over the numbers of steps.

        The split of a problem is fixed by a hash of its canonical form, so two splits never share a
        problem, not even in other words; ``exclude`` holds canonical forms to leave out.
        """
        if split not in _SHARES:
            raise InputError(f"split: expected one of {', '.join(_SHARES)}, got {split!r}")
        rng = random.Random(derive(seed, self.name, split))
        lengths = range(self.steps[0], self.steps[1] + 1)
        seen = set(exclude)
        problems: list[Problem] = []
        misses = 0
        while len(problems) < n:
            if misses == _PATIENCE:
                raise InputError(
                    f"found only {len(problems)} of {n} different problems with "
                    f"steps={self.steps}, largest={self.largest}: ask for fewer, or widen these"
                )
            misses += 1
            wanted = lengths[len(problems) % len(lengths)]
            story = random_story(wanted, rng, self.largest, self.distractors)
            form = canonical(story) if story else ""
            if story and form not in seen and _bucket(form) in _SHARES[split]:
                seen.add(form)
                problems.append(_problem(story, f"{self.name}-{split}-{seed}-{len(problems)}"))
                misses = 0
        return problems

    def parse(self, line: str) -> Problem:
        """A word problem in any words; in the wording of this task, its answer is worked out."""
        question = text.tidy(line)
        if len(re.findall(r"[A-Za-z]+", question)) < 3:
            raise InputError(
                f"expected a word problem, as in 'Ann has 5 apples. Ann finds 7 more apples. "
                f"How many apples does Ann have now?', got {line.strip()[:200]!r}"
            )
        name = f"{self.name}-{blake2b(question.encode(), digest_size=4).hexdigest()}"
        story = read_story(question)
        return Problem(name, question) if story is None else _problem(story, name)

    def canonical(self, problem: Problem) -> str:
        """The form that a problem shares with those that differ in names, verbs and things only.

        Problems in other wording share theirs with equal text, letter case aside.
        """
        story = _story(problem.question)
        return canonical(story) if story else f"text: {text.tidy(problem.question).lower()}"

    def gold_steps(self, problem: Problem) -> list[str]:
        """The right steps, in the order of the story; InputError for a problem in other wording."""
        story = _story(problem.question)
        if story is None:
            raise InputError(
                f"expected a problem in the wording of the task {self.name!r}, whose steps can be "
                f"worked out, got {problem.question[:200]!r}"
            )
        operations = solve(story)
        return [_written(story, op, op is operations[-1]) for op in operations]

    # ------------------------------------------------------------------ steps

    def prompt(self, path: Path) -> str:
        """The problem and the steps so far."""
        return text.prompt(path.problem.question, _texts(path))

    def step(self, path: Path, completion: Completion) -> Step:
        """A sub-question with its answer; see the module's docstring for ``final`` and ``dead``."""
        written = text.tidy(completion.text)
        match = _STEP.fullmatch(written)
        final = match is not None and match["last"] is not None
        dead = not final and (match is None or path.depth + 1 >= self.max_steps(path.problem))
        return Step(written, completion.tokens, completion.logprob, final, dead)

    def max_steps(self, problem: Problem) -> int:
        """The field ``limit``."""
        return self.limit

    def answer(self, path: Path) -> str:
        """The number that the last step gives: a whole number, or a fraction in lowest terms."""
        match = _STEP.fullmatch(path.steps[-1].text) if path.steps else None
        if match is None:
            return ""
        value = number(match["answer"])
        return "" if value is None else number_text(value)

    def check(self, problem: Problem, answer: str) -> bool:
        """Whether the answer is the reference as a number; False where there is no reference.

        Both texts are read by ``answers.same_number``: a reference may end with ``#### 72``, the
        form of GSM8K.
        """
        return problem.answer is not None and same_number(answer, problem.answer) is True

    def is_right_step(self, path: Path) -> bool:
        """Whether the last step is the right one at its place.

        It asks what the right step there asks, applies the same operation to the same numbers (in
        any order for + and *), and gives the exact result twice. Steps before it do not count.

        Raises:
            InputError: The path has no step, or the problem is in other wording.
        """
        gold = self.gold_steps(path.problem)
        last = _texts(_not_bare(path))[-1]
        if path.depth > len(gold):
            return False
        given = _meaning(last)
        return given is not None and given == _meaning(gold[path.depth - 1])

    def reachable(self, path: Path) -> bool:
        """Whether every step so far is the right one at its place; of a finished path, its answer.

        A right number can be written after anything: here a path is lost with its first wrong step,
        though a policy might still mend it.

        Raises:
            InputError: The problem is in other wording, so that nobody knows its right steps.
        """
        if path.dead or path.finished:
            return path.finished and self.check(path.problem, self.answer(path))
        right = len(self.gold_steps(path.problem))
        parts = [Path(path.problem, path.steps[:depth]) for depth in range(1, path.depth + 1)]
        enough = path.depth <= right <= self.max_steps(path.problem)
        return enough and all(map(self.is_right_step, parts))

    # ------------------------------------------------------------------ evaluation

    def value_prompt(self, path: Path) -> str:
        """Asks whether the steps so far lead to the right answer."""
        return text.value(path.problem.question, _texts(path))

    def good_prompt(self, path: Path) -> str:
        """Asks whether the last step is good; the steps before it are shown."""
        return text.good(path.problem.question, _texts(_not_bare(path)))

    def reward_text(self, path: Path) -> str:
        """The problem and all steps, the last of them to be scored."""
        return text.reward(path.problem.question, _texts(_not_bare(path)))

    def validate(self) -> None:
        """Right steps are right and lead to the answer; with one number changed they are wrong."""
        for problem in self.generate(20, "tune", seed=0):
            path = Path(problem)
            for written in self.gold_steps(problem):
                path = path.then(self.step(path, Completion(written, 0, None, 0)))
                assert self.is_right_step(path), path
            assert path.finished, path
            assert self.check(problem, self.answer(path)), problem
            assert not self.check(problem, self.answer(path) + "1"), problem
            wrong = Step(path.steps[-1].text.replace("=", "+ 1 ="), final=True)
            assert not self.is_right_step(Path(problem, (*path.steps[:-1], wrong))), path


def _not_bare(path: Path) -> Path:
    if not path.steps:
        raise InputError("expected a path with at least one step to evaluate, got the bare problem")
    return path


def _texts(path: Path) -> list[str]:
    return [step.text for step in path.steps]


def _problem(story: Story, name: str) -> Problem:
    operations = solve(story)
    if not operations:
        raise InputError(f"expected a question that takes at least one step, got {str(story)!r}")
    meta = {"steps": len(operations)}
    return Problem(name, str(story), str(operations[-1].result), meta)


@lru_cache(maxsize=1 << 14)
def _story(question: str) -> Story | None:
    return read_story(question)


def _written(story: Story, operation: Operation, last: bool) -> str:
    asked = (story.question if last else operation.question).text(story.noun)
    expression = f"{operation.left} {operation.sign} {operation.right}"
    return text.step(asked, expression, str(operation.result), last)


@lru_cache(maxsize=1 << 16)
def _meaning(written: str) -> tuple[object, ...] | None:
    """What two equally right steps share: question, operation, operands, result and answer."""
    match = _STEP.fullmatch(written)
    if match is None:
        return None
    left, sign, *right = match["expression"].split()
    operands = [left, *right]
    if sign in "+*" and len(operands) == 2:
        operands.sort()
    said = (match["result"], match["answer"])
    return match["last"], match["question"].lower(), sign, *operands, *said


def _bucket(form: str) -> int:
    return int.from_bytes(blake2b(form.encode(), digest_size=4).digest(), "big") % 100
