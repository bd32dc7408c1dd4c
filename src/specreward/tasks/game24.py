"""Game of 24, and Countdown with any target: combine all numbers, each once, to the target.

    question   4 9 10 13            or, for another target:   4 9 10 13 -> 26
    steps      13 - 9 = 4 (left: 4 4 10) ; 10 - 4 = 6 (left: 4 6) ; 6 * 4 = 24 (left: 24)
    answer     (10 - (13 - 9)) * 4

The step format is that of Tree of Thoughts (Yao et al., 2023, arXiv 2305.10601). A path is finished
when one number is left and it is the target; it is dead after a step that is not exact arithmetic
on the numbers at hand, or when one other number is left.
"""

from __future__ import annotations

import ast
import random
import re
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from hashlib import blake2b
from itertools import combinations_with_replacement
from typing import ClassVar, final

from specreward.checks import whole
from specreward.errors import InputError
from specreward.seeds import derive
from specreward.tasks import game24_text as text
from specreward.tasks.countdown import Numbers, canonical_numbers, moves, numbers_text, solvable
from specreward.types import Completion, Path, Problem, Sampling, Step

__all__ = ["Game24", "state_of"]

_PATIENCE = 20_000
"""Draws without a new problem before the search for more is given up."""

_STEP = re.compile(r"(\S+) ([-+*/]) (\S+) = (\S+) \(left: ([^()]+)\)")


