"""Relative progress (GenPRM): a step is good if it keeps the chance of a right answer.

J. Zhao, R. Liu, K. Zhang, Z. Zhou, J. Gao, D. Li, J. Lyu, Z. Qian, B. Qi, X. Li, B. Zhou (2025),
"GenPRM: Scaling Test-Time Compute of Process Reward Models via Generative Reasoning",
arXiv 2504.00891.

    pass@1 = MC(problem)                 discard the problem where it is 0 or 1
    K      = 128 if pass@1 < 0.1 ; 64 if pass@1 < 0.9 ; else 32
    M_0 = pass@1 ; M_t = MC(s_1..s_t) with K rollouts ; after a zero, all that follow are 0
    P_t = M_t / M_{t-1} ; label_t = 1 if P_t >= threshold else 0

A hard label asks whether the answer can still be reached, which a strong policy nearly always can;
this one asks whether the step made it less likely. Kind step.

Differs from the paper: pass@1 is estimated by rollouts of the bare problem, the first of those that
M_0 is made of, where the paper counts up to 2,048 solutions of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

from specreward.checks import number, positive, whole
from specreward.errors import InputError
from specreward.label.labelled import Labelled
from specreward.label.monte_carlo import spent
from specreward.label.rollouts import Rollouts, Tally, beginnings, different, row
from specreward.spec import name_of
from specreward.types import Models, Path, Result

__all__ = ["GENPRM", "RelativeProgress", "progress_labels"]

GENPRM = """@misc{zhao2025genprm,
  title={{GenPRM}: Scaling Test-Time Compute of Process Reward Models via Generative Reasoning},
  author={Zhao, Jian and Liu, Runze and Zhang, Kaiyan and Zhou, Zhimu and Gao, Junqi and Li, Dong
    and Lyu, Jiafei and Qian, Zhouyi and Qi, Biqing and Li, Xiu and Zhou, Bowen},
  year={2025}, eprint={2504.00891}, archivePrefix={arXiv}}"""

HARD, EASY = 0.1, 0.9
"""Below the first, pass@1 is that of a hard problem; from the second on, of an easy one."""


@final
@dataclass(frozen=True, kw_only=True)
class RelativeProgress:
    """Labels by how much a step changes the share of right rollouts.

    Args:
        k: Rollouts from each prefix of a hard, a middling and an easy problem, each at least 1 and
            none more than the one before.
        threshold: A step is good from this ratio on, at least 0; below 1 it may lose a little.
        temperature: Of the rollouts, above 0.

    Raises:
        InputError: A setting is out of its range.
    """

    k: tuple[int, int, int] = (128, 64, 32)
    threshold: float = 0.8
    temperature: float = 0.8

    __cite__: ClassVar[str] = GENPRM

    def __post_init__(self) -> None:
        if not isinstance(self.k, tuple) or len(self.k) != 3:
            raise InputError(
                f"relative_progress k: expected three numbers of rollouts, for hard, middling and "
                f"easy problems, got {self.k!r}"
            )
        for count in self.k:
            whole("relative_progress k", count, 1)
        if list(self.k) != sorted(self.k, reverse=True):
            raise InputError(
                f"relative_progress k: expected as many rollouts for a harder problem at least, as "
                f"in (128, 64, 32), got {self.k!r}"
            )
        number("relative_progress threshold", self.threshold, 0)
        positive("relative_progress temperature", self.temperature)

    async def __call__(self, found: Result, models: Models) -> list[Labelled]:
        """Labelled solutions of one problem; none where all rollouts of it are right, or wrong.

        Raises:
            InputError: There is no reference answer to check rollouts against.
            EngineError: The policy left a rollout in the middle.
        """
        drawn = different(found)
        if not drawn:
            return []
        rollouts = Rollouts(policy=models.policy, task=models.task, temperature=self.temperature)
        k, first = await self._first(found, rollouts)
        models.trace.count("rollouts", first.drawn)
        if first.share in (0.0, 1.0):
            models.trace.count("discarded", 1)
            return []
        prefixes = [part for one in drawn for part in beginnings(one.path)]
        tallies = await rollouts.draw(prefixes, k)
        models.trace.count("rollouts", sum([tally.drawn for tally in tallies.values()]))
        return [
            row(
                one,
                progress_labels(
                    [first.share, *[tallies[part.key].share for part in beginnings(one.path)]],
                    self.threshold,
                ),
                "step",
                models.task,
                labeller=name_of(self),
                k=k,
                pass_at_1=first.share,
                **numbers,
            )
            for one, numbers in zip(drawn, spent(drawn, tallies), strict=True)
        ]

    async def _first(self, found: Result, rollouts: Rollouts) -> tuple[int, Tally]:
        """How many rollouts the problem's prefixes get, and what came of that many of its own."""
        hard, middling, easy = self.k
        bare = Path(found.problem)
        tally = (await rollouts.draw([bare], easy))[bare.key]
        k = hard if tally.share < HARD else middling if tally.share < EASY else easy
        if k > easy:
            tally += (await rollouts.draw([bare], k - easy, start=easy))[bare.key]
        return k, tally


def progress_labels(values: Sequence[float], threshold: float) -> list[float]:
    """Labels from the chances of a right answer.

    Args:
        values: ``[T + 1]`` of the bare problem, then after each step.
        threshold: A step is good from this ratio on.

    Returns:
        ``[T]``, each 0 or 1; from the first value of 0 on they are 0.
    """
    labels = []
    before = values[0]
    for value in values[1:]:
        after = value if before > 0 else 0.0
        labels.append(float(before > 0 and after / before >= threshold))
        before = after
    return labels
