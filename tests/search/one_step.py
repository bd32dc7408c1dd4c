"""The one-step toy of the selection laws, and ways to know the law of a strategy on such a toy."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement
from typing import Any

from specreward.testing.exact import ExactPolicy, ExactReward, ExactTask, law
from specreward.types import Models, Path, Problem, Result, Strategy, Trace

SYMBOLS = "abcd"
P = dict(zip(SYMBOLS, [0.50, 0.25, 0.15, 0.10], strict=True))
R = dict(zip(SYMBOLS, [0.1, 0.4, 0.7, 1.0], strict=True))

PROBLEM = Problem("toy", "?")


@dataclass(frozen=True)
class InOrder:
    """A policy that draws the samples of one call one by one, where their order matters."""

    policy: ExactPolicy

    async def extend(
        self, paths: Sequence[Path], n: int, *, start: int = 0, **how: Any
    ) -> list[list[Path]]:
        drawn: list[list[Path]] = []
        for path in paths:
            drawn.append([])
            for place in range(start, start + n):
                [[one]] = await self.policy.extend([path], 1, start=place, **how)
                drawn[-1].append(one)
        return drawn


def toy(
    chances: Mapping[str, float] = P,
    rewards: Mapping[str, float] = R,
    cut: Sequence[str] = (),
    in_order: bool = False,
) -> Models:
    """Models of one-step paths; those of ``cut`` are not finished when they have to end."""
    table = {(): dict(chances)} | {(text,): {"x": 1.0} for text in cut}
    policy = ExactPolicy(table, most=1)
    return Models(
        task=ExactTask(table, most=1),
        policy=InOrder(policy) if in_order else policy,
        reward=ExactReward({(text,): reward for text, reward in rewards.items()}),
    )


def outcomes(strategy: Strategy, models: Models, read: Callable[[Result], Any]) -> dict[Any, float]:
    """The law of what is read off the strategy's result."""

    async def program() -> Any:
        return read(await strategy(PROBLEM, replace(models, trace=Trace())))

    return law(program)


def answer(result: Result) -> str:
    """The answer's steps; empty where there is none."""
    return "" if result.best is None else "".join([step.text for step in result.best.path.steps])


def answers(strategy: Strategy, models: Models) -> dict[str, float]:
    """The law of a strategy's answer."""
    return outcomes(strategy, models, answer)


def multisets(
    n: int, chances: Sequence[float] = tuple(P.values())
) -> Iterator[tuple[list[int], float]]:
    """How often each symbol can come among n draws, and how likely that is."""
    for draw in combinations_with_replacement(range(len(chances)), n):
        counts = [draw.count(i) for i in range(len(chances))]
        ways = math.factorial(n) / math.prod(map(math.factorial, counts))
        yield counts, ways * math.prod(p**c for p, c in zip(chances, counts, strict=True))


def tilt(beta: float, chances: Mapping[str, float] = P, rewards: Mapping[str, float] = R):
    """p exp(beta r) / Z, by the plain formula."""
    weights = {x: p * math.exp(beta * rewards[x]) for x, p in chances.items()}
    total = sum(weights.values())
    return {x: weight / total for x, weight in weights.items()}


def divergence(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """KL(one || other) in nats."""
    return sum(p * math.log(p / other[x]) for x, p in one.items() if p > 0)


def mean(chances: Mapping[str, float], values: Mapping[str, float] = R) -> float:
    """The expected value."""
    return sum(p * values[x] for x, p in chances.items())