@final
@dataclass(frozen=True, kw_only=True)
class Game24:
    """The task.

    Args:
        target: What to make; 24 is the game, other targets are Countdown.
        count: How many numbers generated problems have, 2 to 5.
        largest: The largest of them, at least 1.
    """

    target: int = 24
    count: int = 4
    largest: int = 13
    name: ClassVar[str] = "game24"
    sampling: ClassVar[Sampling] = Sampling(max_tokens=16, stop=(";",))
    value_sampling: ClassVar[Sampling] = Sampling(max_tokens=56, stop=(";",))
    __cite__: ClassVar[str] = """@inproceedings{yao2023tot,
  title={Tree of Thoughts: Deliberate Problem Solving with Large Language Models},
  author={Yao, Shunyu and Yu, Dian and Zhao, Jeffrey and Shafran, Izhak and Griffiths, Thomas L. and
    Cao, Yuan and Narasimhan, Karthik},
  booktitle={NeurIPS}, year={2023}}"""

    def __post_init__(self) -> None:
        whole("target", self.target, 1)
        whole("count", self.count, 2, 5)
        whole("largest", self.largest, 1)

    # ------------------------------------------------------------------ problems

    def sets(self) -> list[Numbers]:
        """All solvable sets of ``count`` numbers from 1 to ``largest``: 1,362 for the game."""
        return list(_solvable_sets(self.count, self.largest, Fraction(self.target)))

    def generate(
        self, n: int, split: str, seed: int, exclude: frozenset[str] = frozenset()
    ) -> list[Problem]:
        """``n`` different solvable problems of a split.

        ``tune`` and ``test`` share out the sets of the task's own target. ``train`` keeps off them,
        and off the game itself, by construction: its problems have another target than the task's
        and 24, or a number above 13 and ``largest``. ``exclude`` holds canonical forms to leave
        out.
        """
        if split not in ("train", "tune", "test"):
            raise InputError(f"split: expected one of train, tune, test, got {split!r}")
        rng = random.Random(derive(seed, self.name, split, self.target, self.count, self.largest))
        if split == "train":
            return self._train(n, rng, exclude)
        pool = [s for s in self.sets() if (_bucket(s) < 40) == (split == "tune")]
        pool = [s for s in pool if self._question(s, self.target) not in exclude]
        rng.shuffle(pool)
        if len(pool) < n:
            raise InputError(
                f"expected at most {len(pool)} problems, as many as split {split!r} has, got {n}"
            )
        return [self._problem(s, self.target) for s in pool[:n]]

    def _train(self, n: int, rng: random.Random, exclude: frozenset[str]) -> list[Problem]:
        found: dict[str, Problem] = {}
        above = max(self.largest, 13)
        misses = 0
        while len(found) < n:
            if misses == _PATIENCE:
                raise InputError(
                    f"found only {len(found)} of {n} different problems with count={self.count}, "
                    f"largest={self.largest}: ask for fewer, or widen these"
                )
            misses += 1
            drawn = [rng.randint(1, self.largest) for _ in range(self.count)]
            target = self.target
            if rng.random() < 0.5:
                drawn[0] = rng.randint(above + 1, 2 * above)
            else:
                target = rng.choice([t for t in range(10, 41) if t not in (self.target, 24)])
            numbers = canonical_numbers(drawn)
            form = self._question(numbers, target)
            if form not in exclude and form not in found and solvable(numbers, Fraction(target)):
                found[form] = self._problem(numbers, target)
                misses = 0
        return list(found.values())

    def _question(self, numbers: Numbers, target: int) -> str:
        return numbers_text(numbers) + ("" if target == 24 else f" -> {target}")

    def _problem(self, numbers: Numbers, target: int) -> Problem:
        question = self._question(numbers, target)
        name = f"{self.name}-{question.replace(' -> ', '-to-').replace(' ', '-').replace('/', ':')}"
        return Problem(id=name, question=question, answer=_solution(numbers, Fraction(target)))

    def parse(self, line: str) -> Problem:
        """A problem from ``4 9 10 13`` or ``4 9 10 13 -> 26``; an unsolvable one is refused."""
        numbers, arrow, target = line.partition("->")
        try:
            values = canonical_numbers([Fraction(word) for word in numbers.split()])
            goal = int(target) if arrow else self.target
        except (ValueError, ZeroDivisionError):
            values, goal = (), 0
        if not 2 <= len(values) <= 6:
            raise InputError(
                f"expected two to six numbers and maybe a target, as in '4 9 10 13 -> 24', got "
                f"{line.strip()[:200]!r}"
            )
        if not solvable(values, Fraction(goal)):
            raise InputError(f"expected numbers that can make {goal}, got {numbers_text(values)}")
        return self._problem(values, goal)

    def canonical(self, problem: Problem) -> str:
        """The form that equal problems share: sorted numbers, and the target."""
        numbers, target = _read(problem.question)
        return self._question(numbers, int(target))

    # ------------------------------------------------------------------ steps

    def prompt(self, path: Path) -> str:
        """The target and the numbers left."""
        return text.prompt(*state_of(path))

    def step(self, path: Path, completion: Completion) -> Step:
        """A step; see the module's docstring for ``final`` and ``dead``."""
        target, numbers = state_of(path)
        written = " ".join(completion.text.split())
        left = _after(numbers, written)
        final = left == (target,)
        dead = left is None or (len(left) == 1 and not final)
        return Step(written, completion.tokens, completion.logprob, final, dead)

    def max_steps(self, problem: Problem) -> int:
        """One less than there are numbers."""
        return len(_read(problem.question)[0]) - 1

    def answer(self, path: Path) -> str:
        """The expression that the steps build."""
        numbers, _ = _read(path.problem.question)
        built = [(number, str(number)) for number in numbers]
        for step in path.steps:
            match = _STEP.fullmatch(step.text)
            assert match is not None, step
            a, operator, b, result, _ = match.groups()
            left = _take(built, Fraction(a))
            right = _take(built, Fraction(b))
            built.append((Fraction(result), f"({left} {operator} {right})"))
        return built[0][1].removeprefix("(").removesuffix(")") if path.steps else ""

    def check(self, problem: Problem, answer: str) -> bool:
        """Whether the expression uses each number once and is exactly the target."""
        numbers, target = _read(problem.question)
        try:
            used: list[Fraction] = []
            value = _evaluate(ast.parse(answer.strip(), mode="eval").body, used)
        except (SyntaxError, ValueError, ZeroDivisionError, RecursionError):
            return False
        return value == target and Counter(used) == Counter(numbers)

    def reachable(self, path: Path) -> bool:
        """Whether the numbers left can make the target, all steps being exact arithmetic: exact."""
        numbers, target = _read(path.problem.question)
        left: Numbers | None = numbers
        for step in path.steps:
            left = None if left is None else _after(left, step.text)
        return left is not None and not path.dead and solvable(left, target)

    # ------------------------------------------------------------------ evaluation

    def value_prompt(self, path: Path) -> str:
        """Asks whether the numbers left can make the target."""
        return text.value(*state_of(path))

    def good_prompt(self, path: Path) -> str:
        """Asks whether the last step is good on the numbers before it."""
        return text.good(*state_of(_parent(path)), path.steps[-1].text)

    def reward_text(self, path: Path) -> str:
        """The last step on the numbers before it."""
        return text.reward(*state_of(_parent(path)), path.steps[-1].text)

    def validate(self) -> None:
        """Solutions are right; with a number left out or changed they are wrong."""
        for problem in self.generate(20, "tune", seed=0):
            gold = problem.answer
            assert gold is not None
            assert self.check(problem, gold), problem
            assert not self.check(problem, f"{gold} + 1"), problem
            assert not self.check(problem, str(self.target)), problem


