"""How models stand by who beats whom: strengths, how sure they are, and how two rankings agree.

    counts[i][j]     = (wins of i over j, ties)
    win rate w_ij    = (wins + ties / 2) / games
    strength s       maximises  sum_ij W_ij log sigma(s_i - s_j) - RIDGE |s|^2 / 2
                     (Bradley and Terry, 1952; a tie is half a win for each)
    resampled        the games drawn again with replacement, strengths of each round

The ridge keeps the strengths finite where a model never loses; it does not change who is ahead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import nan

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Games",
    "kendall",
    "pearson",
    "resampled",
    "spearman",
    "strengths",
    "tally",
    "win_rates",
]

RIDGE = 1e-3
STEPS = 60
"""Most steps of Newton's method."""
FEWEST = 3
"""Fewer models than these have no ranks to compare."""

Games = Mapping[tuple[int, int, float], int]
"""How often two models met with a result of the first: 1, 1/2 or 0."""

_Floats = NDArray[np.float64]


def tally(games: Games, models: int) -> _Floats:
    """Who beat whom how often, ``[M, M]``; a tie is half a win for each.

    Args:
        games: How often each was played.
        models: How many there are.
    """
    return np.asarray(np.tensordot([*games.values()], _won(list(games), models), 1))


def _won(games: Sequence[tuple[int, int, float]], models: int) -> _Floats:
    """What each of the two won of each game, ``[G, M, M]``."""
    won = np.zeros((len(games), models, models))
    for at, (one, other, result) in enumerate(games):
        won[at, one, other], won[at, other, one] = result, 1 - result
    return won


def win_rates(wins: _Floats) -> _Floats:
    """The share of its games that each model won of each other one; NaN where there was none."""
    games = wins + wins.swapaxes(-1, -2)
    return np.divide(wins, games, out=np.full_like(wins, nan), where=games > 0)


def strengths(wins: _Floats) -> _Floats:
    """Bradley-Terry strengths in nats, mean 0, ``[..., M]`` from ``[..., M, M]``."""
    games = wins + wins.swapaxes(-1, -2)
    won = wins.sum(-1)
    eye = np.eye(wins.shape[-1])
    found = np.zeros(wins.shape[:-1])
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(found[..., None, :] - found[..., :, None]))
        slope = won - (games * chance).sum(-1) - RIDGE * found
        weight = games * chance * (1 - chance)
        curve = eye * (weight.sum(-1)[..., None] + RIDGE) - weight * (1 - eye)
        step = np.clip(np.linalg.solve(curve, slope[..., None])[..., 0], -1.0, 1.0)
        found = found + step
        if np.abs(step).max(initial=0.0) < 1e-9:
            break
    return np.asarray(found - found.mean(-1, keepdims=True))


def resampled(games: Games, models: int, *, rounds: int, seed: int) -> _Floats:
    """Strengths of each model when the games are drawn again, ``[rounds, M]``.

    Args:
        games: As for ``tally``.
        models: How many there are.
        rounds: How often.
        seed: Of the draws, at least 0.
    """
    kinds = sorted(games)
    counts = np.array([games[kind] for kind in kinds])
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(counts.sum(), counts / counts.sum(), size=rounds)
    return strengths(np.tensordot(drawn, _won(kinds, models), 1))


def pearson(one: Sequence[float], other: Sequence[float]) -> float:
    """The correlation of two lists, in [-1, 1]; NaN where one of them does not vary."""
    first, second = (np.asarray(values, dtype=np.float64) for values in (one, other))
    if first.size < 2:
        return nan
    first, second = first - first.mean(), second - second.mean()
    scale = float(np.sqrt((first * first).sum() * (second * second).sum()))
    return float((first * second).sum()) / scale if scale > 0 else nan


def spearman(one: Sequence[float], other: Sequence[float]) -> float:
    """Spearman's rank correlation, in [-1, 1], ties at their mean rank; NaN of fewer than 3."""
    return pearson(_ranks(one), _ranks(other)) if len(one) >= FEWEST else nan


def _ranks(values: Sequence[float]) -> list[float]:
    return [
        sum([other < value for other in values]) + sum([other == value for other in values]) / 2
        for value in values
    ]


def kendall(one: Sequence[float], other: Sequence[float]) -> float:
    """Kendall's tau-b, in [-1, 1]; NaN where a list does not vary."""
    first, second = (np.asarray(values, dtype=np.float64) for values in (one, other))
    upper = np.triu_indices(first.size, 1)
    signs = [np.sign(values[:, None] - values[None, :])[upper] for values in (first, second)]
    scale = float(np.sqrt((signs[0] ** 2).sum() * (signs[1] ** 2).sum()))
    return float((signs[0] * signs[1]).sum()) / scale if scale > 0 else nan
