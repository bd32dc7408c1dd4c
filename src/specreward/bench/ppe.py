"""PPE: what of a reward model foretells the model that is trained with it.

E. Frick et al. (2024), "How to Evaluate Reward Models for RLHF", arXiv 2410.14872.

Human part, pairs of answers by 20 models with a human vote:

    accuracy               share of votes without ties in which the preferred answer scores higher
    row-wise pearson       correlation of each model's win rates against the others, by scores and
                           by votes, mean of the models
    spearman, kendall      of the models' Bradley-Terry strengths, by scores and by votes
    separability           share of pairs of models whose 95 % intervals (bootstrap) are apart
    confidence agreement   mean over pairs of models: 1 where both keep them apart in the same
                           order, -1 where in the other order, else 0
    brier                  mean of (P(i over j) - 1[i ahead by votes])^2, lower is better;
                           P from the bootstrap, as normal

Correctness part, K answers to each prompt of five benchmarks, right or wrong:

    accuracy    share of the sampled pairs (one right, one wrong) in which the right one scores
                higher; of all such pairs where the file has no sample
    roc auc     of the scores of all answers of a benchmark as a sign of right; and ``prompt auc``,
                mean over prompts that have both
    best-of-k   chance that the highest-scored of k answers is right, over all subsets, k = 1 .. K:
                its ``max``, its ``end`` (k = K), and ``loss``, the mean squared distance from the
                best possible curve (lower is better)

A tie is no win of a pair; it gives its share elsewhere. Differs from the paper: the definitions of
the metrics are put together from its text and from Arena-Hard's, not from the released code, and
expectations over subsets are exact here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import nan
from pathlib import Path
from statistics import NormalDist
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from specreward.bench.benchmark import Answer, Item, Judged
from specreward.bench.files import Row, read_files
from specreward.bench.groups import grouped, mean
from specreward.bench.pairs import conversation, pair, scores_of
from specreward.bench.standings import (
    Games,
    kendall,
    pearson,
    resampled,
    spearman,
    strengths,
    tally,
    win_rates,
)
from specreward.checks import whole
from specreward.report.subsets import highest_at, pass_at
from specreward.train.quality import auc

__all__ = ["PPE"]

HUMAN = "human"
TIES = ("tie", "tie (bothbad)")
LOW, HIGH = 2.5, 97.5
"""Percentiles of a 95 % interval."""

Game = tuple[str, str, float, float]
"""Two models, and the result of the first by the vote and by the scores: 1, 1/2 or 0."""

_Floats = NDArray[np.float64]


@final
@dataclass(frozen=True, kw_only=True)
class PPE:
    """PPE; rows of its human part (``winner``) or of its best-of-K sets (``scores``).

    Args:
        rounds: Of the bootstrap, at least 10.
        seed: Of the bootstrap, at least 0.
    """

    rounds: int = 100
    seed: int = 0

    per_step: ClassVar[bool] = False
    folder: ClassVar[str] = "ppe"

    __cite__: ClassVar[str] = """@misc{frick2024evaluate,
  title = {How to Evaluate Reward Models for {RLHF}},
  author = {Frick, Evan and Li, Tianle and Chen, Connor and Chiang, Wei-Lin and
            Angelopoulos, Anastasios N. and Jiao, Jiantao and Zhu, Banghua and
            Gonzalez, Joseph E. and Stoica, Ion},
  year = {2024},
  note = {arXiv:2410.14872}
}"""

    def __post_init__(self) -> None:
        whole("ppe rounds", self.rounds, 10)
        whole("ppe seed", self.seed, 0)

    def items(self, folder: Path) -> list[Item]:
        """The pairs and prompts of a file or folder."""
        rows = enumerate(read_files(folder, "*.jsonl", "*.json"))
        return [_item(row, place) for place, row in rows]

    def metrics(self, judged: Sequence[Judged]) -> dict[str, float]:
        """The human part, means over the best-of-K sets, and each of these."""
        groups = grouped(judged)
        votes = groups.pop(HUMAN, [])
        found = self._human(votes) if votes else {}
        sets = {name: _correctness(own) for name, own in groups.items()}
        if sets:
            names = next(iter(sets.values()))
            means = {one: mean([own[one] for own in sets.values()]) for one in names}
            found |= {f"correctness {one}": value for one, value in means.items()}
        for name, own in sets.items():
            found |= {f"{name} {one}": value for one, value in own.items()}
        return found

    def _human(self, judged: Sequence[Judged]) -> dict[str, float]:
        met = Counter([_game(one) for one in judged])
        models = sorted({model for game in met for model in game[:2]})
        by_votes, by_scores = _games(met, models)
        truth, guess = (tally(games, len(models)) for games in (by_votes, by_scores))
        true, guessed = strengths(truth), strengths(guess)
        decided = {game: count for game, count in met.items() if game[2] != 0.5}
        agreed = sum([count for game, count in decided.items() if game[2] == game[3]])
        found = {
            "accuracy": agreed / sum(decided.values()) if decided else nan,
            "row-wise pearson": _row_wise(win_rates(truth), win_rates(guess)),
            "spearman": spearman(list(true), list(guessed)),
            "kendall": kendall(list(true), list(guessed)),
        }
        draws = [
            resampled(games, len(models), rounds=self.rounds, seed=self.seed)
            for games in (by_votes, by_scores)
        ]
        return found | _confidence(draws[0], draws[1], true)


# ---------------------------------------------------------------------------------- people


@lru_cache(maxsize=1 << 15)
def _game(one: Judged) -> Game:
    first, second = [answer.model for answer in one.item.answers]
    winner = one.item.gold["winner"]
    voted = 0.5 if winner in TIES else float(winner == "model_a")
    scores = scores_of(one)
    scored = 0.5 if scores[0] == scores[1] else float(scores[0] > scores[1])
    return first, second, voted, scored


def _games(met: Counter[Game], models: Sequence[str]) -> tuple[Games, Games]:
    """Who beat whom by the votes, and by the scores."""
    place = {model: at for at, model in enumerate(models)}
    by_votes, by_scores = Counter[tuple[int, int, float]](), Counter[tuple[int, int, float]]()
    for (first, second, voted, scored), count in met.items():
        by_votes[place[first], place[second], voted] += count
        by_scores[place[first], place[second], scored] += count
    return by_votes, by_scores


def _row_wise(truth: _Floats, guess: _Floats) -> float:
    """The mean over models of the correlation of their win rates."""
    rows = []
    for one, other in zip(truth, guess, strict=True):
        both = ~np.isnan(one) & ~np.isnan(other)
        rows.append(pearson(list(one[both]), list(other[both])))
    return mean([row for row in rows if row == row])


def _confidence(voted: _Floats, scored: _Floats, true: _Floats) -> dict[str, float]:
    """What the bootstrap says: ``[rounds, M]`` by votes and by scores."""
    order, guess = _apart(voted), _apart(scored)
    center, spread = scored.mean(0), scored.var(0)
    brier, agreed = [], []
    for i, j in combinations(range(len(true)), 2):
        agreed.append(float(order[i, j] * guess[i, j]))
        width = float(np.sqrt(spread[i] + spread[j]))
        gap = float(center[i] - center[j])
        chance = NormalDist(0, width).cdf(gap) if width > 0 else 0.5 * (1 + float(np.sign(gap)))
        brier.append((chance - float(true[i] > true[j])) ** 2)
    pairs = np.triu_indices(len(true), 1)
    return {
        "separability": mean([float(one) for one in np.abs(guess[pairs])]),
        "confidence agreement": mean(agreed),
        "brier": mean(brier),
    }


def _apart(draws: _Floats) -> _Floats:
    """1 where the interval of i lies above that of j, -1 where below, else 0, ``[M, M]``."""
    low, high = np.percentile(draws, [LOW, HIGH], axis=0)
    above = (low[:, None] > high[None, :]).astype(float)
    return np.asarray(above - above.T)


# ---------------------------------------------------------------------------------- correctness


@dataclass(frozen=True, slots=True, eq=False)
class _Prompt:
    """What one prompt adds to the means.

    Args:
        scores: Of its answers, ``[K]``.
        right: Which of them are right, ``[K]``.
        wins: Of the pairs that are compared.
        curve: Chance that the highest-scored of k answers is right, ``[K]``.
        best: Chance that one of them is, ``[K]``.
        auc: Of its own answers; NaN where all are right or all wrong.
    """

    scores: _Floats
    right: _Floats
    wins: tuple[bool, ...]
    curve: _Floats
    best: _Floats
    auc: float


@lru_cache(maxsize=1 << 15)
def _prompt(one: Judged) -> _Prompt:
    """Kept, as intervals ask for the same prompts again and again."""
    scores, right = scores_of(one), one.item.gold["right"]
    n, sizes = len(scores), range(1, len(scores) + 1)
    return _Prompt(
        scores=np.array(scores),
        right=np.array(right, dtype=np.float64),
        wins=tuple([scores[good] > scores[bad] for good, bad in one.item.gold["pairs"]]),
        curve=np.array([highest_at(scores, right, n, k) for k in sizes]),
        best=np.array([pass_at(sum(right), n, k) for k in sizes]),
        auc=auc(scores, right),
    )


def _correctness(judged: Sequence[Judged]) -> dict[str, float]:
    prompts = [_prompt(one) for one in judged]
    most = min([len(one.curve) for one in prompts])
    curve = np.mean([one.curve[:most] for one in prompts], axis=0)
    best = np.mean([one.best[:most] for one in prompts], axis=0)
    scores = np.concatenate([one.scores for one in prompts])
    right = np.concatenate([one.right for one in prompts])
    return {
        "accuracy": mean([won for one in prompts for won in one.wins]),
        "roc auc": auc(scores, right),
        "prompt auc": mean([one.auc for one in prompts if one.auc == one.auc]),
        "max": float(curve.max()),
        "end": float(curve[-1]),
        "loss": float(((curve - best) ** 2).mean()),
    }


# ---------------------------------------------------------------------------------- rows


def _item(row: Row, place: int) -> Item:
    name, question = row.text("question_id"), conversation(row, "prompt")
    if row.has("winner"):
        winner = row.choice("winner", "model_a", "model_b", *TIES)
        return pair(
            row,
            f"{HUMAN}-{name}-{place}",
            HUMAN,
            question,
            (row.text("response_1"), row.text("response_2")),
            better=int(winner == "model_b"),
            models=(row.text("model_a"), row.text("model_b")),
            winner=winner,
        )
    right = row.value("scores")
    if not isinstance(right, list) or not right or not all(isinstance(one, bool) for one in right):
        raise row.refused("a field 'winner', or a list of true and false as 'scores'", right)
    answers = [Answer((row.text(f"response_{k + 1}"),)) for k in range(len(right))]
    gold = {"right": right, "pairs": _pairs(row, right)}
    group = row.file.stem
    return Item(f"{group}-{name}-{place}", group, question, tuple(answers), gold)


def _pairs(row: Row, right: list[bool]) -> list[tuple[int, int]]:
    """The pairs of a right and a wrong answer that are compared, the right one first."""
    if not row.has("sampled_conflict_pairs"):
        places = range(len(right))
        return [(i, j) for i in places for j in places if right[i] and not right[j]]
    pairs = []
    for one in row.value("sampled_conflict_pairs"):
        sound = isinstance(one, list) and len(one) == 2 and all(k in range(len(right)) for k in one)
        if not sound or right[one[0]] == right[one[1]]:
            raise row.refused("places of a right and a wrong answer in the pairs", one)
        pairs.append((one[0], one[1]) if right[one[0]] else (one[1], one[0]))
    return pairs
