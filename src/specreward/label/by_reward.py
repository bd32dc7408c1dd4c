"""Labels by a reward model: a language model as a judge, a published or a trained one.

    label_t = score of step t        a model that scores steps (StepScorer)
    label_t = score of s_1..s_t      any other; equal beginnings are asked once

The judges of language models are reward models as well: ``--reward "llm_judge(...)"``, ``genrm``,
``r_prm``. All solutions of a problem are asked in one call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final, get_args

from specreward.abilities import Comparing, StepScorer
from specreward.errors import InputError, RewardError
from specreward.label.labelled import LabelKind, Labelled
from specreward.label.rollouts import beginnings, different, row
from specreward.spec import name_of
from specreward.types import Models, Path, Result, RewardModel

__all__ = ["ByReward"]


@final
@dataclass(frozen=True, kw_only=True)
class ByReward:
    """Labels that a reward model gives.

    Args:
        kind: What its scores say, which only its makers know: ``step``, ``prefix`` or ``value``.

    Raises:
        InputError: The kind is another.
    """

    kind: LabelKind = "step"

    def __post_init__(self) -> None:
        if self.kind not in get_args(LabelKind):
            raise InputError(
                f"by_reward kind: expected one of {', '.join(get_args(LabelKind))}, got "
                f"{self.kind!r}"
            )

    def check(self, models: Models) -> None:
        """There is a reward model whose scores stand by themselves.

        Raises:
            InputError: There is none.
        """
        _scoring(models)

    async def __call__(self, found: Result, models: Models) -> list[Labelled]:
        """Labelled solutions of one problem, in the order found, equal ones once.

        Raises:
            InputError: There is no reward model, or one that only compares.
            RewardError: It gives another number of scores than there are steps, or one that is no
                number in [0, 1].
        """
        drawn = different(found)
        scores = await _scores(_scoring(models), [one.path for one in drawn])
        return [
            row(one, _checked(labels, one.path), self.kind, models.task, labeller=name_of(self))
            for one, labels in zip(drawn, scores, strict=True)
        ]


def _scoring(models: Models) -> RewardModel:
    if models.reward is None:
        raise InputError(
            "by_reward: expected a reward model, got none: give one by --reward, or "
            "Models(reward=...)"
        )
    if isinstance(models.reward, Comparing):
        raise InputError(
            "by_reward: expected a reward model whose scores mean something by themselves, got one "
            "that compares the solutions of one call: use another, such as "
            "llm_judge(..., grading=rating())"
        )
    return models.reward


async def _scores(reward: RewardModel, paths: Sequence[Path]) -> list[list[float]]:
    """The score of each step of each path, ``[P][T]``."""
    if not paths:
        return []
    if isinstance(reward, StepScorer):
        return await reward.steps(paths)
    parts = list(dict.fromkeys([part for path in paths for part in beginnings(path)]))
    scores = dict(zip(parts, await reward.score(parts), strict=True))
    return [[scores[part] for part in beginnings(path)] for path in paths]


def _checked(labels: Sequence[float], path: Path) -> Sequence[float]:
    if len(labels) != path.depth or not all(0.0 <= label <= 1.0 for label in labels):
        raise RewardError(
            f"problem {path.problem.id!r}: expected {path.depth} scores from 0 to 1, one for each "
            f"step, got {list(labels)!r}: mend the reward model; no label is made up in their place"
        )
    return labels
