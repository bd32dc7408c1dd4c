"""Exact labels, by a task that knows whether a right answer can still be reached.

    label_t = 1 if a right answer can be reached from s_1..s_t, and from every prefix before, else 0

No model is asked. Blocksworld, Game of 24 (Countdown with it) and arithmetic in the task's own
wording know it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import final

from specreward.abilities import Reaching
from specreward.errors import InputError
from specreward.label.labelled import Labelled
from specreward.label.rollouts import beginnings, different, row
from specreward.spec import name_of
from specreward.types import Models, Result, Task

__all__ = ["ExactSteps"]


@final
@dataclass(frozen=True, kw_only=True)
class ExactSteps:
    """Labels of kind ``prefix``, 0 or 1, without error: 1 up to the first step that loses."""

    def check(self, models: Models) -> None:
        """The task knows what can be reached.

        Raises:
            InputError: It does not.
        """
        _knowing(models.task)

    async def __call__(self, found: Result, models: Models) -> list[Labelled]:
        """Labelled solutions of one problem, in the order found, equal ones once.

        Raises:
            InputError: The task does not know what can be reached, or not of this problem.
        """
        knows = _knowing(models.task)
        rows = []
        for one in different(found):
            reached = [float(knows.reachable(part)) for part in beginnings(one.path)]
            labels = [*accumulate(reached, min)]
            rows.append(row(one, labels, "prefix", models.task, labeller=name_of(self)))
        return rows


def _knowing(task: Task) -> Reaching:
    if not isinstance(task, Reaching):
        raise InputError(
            f"exact_steps: expected a task that knows what can still be reached, such as game24() "
            f"or blocksworld(), got {task.name!r}: use monte_carlo() or by_reward()"
        )
    return task
