"""EvalBiasBench: pairs that tempt a judge by one bias each.

J. Park, S. Jwa, M. Ren, D. Kim, S. Choi (2024), "OffsetBias: Leveraging Debiased Data for Tuning
Evaluators", arXiv 2407.06551.

    bias      = share of its pairs in which the good response scores higher
    accuracy  = share over all pairs;   average = mean of the biases

A tie is no win; a judge must pick the good response in both orders, and one that does not gives
equal scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

from specreward.bench.benchmark import Item, Judged
from specreward.bench.files import Row, read_files
from specreward.bench.groups import grouped, mean
from specreward.bench.pairs import accuracy, pair

__all__ = ["EvalBiasBench"]


@final
@dataclass(frozen=True, kw_only=True)
class EvalBiasBench:
    """EvalBiasBench; rows ``bias, instruction, response1, response2, label``, lists by bias."""

    per_step: ClassVar[bool] = False
    folder: ClassVar[str] = "evalbiasbench"

    __cite__: ClassVar[str] = """@misc{park2024offsetbias,
  title = {{OffsetBias}: Leveraging Debiased Data for Tuning Evaluators},
  author = {Park, Junsoo and Jwa, Seungyeon and Ren, Meiying and Kim, Daeyoung and
            Choi, Sanghyuk},
  year = {2024},
  note = {arXiv:2407.06551}
}"""

    def items(self, folder: Path) -> list[Item]:
        """The pairs of a file or folder."""
        rows = enumerate(read_files(folder, "*.json", "*.jsonl"))
        return [_item(row, place) for place, row in rows]

    def metrics(self, judged: Sequence[Judged]) -> dict[str, float]:
        """``accuracy``, ``average`` and each bias."""
        biases = {name: accuracy(own) for name, own in grouped(judged).items()}
        found = {"accuracy": accuracy(judged), "average": mean(biases.values())}
        return {**found, **biases}


def _item(row: Row, place: int) -> Item:
    bias = row.text("bias")
    return pair(
        row,
        f"{bias}-{place}",
        bias,
        row.text("instruction"),
        (row.text("response1"), row.text("response2")),
        better=row.whole("label", 1, 2) - 1,
    )
