"""JudgeBench: pairs of which one is right and one is wrong, from hard questions.

S. Tan et al. (2024), "JudgeBench: A Benchmark for Evaluating LLM-based Judges", arXiv 2410.12784.

    win       = the right answer scores higher
    category  = share of wins: Knowledge (MMLU-Pro), Reasoning, Math (LiveBench), Coding
    overall   = share of wins over all pairs

A tie is wrong, and so is a judge that picks another answer when the order is swapped: it gives
equal scores. Differs from the released script: there one right verdict and one tie, in the two
orders, are right together; a judge here that does so says tie.

The paper reports the pairs by GPT-4o; those by Claude-3.5-Sonnet are a second set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

from specreward.bench.benchmark import Item, Judged
from specreward.bench.files import Row, read_files
from specreward.bench.groups import grouped
from specreward.bench.pairs import accuracy, pair

__all__ = ["JudgeBench"]

CATEGORIES = {
    "mmlu-pro": "Knowledge",
    "livebench-reasoning": "Reasoning",
    "livebench-math": "Math",
    "livecodebench": "Coding",
}
"""What a source begins with, and what it is a question of."""


@final
@dataclass(frozen=True, kw_only=True)
class JudgeBench:
    """JudgeBench; rows ``pair_id, source, question, response_A, response_B, label``."""

    per_step: ClassVar[bool] = False
    folder: ClassVar[str] = "judgebench"

    __cite__: ClassVar[str] = """@misc{tan2024judgebench,
  title = {{JudgeBench}: A Benchmark for Evaluating {LLM}-based Judges},
  author = {Tan, Sijun and Zhuang, Siyuan and Montgomery, Kyle and Tang, William Y. and
            Cuadron, Alejandro and Wang, Chenguang and Popa, Raluca Ada and Stoica, Ion},
  year = {2024},
  note = {arXiv:2410.12784}
}"""

    def items(self, folder: Path) -> list[Item]:
        """The pairs of a file or folder."""
        return [_item(row) for row in read_files(folder, "*.jsonl", "*.json")]

    def metrics(self, judged: Sequence[Judged]) -> dict[str, float]:
        """``overall``, each category, and the pairs of each model that answered."""
        groups = grouped(judged)
        found = {"overall": accuracy(judged)}
        found |= {name: accuracy(groups[name]) for name in CATEGORIES.values() if name in groups}
        models: dict[str, list[Judged]] = {}
        for one in judged:
            models.setdefault(one.item.gold["by"], []).append(one)
        found |= {f"by {name}": accuracy(own) for name, own in sorted(models.items())}
        return found


def _item(row: Row) -> Item:
    source = row.text("source")
    category = next((CATEGORIES[one] for one in CATEGORIES if source.startswith(one)), None)
    if category is None:
        raise row.refused(f"a source of {', '.join(CATEGORIES)}", source)
    by = row.text("response_model")
    return pair(
        row,
        row.text("pair_id"),
        category,
        row.text("question"),
        (row.text("response_A"), row.text("response_B")),
        better=("A>B", "B>A").index(row.choice("label", "A>B", "B>A")),
        models=(by, by),
        by=by,
    )
