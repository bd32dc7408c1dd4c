"""Best-of-n on solutions that were sampled once: no language model is needed.

    best of n, votes with and without scores, pass@1, pass@n, gain     see ``pools.py``

Read are files as ``pools.py`` has them (such as the example of Qwen2.5-Math, with recorded scores),
the example solutions of GSM8K by four models (``6b_finetuning``, ...), and the plans of PlanBench
by model (``instance_id``, ``extracted_llm_plan``, ``llm_correct``).

pass@n: M. Chen et al. (2021), "Evaluating Large Language Models Trained on Code", arXiv 2107.03374.
Solutions of different models are no sample of one policy: there best of n says how well the reward
model chooses among models.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Self, final

from specreward.bench.benchmark import Answer, Item, Judged
from specreward.bench.files import Row, files_of, read_file
from specreward.bench.pools import numbers, pool_item, pool_scores
from specreward.checks import whole
from specreward.errors import InputError

__all__ = ["RecordedPool"]

_CLAIM = re.compile(r"^(?:A:|####)\s*(.*)$", re.MULTILINE)


@final
@dataclass(frozen=True, kw_only=True)
class RecordedPool:
    """Recorded pools; rows question, solutions, right, at will answers and scores.

    Args:
        n: Solutions to choose among, at least 1; None takes as many as every question has.
    """

    n: int | None = None
    per_step: ClassVar[bool] = False
    folder: ClassVar[str] = "math_cot_100_bon"
    __cite__: ClassVar[str] = """@article{chen2021evaluating,
  title = {Evaluating Large Language Models Trained on Code},
  author = {Chen, Mark and Tworek, Jerry and Jun, Heewoo and Yuan, Qiming and others},
  journal = {arXiv preprint arXiv:2107.03374},
  year = {2021}
}"""

    def __post_init__(self) -> None:
        if self.n is not None:
            whole("n", self.n, 1)

    def items(self, folder: Path) -> list[Item]:
        """One for each question.

        Raises:
            InputError: As for every benchmark, or a question has fewer than ``n`` solutions.
        """
        found = [item for file in files_of(folder) for item, _ in _read(file)]
        self._check(found)
        return found

    def recorded(self, folder: Path) -> list[Judged]:
        """The scores that stand in the file; errors as for ``items``."""
        found = [pool_scores(row, item) for file in files_of(folder) for item, row in _read(file)]
        self._check([one.item for one in found])
        return found

    def metrics(self, judged: Sequence[Judged]) -> dict[str, float]:
        """``best of n`` first, then votes, ``pass@1``, ``pass@n`` and the gain."""
        n = self.settled(judged).n
        assert n is not None
        return numbers(judged, n)

    def settled(self, judged: Sequence[Judged]) -> Self:
        """With as many solutions as every question has."""
        least = min([len(one.scores) for one in judged])
        return self if self.n is not None else replace(self, n=least)

    def _check(self, items: Sequence[Item]) -> None:
        for item in items:
            if self.n is not None and len(item.answers) < self.n:
                raise InputError(
                    f"question {item.id!r}: expected at least n={self.n} solutions, got "
                    f"{len(item.answers)}: give a smaller n"
                )


def _read(file: Path) -> Iterator[tuple[Item, Row]]:
    """Items and the rows they begin in."""
    rows = list(read_file(file))
    if rows and rows[0].has("instance_id", "llm_correct"):
        yield from _plans(rows)
        return
    for place, row in enumerate(rows):
        name = f"{file.stem}-{place}"
        if row.has("question", "175b_verification"):
            yield _by_model(row, name), row
        else:
            yield pool_item(row, name, file.stem), row


def _by_model(row: Row, name: str) -> Item:
    """A row with one solution under the name of each model."""
    parts = {
        model: Row(value, row.where, row.file)
        for model, value in row.fields.items()
        if isinstance(value, dict)
    }
    texts = {model: part.text("solution") for model, part in parts.items()}
    claims = [_CLAIM.findall(text) for text in texts.values()]
    return Item(
        id=name,
        group=row.file.stem,
        question=row.text("question"),
        answers=tuple([Answer(_lines(text), model) for model, text in texts.items()]),
        gold={
            "right": [part.flag("is_correct") for part in parts.values()],
            "answers": [claim[-1].strip() if claim else "" for claim in claims],
        },
    )


def _plans(rows: Sequence[Row]) -> Iterator[tuple[Item, Row]]:
    """Rows of one plan each, by instance; the problem's file is the question where it is there."""
    instances: dict[str, list[Row]] = {}
    for row in rows:
        instances.setdefault(row.text("instance_id"), []).append(row)
    for name, own in instances.items():
        problem = own[0].file.parent / "generated_basic" / f"instance-{name}.pddl"
        plans = [row.text("extracted_llm_plan").strip() for row in own]
        item = Item(
            id=name,
            group=own[0].file.stem,
            question=problem.read_text("utf-8").strip()
            if problem.is_file()
            else f"instance {name}",
            answers=tuple(
                [
                    Answer(_lines(plan), row.text("model"))
                    for row, plan in zip(own, plans, strict=True)
                ]
            ),
            gold={"right": [row.flag("llm_correct") for row in own], "answers": plans},
        )
        yield item, own[0]


def _lines(text: str) -> tuple[str, ...]:
    return tuple([line.strip() for line in text.split("\n") if line.strip()]) or (text,)
