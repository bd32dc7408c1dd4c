"""The two-step toy A: known policy, rewards, soft values and tilted law."""

from __future__ import annotations

from math import exp, log

from specreward.testing.exact import ExactPolicy, ExactReward, ExactTask
from specreward.types import Models, Path, Problem

BETA = 3.0
TABLE = {(): {"a": 0.6, "b": 0.4}, ("a",): {"c": 0.7, "d": 0.3}, ("b",): {"c": 0.2, "d": 0.8}}
REWARDS = {("a", "c"): 0.1, ("a", "d"): 0.9, ("b", "c"): 0.8, ("b", "d"): 0.2}
PROBLEM = Problem("p", "?")
PATHS = {f"{x} {y}": TABLE[()][x] * TABLE[x,][y] for x in "ab" for y in "cd"}


def values(value):
    """Rewards of the first steps: a mean of those of the ends, over the policy."""
    return {(x,): value([(TABLE[x,][y], REWARDS[x, y]) for y in "cd"]) for x in "ab"}


SOFT = values(lambda ends: log(sum(p * exp(BETA * r) for p, r in ends)) / BETA)
MEAN = values(lambda ends: sum(p * r for p, r in ends))


def models(first=SOFT, table=TABLE):
    return Models(
        task=ExactTask(table), policy=ExactPolicy(table), reward=ExactReward({**first, **REWARDS})
    )


def normal(weights):
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}


def reward(name):
    return REWARDS[tuple(name.split())]


TILT = normal({name: p * exp(BETA * reward(name)) for name, p in PATHS.items()})


def text(path: Path) -> str:
    return " ".join(step.text for step in path.steps)


def ends(result) -> tuple[str, ...]:
    """The candidates' texts, sorted."""
    return tuple(sorted(text(found.path) for found in result.candidates))
