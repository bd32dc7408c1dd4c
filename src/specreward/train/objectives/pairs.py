"""Pairs of which one is better, and the Bradley-Terry loss on them.

    siblings   steps after the same beginning, the one with the larger label is better
    loss       mean over pairs of -log sigmoid(z_better - z_worse)

R. A. Bradley and M. E. Terry (1952), "Rank Analysis of Incomplete Block Designs".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from specreward.errors import InputError
from specreward.label.labelled import Labelled
from specreward.train.examples import Example
from specreward.train.objectives.counted_once import counted_once

if TYPE_CHECKING:
    from torch import Tensor

    from specreward.train.examples import Marks

__all__ = ["bradley_terry", "ranked_right", "sibling_groups", "sibling_pairs"]


def sibling_groups(data: Sequence[Labelled]) -> list[Example]:
    """An example for each beginning: the labelled steps after it, each as a solution that ends so.

    Equal steps after equal beginnings are one, with the mean of their labels. The solutions are cut
    after the step, so that no network sees what came later.

    Raises:
        InputError: No step has a label.
    """
    groups: dict[tuple[str, tuple[str, ...]], list[Labelled]] = {}
    for one in counted_once(data):
        for at, label in enumerate(one.labels):
            if label is not None:
                before = (one.problem.question, one.steps[:at])
                groups.setdefault(before, []).append(_cut(one, at))
    if not groups:
        raise InputError(
            "expected steps with labels, got none: label the solutions first (specreward label)"
        )
    return [
        Example(tuple(siblings), ((len(before),),) * len(siblings))
        for (_, before), siblings in groups.items()
    ]


def _cut(one: Labelled, at: int) -> Labelled:
    """The solution until a step, which alone keeps its label."""
    return replace(
        one,
        steps=one.steps[: at + 1],
        labels=(*[None] * at, one.labels[at]),
        outcome=one.outcome if at + 1 == len(one.steps) else None,
    )


def sibling_pairs(marks: Marks, margin: float = 0.0) -> tuple[Tensor, Tensor]:
    """Places of the better and of the worse in ``marks``, ``[K]`` each, for K pairs of siblings.

    Args:
        marks: Those of one example with the same step are siblings.
        margin: Least difference of their labels; at 0 they must differ.
    """
    same = (marks.example[:, None] == marks.example) & (marks.step[:, None] == marks.step)
    gap = marks.label[:, None] - marks.label  # NaN, which is never larger, where one has no label
    # Labels are 32-bit numbers: 0.52 and 0.5 are to be a margin of 0.02 apart.
    better, worse = (same & (gap > 0) & (gap >= margin - 1e-6)).nonzero(as_tuple=True)
    return better, worse


def bradley_terry(
    outputs: Tensor, better: Tensor, worse: Tensor, margin: float | Tensor = 0.0
) -> Tensor:
    """Mean of ``-log sigmoid(z_better - z_worse - margin)``; 0 where there is no pair.

    Args:
        outputs: ``[M]`` logits.
        better: ``[K]`` places.
        worse: ``[K]`` places.
        margin: By which the better one should lead, in logits; of all pairs, or ``[K]``.
    """
    import torch

    if not len(better):
        return outputs.sum() * 0.0
    lead = outputs[better] - outputs[worse] - margin
    return torch.nn.functional.softplus(-lead).mean()


def ranked_right(outputs: Tensor, better: Tensor, worse: Tensor) -> float:
    """Share of pairs whose better one has the larger output, ties half; NaN without pairs."""
    lead = outputs[better] - outputs[worse]
    return float(((lead > 0).double() + 0.5 * (lead == 0).double()).mean())
