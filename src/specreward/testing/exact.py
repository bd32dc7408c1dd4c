"""Exact laws of random programs: every draw is played in every way, with its probability.

    law(program):  script <- ()
                   again: run the program; at draw k take script[k], or the first that can happen
                          law[outcome] += product of the probabilities taken
                          script <- the next one in order; stop where there is none

A search draws among alternatives with ``seeds.choose`` and from a policy. ``ExactPolicy`` draws
its samples with ``choose`` as well, so that the very code of a search is played through, and what
is compared with a formula is its law and not a sample of it. Samples of one call are exchangeable:
they are drawn as counts, in the order of the table, which keeps four symbols and n = 16 at 969
outcomes.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import combinations_with_replacement
from typing import Literal, TypeVar, final

from specreward.checks import positive, whole
from specreward.engines import Completion, Sampling
from specreward.errors import InputError
from specreward.seeds import choose, rolled, rolling
from specreward.types import Path, Problem, Step

__all__ = ["ExactPolicy", "ExactReward", "ExactTask", "law", "total_variation"]

T = TypeVar("T", bound=Hashable)

Table = Mapping[tuple[str, ...], Mapping[str, float]]
"""Probabilities of the next step by the texts of those before; who is not in it has ended."""


def law(program: Callable[[], Awaitable[T]]) -> dict[T, float]:
    """The probability of each outcome of a program whose draws are all made by ``seeds.choose``.

    Args:
        program: Called once for each way that the draws can fall.

    Raises:
        InputError: Two draws of one run have the same name, so that with a seed they would be one;
            or the program is not the same each time that it is called.
    """
    return asyncio.run(_law(program))


async def _law(program: Callable[[], Awaitable[T]]) -> dict[T, float]:
    found: dict[T, float] = {}
    script: list[_Draw] | None = []
    while script is not None:
        played = _Played(script)
        with rolled(played):
            outcome = await program()
        chance = math.prod([shares[at] for at, shares in played.draws])
        found[outcome] = found.get(outcome, 0.0) + chance
        script = played.following()
    return found


_Draw = tuple[int, list[float]]


@final
class _Played:
    """The draws of one run: those of a script, then the first that can happen."""

    def __init__(self, script: Sequence[_Draw]) -> None:
        self._script = script
        self._names: set[tuple[str, ...]] = set()
        self.draws: list[_Draw] = []

    def __call__(self, weights: Sequence[float], *name: object) -> int:
        total, place = math.fsum(weights), len(self.draws)
        shares = [weight / total for weight in weights]
        self._check(shares, tuple(map(str, name)))
        known = self._script[place][0] if place < len(self._script) else _next(shares, -1)
        assert known is not None, "no weight above 0"
        self.draws.append((known, shares))
        return known

    def _check(self, shares: list[float], name: tuple[str, ...]) -> None:
        """Refuse what would make the law another than that of the program at work."""
        if max(shares) < 1 and name in self._names:
            raise InputError(
                f"expected a name of its own for each draw, got {name!r} twice: with a seed both "
                "fall alike"
            )
        self._names.add(name)
        place = len(self.draws)
        if place < len(self._script) and self._script[place][1] != shares:
            raise InputError(
                f"expected the draw {name!r} to have the chances that it had when the program was "
                f"run before, {self._script[place][1]!r}, got {shares!r}: it must keep nothing "
                "from run to run"
            )

    def following(self) -> list[_Draw] | None:
        """The script of the next run, or None where all were played."""
        for place in reversed(range(len(self.draws))):
            at, shares = self.draws[place]
            other = _next(shares, at)
            if other is not None:
                return [*self.draws[:place], (other, shares)]
        return None


def _next(shares: Sequence[float], after: int) -> int | None:
    """The first index behind ``after`` that can happen."""
    return next((i for i in range(after + 1, len(shares)) if shares[i] > 0), None)


def total_variation(one: Mapping[T, float], other: Mapping[T, float]) -> float:
    """Half the summed difference of two laws, in [0, 1]; 0 where they are equal."""
    names = dict.fromkeys([*one, *other])
    return 0.5 * math.fsum([abs(one.get(x, 0.0) - other.get(x, 0.0)) for x in names])


@final
@dataclass(frozen=True)
class ExactTask:
    """Sequences over a finite table of steps; a step without successors in it ends the path.

    Args:
        table: Its keys say which paths go on.
        most: Most steps; a path that stands there in the middle of the table is not finished.
    """

    table: Table = field(hash=False)
    most: int = 64

    @property
    def name(self) -> str:
        """``exact``."""
        return "exact"

    @property
    def sampling(self) -> Sampling:
        """One token."""
        return Sampling(max_tokens=1)

    @property
    def value_sampling(self) -> Sampling:
        """One token."""
        return Sampling(max_tokens=1)

    def generate(self, n: int, split: str, seed: int) -> list[Problem]:
        """``n`` times the same question."""
        return [Problem(f"{split}-{seed}-{i}", "?") for i in range(n)]

    def parse(self, line: str) -> Problem:
        """The one question there is."""
        return Problem(line, "?")

    def prompt(self, path: Path) -> str:
        """The steps so far."""
        return " ".join(["?", *[step.text for step in path.steps]])

    def value_prompt(self, path: Path) -> str:
        """The steps so far."""
        return f"value {self.prompt(path)}"

    def good_prompt(self, path: Path) -> str:
        """The steps so far."""
        return f"good {self.prompt(path)}"

    def reward_text(self, path: Path) -> str:
        """The steps so far."""
        return self.prompt(path)

    def step(self, path: Path, completion: Completion) -> Step:
        """The symbol of a completion."""
        return _step(self.table, path, completion.text, completion.logprob)

    def max_steps(self, problem: Problem) -> int:
        """As given."""
        return self.most

    def answer(self, path: Path) -> str:
        """The symbols."""
        return " ".join([step.text for step in path.steps])

    def check(self, problem: Problem, answer: str) -> bool:
        """No answer is wrong here."""
        return True

    def validate(self) -> None:
        """Each row of the table is a law."""
        _check(self.table)


def _step(table: Table, path: Path, text: str, logprob: float | None) -> Step:
    final = (*[step.text for step in path.steps], text) not in table
    return Step(text, 1, logprob, final=final)


def _check(table: Table) -> None:
    for prefix, row in table.items():
        sound = bool(row) and all(p >= 0 for p in row.values())
        if not sound or not abs(math.fsum(row.values()) - 1) <= 1e-5:
            raise InputError(f"expected probabilities that sum to 1 after {prefix!r}, got {row!r}")


@final
@dataclass(frozen=True)
class ExactPolicy:
    """A policy with a known table of probabilities.

    Its token ids spell the texts of its steps, so that they are those of any other such policy.

    Under ``law`` the samples of one call come in the order of the table, however they may fall: a
    program that tells them apart by their place has to ask for them one at a time.

    Args:
        table: Probability of each next step after the steps so far, at temperature 1.
        symbols: Names the table of token ids; policies with other symbols cannot be compared.
        most: Most steps, as the task's.
        seed: Root of the draws where nobody plays the dice.
    """

    table: Table = field(hash=False)
    symbols: str = "exact"
    most: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        _check(self.table)

    def tokenizer(self) -> str:
        """Names the symbols."""
        return self.symbols

    def row(self, path: Path, temperature: float) -> dict[str, float]:
        """The law of the next step."""
        row = self.table[tuple([step.text for step in path.steps])]
        likeliest = max(row, key=row.__getitem__)
        if temperature == 0:
            return {text: float(text == likeliest) for text in row}
        most = row[likeliest]
        heated = {text: (p / most) ** (1 / temperature) for text, p in row.items()}
        total = math.fsum(heated.values())
        return {text: weight / total for text, weight in heated.items()}

    async def likelihood(self, paths: Sequence[Path], *, temperature: float) -> list[float]:
        """Log-probability of the last steps, ``[P]``; minus infinity where one is impossible.

        Raises:
            InputError: As for ``TaskPolicy.likelihood``.
        """
        positive("temperature", temperature)
        values = []
        for path in paths:
            if not path.steps or not path.steps[-1].ids:
                raise InputError(f"expected a last step with token ids, got none in {path.key}")
            row = self.row(Path(path.problem, path.steps[:-1]), temperature)
            values.append(_log(row.get(bytes(path.steps[-1].ids).decode(), 0.0)))
        return values

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
        return [self._draws(path, n, until, temperature, start) for path in paths]

    def _draws(
        self, path: Path, n: int, until: Literal["step", "end"], temperature: float, start: int
    ) -> list[Path]:
        ways = list(self._ways(path, until, temperature))
        chances = [chance for _, chance in ways]
        key = (*path.key, until)
        if not rolling():
            places = range(start, start + n)
            return [ways[choose(chances, self.seed, *key, i)][0] for i in places]
        draws, weights = _multisets(tuple(chances), n)
        return [ways[at][0] for at in draws[choose(weights, self.seed, *key, start)]]

    def _ways(
        self, path: Path, until: Literal["step", "end"], temperature: float
    ) -> Iterator[tuple[Path, float]]:
        """Each continuation and its probability."""
        if until == "end" and not (path.open and path.depth < self.most):
            yield path, 1.0
            return
        for text, chance in self.row(path, temperature).items():
            if chance > 0:
                step = _step(self.table, path, text, _log(chance))
                grown = path.then(replace(step, ids=tuple(text.encode())))
                after = [(grown, 1.0)] if until == "step" else self._ways(grown, until, temperature)
                for longer, rest in after:
                    yield longer, chance * rest


@lru_cache(maxsize=256)
def _multisets(chances: tuple[float, ...], n: int) -> tuple[list[tuple[int, ...]], list[float]]:
    """What ``n`` samples can be, their order apart, with the probability of each."""
    draws = list(combinations_with_replacement(range(len(chances)), n))
    return draws, [_multinomial(draw, chances) for draw in draws]


def _multinomial(draw: Sequence[int], chances: Sequence[float]) -> float:
    """Probability of a draw's counts."""
    counts = [draw.count(at) for at in set(draw)]
    ways = math.factorial(len(draw)) / math.prod([math.factorial(count) for count in counts])
    return ways * math.prod([chances[at] for at in draw])


def _log(p: float) -> float:
    return math.log(p) if p > 0 else -math.inf


@final
@dataclass(frozen=True)
class ExactReward:
    """A reward model with known rewards.

    Args:
        rewards: By the texts of a path's steps.
    """

    rewards: Mapping[tuple[str, ...], float] = field(hash=False)

    async def score(self, paths: Sequence[Path]) -> list[float]:
        """One reward for each path, ``[P]``."""
        return [self.rewards[tuple([step.text for step in path.steps])] for path in paths]
