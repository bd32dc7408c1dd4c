"""RAG-RewardBench: chosen and rejected answers to questions with retrieved references.

Z. Jin et al. (2024), "RAG-RewardBench: Benchmarking Reward Models in Retrieval Augmented Generation
for Preference Alignment", arXiv 2412.13746.

    subset   = share of its pairs in which the chosen answer scores higher
    score    = mean of the subsets helpful, harmless, reason, citation, abstain, conflict

A tie is no win.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

from specreward.bench.benchmark import Item, Judged
from specreward.bench.files import Row, read_files
from specreward.bench.groups import grouped, mean
from specreward.bench.pairs import accuracy, conversation, pair

__all__ = ["RAGRewardBench"]

SUBSETS = ("helpful", "harmless", "reason", "citation", "abstain", "conflict")


@final
@dataclass(frozen=True, kw_only=True)
class RAGRewardBench:
    """RAG-RewardBench; rows ``prompt, question, chosen, rejected``, a file or field the subset."""

    per_step: ClassVar[bool] = False
    folder: ClassVar[str] = "rag_rewardbench"

    __cite__: ClassVar[str] = """@misc{jin2024ragrewardbench,
  title = {{RAG-RewardBench}: Benchmarking Reward Models in Retrieval Augmented Generation for
           Preference Alignment},
  author = {Jin, Zhuoran and Yuan, Hongbang and Men, Tianyi and Cao, Pengfei and Chen, Yubo and
            Liu, Kang and Zhao, Jun},
  year = {2024},
  note = {arXiv:2412.13746}
}"""

    def items(self, folder: Path) -> list[Item]:
        """The pairs of a file or folder."""
        rows = enumerate(read_files(folder, "*.jsonl", "*.json"))
        return [_item(row, place) for place, row in rows]

    def metrics(self, judged: Sequence[Judged]) -> dict[str, float]:
        """``score``, each subset, and how many of them there were."""
        shares = {name: accuracy(own) for name, own in grouped(judged).items()}
        return {"score": mean(shares.values()), **shares, "subsets": float(len(shares))}


def _item(row: Row, place: int) -> Item:
    named = [row.file.stem, str(row.fields.get("subset", ""))]
    subset = next((one for text in named for one in SUBSETS if text.lower().startswith(one)), None)
    if subset is None:
        raise row.refused(f"a subset of {', '.join(SUBSETS)} as file name or 'subset'", named)
    question = conversation(row, "prompt")
    asked = row.text("question") if row.has("question") else ""
    if asked not in question:
        question = f"{question}\n\n{asked}"
    return pair(
        row,
        f"{subset}-{row.text('id') if row.has('id') else place}",
        subset,
        question,
        (row.text("chosen"), row.text("rejected")),
        better=0,
    )
