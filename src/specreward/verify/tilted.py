"""Rejection sampling by the reward alone: accepted draws follow the policy tilted by the reward.

B. Liao et al. (2025), "Reward-Guided Speculative Decoding for Efficient LLM Reasoning", arXiv
2501.19324 (acceptance by reward); J. Geuter, Y. Mroueh, D. Alvarez-Melis (2025), "Guided
Speculative Inference for Efficient Test-Time Alignment of LLMs", arXiv 2506.04118 (tilted target).

    for each draw x of the policy:
        accept x with probability r(x)^exponent
    keep the candidates that were accepted once at least

Differs from the papers: where none is accepted the policy itself draws again, not a larger model;
the weight is a power of the reward, which lies below 1 as it stands, so that accepted draws follow
p r^exponent exactly. That law maximizes exponent * E[log r] - KL(. || p). Neither p nor q enters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import pow
from typing import ClassVar, final

from specreward.checks import positive
from specreward.verify.accept import Decision, Weighed, draw

__all__ = ["Tilted"]


@final
@dataclass(frozen=True, kw_only=True)
class Tilted:
    """Acceptance by the reward; needs no log-probabilities. All may be rejected.

    Args:
        exponent: Power of the reward: larger rejects more.
    """

    exponent: float = 1.0

    __cite__: ClassVar[str] = """@misc{liao2025reward,
  title = {Reward-Guided Speculative Decoding for Efficient {LLM} Reasoning},
  author = {Liao, Baohao and Xu, Yuhui and Dong, Hanze and Li, Junnan and Monz, Christof and
            Savarese, Silvio and Sahoo, Doyen and Xiong, Caiming},
  year = {2025},
  note = {arXiv:2501.19324}
}"""

    def __post_init__(self) -> None:
        positive("tilted exponent", self.exponent)

    def __call__(self, family: Sequence[Weighed], seed: int) -> list[Decision]:
        """Each kept with the probability that one of its draws is accepted."""
        return [
            draw(seed, item.path, 1.0 - pow(1.0 - pow(item.reward, self.exponent), item.draws))
            for item in family
        ]
