"""LLMBar: which of two outputs follows the instruction?

Z. Zeng, J. Yu, T. Gao, Y. Meng, T. Goyal, D. Chen (2023), "Evaluating Large Language Models at
Evaluating Instruction Following", arXiv 2310.07641.

    a_set         = share of the pairs of a set in which the better output scores higher
    adversarial   = mean of Neighbor, GPTInst, GPTOut and Manual
    average       = mean of Natural and these four

A tie is half a win: the paper's raters decide between equal grades by the order, once each way.
Other sets in the same form (MT-Bench, FairEval, LLMEval2, as the authors processed them) are
reported, and are in no mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

from specreward.bench.benchmark import Item, Judged
from specreward.bench.files import Row
from specreward.bench.groups import grouped, mean
from specreward.bench.pairs import accuracy, pair, rows_of

__all__ = ["LLMBar"]

ADVERSARIAL = ("Neighbor", "GPTInst", "GPTOut", "Manual")
SETS = ("Natural", *ADVERSARIAL, "MT-Bench", "FairEval", "LLMEval2")


@final
@dataclass(frozen=True, kw_only=True)
class LLMBar:
    """LLMBar; rows ``input, output_1, output_2, label``, the set in the name of file or folder."""

    per_step: ClassVar[bool] = False
    folder: ClassVar[str] = "llmbar"

    __cite__: ClassVar[str] = """@misc{zeng2023evaluating,
  title = {Evaluating Large Language Models at Evaluating Instruction Following},
  author = {Zeng, Zhiyuan and Yu, Jiatong and Gao, Tianyu and Meng, Yu and Goyal, Tanya and
            Chen, Danqi},
  year = {2023},
  note = {arXiv:2310.07641}
}"""

    def items(self, folder: Path) -> list[Item]:
        """The pairs of a file or folder; of files ``dataset.json`` alone where there are any."""
        rows = enumerate(rows_of(folder, "*.json", "*.jsonl", prefer="dataset"))
        return [_item(row, place) for place, row in rows]

    def metrics(self, judged: Sequence[Judged]) -> dict[str, float]:
        """``average``, ``adversarial`` and each set; a set that was not judged is in no mean."""
        groups = grouped(judged)
        shares = {name: accuracy(groups[name], tie=0.5) for name in SETS if name in groups}
        adversarial = [shares[name] for name in ADVERSARIAL if name in shares]
        natural = [shares["Natural"]] if "Natural" in shares else []
        found = {"average": mean([*natural, *adversarial]), "adversarial": mean(adversarial)}
        sets = float(len(natural) + len(adversarial))
        return {**found, **shares, "sets": sets}


def _plain(name: str) -> str:
    """A name by its letters and digits: ``LLMEval^2`` is a folder of the authors."""
    return "".join([sign for sign in name.lower() if sign.isalnum()])


def _item(row: Row, place: int) -> Item:
    places = (row.file.stem, row.file.parent.name)
    name = next((one for part in places for one in SETS if _plain(one) in _plain(part)), None)
    if name is None:
        raise row.refused(f"a set of {', '.join(SETS)} in the name of file or folder", places)
    return pair(
        row,
        f"{name}-{place}",
        name,
        row.text("input"),
        (row.text("output_1"), row.text("output_2")),
        better=row.whole("label", 1, 2) - 1,
    )
