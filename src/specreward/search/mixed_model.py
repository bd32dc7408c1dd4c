"""A mixed model of scores in groups, with predictions drawn from its exact posterior.

    mu ~ N(m, t^2);  between ~ HalfNormal(b);  s ~ HalfNormal(w);  within^2 = s^2 + floor^2
    alpha_j ~ N(mu, between^2) for each group j;  y ~ N(alpha_j, within^2) for each score in it
    predicted:  a further score of each group, and the first one of a new group

The model of AB-MCTS-M (arXiv 2503.04412) without its sampler. Given the two scales everything is
normal, so that mu and the alphas are integrated in closed form; what is left is a weight for each
pair of scales, on a grid. On the grid sigma = floor sinh(k h) the integrand is smooth and even in
k, where the plain sum is as good as exact. A draw takes a pair by its weight, then mu, then each
group's score, all of one world.

``floor`` is not in the paper: scores are told apart to 0.01. Without it the posterior does not
exist where the scores of each group are equal, which is common where rewards are 0 and 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from specreward.search.posteriors import Tally

__all__ = ["FLOOR", "Fit", "MixedPrior", "fit"]

Floats: TypeAlias = NDArray[np.float64]

FLOOR = 0.01
"""Scores nearer than this are one."""

POINTS = 64
"""Grid points of each scale."""

REACH = 4.0
"""Where a grid ends, in units of the scale's own prior."""


@final
@dataclass(frozen=True, kw_only=True)
class MixedPrior:
    """What is believed before any score.

    Args:
        mean: m, expected mean of all scores.
        mean_scale: t, its standard deviation, above 0.
        between_scale: b, scale of the spread of the groups' means, above 0.
        within_scale: w, scale of the spread inside of a group, above 0.
    """

    mean: float = 0.5
    mean_scale: float = 0.2
    between_scale: float = 0.2
    within_scale: float = 0.3


@final
class Fit:
    """The posterior after some scores: weights of the pairs of scales, and mu given each.

    ``weights`` sum to 1; ``mean`` and ``precision`` are those of mu, all ``[K, K]`` with the spread
    between groups first. ``between`` ``[K, 1]`` and ``within`` ``[1, K]`` are the variances.
    """

    __slots__ = ("between", "groups", "mean", "precision", "weights", "within")

    def __init__(
        self,
        groups: Sequence[Tally],
        weights: Floats,
        mean: Floats,
        precision: Floats,
        scales: tuple[Floats, Floats],
    ) -> None:
        self.groups = groups
        self.weights = weights
        self.mean = mean
        self.precision = precision
        self.between, self.within = scales

    def draw(self, rng: np.random.Generator) -> tuple[list[float], float]:
        """A further score of each group, ``[J]``, and the first of a new group, of one world."""
        bounds = np.cumsum(self.weights)
        at = int(np.searchsorted(bounds, rng.random() * bounds[-1], side="right"))
        row, column = divmod(min(at, bounds.size - 1), self.weights.shape[1])
        between, within = float(self.between[row, 0]), float(self.within[0, column])
        noise = rng.standard_normal(len(self.groups) + 2).tolist()
        mu = float(self.mean[row, column]) + noise[-2] / float(self.precision[row, column]) ** 0.5
        further = []
        for group, z in zip(self.groups, noise, strict=False):
            trust = between / (between + within / group.n)
            variance = trust * within / group.n + within
            further.append(mu + trust * (group.mean - mu) + variance**0.5 * z)
        return further, mu + (between + within) ** 0.5 * noise[-1]


def fit(prior: MixedPrior, groups: Sequence[Tally]) -> Fit:
    """The posterior after the scores of some groups, ``[J]``, none of them empty."""
    logs, between, within = _grid(prior)
    alike: dict[int, list[float]] = {}  # by size: groups, sum and sum of squares of their means
    scores, spread = 0, 0.0
    for group in groups:
        off = group.mean - prior.mean
        sums = alike.setdefault(group.n, [0.0, 0.0, 0.0])
        sums[0] += 1.0
        sums[1] += off
        sums[2] += off * off
        scores, spread = scores + group.n, spread + group.spread
    precision = np.full(logs.shape, prior.mean_scale**-2)
    pull, squares = np.zeros_like(logs), np.zeros_like(logs)
    for n, (count, total, total_squared) in alike.items():
        variance = between + within / n
        sharp = 1.0 / variance
        precision += count * sharp
        pull += total * sharp
        squares += total_squared * sharp
        logs = logs - 0.5 * count * np.log(variance)
    inside = scores - len(groups)
    logs = logs - 0.5 * (np.log(precision) + squares - pull * pull / precision)
    logs = logs - 0.5 * (inside * np.log(within) + spread / within)
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    return Fit(groups, weights, prior.mean + pull / precision, precision, (between, within))


@cache
def _grid(prior: MixedPrior) -> tuple[Floats, Floats, Floats]:
    """Log of the prior with the size of each cell ``[K, K]``; both variances, to broadcast."""
    between, one = _scale(prior.between_scale)
    inner, other = _scale(prior.within_scale)
    return one[:, None] + other[None, :], between[:, None] ** 2, inner[None, :] ** 2 + FLOOR**2


def _scale(width: float) -> tuple[Floats, Floats]:
    """Values of a half-normal scale from 0 to ``REACH`` widths, and the logs of their weights."""
    places = np.linspace(0.0, np.arcsinh(REACH * width / FLOOR), POINTS)
    values: Floats = FLOOR * np.sinh(places)
    logs: Floats = np.log(np.cosh(places)) - 0.5 * (values / width) ** 2
    logs[0] -= np.log(2.0)
    return values, logs
