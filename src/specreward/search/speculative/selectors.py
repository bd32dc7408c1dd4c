"""Which step of a pool is taken; an object to pass to a ``block``.

    InProportion       P(i) proportional to count_i w_i                          always one
    TheBest            the largest w_i; the first drawn of equals                always one
    ByRejection        keep each draw with chance min(1, w / bound); the first kept, or none
    PoissonRejection   the same, after Poisson(n) draws instead of n
    ByMargin           P(i) proportional to count_i (B/S)_i max(0, (r_i - lam) / reward_temperature)

Each rule is a pure function from a pool to probabilities; what is missing to 1 is the chance that
none is taken. Draws of a pool are exchangeable, so that the chance to be the first kept one is that
to be a uniformly drawn one of those kept:

    P(i) = count_i a_i integral_0^1 prod_j b_j(t)^count_j / b_i(t) dt,   b_j(t) = 1 - a_j + a_j t

a polynomial in t, which Gauss-Legendre quadrature integrates without error.

In proportion: C. Verdun et al. (2025), arXiv 2505.03156. Rejection after a Poisson number of draws:
M. Cemri et al. (2025), arXiv 2506.15733 (SPECS), as we read it. Margin: A. Huang et al. (2025), "Is
Best-of-N the Best of Them?", arXiv 2503.21878, where lam makes the mean weight 1.

Differs from the papers: all draws of a step are made in one call, so that rejection saves no draws;
the margin is corrected by B/S where another model wrote the steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from math import exp, lgamma, log
from typing import ClassVar, Protocol, final, runtime_checkable

from numpy.polynomial.legendre import leggauss

from specreward.checks import positive
from specreward.search.best_of_n import BestOfN
from specreward.search.chances import pessimistic
from specreward.search.pessimism import Pessimism
from specreward.search.soft_best_of_n import SoftBestOfN
from specreward.search.speculative.citations import SPECS_PAPER
from specreward.search.speculative.pool import Pool, log_sum
from specreward.seeds import choose

__all__ = [
    "ByMargin",
    "ByRejection",
    "InProportion",
    "PoissonRejection",
    "Selector",
    "TheBest",
    "first_kept",
]

ROUNDING = 1e-9
"""Log-weights this far above a bound are at it."""

TAIL = 1e-15
"""Numbers of draws above the mean that are less likely are cut off."""


@runtime_checkable
class Selector(Protocol):
    """Takes one step of a pool, or none."""

    def draws(self, n: int, seed: int, *parts: object) -> int:
        """How many steps to draw where ``n`` were asked for; ``parts`` name the draw."""
        ...

    def chances(self, pool: Pool) -> list[float]:
        """The probability that each distinct step is taken, ``[C]``; sums to 1 at most.

        One weight at least is above zero.
        """
        ...

    def clipped(self, pool: Pool) -> int:
        """How many draws weigh more than the rule allows for, which makes its law another one."""
        ...


def _shares(log_weights: Sequence[float]) -> list[float]:
    total = log_sum(log_weights)
    return [exp(weight - total) for weight in log_weights]


@final
@dataclass(frozen=True, kw_only=True)
class InProportion:
    """Softmax: a step is taken in proportion to its weight and to how often it was drawn."""

    __cite__: ClassVar[str] = SoftBestOfN.__cite__

    def draws(self, n: int, seed: int, *parts: object) -> int:
        """``n``."""
        return n

    def chances(self, pool: Pool) -> list[float]:
        """Sums to 1."""
        pairs = zip(pool.counts, pool.log_weights, strict=True)
        return _shares([log(count) + weight for count, weight in pairs])

    def clipped(self, pool: Pool) -> int:
        """None."""
        return 0


@final
@dataclass(frozen=True, kw_only=True)
class TheBest:
    """The step with the largest weight; the first drawn of equals."""

    __cite__: ClassVar[str] = BestOfN.__cite__

    def draws(self, n: int, seed: int, *parts: object) -> int:
        """``n``."""
        return n

    def chances(self, pool: Pool) -> list[float]:
        """1 for one, 0 for the others."""
        best = pool.log_weights.index(max(pool.log_weights))
        return [float(place == best) for place in range(len(pool.paths))]

    def clipped(self, pool: Pool) -> int:
        """None."""
        return 0


@cache
def _nodes(draws: int) -> list[tuple[float, float]]:
    """Nodes and weights on [0, 1] that integrate polynomials of degree ``draws`` exactly."""
    points, weights = leggauss(draws // 2 + 1)
    return [(0.5 * (float(x) + 1), 0.5 * float(w)) for x, w in zip(points, weights, strict=True)]


def first_kept(counts: Sequence[int], keep: Sequence[float]) -> list[float]:
    """The probability of each kind of draw to be the first that is kept, ``[C]``.

    Args:
        counts: Draws of each kind, ``[C]``, at least 1; in random order.
        keep: The chance of each draw to be kept, ``[C]``, in [0, 1].
    """
    found = [0.0] * len(counts)
    for t, weight in _nodes(sum(counts)):
        logs = [log(1 - a + a * t) for a in keep]
        whole = sum([count * value for count, value in zip(counts, logs, strict=True)])
        for place, (count, a, value) in enumerate(zip(counts, keep, logs, strict=True)):
            found[place] += weight * count * a * exp(whole - value)
    return found


def _rejection(pool: Pool, bound: float) -> list[float]:
    keep = [exp(min(0.0, weight - log(bound))) for weight in pool.log_weights]
    return first_kept(pool.counts, keep)


def _above(pool: Pool, bound: float) -> int:
    pairs = zip(pool.counts, pool.log_weights, strict=True)
    return sum([count for count, weight in pairs if weight > log(bound) + ROUNDING])


@final
@dataclass(frozen=True, kw_only=True)
class ByRejection:
    """Rejection sampling: exact given that a step is taken, where no weight exceeds the bound.

    Args:
        bound: The largest weight, above 0: 1 is right for weights by reward; for tilted ones the
            largest B/S. Too small a bound clips the weights, too large a one rejects more.

    Raises:
        InputError: A field is out of its range.
    """

    bound: float = field(default=1.0, kw_only=False)

    __cite__: ClassVar[str] = SPECS_PAPER

    def __post_init__(self) -> None:
        positive("by_rejection bound", self.bound)

    def draws(self, n: int, seed: int, *parts: object) -> int:
        """``n``."""
        return n

    def chances(self, pool: Pool) -> list[float]:
        """Sums to less than 1: all may be rejected."""
        return _rejection(pool, self.bound)

    def clipped(self, pool: Pool) -> int:
        """Draws with a weight above the bound."""
        return _above(pool, self.bound)


@cache
def poisson(mean: float) -> tuple[float, ...]:
    """Probabilities of 0, 1, 2, ... up to where hardly anything is left."""
    found: list[float] = []
    while len(found) <= mean or found[-1] > TAIL:
        k = len(found)
        found.append(exp(k * log(mean) - mean - lgamma(k + 1)))
    return tuple(found)


@final
@dataclass(frozen=True, kw_only=True)
class PoissonRejection:
    """Rejection sampling after a Poisson number of draws, whose mean is the block's ``n``.

    The kept draws of each kind are then independent Poisson counts: the law is exactly the mixture
    of the clipped weights' law and, with chance exp(-n E[min(1, w / bound)]), of what follows.

    Args:
        bound: As in ``by_rejection``.

    Raises:
        InputError: A field is out of its range.
    """

    bound: float = field(default=1.0, kw_only=False)

    __cite__: ClassVar[str] = SPECS_PAPER

    def __post_init__(self) -> None:
        positive("poisson_rejection bound", self.bound)

    def draws(self, n: int, seed: int, *parts: object) -> int:
        """A Poisson number of mean ``n``; may be 0."""
        return choose(poisson(n), seed, "draws", *parts)

    def chances(self, pool: Pool) -> list[float]:
        """Sums to less than 1: all may be rejected."""
        return _rejection(pool, self.bound)

    def clipped(self, pool: Pool) -> int:
        """Draws with a weight above the bound."""
        return _above(pool, self.bound)


@final
@dataclass(frozen=True, kw_only=True)
class ByMargin:
    """Pessimistic about rewards: steps count by how far they lie above a level; nearby ones tie.

    Args:
        reward_temperature: Divides rewards, above 0: small takes the best alone, large weighs all
            alike. The block's weight says only whether B/S is asked for.

    Raises:
        InputError: A field is out of its range.
    """

    reward_temperature: float = field(default=0.2, kw_only=False)

    __cite__: ClassVar[str] = Pessimism.__cite__

    def __post_init__(self) -> None:
        positive("by_margin reward_temperature", self.reward_temperature)

    def draws(self, n: int, seed: int, *parts: object) -> int:
        """``n``."""
        return n

    def chances(self, pool: Pool) -> list[float]:
        """Sums to 1."""
        top = max(pool.log_ratios)
        pairs = zip(pool.counts, pool.log_ratios, strict=True)
        masses = [count * exp(value - top) for count, value in pairs]
        rewards = [reward for reward in pool.rewards if reward is not None]
        assert len(rewards) == len(masses), "a block with a margin was not scored"
        return pessimistic(rewards, self.reward_temperature, masses)

    def clipped(self, pool: Pool) -> int:
        """None."""
        return 0
