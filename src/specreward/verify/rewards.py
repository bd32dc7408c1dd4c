"""Asking the reward model: one call for all families, and no number is believed unchecked."""

from __future__ import annotations

from collections.abc import Sequence

from specreward.errors import InputError, RewardError
from specreward.types import Models
from specreward.verify.families import Drawn, regroup

__all__ = ["rewards"]


async def rewards(families: Sequence[Drawn], models: Models) -> list[list[float]]:
    """The reward of each distinct child, ``[F][C]``, in [0, 1], higher is better.

    Raises:
        InputError: There is no reward model among the roles.
        RewardError: A reward is missing, NaN or outside [0, 1].
    """
    model = models.reward
    if model is None:
        raise InputError(
            "expected a reward model for this verifier, got none: pass reward=... with the models, "
            "or let the language model judge with verify=self_evaluation()"
        )
    paths = [path for family in families for path, _ in family]
    values = await model.score(paths) if paths else []
    if len(values) != len(paths):
        raise RewardError(
            f"{type(model).__name__}: expected {len(paths)} rewards, got {len(values)}: "
            "score(paths) must give one number for each path"
        )
    for path, value in zip(paths, values, strict=True):
        if not 0.0 <= value <= 1.0:
            raise RewardError(
                f"{type(model).__name__}: expected a reward in [0, 1], got {value!r} at step "
                f"{path.depth} of problem {path.problem.id!r}: mend the reward model; "
                "no score is made up in its place"
            )
    return regroup(values, families)
