"""What is looked at while a network is trained: the number that decides, and where a run stands."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

from specreward.checks import flag, whole
from specreward.errors import InputError

__all__ = ["Moment", "Watch"]


@final
@dataclass(frozen=True, kw_only=True)
class Watch:
    """The held-out number by which the best weights are known, and when there will be no better.

    Args:
        name: Of the number.
        higher: Whether a larger one is better.
        patience: Looks without a better one after which the run ends; 0 goes on to the end.
        begin: Step of the first look that counts. Of those before, the last one's weights are
            kept until then, and none uses up patience.
    """

    name: str
    higher: bool
    patience: int = 0
    begin: int = 0

    def __post_init__(self) -> None:
        flag("higher", self.higher)
        whole("patience", self.patience, 0)
        whole("begin", self.begin, 0)

    def read(self, numbers: Mapping[str, float | None]) -> float:
        """The number among those of a look.

        Raises:
            InputError: It is not there, or not a number: the held-out data does not give it.
        """
        value = numbers.get(self.name)
        if value is None or not math.isfinite(value):
            raise InputError(
                f"expected held-out data that give {self.name!r}, the number that decides which "
                f"weights are kept, got {value!r}: hold out more problems, with labels of both "
                "kinds and steps that can be compared"
            )
        return value

    def better(self, value: float, best: float | None) -> bool:
        """Whether a value beats the best one so far."""
        if best is None:
            return True
        return value > best if self.higher else value < best


@final
@dataclass(frozen=True, kw_only=True)
class Moment:
    """Where a run stands after a step.

    Args:
        step: Steps done.
        steps: In all.
        loss: Of the step.
        speed: Tokens a second since the run began or went on, looks at held-out data left out.
        watch: Name of the number that decides; empty where there is none.
        watched: What it was at the last look.
    """

    step: int
    steps: int
    loss: float
    speed: float
    watch: str = ""
    watched: float | None = None
