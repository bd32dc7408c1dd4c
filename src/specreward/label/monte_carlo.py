"""Math-Shepherd: the label of a step is how often the policy gets it right from there.

P. Wang, L. Li, Z. Shao, R. Xu, D. Dai, Y. Li, D. Chen, Y. Wu, Z. Sui (2023), "Math-Shepherd: Verify
and Reinforce LLMs Step-by-step without Human Annotations", arXiv 2312.08935.

    for each prefix s_1..s_t of a solution: k completions until the end
    soft   label_t = right / k                kind value
    hard   label_t = 1 if any is right        kind prefix
    t = T  label_T = outcome of the solution, where it has ended: no rollouts

All prefixes of all solutions of a problem go to the policy in one call, equal ones once: k rollouts
for each different open prefix. A soft label is an unbiased estimate of the chance p of a right
answer under the policy at this temperature; a hard one is 1 with probability 1 - (1 - p)^k, and is
the paper's answer to whether the steps so far are still good.

Differs from the paper: the completer is the policy itself, or whatever is given as it; labels of
prefixes that share a step share their rollouts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, final

from specreward.checks import flag, positive, whole
from specreward.label.labelled import Labelled
from specreward.label.rollouts import Drawn, Rollouts, Tally, beginnings, different, row
from specreward.spec import name_of
from specreward.types import Models, Result

__all__ = ["MATH_SHEPHERD", "MonteCarlo", "spent"]

MATH_SHEPHERD = """@inproceedings{wang2024mathshepherd,
  title={Math-Shepherd: Verify and Reinforce {LLM}s Step-by-step without Human Annotations},
  author={Wang, Peiyi and Li, Lei and Shao, Zhihong and Xu, Runxin and Dai, Damai and Li, Yifei and
    Chen, Deli and Wu, Yu and Sui, Zhifang},
  booktitle={ACL}, year={2024}, note={arXiv:2312.08935}}"""


@final
@dataclass(frozen=True, kw_only=True)
class MonteCarlo:
    """Labels by rollouts of the policy.

    Args:
        k: Rollouts from each prefix, at least 1; growing it draws only what is new.
        hard: False for the share of right ones, in [0, 1] (labels of kind ``value``); True for
            whether there was any, 0 or 1 (kind ``prefix``, as drawn: a prefix may get 0 and a
            longer one 1).
        temperature: Of the rollouts, above 0; by default that of searches, so that a value is that
            of the policy which searches.

    Raises:
        InputError: A setting is out of its range.
    """

    k: int = 8
    hard: bool = False
    temperature: float = 0.8

    __cite__: ClassVar[str] = MATH_SHEPHERD

    def __post_init__(self) -> None:
        whole("monte_carlo k", self.k, 1)
        flag("monte_carlo hard", self.hard)
        positive("monte_carlo temperature", self.temperature)

    async def __call__(self, found: Result, models: Models) -> list[Labelled]:
        """Labelled solutions of one problem, in the order found, equal ones once.

        Raises:
            InputError: There is no reference answer to check rollouts against.
            EngineError: The policy left a rollout in the middle.
        """
        drawn = different(found)
        prefixes = [part for one in drawn for part in beginnings(one.path)]
        rollouts = Rollouts(policy=models.policy, task=models.task, temperature=self.temperature)
        tallies = await rollouts.draw(prefixes, self.k)
        models.trace.count("rollouts", sum([tally.drawn for tally in tallies.values()]))
        return [
            row(
                one,
                [self._label(tallies[part.key]) for part in beginnings(one.path)],
                "prefix" if self.hard else "value",
                models.task,
                labeller=name_of(self),
                **numbers,
            )
            for one, numbers in zip(drawn, spent(drawn, tallies), strict=True)
        ]

    def _label(self, tally: Tally) -> float:
        return tally.any if self.hard else tally.share


def spent(drawn: Sequence[Drawn], tallies: Mapping[tuple[str, ...], Tally]) -> list[dict[str, int]]:
    """Rollouts of each solution, ``[S]``; a shared prefix is the first solution's."""
    seen: set[tuple[str, ...]] = set()
    found = []
    for one in drawn:
        own = [part.key for part in beginnings(one.path) if part.key not in seen]
        seen.update(own)
        found.append(
            {
                "rollouts": sum([tallies[key].drawn for key in own]),
                "unanswered": sum([tallies[key].unanswered for key in own]),
            }
        )
    return found
