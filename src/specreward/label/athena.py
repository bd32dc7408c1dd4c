"""Athena: only labels on which a weak and a strong completer agree.

S. Wang, Z. Liu, J. Wei, X. Yin, D. Li, E. Barsoum (2025), "Athena: Enhancing Multimodal Reasoning
with Data-efficient Process Reward Models", arXiv 2506.09532.

    for each prefix s_1..s_t of a solution:
        weak   = 1 if any of k completions by the draft is right
        strong = 1 if any of k completions by the policy is right
        label_t = weak if weak == strong, else none
    t = T  label_T = outcome of the solution, where it has ended: no rollouts

A weak completer fails from right prefixes, a strong one mends wrong ones; where both say the same,
both reasons are unlikely. Labels are 0, 1 or none, of kind prefix. Costs 2 k rollouts for each
different open prefix, both models at once, each in one call. Where answers are few, so that even a
bad start is right by luck, agreement says little: benchmarks/labelling.py has the numbers.

Differs from the paper: it drops whole samples of little use besides; here steps are dropped alone,
and the last step of a solution that has ended is always kept.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import ClassVar, final

from specreward.checks import positive, whole
from specreward.errors import InputError
from specreward.label.labelled import Labelled
from specreward.label.monte_carlo import spent
from specreward.label.rollouts import Rollouts, beginnings, different, row
from specreward.spec import name_of
from specreward.types import Models, Policy, Result

__all__ = ["ATHENA", "Athena"]

ATHENA = """@misc{athena2025,
  title={Athena: Enhancing Multimodal Reasoning with Data-efficient Process Reward Models},
  author={Wang, Shuai and Liu, Zhenhua and Wei, Jiaheng and Yin, Xuanwu and Li, Dong and
    Barsoum, Emad},
  year={2025}, eprint={2506.09532}, archivePrefix={arXiv}}"""


@final
@dataclass(frozen=True, kw_only=True)
class Athena:
    """Labels by rollouts of two models that agree; the draft is the weak one.

    Args:
        k: Rollouts of each of the two from each prefix, at least 1.
        temperature: Of the rollouts, above 0.

    Raises:
        InputError: A setting is out of its range.
    """

    k: int = 8
    temperature: float = 0.8

    __cite__: ClassVar[str] = ATHENA

    def __post_init__(self) -> None:
        whole("athena k", self.k, 1)
        positive("athena temperature", self.temperature)

    def check(self, models: Models) -> None:
        """There is a draft.

        Raises:
            InputError: There is none.
        """
        _weak(models)

    async def __call__(self, found: Result, models: Models) -> list[Labelled]:
        """Labelled solutions of one problem, in the order found, equal ones once.

        Raises:
            InputError: There is no draft, or no reference answer to check rollouts against.
            EngineError: A policy left a rollout in the middle.
        """
        both_policies = (_weak(models), models.policy)
        drawn = different(found)
        prefixes = [part for one in drawn for part in beginnings(one.path)]
        weak, strong = await asyncio.gather(
            *[
                Rollouts(policy=policy, task=models.task, temperature=self.temperature).draw(
                    prefixes, self.k
                )
                for policy in both_policies
            ]
        )
        both = {key: weak[key] + strong[key] for key in weak}
        agreed = {key: weak[key].any == strong[key].any for key in weak}
        models.trace.count("rollouts", sum([tally.drawn for tally in both.values()]))
        models.trace.count("agreed", sum(agreed.values()))
        models.trace.count("disagreed", len(agreed) - sum(agreed.values()))
        return [
            row(
                one,
                [
                    strong[part.key].any if agreed[part.key] else None
                    for part in beginnings(one.path)
                ],
                "prefix",
                models.task,
                labeller=name_of(self),
                **numbers,
            )
            for one, numbers in zip(drawn, spent(drawn, both), strict=True)
        ]


def _weak(models: Models) -> Policy:
    if models.draft is None:
        raise InputError(
            "athena: expected a weak completer beside the policy, got no draft: give one by "
            "--draft, or Models(draft=...)"
        )
    return models.draft
