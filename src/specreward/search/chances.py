"""Laws over candidates from their rewards: pure functions, in log space, no draws.

    tilted        t_i = p_i exp(beta_inv r_i) / sum_j p_j exp(beta_inv r_j)
    water_level   the one lam with sum_i p_i max(0, (r_i - lam) / b) = 1
    pessimistic   c_i = p_i max(0, (r_i - lam) / b)

p is 1/n for each of n draws unless other chances are given. The tilt maximizes
E[r] - KL(. || p) / beta_inv, the pessimistic law E[r] - (b/2) chi2(. || p), where
chi2 = sum_i c_i^2 / p_i - 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, fsum, isfinite

from specreward.errors import InputError

__all__ = ["pessimistic", "tilted", "water_level"]


def tilted(
    rewards: Sequence[float], beta_inv: float, chances: Sequence[float] | None = None
) -> list[float]:
    """The chances tilted towards high rewards, ``[n]``; they sum to 1.

    Args:
        rewards: ``[n]``, at least one, finite; higher is better.
        beta_inv: Inverse temperature, multiplies the rewards; 0 leaves the chances as they are, a
            very large one has the highest rewards share them.
        chances: ``[n]``, at least 0, one above 0; None are equal ones.

    Raises:
        InputError: No reward, or one that is not finite, or no chance above 0.
    """
    shares = _shares(rewards, chances)
    top = max([reward for reward, share in zip(rewards, shares, strict=True) if share > 0])
    weights = [
        share * exp(beta_inv * (reward - top)) if share > 0 else 0.0
        for reward, share in zip(rewards, shares, strict=True)
    ]
    total = fsum(weights)
    return [weight / total for weight in weights]


def water_level(
    rewards: Sequence[float], reward_temperature: float, chances: Sequence[float] | None = None
) -> float:
    """The level lam above which rewards count, so that what stands above it sums to 1 exactly.

    Args:
        rewards: ``[n]``, at least one, finite; higher is better.
        reward_temperature: b above 0, in units of the reward: lower lets only the best count.
        chances: ``[n]``, at least 0, one above 0; None are equal ones.

    Raises:
        InputError: No reward, or one that is not finite, or no chance above 0.
    """
    top, depth = _water(rewards, _shares(rewards, chances), reward_temperature)
    return top - depth


def pessimistic(
    rewards: Sequence[float], reward_temperature: float, chances: Sequence[float] | None = None
) -> list[float]:
    """The chances that are best under a chi-square penalty, ``[n]``; they sum to 1.

    Args:
        rewards: As for ``water_level``.
        reward_temperature: As for ``water_level``.
        chances: As for ``water_level``.

    Raises:
        InputError: No reward, or one that is not finite, or no chance above 0.
    """
    shares = _shares(rewards, chances)
    top, depth = _water(rewards, shares, reward_temperature)
    return [
        share * (max(0.0, depth - (top - reward)) / reward_temperature) if share > 0 else 0.0
        for reward, share in zip(rewards, shares, strict=True)
    ]


def _water(
    rewards: Sequence[float], shares: Sequence[float], reward_temperature: float
) -> tuple[float, float]:
    """The highest reward, and how far below it the level is: rounding keeps that above 0."""
    pairs = sorted([(r, p) for r, p in zip(rewards, shares, strict=True) if p > 0], reverse=True)
    top = pairs[0][0]
    mass = below = depth = 0.0
    for place, (reward, share) in enumerate(pairs):
        mass += share
        below += share * (top - reward)
        depth = (below + reward_temperature) / mass
        if place + 1 < len(pairs) and top - pairs[place + 1][0] >= depth:
            break
    return top, depth


def _shares(rewards: Sequence[float], chances: Sequence[float] | None) -> list[float]:
    """Chances that sum to 1."""
    if not rewards or not all(map(isfinite, rewards)):
        raise InputError(f"expected at least one reward, all of them finite, got {list(rewards)!r}")
    if chances is None:
        return [1 / len(rewards)] * len(rewards)
    total = fsum(chances)
    if len(chances) != len(rewards) or not min(chances) >= 0 or not 0 < total < float("inf"):
        raise InputError(
            f"expected {len(rewards)} finite chances of at least 0, one above 0, got "
            f"{list(chances)!r}"
        )
    return [chance / total for chance in chances]
