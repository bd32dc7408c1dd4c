"""What fewer paths would have given: expectations over all subsets of the paths of one run.

N paths were drawn for a problem, independently, so that any n of them, in any order, are as good a
run of n as another. All functions here give the mean over them:

    pass_at      one of the n is right              1 - C(N - c, n) / C(N, n), c of N right
    highest_at   the highest-scored of n is right   by order statistics
    vote_at      the answer with the largest summed weight is right
                 over all subsets where there are few, else over a fixed number of random ones

Ties go to what was drawn first, as in a search. Over all orders each path of a tie is equally
likely to come first, and so a tie gives the share of its paths that are right.

pass@n: M. Chen et al. (2021), "Evaluating Large Language Models Trained on Code", arXiv 2107.03374.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations, groupby
from math import comb

import numpy as np
from numpy.typing import NDArray

from specreward.errors import InputError

__all__ = ["highest_at", "pass_at", "sizes", "vote_at"]

EXACT = 13_000
"""Most subsets that are all looked at: all of 16 paths, for one."""
DRAWS = 4096
"""Random subsets, where there are more."""
TIE = 1e-9
"""Sums of weights nearer than this part of them are equal: they were added in another order."""

_Floats = NDArray[np.float64]


def sizes(drawn: int) -> list[int]:
    """1, 2, 4, ... and ``drawn`` itself."""
    powers = [1 << k for k in range(drawn.bit_length()) if 1 << k < drawn]
    return [*powers, drawn]


def _check(found: int, drawn: int, n: int) -> None:
    if not 1 <= n <= drawn or found > drawn:
        raise InputError(
            f"expected 1 to {drawn} of {drawn} paths drawn, {found} of which finished, got n={n}"
        )


def pass_at(right: int, drawn: int, n: int) -> float:
    """The chance that one of ``n`` paths is right.

    Args:
        right: Paths that are.
        drawn: Paths in all.
        n: From 1 to ``drawn``.
    """
    _check(right, drawn, n)
    return 1 - comb(drawn - right, n) / comb(drawn, n)


def highest_at(scores: Sequence[float], right: Sequence[bool], drawn: int, n: int) -> float:
    """The chance that the highest-scored of ``n`` paths is right.

    Args:
        scores: Of the finished paths, ``[F]``.
        right: Which of them are right, ``[F]``.
        drawn: Paths in all, at least F; one that did not finish is never chosen.
        n: From 1 to ``drawn``.
    """
    _check(len(scores), drawn, n)
    whole, above, chance = comb(drawn, n), 0, 0.0
    ranked = sorted(zip(scores, right, strict=True), key=lambda row: -row[0])
    for _, group in groupby(ranked, key=lambda row: row[0]):
        tied = [is_right for _, is_right in group]
        first = comb(drawn - above, n) - comb(drawn - above - len(tied), n)
        chance += first / whole * sum(tied) / len(tied)
        above += len(tied)
    return chance


def vote_at(
    answers: Sequence[str],
    weights: Sequence[float],
    right: Sequence[bool],
    *,
    drawn: int,
    n: int,
    seed: int,
) -> float:
    """The chance that the answer with the largest weight among ``n`` paths is right.

    Args:
        answers: Of the finished paths, ``[F]``, canonical; an empty one has no vote.
        weights: Of their votes, ``[F]``, at least 0; all 1 for the plain majority.
        right: Which of them are right, ``[F]``; the same for equal answers.
        drawn: Paths in all, at least F.
        n: From 1 to ``drawn``.
        seed: Of the random subsets, where not all are looked at; at least 0.
    """
    _check(len(answers), drawn, n)
    classes = list(dict.fromkeys([answer for answer in answers if answer]))
    if not classes:
        return 0.0
    votes = np.zeros((drawn, len(classes)))
    correct = np.zeros(len(classes))
    for place, (answer, is_right) in enumerate(zip(answers, right, strict=True)):
        if answer:
            votes[place, classes.index(answer)] = 1.0
            correct[classes.index(answer)] = is_right
    heavy = votes.copy()
    heavy[: len(weights)] *= np.asarray(weights, dtype=np.float64)[:, None]
    members = _all(drawn, n) if comb(drawn, n) <= EXACT else _some(drawn, n, seed)
    counts, totals = members @ votes, members @ heavy
    most = totals.max(axis=1, keepdims=True)
    tied = np.where(totals >= most * (1 - TIE), counts, 0.0)
    # Who comes first of a tie is one of its paths, each as likely; where nobody votes all are 0.
    shares = (tied @ correct) / np.maximum(tied.sum(axis=1), 1.0)
    return float(shares.mean())


@lru_cache(maxsize=16)
def _all(drawn: int, n: int) -> _Floats:
    """All subsets as rows of 0 and 1, ``[S, drawn]``."""
    return _rows(np.array(list(combinations(range(drawn), n))), drawn)


def _some(drawn: int, n: int, seed: int) -> _Floats:
    """Random subsets as rows of 0 and 1, ``[S, drawn]``; those of a smaller n are inside."""
    return _rows(_orders(drawn, seed)[:, :n], drawn)


@lru_cache(maxsize=1)
def _orders(drawn: int, seed: int) -> NDArray[np.int64]:
    """Random orders of the paths, ``[DRAWS, drawn]``."""
    return np.random.default_rng(seed).random((DRAWS, drawn)).argsort(axis=1)


def _rows(index: NDArray[np.int64], drawn: int) -> _Floats:
    rows = np.zeros((len(index), drawn))
    np.put_along_axis(rows, index, 1.0, axis=1)
    return rows
