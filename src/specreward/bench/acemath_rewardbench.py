"""AceMath-RewardBench: best of 8 from 64 solutions by eight models, on seven sets of maths.

    rm@8 of a set = mean over 100 seeds of: 8 of the 64 at random, the highest-scored: is it right
    headline = plain mean over sets
    majority@8    the most frequent answer of the same 8, where final answers are known

Z. Liu, Y. Chen, M. Shoeybi, B. Catanzaro, W. Ping (2024), "AceMath: Advancing Frontier Math
Reasoning with Post-Training and Reward Modeling", arXiv 2412.15084; protocol of the dataset's card.

``exact`` is what the mean tends to with more seeds, without noise. The card does not say which
seeds; here each question has draws of its own. Ties share. A file is a set, in the form of
``pools.py``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import nan
from pathlib import Path
from typing import ClassVar, final

import numpy as np

from specreward.bench.benchmark import Item, Judged
from specreward.bench.files import files_of, read_file
from specreward.bench.groups import grouped, mean
from specreward.bench.pools import pool_item, pool_scores, top
from specreward.checks import whole
from specreward.errors import InputError
from specreward.report.subsets import highest_at
from specreward.seeds import derive

__all__ = ["AceMathRewardBench"]


@final
@dataclass(frozen=True, kw_only=True)
class AceMathRewardBench:
    """AceMath-RewardBench; rows as of recorded pools, a file for each set.

    Args:
        n: Solutions drawn for each choice, at least 1.
        draws: Choices for each question, at least 1.
    """

    n: int = 8
    draws: int = 100
    per_step: ClassVar[bool] = False
    folder: ClassVar[str] = "acemath_rewardbench"
    __cite__: ClassVar[str] = """@article{liu2024acemath,
  title = {AceMath: Advancing Frontier Math Reasoning with Post-Training and Reward Modeling},
  author = {Liu, Zihan and Chen, Yang and Shoeybi, Mohammad and Catanzaro, Bryan and Ping, Wei},
  journal = {arXiv preprint arXiv:2412.15084},
  year = {2024}
}"""

    def __post_init__(self) -> None:
        whole("n", self.n, 1)
        whole("draws", self.draws, 1)

    def items(self, folder: Path) -> list[Item]:
        """One for each question; the set is the name of its file.

        Raises:
            InputError: As for every benchmark, or a question has fewer than ``n`` solutions.
        """
        found = [
            pool_item(row, f"{file.stem}-{place}", file.stem)
            for file in files_of(folder)
            for place, row in enumerate(read_file(file))
        ]
        for item in found:
            if len(item.answers) < self.n:
                raise InputError(
                    f"question {item.id!r}: expected at least {self.n} solutions, got "
                    f"{len(item.answers)}"
                )
        return found

    def recorded(self, folder: Path) -> list[Judged]:
        """The scores that stand in the files; errors as for ``items``."""
        items = iter(self.items(folder))
        rows = [row for file in files_of(folder) for row in read_file(file)]
        return [pool_scores(row, item) for row, item in zip(rows, items, strict=True)]

    def metrics(self, judged: Sequence[Judged]) -> dict[str, float]:
        """``rm@n`` over sets, its exact expectation, the majority, and each set."""
        each = {}
        for name, own in sorted(grouped(judged).items()):
            rows = [_drawn(one, self.n, self.draws) for one in own]
            each[name] = [mean(column) for column in zip(*rows, strict=True)]
        columns = [mean(column) for column in zip(*each.values(), strict=True)]
        names = (f"rm@{self.n}", f"rm@{self.n} exact", f"majority@{self.n}")
        numbers = dict(zip(names, columns, strict=True))
        numbers |= {f"{name} rm@{self.n}": row[0] for name, row in each.items()}
        return {name: value for name, value in numbers.items() if value == value}


@lru_cache(maxsize=1 << 15)
def _drawn(one: Judged, n: int, draws: int) -> tuple[float, float, float]:
    """Of one question: the mean over draws, the exact one, and that of the majority."""
    scores, right, answers = one.scores, one.item.gold["right"], one.item.gold["answers"]
    rng = np.random.default_rng(derive(0, "acemath", one.item.id))
    order = rng.random((draws, len(right))).argsort(axis=1)[:, :n]
    best = mean([top([scores[i] for i in row], [right[i] for i in row]) for row in order])
    majority = nan
    if answers:
        majority = mean(
            [_majority([answers[i] for i in row], [right[i] for i in row]) for row in order]
        )
    return best, highest_at(scores, right, len(right), n), majority


def _majority(answers: Sequence[str], right: Sequence[bool]) -> float:
    """Whether the most frequent answer is right; ties share, an empty answer has no vote."""
    counts = Counter([answer for answer in answers if answer])
    if not counts:
        return 0.0
    most = max(counts.values())
    winners = [answer for answer, count in counts.items() if count == most]
    return mean([float(right[answers.index(answer)]) for answer in winners])
