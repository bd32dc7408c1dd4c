"""Training and held-out data that share no problem."""

from __future__ import annotations

from collections.abc import Iterable

from specreward.checks import number
from specreward.label.labelled import Labelled
from specreward.seeds import uniform

__all__ = ["question_of", "split_by_problem"]


def question_of(one: Labelled) -> str:
    """By what two solutions are of one problem: upper and lower case and spaces do not matter."""
    return " ".join(one.problem.question.casefold().split())


def split_by_problem(
    data: Iterable[Labelled], held_out: float = 0.1, seed: int = 0
) -> tuple[list[Labelled], list[Labelled]]:
    """Training and held-out solutions, by a hash of the question: all of a problem on one side.

    A problem stays on its side when others are added. Upper and lower case and spaces make no other
    question, and its id does not matter.

    Args:
        data: Solutions.
        held_out: Expected share of the problems to hold out, in [0, 1].
        seed: Another one holds out others.

    Raises:
        InputError: ``held_out`` is no share.
    """
    number("held_out", held_out, 0, 1)
    train: list[Labelled] = []
    apart: list[Labelled] = []
    for one in data:
        side = apart if uniform(seed, "held-out", question_of(one)) < held_out else train
        side.append(one)
    return train, apart
