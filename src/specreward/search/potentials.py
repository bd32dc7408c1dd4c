"""How much a particle weighs after a step: objects to pass to ``particles``.

    RewardOdds      w = r / (1 - r)                            r of the path as it stands
    RewardGrowth    w = exp(beta_inv (r - r before the step))  1 for a finished path that waits

The law that the particles come from, in the limit of many, is the policy's times the product of the
weights along the path. For RewardGrowth the product telescopes to exp(beta_inv r(end)): the policy
tilted by the reward of the end alone, whatever is thought of the steps before.

RewardOdds: I. Puri, S. Sudalairaj, G. Xu, K. Xu, A. Srivastava (2025), "Rollout Roulette: A
Probabilistic Inference Approach to Inference-Time Scaling of LLMs using Particle-Based Monte Carlo
Methods", arXiv 2502.01618 (its code: a softmax over the logits of the rewards).
RewardGrowth: the telescoping potentials of P. Del Moral (2004), "Feynman-Kac Formulae".
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, final

from specreward.checks import number

__all__ = ["MARGIN", "PARTICLES", "Potential", "RewardGrowth", "RewardOdds"]

MARGIN = 1e-7
"""Odds are taken of rewards this far from 0 and 1 at least; the paper's code: 2.2e-16."""

PARTICLES = """@misc{puri2025rollout,
  title = {Rollout Roulette: A Probabilistic Inference Approach to Inference-Time Scaling of {LLM}s
           using Particle-Based Monte Carlo Methods},
  author = {Puri, Isha and Sudalairaj, Shivchander and Xu, Guangxuan and Xu, Kai and
            Srivastava, Akash},
  year = {2025},
  note = {arXiv:2502.01618}
}"""


class Potential(Protocol):
    """The weight of a particle between two resamplings."""

    def __call__(self, before: float | None, after: float) -> float:
        """Log weight, finite.

        Args:
            before: Reward before the step, in [0, 1]; None at the first step. A finished path is
                taken to step from its end to its end.
            after: Reward after it.
        """
        ...


@final
@dataclass(frozen=True, kw_only=True)
class RewardOdds:
    """The odds of the reward, at each step anew: what is bad at any step is given up soon."""

    __cite__: ClassVar[str] = PARTICLES

    def __call__(self, before: float | None, after: float) -> float:
        """Log odds of the reward after the step."""
        inside = min(max(after, MARGIN), 1 - MARGIN)
        return math.log(inside) - math.log1p(-inside)


@final
@dataclass(frozen=True, kw_only=True)
class RewardGrowth:
    """What the step added to the reward, as an exponent; an exact sampler of a tilted policy.

    Args:
        beta_inv: Inverse temperature, multiplies the reward, at least 0; 0 samples the policy.

    Raises:
        InputError: A field is out of its range.
    """

    beta_inv: float = field(default=20.0, kw_only=False)

    __cite__: ClassVar[str] = """@book{delmoral2004feynman,
  title = {{Feynman-Kac} Formulae: Genealogical and Interacting Particle Systems with Applications},
  author = {Del Moral, Pierre},
  publisher = {Springer},
  year = {2004}
}"""

    def __post_init__(self) -> None:
        number("reward_growth beta_inv", self.beta_inv, 0)

    def __call__(self, before: float | None, after: float) -> float:
        """Log weight; before the first step the reward counts as 0."""
        return self.beta_inv * (after - (0.0 if before is None else before))
