"""Sums that are carried along: chains of steps whose values, errors and chances are known exactly.

    question   s0 + d1 + ... + dT          step t   the sum after d1 ... dt, modulo P
    law        from a right sum: right with 1 - slip, else one of the P - 1 wrong ones
               from a wrong sum: put right with ``repair``, else last + d with 1 - slip, else any
               other
    value      P(right answer | path), by recursion over right and wrong

What labels steps is tested on it against exact laws, without a language model. A small modulus has
lucky slips: a wrong sum becomes right again with 1 in P - 1 of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, final

from specreward.checks import number, whole
from specreward.errors import InputError
from specreward.seeds import derive, uniform
from specreward.types import Completion, Path, Problem, Sampling, Step

__all__ = ["ChainPolicy", "RunningSum"]


@lru_cache(maxsize=4096)
def _sums(question: str, modulus: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What is added at each step, and the right sum after each, the start first."""
    numbers = [int(part) for part in question.split("+")]
    sums = [numbers[0] % modulus]
    for one in numbers[1:]:
        sums.append((sums[-1] + one) % modulus)
    return tuple(numbers[1:]), tuple(sums)


@final
@dataclass(frozen=True, kw_only=True)
class RunningSum:
    """Add numbers one by one, modulo P; a step is the new sum, the last one the answer.

    Args:
        modulus: P, at least 2.
        length: Numbers to add in generated problems, at least 1.
    """

    modulus: int = 1009
    length: int = 8

    def __post_init__(self) -> None:
        whole("modulus", self.modulus, 2)
        whole("length", self.length, 1)

    @property
    def name(self) -> str:
        """``running_sum``."""
        return "running_sum"

    @property
    def sampling(self) -> Sampling:
        """One number."""
        return Sampling(max_tokens=1, stop=("\n",))

    @property
    def value_sampling(self) -> Sampling:
        """One word."""
        return Sampling(max_tokens=1, stop=("\n",))

    def generate(self, n: int, split: str, seed: int) -> list[Problem]:
        """``n`` problems with their answers."""
        return [self._draw(f"{split}-{seed}-{i}") for i in range(n)]

    def _draw(self, name: str) -> Problem:
        numbers = [derive(0, "chain", name, i) % self.modulus for i in range(self.length + 1)]
        question = " + ".join([str(one) for one in numbers])
        return Problem(name, question, str(sum(numbers) % self.modulus))

    def parse(self, line: str) -> Problem:
        """A problem such as ``3 + 5 + 9``.

        Raises:
            InputError: The line is no sum of at least two whole numbers.
        """
        parts = [part.strip() for part in line.split("+")]
        if len(parts) < 2 or not all(part.isdecimal() for part in parts):
            raise InputError(f"expected a sum such as 3 + 5 + 9, got {line[:80]!r}")
        question = " + ".join(parts)
        return Problem(question, question, str(_sums(question, self.modulus)[1][-1]))

    def added(self, problem: Problem) -> tuple[int, ...]:
        """The number that each step adds."""
        return _sums(problem.question, self.modulus)[0]

    def sums(self, problem: Problem) -> tuple[int, ...]:
        """The right sum before the first step and after each, ``[T + 1]``."""
        return _sums(problem.question, self.modulus)[1]

    def first_error(self, path: Path) -> int | None:
        """Place of the first step that is not the right sum, from 0, or None."""
        right = self.sums(path.problem)[1:]
        texts = [step.text for step in path.steps]
        return next((i for i, text in enumerate(texts) if text != str(right[i])), None)

    def reachable(self, path: Path) -> bool:
        """Whether the last sum is right, so that adding the rest rightly gives the answer."""
        return not path.steps or path.steps[-1].text == str(self.sums(path.problem)[path.depth])

    def prompt(self, path: Path) -> str:
        """Question and sums so far."""
        return " = ".join([path.problem.question, *[step.text for step in path.steps]])

    def value_prompt(self, path: Path) -> str:
        """Question and sums so far."""
        return f"value {self.prompt(path)}"

    def good_prompt(self, path: Path) -> str:
        """Question and sums so far."""
        return f"good {self.prompt(path)}"

    def reward_text(self, path: Path) -> str:
        """Question and sums so far."""
        return f"reward {self.prompt(path)}"

    def step(self, path: Path, completion: Completion) -> Step:
        """A sum; what is no number below P is dead."""
        text = completion.text.strip()
        if not text.isdecimal() or int(text) >= self.modulus:
            return Step(text, completion.tokens, completion.logprob, dead=True)
        last = path.depth + 1 == self.max_steps(path.problem)
        return Step(text, completion.tokens, completion.logprob, final=last)

    def max_steps(self, problem: Problem) -> int:
        """As many as there are numbers to add."""
        return len(self.added(problem))

    def answer(self, path: Path) -> str:
        """The last sum."""
        return path.steps[-1].text

    def check(self, problem: Problem, answer: str) -> bool:
        """Whether the sum is right."""
        return answer == str(self.sums(problem)[-1])

    def validate(self) -> None:
        """The right sum passes, its neighbour does not."""
        problem = self._draw("validate")
        right = self.sums(problem)[-1]
        assert self.check(problem, str(right)), "the right sum was refused"
        assert not self.check(problem, str((right + 1) % self.modulus)), "a wrong sum was accepted"


