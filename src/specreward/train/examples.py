"""What a loss sees: solutions side by side, and the outputs of a network at steps of them.

    data -> objective.examples -> [Example] -> network.encode -> Batch -> network -> outputs [M, H]
                                                                  objective.loss(outputs, marks)

An example is what must be in one batch for a loss to make sense: one solution; siblings, which are
compared; a chosen and a rejected solution. A mark is a step at which the network is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from specreward.label.labelled import Labelled
from specreward.label.pairs import margin_of

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

__all__ = ["Batch", "Example", "Guarded", "Marks", "Network", "Objective", "marks_at", "marks_of"]


@dataclass(frozen=True, slots=True)
class Example:
    """Solutions that a loss needs side by side.

    Args:
        solutions: At least one.
        places: For each solution the steps (from 0) at which the network is read, ascending.
    """

    solutions: tuple[Labelled, ...]
    places: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Marks:
    """Where the M outputs of a batch stand, by example, solution and step, in ascending order.

    Args:
        example: ``[M]`` number of the example in the batch.
        solution: ``[M]`` number of the solution in the batch, over all examples.
        step: ``[M]`` place of the step in its solution.
        last: ``[M]`` bool: the solution's last step.
        label: ``[M]`` the step's label; NaN where there is none.
        outcome: ``[M]`` the solution's outcome; NaN where nobody knows.
        margin: ``[M]`` by how much the file says that the pair of the solution differs, else 0.
    """

    example: Tensor
    solution: Tensor
    step: Tensor
    last: Tensor
    label: Tensor
    outcome: Tensor
    margin: Tensor


@dataclass(frozen=True, slots=True)
class Batch:
    """What goes through a network at once.

    Args:
        inputs: What ``network(**inputs)`` takes; tensors.
        marks: Where its outputs stand.
        tokens: Tokens that are read, padding left out.
    """

    inputs: Mapping[str, Tensor]
    marks: Marks
    tokens: int


class Network(Protocol):
    """A ``torch.nn.Module`` that reads solutions; made by a registered object's ``build()``.

    ``network(**batch.inputs)`` gives ``[M, H]``: H outputs (logits as a rule; H is 1 for most) at
    each mark, in the order of ``batch.marks``.
    """

    def encode(self, examples: Sequence[Example]) -> Batch:
        """Tokens and marks of a batch.

        Raises:
            InputError: A text cannot be read: a word is unknown, it is too long.
        """
        ...

    def save(self, folder: Path) -> Mapping[str, Any]:
        """Write the weights and all that reading them needs; returns entries for ``model.json``."""
        ...


class Objective(Protocol):
    """A loss with its way of making examples; a frozen dataclass, one file each.

    ``watch`` names the held-out number that tells when to stop, ``higher`` whether more is better.
    """

    @property
    def watch(self) -> str:
        """Name of a number of ``measure``."""
        ...

    @property
    def higher(self) -> bool:
        """Whether a larger one is better."""
        ...

    def examples(self, data: Sequence[Labelled]) -> list[Example]:
        """Examples in the order of the data.

        Raises:
            InputError: The data cannot serve: labels are missing or of a kind that does not fit.
        """
        ...

    def loss(self, outputs: Tensor, marks: Marks, step: int) -> Tensor:
        """A number to go down.

        Args:
            outputs: ``[M, H]``, of a network.
            marks: Where they stand.
            step: Of the optimiser, from 0.
        """
        ...

    def measure(self, outputs: Tensor, marks: Marks) -> dict[str, float]:
        """Held-out numbers by name, of all held-out examples together."""
        ...


@runtime_checkable
class Guarded(Protocol):
    """An objective that knows from held-out numbers when a training has gone wrong for good."""

    def trouble(self, history: Sequence[Mapping[str, float | None]]) -> str | None:
        """What has gone wrong and what to do, or None.

        Args:
            history: ``step`` and the numbers of ``measure``, oldest first; None for what is no
                finite number.
        """
        ...


@runtime_checkable
class Delayed(Protocol):
    """An objective whose held-out numbers do not tell the best weights from the first step on."""

    @property
    def counts_from(self) -> int:
        """Step of the first look that counts for the best weights and for patience."""
        ...


def marks_at(rows: Sequence[tuple[int, int, int, Labelled]]) -> Marks:
    """Marks at (number of the example, number of the solution, step, solution), in this order."""
    import torch

    nan = float("nan")
    labels = [one.labels[step] for _, _, step, one in rows]
    outcomes = [one.outcome for _, _, _, one in rows]
    return Marks(
        example=torch.tensor([example for example, _, _, _ in rows]),
        solution=torch.tensor([solution for _, solution, _, _ in rows]),
        step=torch.tensor([step for _, _, step, _ in rows]),
        last=torch.tensor([step + 1 == len(one.steps) for _, _, step, one in rows]),
        label=torch.tensor([nan if one is None else one for one in labels]),
        outcome=torch.tensor([nan if one is None else one for one in outcomes]),
        margin=torch.tensor([margin_of(one) for _, _, _, one in rows]),
    )


def marks_of(examples: Sequence[Example]) -> Marks:
    """Marks at all places of all solutions of a batch."""
    rows: list[tuple[int, int, int, Labelled]] = []
    count = 0
    for number, example in enumerate(examples):
        for solution, places in zip(example.solutions, example.places, strict=True):
            rows += [(number, count, place, solution) for place in places]
            count += 1
    return marks_at(rows)
