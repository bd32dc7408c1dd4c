"""What is looked at before the first step of a training, so that no hour is lost on bad data."""

from __future__ import annotations

from collections.abc import Sequence

from specreward.errors import InputError
from specreward.label.labelled import Labelled
from specreward.train.examples import Example, Objective
from specreward.train.splitting import question_of

__all__ = ["check_data", "check_examples", "check_held_out"]


def check_data(train: Sequence[Labelled], held_out: Sequence[Labelled]) -> None:
    """Refuse data that cannot be trained on.

    Args:
        train: To learn from.
        held_out: To measure on.

    Raises:
        InputError: One of the two is empty, they mix kinds of labels, or share a problem.
    """
    if not train:
        raise InputError(
            "expected labelled solutions to train on, got none: label more problems, or hold out a "
            "smaller share"
        )
    if not held_out:
        raise InputError(
            "expected held-out solutions to measure on, got none: label more problems, hold out a "
            "larger share, or give a file of them"
        )
    kinds = {one.kind: one for one in (*train, *held_out)}
    if len(kinds) > 1:
        where = ", ".join([f"{kind} (problem {one.problem.id!r})" for kind, one in kinds.items()])
        raise InputError(
            f"expected labels of one kind, got {where}: they say different things; train a model "
            "for each"
        )
    shared = {question_of(one) for one in train} & {question_of(one) for one in held_out}
    if shared:
        raise InputError(
            f"expected held-out problems that are not trained on, got {len(shared)} that are, such "
            f"as {min(shared)[:80]!r}: split by problem"
        )


def check_examples(train: Sequence[Example], held_out: Sequence[Example], batch: int) -> None:
    """Refuse fewer examples than a batch has.

    Args:
        train: To learn from.
        held_out: To measure on.
        batch: Examples in a batch.

    Raises:
        InputError: There are too few.
    """
    if len(train) < batch:
        raise InputError(
            f"expected at least the {batch} examples of a batch, got {len(train)}: label more "
            "solutions, or make the batch smaller"
        )
    if not held_out:
        raise InputError("expected held-out examples, got none: hold out more problems")


def check_held_out(
    objective: Objective, train: Sequence[Labelled], held_out: Sequence[Labelled], remedy: str
) -> None:
    """Refuse held-out data that cannot serve an objective, and say that it is they which cannot.

    Args:
        objective: What is measured.
        train: To learn from.
        held_out: To measure on.
        remedy: What to do where only the held-out part is at fault.

    Raises:
        InputError: As ``check_data``; or one of the two parts makes no examples.
    """
    check_data(train, held_out)
    try:
        found = objective.examples(held_out)
        if not found:
            raise InputError("expected examples, got none")
    except InputError as error:
        objective.examples(train)  # what all of the data lack is said of all
        problems = len({question_of(one) for one in held_out})
        raise InputError(
            f"held-out part (solutions: {len(held_out)}, problems: {problems}): {error}; the "
            f"training part will do, so {remedy}"
        ) from error
