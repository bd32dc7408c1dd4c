"""Resampling: n copies of what has weights; objects to pass to ``particles``.

    Multinomial    n independent draws in proportion to the weights
    Systematic     one draw u in [0, 1); j is drawn once for each u + i, i = 0..n-1, that falls into
                   its part of [0, n), parts in proportion to the weights

Both draw j n w_j / sum of w times in the mean; systematic resampling never more than one from it.
N. J. Gordon, D. J. Salmond, A. F. M. Smith (1993), "Novel Approach to Nonlinear/Non-Gaussian
Bayesian State Estimation" (multinomial); J. Carpenter, P. Clifford, P. Fearnhead (1999), "Improved
Particle Filter for Nonlinear Problems" (systematic).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import ClassVar, Protocol, final

from specreward.seeds import choose

__all__ = ["Multinomial", "Resampler", "Systematic"]


class Resampler(Protocol):
    """Draws n times in proportion to weights."""

    def __call__(self, weights: Sequence[float], n: int, seed: int, *parts: object) -> list[int]:
        """How often each is drawn, ``[C]``; sums to ``n``.

        Args:
            weights: At least 0, finite, one above 0, ``[C]``.
            n: Draws, at least 1.
            seed: Root seed.
            parts: Name the draw.
        """
        ...


@final
@dataclass(frozen=True, kw_only=True)
class Multinomial:
    """Independent draws."""

    __cite__: ClassVar[str] = """@article{gordon1993novel,
  title = {Novel Approach to Nonlinear/Non-{Gaussian} {Bayesian} State Estimation},
  author = {Gordon, N. J. and Salmond, D. J. and Smith, A. F. M.},
  journal = {IEE Proceedings F},
  volume = {140},
  number = {2},
  pages = {107--113},
  year = {1993}
}"""

    def __call__(self, weights: Sequence[float], n: int, seed: int, *parts: object) -> list[int]:
        """How often each is drawn, ``[C]``."""
        drawn = [choose(weights, seed, *parts, i) for i in range(n)]
        return [drawn.count(j) for j in range(len(weights))]


@final
@dataclass(frozen=True, kw_only=True)
class Systematic:
    """One draw for all: the copies are as even as whole numbers can be."""

    __cite__: ClassVar[str] = """@article{carpenter1999improved,
  title = {Improved Particle Filter for Nonlinear Problems},
  author = {Carpenter, J. and Clifford, P. and Fearnhead, P.},
  journal = {IEE Proceedings - Radar, Sonar and Navigation},
  volume = {146},
  number = {1},
  pages = {2--7},
  year = {1999}
}"""

    def __call__(self, weights: Sequence[float], n: int, seed: int, *parts: object) -> list[int]:
        """How often each is drawn, ``[C]``.

        The counts change with u at finitely many points only: what is drawn is the interval
        between two of them.
        """
        sums = list(accumulate(weights))
        bounds = [n * part / sums[-1] for part in sums]
        turns = sorted({0.0, 1.0, *[bound % 1.0 for bound in bounds[:-1]]})
        between = list(pairwise(turns))
        low, high = between[choose([b - a for a, b in between], seed, *parts)]
        u = (low + high) / 2
        reached = [0, *[math.ceil(bound - u) for bound in bounds]]
        return [after - before for before, after in pairwise(reached)]
