"""PandaLM's test set: three human votes on pairs of responses, with ties.

Y. Wang et al. (2023), "PandaLM: An Automatic Evaluation Benchmark for LLM Instruction Tuning
Optimization", arXiv 2306.05087.

    truth        = what most of the three annotators say: 0 tie, 1 first, 2 second
                   (the first annotator where all three differ)
    verdict      = 0 if |score_1 - score_2| <= margin, else the higher one
    accuracy     = share of equal verdicts
    precision, recall, f1   of each of the three classes; 0 where not defined; plain means

The margin is ours: the paper's judges say themselves that two responses tie. A scalar score does
not, and with a margin of 0 it hardly ever ties; a margin must be found on other data.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

from specreward.bench.benchmark import Item, Judged
from specreward.bench.files import Row, read_files
from specreward.bench.groups import mean
from specreward.bench.pairs import pair, scores_of
from specreward.checks import number

__all__ = ["PandaLM"]

CLASSES = (0, 1, 2)


@final
@dataclass(frozen=True, kw_only=True)
class PandaLM:
    """PandaLM; rows ``idx, instruction, input, response1, response2, annotator1..3``.

    Args:
        margin: Scores at most this far apart are a tie, at least 0.
    """

    margin: float = 0.0

    per_step: ClassVar[bool] = False
    folder: ClassVar[str] = "pandalm_testset"

    __cite__: ClassVar[str] = """@misc{wang2023pandalm,
  title = {{PandaLM}: An Automatic Evaluation Benchmark for {LLM} Instruction Tuning Optimization},
  author = {Wang, Yidong and Yu, Zhuohao and Zeng, Zhengran and Yang, Linyi and Wang, Cunxiang and
            Chen, Hao and Jiang, Chaoya and Xie, Rui and Wang, Jindong and Xie, Xing and
            Ye, Wei and Zhang, Shikun and Zhang, Yue},
  year = {2023},
  note = {arXiv:2306.05087}
}"""

    def __post_init__(self) -> None:
        number("pandalm margin", self.margin, 0)

    def items(self, folder: Path) -> list[Item]:
        """The pairs of a file, or of the files ``testset*.json`` of a folder."""
        return [_item(row) for row in read_files(folder, "testset*.json", "*.jsonl")]

    def metrics(self, judged: Sequence[Judged]) -> dict[str, float]:
        """``accuracy`` and the means of precision, recall and F1 over the three classes."""
        pairs = Counter([(one.item.gold["truth"], self._verdict(one)) for one in judged])
        right = mean([truth == said for truth, said in pairs.elements()])
        classes = [_class_of(pairs, label) for label in CLASSES]
        precision, recall, f1 = (mean(column) for column in zip(*classes, strict=True))
        found = {"accuracy": right, "precision": precision, "recall": recall, "f1": f1}
        said = Counter([verdict for _, verdict in pairs.elements()])
        ties = said[0] / len(judged) if judged else 0.0
        return found | {"ties said": ties}

    def _verdict(self, judged: Judged) -> int:
        first, second = scores_of(judged)
        if abs(first - second) <= self.margin:
            return 0
        return 1 if first > second else 2


def _class_of(pairs: Counter[tuple[int, int]], label: int) -> tuple[float, float, float]:
    """Precision, recall and F1 of one class."""
    hit = pairs[label, label]
    said = sum([pairs[other, label] for other in CLASSES])
    true = sum([pairs[label, other] for other in CLASSES])
    precision = hit / said if said else 0.0
    recall = hit / true if true else 0.0
    both = precision + recall
    return precision, recall, 2 * precision * recall / both if both else 0.0


def _response(row: Row, name: str) -> str:
    """A response; the published file has ``true`` where a model wrote that word."""
    value = row.value(name)
    return str(value) if isinstance(value, bool) else row.text(name)


def _item(row: Row) -> Item:
    votes = [row.whole(f"annotator{k}", 0, 2) for k in (1, 2, 3)]
    truth = Counter(votes).most_common(1)[0][0]
    given = row.text("input")
    task = row.text("instruction")
    return pair(
        row,
        row.text("idx"),
        "test",
        f"{task}\n\n{given}" if given else task,
        (_response(row, "response1"), _response(row, "response2")),
        better=0 if truth < 2 else 1,
        truth=truth,
    )