@final
@dataclass(frozen=True, kw_only=True)
class ChainPolicy:
    """Adds with slips, by the law of the module; policies with other settings draw independently.

    The law is the same at any temperature above 0; at 0 nothing slips, and an error is put right
    where that is likelier than to carry it on.

    Args:
        task: The sums.
        slip: Chance that a step adds wrongly, in [0, 1].
        repair: Chance that the step after a wrong sum is the right one, in [0, 1]: a strong
            policy finds errors.
        seed: Root of the draws.
    """

    task: RunningSum = field(kw_only=False)
    slip: float = 0.05
    repair: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        number("slip", self.slip, 0, 1)
        number("repair", self.repair, 0, 1)

    def value(self, path: Path) -> float:
        """The exact chance of a right answer after ``path``, in [0, 1]."""
        if path.dead:
            return 0.0
        right, wrong = 1.0, 0.0  # the chance from a right and from a wrong sum
        for _ in range(self.task.max_steps(path.problem) - path.depth):
            back = self.repair + (1 - self.repair) * self.slip / (self.task.modulus - 1)
            right, wrong = (
                (1 - self.slip) * right + self.slip * wrong,
                back * right + (1 - back) * wrong,
            )
        return right if self.task.reachable(path) else wrong

    async def extend(
        self,
        paths: Sequence[Path],
        n: int,
        *,
        until: Literal["step", "end"] = "step",
        temperature: float = 0.8,
        start: int = 0,
    ) -> list[list[Path]]:
        """``n`` continuations of each path, ``[P][n]``.

        Raises:
            InputError: ``n`` is below 1, or a path has ended.
        """
        whole("n", n, 1)
        for path in paths:
            if not path.open:
                raise InputError(f"expected open paths to extend, got an ended one: {path.key}")
        places = range(start, start + n)
        return [[self._grow(path, i, until, temperature) for i in places] for path in paths]

    def _grow(
        self, path: Path, index: int, until: Literal["step", "end"], temperature: float
    ) -> Path:
        most = self.task.max_steps(path.problem)
        sums, root = self.task.sums(path.problem), (self.slip, self.repair, *path.key, index)
        last = int(path.steps[-1].text) if path.steps else sums[0]
        steps = list(path.steps)
        for depth in range(path.depth, most if until == "end" else path.depth + 1):
            last, chance = self._next(path.problem, last, depth, root, temperature)
            steps.append(Step(str(last), 1, math.log(chance), final=depth + 1 == most))
        return Path(path.problem, tuple(steps))

    def _next(
        self, problem: Problem, last: int, depth: int, root: tuple[object, ...], temperature: float
    ) -> tuple[int, float]:
        """The next sum and its chance."""
        modulus, right = self.task.modulus, self.task.sums(problem)[depth + 1]
        carried = (last + self.task.added(problem)[depth]) % modulus
        repair = self.repair if carried != right else 0.0
        if temperature == 0:
            likely = self._chance(right, carried, right) >= self._chance(carried, carried, right)
            return (right if likely else carried), 1.0
        at = uniform(self.seed, *root, depth)
        if at < repair:
            found = right
        elif at < repair + (1 - repair) * (1 - self.slip):
            found = carried
        else:
            other = derive(self.seed, *root, depth, "slip") % (modulus - 1)
            found = other + (other >= carried)
        return found, self._chance(found, carried, right)

    def _chance(self, found: int, carried: int, right: int) -> float:
        """Probability of a sum where adding rightly to the last one gives ``carried``."""
        repair = self.repair if carried != right else 0.0
        added = 1 - self.slip if found == carried else self.slip / (self.task.modulus - 1)
        return (1 - repair) * added + repair * (found == right)
