"""What is believed of an unknown mean after some scores: conjugate posteriors to draw from.

Y. Inoue, K. Misaki, Y. Imajuku, S. Kuroki, T. Nakamura, T. Akiba (2025), "Wider or Deeper? Scaling
LLM Inference-Time Compute with Adaptive Branching Tree Search", arXiv 2503.04412.

    gaussian:  scores ~ N(mu, s2), normal-inverse-chi-squared prior (m, kappa, nu, tau2);  after n
               scores with mean x and summed squared deviation d:
               kappa' = kappa + n,  nu' = nu + n,  m' = (kappa m + n x) / kappa',
               tau2'  = (nu tau2 + d + n kappa (m - x)^2 / kappa') / nu'
               mu ~ m' + sqrt(tau2' / kappa') t(nu')
    beta:      a' = a + sum of scores,  b' = b + n - sum of scores;  mu ~ Beta(a', b')

Differs from the paper: nothing. The Gaussian's mean is drawn from its Student law at once, not by
way of the variance (s2 ~ InvGamma(nu'/2, nu' tau2'/2), mu ~ N(m', s2 / kappa')): the same law.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Protocol, final, runtime_checkable

import numpy as np

from specreward.checks import number, positive

__all__ = ["AB_MCTS", "BetaPosterior", "GaussianPosterior", "Posterior", "Tally"]

AB_MCTS = """@inproceedings{inoue2025wider,
  title = {Wider or Deeper? Scaling {LLM} Inference-Time Compute with Adaptive Branching Tree
           Search},
  author = {Inoue, Yuichi and Misaki, Kou and Imajuku, Yuki and Kuroki, So and
            Nakamura, Taishi and Akiba, Takuya},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2025},
  eprint = {2503.04412}
}"""


class Tally:
    """Scores seen so far: their number, their mean and the sum of squared deviations from it."""

    __slots__ = ("mean", "n", "spread")

    def __init__(self, *scores: float) -> None:
        self.n = 0
        self.mean = 0.0
        self.spread = 0.0
        for score in scores:
            self.add(score)

    def add(self, score: float) -> None:
        """One more score."""
        self.n += 1
        above = score - self.mean
        self.mean += above / self.n
        self.spread += above * (score - self.mean)

    def scaled(self, low: float, high: float) -> Tally:
        """The same scores on a scale on which ``low`` is 0 and ``high`` is 1."""
        other = Tally()
        other.n = self.n
        other.mean = (self.mean - low) / (high - low)
        other.spread = self.spread / (high - low) ** 2
        return other


@runtime_checkable
class Posterior(Protocol):
    """A belief about the mean of scores in [0, 1]."""

    def draw(self, seen: Tally, rng: np.random.Generator) -> float:
        """A mean, drawn as likely as it is believed after the scores seen."""
        ...


@final
@dataclass(frozen=True, kw_only=True)
class GaussianPosterior:
    """Scores scatter around an unknown mean with an unknown variance.

    Args:
        m: Expected mean before any score, in [-1e6, 1e6].
        kappa: Scores that this expectation is worth, above 0.
        nu: Scores that the expected variance is worth, above 0.
        tau2: Expected variance, above 0.

    Raises:
        InputError: A field is out of its range.
    """

    m: float = 0.0
    kappa: float = 1.0
    nu: float = 1.0
    tau2: float = 0.1

    __cite__: ClassVar[str] = AB_MCTS

    def __post_init__(self) -> None:
        number("gaussian_posterior m", self.m, -1e6, 1e6)
        positive("gaussian_posterior kappa", self.kappa)
        positive("gaussian_posterior nu", self.nu)
        positive("gaussian_posterior tau2", self.tau2)

    def after(self, seen: Tally) -> tuple[float, float, float, float]:
        """(m, kappa, nu, tau2) after the scores seen."""
        n, kappa, nu = seen.n, self.kappa + seen.n, self.nu + seen.n
        off = n * self.kappa * (self.m - seen.mean) ** 2 / kappa
        m = (self.kappa * self.m + n * seen.mean) / kappa
        return m, kappa, nu, (self.nu * self.tau2 + seen.spread + off) / nu

    def draw(self, seen: Tally, rng: np.random.Generator) -> float:
        """A mean; it may lie outside of [0, 1]."""
        m, kappa, nu, tau2 = self.after(seen)
        return m + math.sqrt(tau2 / kappa) * rng.standard_t(nu)


@final
@dataclass(frozen=True, kw_only=True)
class BetaPosterior:
    """A score is a share of success: Jeffreys' prior, and parts of successes and failures add up.

    Args:
        a: Successes that the prior is worth, above 0.
        b: Failures that the prior is worth, above 0.

    Raises:
        InputError: A field is out of its range.
    """

    a: float = 0.5
    b: float = 0.5

    __cite__: ClassVar[str] = AB_MCTS

    def __post_init__(self) -> None:
        positive("beta_posterior a", self.a)
        positive("beta_posterior b", self.b)

    def after(self, seen: Tally) -> tuple[float, float]:
        """(a, b) after the scores seen."""
        gained = seen.n * seen.mean
        return self.a + gained, self.b + max(0.0, seen.n - gained)

    def draw(self, seen: Tally, rng: np.random.Generator) -> float:
        """A mean in [0, 1]."""
        return rng.beta(*self.after(seen))
