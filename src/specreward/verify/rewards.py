"""Asking the reward model: one call for all families, and no number is believed unchecked."""

from __future__ import annotations

from collections.abc import Sequence

from specreward.errors import InputError, RewardError
from specreward.types import Models, RewardModel
from specreward.verify.families import Drawn, regroup

__all__ = ["reward_model", "rewards"]


def reward_model(models: Models) -> RewardModel:
    """The reward model among the roles.

    Raises:
        InputError: There is none.
    """
    if models.reward is None:
        raise InputError(
            "expected a reward model, got none: pass --reward, or reward=... with the models; "
            "where a strategy has verify=, the language model can judge: verify=self_evaluation()"
        )
    return models.reward


async def rewards(families: Sequence[Drawn], models: Models) -> list[list[float]]:
    """The reward of each distinct child, ``[F][C]``, in [0, 1], higher is better.

    Raises:
        InputError: There is no reward model among the roles.
        RewardError: A reward is missing, NaN or outside [0, 1].
    """
    model = reward_model(models)
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