def _parent(path: Path) -> Path:
    if not path.steps:
        raise InputError("expected a path with at least one step to evaluate, got the bare problem")
    return Path(path.problem, path.steps[:-1])


@lru_cache(maxsize=1 << 14)
def _read(question: str) -> tuple[Numbers, Fraction]:
    numbers, _, target = question.partition("->")
    return canonical_numbers([Fraction(word) for word in numbers.split()]), Fraction(target or 24)


def state_of(path: Path) -> tuple[Fraction, Numbers]:
    """Target and numbers left at the end of a path."""
    numbers, target = _read(path.problem.question)
    if path.steps:
        match = _STEP.fullmatch(path.steps[-1].text)
        if match is None:
            raise InputError(f"{path.steps[-1].text!r} is not a step; the path ended there")
        numbers = canonical_numbers([Fraction(word) for word in match[5].split()])
    return target, numbers


@lru_cache(maxsize=1 << 16)
def _after(numbers: Numbers, written: str) -> Numbers | None:
    """The numbers left by a step as written, or None where it is not exact."""
    match = _STEP.fullmatch(written)
    if match is None:
        return None
    try:
        a, b, result = Fraction(match[1]), Fraction(match[3]), Fraction(match[4])
        said = canonical_numbers([Fraction(word) for word in match[5].split()])
    except (ValueError, ZeroDivisionError):
        return None
    right = {(m[0], m[1], m[2], m[3]): m[4] for m in moves(numbers)}
    key = (a, match[2], b, result)
    if key not in right and match[2] in "+*":
        key = (b, match[2], a, result)
    return said if right.get(key) == said else None


def _take(built: list[tuple[Fraction, str]], value: Fraction) -> str:
    """Remove the first built number of this value; its expression."""
    index = next(i for i, (number, _) in enumerate(built) if number == value)
    return built.pop(index)[1]


def _evaluate(node: ast.expr, used: list[Fraction]) -> Fraction:
    match node:
        case ast.Constant(value=int() as number) if not isinstance(number, bool):
            used.append(Fraction(number))
            return Fraction(number)
        case ast.BinOp(left=left, op=operator, right=right):
            a, b = _evaluate(left, used), _evaluate(right, used)
            match operator:
                case ast.Add():
                    return a + b
                case ast.Sub():
                    return a - b
                case ast.Mult():
                    return a * b
                case ast.Div():
                    return a / b
    raise ValueError("only whole numbers and + - * / are allowed")


@lru_cache(maxsize=8)
def _solvable_sets(count: int, largest: int, target: Fraction) -> tuple[Numbers, ...]:
    numbers = [Fraction(i) for i in range(1, largest + 1)]
    return tuple(s for s in combinations_with_replacement(numbers, count) if solvable(s, target))


def _solution(numbers: Numbers, target: Fraction) -> str | None:
    """An expression that makes the target, or None."""
    path = Path(Problem("", f"{numbers_text(numbers)} -> {target}"))
    while len(numbers) > 1:
        move = next((m for m in moves(numbers) if solvable(m[4], target)), None)
        if move is None:
            return None
        path = path.then(Step(text.step(*move)))
        numbers = move[4]
    return Game24().answer(path)


def _bucket(numbers: Numbers) -> int:
    digest = blake2b(numbers_text(numbers).encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") % 100
