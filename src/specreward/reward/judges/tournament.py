"""From comparisons of two to a score for each: objects for judges that compare.

    RoundRobin   every pair once                       p_ij = result of i against j
    Elo          every pair once, ratings R by         R_i += k (result - E_ij), and back for j,
                 E_ij = 1 / (1 + 10^((R_j - R_i)/400))     in random orders; p_ij = E_ij
    Knockout     a random bracket, winners go on       p_ij = 1 if i went out later, 1/2 if at once

    score_i = mean over all j of the call of p_ij, with p_ii = 1/2

So a score is the chance to beat a solution drawn at random from those judged together, in
[1/(2n), 1 - 1/(2n)], and 1/2 for one alone: a tie with itself. It compares solutions of one
problem in one call, and nothing else.

Elo and knockout: J. Guo et al. (2025), "Reward Reasoning Model", arXiv 2505.14674. Differs from the
paper: which gives no k, start or order for Elo, and takes the rating itself and the knockout's
winner where this takes p_ij.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations
from typing import ClassVar, Protocol, final

from specreward.checks import positive, whole
from specreward.reward.solutions import Solution, read_path
from specreward.seeds import choose, derive, uniform
from specreward.types import Path

__all__ = [
    "REWARD_REASONING",
    "Duel",
    "Elo",
    "Knockout",
    "PairReward",
    "RoundRobin",
    "Tournament",
]

REWARD_REASONING = """@inproceedings{guo2025reward,
  title = {Reward Reasoning Model},
  author = {Guo, Jiaxin and Chi, Zewen and Dong, Li and Dong, Qingxiu and Wu, Xun and
            Huang, Shaohan and Wei, Furu},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2025},
  note = {arXiv:2505.14674}
}"""

Play = Callable[[Sequence[tuple[int, int]]], Awaitable[list[float]]]
"""Plays some pairs of places; the result of the first of each: 1 won, 1/2 tied, 0 lost."""


class Tournament(Protocol):
    """Says who plays whom, and what the results are worth."""

    async def __call__(self, n: int, play: Play, draw: int) -> list[float]:
        """The score of each of ``n`` players, in (0, 1).

        Args:
            n: Players, at least 1.
            play: Plays pairs.
            draw: Root of the draws: the same for the same players.
        """
        ...


class Duel(Protocol):
    """Compares solutions of one question."""

    async def __call__(self, pairs: Sequence[tuple[Solution, Solution]]) -> list[float]:
        """The result of the first of each pair: 1 better, 1/2 equal, 0 worse."""
        ...


@final
@dataclass(frozen=True, kw_only=True)
class RoundRobin:
    """Each against each: n (n - 1) / 2 comparisons."""

    __cite__: ClassVar[str] = REWARD_REASONING

    async def __call__(self, n: int, play: Play, draw: int) -> list[float]:
        """As the protocol."""
        pairs = list(combinations(range(n), 2))
        scores = [0.5 / n] * n
        for (i, j), result in zip(pairs, await play(pairs) if pairs else [], strict=True):
            scores[i] += result / n
            scores[j] += (1 - result) / n
        return scores


@final
@dataclass(frozen=True, kw_only=True)
class Elo:
    """Ratings from the comparisons of each with each.

    Args:
        k: How far one result moves a rating, above 0.
        orders: Random orders of the results over which the ratings are averaged, at least 1.
    """

    k: float = 32.0
    orders: int = 16

    __cite__: ClassVar[str] = REWARD_REASONING

    def __post_init__(self) -> None:
        positive("elo k", self.k)
        whole("elo orders", self.orders, 1)

    async def __call__(self, n: int, play: Play, draw: int) -> list[float]:
        """As the protocol."""
        pairs = list(combinations(range(n), 2))
        results = await play(pairs) if pairs else []
        ratings = [0.0] * n
        for order in range(self.orders):
            own = [0.0] * n
            for game in sorted(range(len(pairs)), key=partial(uniform, draw, "elo", order)):
                i, j = pairs[game]
                moved = self.k * (results[game] - _expected(own[i], own[j]))
                own[i] += moved
                own[j] -= moved
            ratings = [one + new / self.orders for one, new in zip(ratings, own, strict=True)]
        return [sum([_expected(one, other) for other in ratings]) / n for one in ratings]


def _expected(one: float, other: float) -> float:
    return float(1.0 / (1.0 + 10.0 ** ((other - one) / 400.0)))


@final
@dataclass(frozen=True, kw_only=True)
class Knockout:
    """Winners go on until one is left: n - 1 comparisons; ties are drawn.

    An odd one has a bye, and nobody has two in a row. If the better of two wins with chance a, the
    best of n = 2^k wins with a^k.
    """

    __cite__: ClassVar[str] = REWARD_REASONING

    async def __call__(self, n: int, play: Play, draw: int) -> list[float]:
        """As the protocol."""
        left = list(range(n))
        alive = [left.pop(choose([1.0] * len(left), draw, "bracket", k)) for k in range(n)]
        out: list[list[int]] = []
        while len(alive) > 1:
            pairs = list(zip(alive[::2], alive[1::2], strict=False))
            bye = alive[2 * len(pairs) :]
            results = await play(pairs)
            lost, won = [], []
            for (i, j), result in zip(pairs, results, strict=True):
                first = result >= 0.5  # the bracket is random, and so is who stands first
                won.append(i if first else j)
                lost.append(j if first else i)
            out.append(lost)
            alive = bye + won
        scores, below = [0.0] * n, 0
        for together in [*out, alive]:
            for place in together:
                scores[place] = (below + len(together) / 2) / n
            below += len(together)
        return scores


@final
@dataclass(frozen=True, kw_only=True)
class PairReward:
    """Scores the paths of a call against each other, problem by problem.

    Args:
        duel: Compares two; its engine is wired.
        tournament: Who is compared with whom.
    """

    duel: Duel = field(kw_only=False)
    tournament: Tournament

    async def score(self, paths: Sequence[Path]) -> list[float]:
        """One score for each path, ``[P]``, in (0, 1), higher is better; equal paths are one.

        Raises:
            InputError: A path has no step.
            RewardError: A comparison has no verdict.
        """
        read = [read_path(path) for path in paths]
        known: dict[Solution, float] = {}
        for question in dict.fromkeys([one.question for one in read]):
            # In an order of their own, so that a score does not hang on the order of the call.
            players = sorted({one for one in read if one.question == question}, key=_steps)
            known |= await self._scores(players)
        return [known[one] for one in read]

    async def _scores(self, players: Sequence[Solution]) -> dict[Solution, float]:
        async def play(pairs: Sequence[tuple[int, int]]) -> list[float]:
            return await self.duel([(players[i], players[j]) for i, j in pairs])

        draw = derive(0, "tournament", *[str((one.question, one.steps)) for one in players])
        scores = await self.tournament(len(players), play, draw)
        return dict(zip(players, scores, strict=True))


def _steps(solution: Solution) -> tuple[str, ...]:
    return solution.steps
