"""What objectives that learn from outcomes share: all steps read, and means by solution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from specreward.errors import InputError
from specreward.label.labelled import Labelled
from specreward.train.examples import Example

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["by_solution", "every_step"]


def every_step(name: str, data: Sequence[Labelled]) -> list[Example]:
    """One example for each solution, read at all its steps.

    Args:
        name: Of the objective, for messages.
        data: Solutions with outcomes.

    Raises:
        InputError: An outcome is missing, or all are right, or all wrong.
    """
    for one in data:
        if one.outcome is None:
            raise InputError(
                f"{name} learns from outcomes: expected a number from 0 to 1 for each solution, "
                f"got none for problem {one.problem.id!r}; have the solutions checked first"
            )
    right = sum(one.outcome is not None and one.outcome > 0.5 for one in data)
    if right in (0, len(data)):
        raise InputError(
            f"{name} tells right from wrong solutions: expected some of both, got {right} right of "
            f"{len(data)}; add solutions of other problems, or sample more of each"
        )
    return [Example((one,), (tuple(range(len(one.steps))),)) for one in data]


def by_solution(values: Tensor, solution: Tensor) -> Tensor:
    """The mean of ``values`` ``[M]`` over the marks of each solution, ``[S]``, in order.

    Args:
        values: One for each mark.
        solution: ``Marks.solution``, ascending.
    """
    _, place, count = solution.unique_consecutive(return_inverse=True, return_counts=True)
    return values.new_zeros(len(count)).index_add(0, place, values) / count
