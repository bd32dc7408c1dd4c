"""A network that reads one step of a running sum at a time, for properties of losses.

    (sum before, number added, sum written) as three one-hot vectors -> 256 -> 128 -> outputs

It sees neither earlier nor later steps: what it says of a step it must have learned from the
outcomes of the solutions that the step stood in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from specreward.label.labelled import Labelled
from specreward.testing.chains import ChainPolicy, RunningSum
from specreward.train.examples import Batch, Example, marks_of
from specreward.types import Path as Steps

__all__ = ["ChainNetwork", "ChainSettings", "sample", "solutions"]


@dataclass(frozen=True, kw_only=True)
class ChainSettings:
    """Sizes and start.

    Args:
        task: The sums.
        outputs: Of the network.
        bias: Added to each output at the start.
    """

    task: RunningSum = RunningSum(modulus=10, length=5)
    outputs: int = 1
    bias: float = 0.0

    def build(self) -> ChainNetwork:
        """The network, drawn from torch's generator."""
        return ChainNetwork(self)


class ChainNetwork(nn.Module):
    """See the module."""

    def __init__(self, settings: ChainSettings) -> None:
        super().__init__()
        self.settings = settings
        width = 3 * settings.task.modulus
        self.layers = nn.Sequential(
            *(nn.Linear(width, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU()),
            nn.Linear(128, settings.outputs),
        )
        nn.init.constant_(self.layers[-1].bias, settings.bias)

    def forward(self, facts: Tensor) -> Tensor:
        """``[M, outputs]`` of facts ``[M, 3]``."""
        hot = nn.functional.one_hot(facts, self.settings.task.modulus)
        return self.layers(hot.flatten(1).float())

    def encode(self, examples: Sequence[Example]) -> Batch:
        """Facts of the marked steps."""
        task, rows = self.settings.task, []
        for example in examples:
            for one, places in zip(example.solutions, example.places, strict=True):
                added = task.added(one.problem)
                sums = [task.sums(one.problem)[0], *map(int, one.steps)]
                rows += [(sums[i], added[i] % task.modulus, sums[i + 1]) for i in places]
        return Batch({"facts": torch.tensor(rows)}, marks_of(examples), len(rows))

    def save(self, folder: Path) -> dict[str, str]:
        """Its weights; nothing in the package reads them."""
        torch.save(self.state_dict(), folder / "weights.pt")
        return {"kind": "embedded"}


def sample(policy: ChainPolicy, problems: int, n: int, name: str) -> list[list[Steps]]:
    """``n`` solutions of each of new problems."""
    roots = [Steps(problem) for problem in policy.task.generate(problems, name, 0)]
    return asyncio.run(policy.extend(roots, n, until="end"))


def solutions(task: RunningSum, drawn: Sequence[Sequence[Steps]]) -> list[Labelled]:
    """With outcomes, and the truth of each step, which losses on outcomes do not read."""
    found = []
    for path in (path for paths in drawn for path in paths):
        values = [task.sums(path.problem)[0], *[int(step.text) for step in path.steps]]
        truth = [
            float((values[i] + added) % task.modulus == values[i + 1])
            for i, added in enumerate(task.added(path.problem))
        ]
        right = task.check(path.problem, task.answer(path))
        found.append(
            Labelled(
                problem=path.problem,
                steps=tuple([step.text for step in path.steps]),
                labels=tuple(truth),
                kind="step",
                outcome=float(right),
            )
        )
    return found
