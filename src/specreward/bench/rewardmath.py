"""RewardMATH: is the one right solution of a problem ranked above nine wrong ones?

    accuracy = share of problems whose right solution has a higher score than every other
    mrr      = mean of 1 / rank of the right solution; a tie is lost
    a process reward model: the same for each way to make one score of its steps: minimum, product,
    geometric mean, mean, last, highest

S. Kim, D. Kang, T. Kwon, H. Chae, J. Won, D. Lee, J. Yeo (2024), "Evaluating Robustness of Reward
Models for Mathematical Reasoning", arXiv 2410.01729; ties and rank as in its released code, whose
file of scores is read as well. Left out: the means of logits and of odds, which are not defined for
scores of 0 or 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, final

from specreward.bench.benchmark import Answer, Item, Judged
from specreward.bench.files import Row, files_of, read_file, read_files
from specreward.bench.groups import mean
from specreward.checks import flag
from specreward.errors import InputError
from specreward.reward.aggregate import (
    Aggregate,
    Geometric,
    HighestStep,
    Last,
    Mean,
    Minimum,
    Product,
)

__all__ = ["RewardMATH"]

RIGHT = "human_to_GPT-4"
"""Who wrote the right solution, in the released files."""
GROUP = "rewardmath"

WAYS: Mapping[str, Aggregate] = {
    "minimum": Minimum(),
    "product": Product(),
    "geometric mean": Geometric(),
    "mean": Mean(),
    "last": Last(),
    "highest": HighestStep(),
}


@final
@dataclass(frozen=True, kw_only=True)
class RewardMATH:
    """RewardMATH; rows problem_id, problem, eval_solution, solution_type; or released scores.

    Args:
        per_step: Ask for the scores of steps, and report each way to make one score of them; else
            the model makes it, as it does in a search.
    """

    per_step: bool = False
    folder: ClassVar[str] = "rewardmath"
    __cite__: ClassVar[str] = """@article{kim2024evaluating,
  title = {Evaluating Robustness of Reward Models for Mathematical Reasoning},
  author = {Kim, Sunghwan and Kang, Dongjin and Kwon, Taeyoon and Chae, Hyungjoo and Won, Jungsoo
            and Lee, Dongha and Yeo, Jinyoung},
  journal = {arXiv preprint arXiv:2410.01729},
  year = {2024}
}"""

    def __post_init__(self) -> None:
        flag("per_step", self.per_step)

    def items(self, folder: Path) -> list[Item]:
        """One for each problem, its right solution first.

        Raises:
            InputError: As for every benchmark, or a problem has not exactly one right solution.
        """
        problems: dict[str, list[Row]] = {}
        for row in read_files(folder, "*direct*.json*", "test.jsonl", "train.jsonl"):
            problems.setdefault(row.text("problem_id"), []).append(row)
        return [_item(name, rows) for name, rows in problems.items()]

    def recorded(self, folder: Path) -> list[Judged]:
        """The released scores: ``problem``, ``solution_reference`` and ``score`` in each row.

        The texts of the solutions are not in these files, so that answers stand without them.

        Raises:
            InputError: As for every benchmark, or the folder has the scores of several models.
        """
        files = files_of(folder, "*_reward.json")
        if len(files) > 1:
            raise InputError(
                f"{folder}: expected the scores of one model, got {len(files)} files: give one"
            )
        rows = enumerate(read_file(files[0]))
        return [_recorded(row, f"{files[0].stem}-{place}") for place, row in rows]

    def metrics(self, judged: Sequence[Judged]) -> dict[str, float]:
        """``accuracy`` and ``mrr``; of step scores by each way, the first of them as headline."""
        plain = [one.scores for one in judged if one.scores]
        if plain:
            return _ranked(plain, "")
        numbers: dict[str, float] = {}
        for name in WAYS:
            rows = [_made(name, one) for one in judged]
            numbers |= _ranked(rows, f" by {name}")
        return numbers


@lru_cache(maxsize=1 << 15)
def _made(name: str, one: Judged) -> list[float]:
    """The score of each answer from those of its steps, in one of ``WAYS``."""
    way = WAYS[name]
    return [way([steps[place] for place in way.needed(len(steps))]) for steps in one.steps]


def _ranked(rows: Sequence[Sequence[float]], suffix: str) -> dict[str, float]:
    """The two numbers; the right solution stands first in each row."""
    ranks = [1 + sum(score >= right for score in others) for right, *others in rows]
    return {
        f"accuracy{suffix}": mean([float(rank == 1) for rank in ranks]),
        f"mrr{suffix}": mean([1 / rank for rank in ranks]),
    }


def _item(name: str, rows: Sequence[Row]) -> Item:
    kinds = [row.choice("solution_type", "chosen", "rejected") for row in rows]
    if kinds.count("chosen") != 1 or len(rows) < 2:
        raise InputError(
            f"{rows[0].where}: expected one chosen solution and others of problem {name}, got "
            f"{kinds.count('chosen')} of {len(rows)} chosen"
        )
    ordered = sorted(rows, key=lambda row: row.text("solution_type"))
    return Item(
        id=name,
        group=GROUP,
        question=rows[0].text("problem"),
        answers=tuple([_answer(row) for row in ordered]),
    )


def _answer(row: Row) -> Answer:
    given = row.value("eval_solution")
    steps = (given,) if isinstance(given, str) and given else row.texts("eval_solution")
    return Answer(steps, row.text("solution_reference"))


def _recorded(row: Row, name: str) -> Judged:
    writers, scores = row.texts("solution_reference"), row.value("score")
    if not isinstance(scores, list) or len(scores) != len(writers) or len(writers) < 2:
        raise row.refused(f"{len(writers)} scores, at least 2", scores)
    if writers.count(RIGHT) != 1:
        raise row.refused(f"one solution by {RIGHT!r}, the right one", list(writers))
    first = writers.index(RIGHT)
    order = [first, *[place for place in range(len(writers)) if place != first]]
    in_steps = isinstance(scores[0], list)
    steps = [
        Row({"score": one}, row.where, row.file).numbers("score") for one in scores if in_steps
    ]
    depths = [len(own) for own in steps] if in_steps else [1] * len(writers)
    answers = [Answer(("",) * depths[place], writers[place]) for place in order]
    item = Item(id=name, group=GROUP, question=row.text("problem"), answers=tuple(answers))
    if in_steps:
        return Judged(item, (), tuple([steps[place] for place in order]))
    plain = row.numbers("score")
    return Judged(item, tuple([plain[place] for place in order]))
