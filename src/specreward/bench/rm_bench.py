"""RM-Bench: does a reward model see substance through style?

Y. Liu, Z. Yao, R. Min, Y. Cao, L. Hou, J. Li (2024), "RM-Bench: Benchmarking Reward Models of
Language Models with Subtlety and Style", arXiv 2410.16184.

Three chosen and three rejected answers to each prompt: concise, detailed, detailed in Markdown.

    M[i][j]   = share of the prompts of a domain with score(chosen_i) > score(rejected_j)
    hard      = mean of the cells above the diagonal (the rejected answer is the fancier one)
    normal    = mean of the diagonal
    easy      = mean of the cells below it
    domain    = mean of hard, normal and easy
    overall   = mean of the domains chat, code, math, safety

A tie is no win. The prompts of both safety files make one domain, as in the released code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

from specreward.bench.benchmark import Answer, Item, Judged
from specreward.bench.files import Row
from specreward.bench.groups import grouped, mean
from specreward.bench.pairs import conversation, rows_of, scores_of

__all__ = ["RMBench", "levels", "matrix"]

DOMAINS = ("chat", "code", "math", "safety")
STYLES = 3


@final
@dataclass(frozen=True, kw_only=True)
class RMBench:
    """RM-Bench; rows ``id, prompt, chosen[3], rejected[3]``, the domain in a field or file name."""

    per_step: ClassVar[bool] = False
    folder: ClassVar[str] = "rm_bench"

    __cite__: ClassVar[str] = """@misc{liu2024rmbench,
  title = {{RM-Bench}: Benchmarking Reward Models of Language Models with Subtlety and Style},
  author = {Liu, Yantao and Yao, Zijun and Min, Rui and Cao, Yixin and Hou, Lei and Li, Juanzi},
  year = {2024},
  note = {arXiv:2410.16184}
}"""

    def items(self, folder: Path) -> list[Item]:
        """The prompts of a file or folder, each with its six answers.

        ``total_dataset.json`` has the rows of all other files, and is read alone where it is.
        """
        return [_item(row) for row in rows_of(folder, "*.json", "*.jsonl", prefer="total_dataset")]

    def metrics(self, judged: Sequence[Judged]) -> dict[str, float]:
        """``overall``, the three levels, each domain, and each domain's levels.

        A domain of which nothing was judged is left out of the means; ``domains`` says how many
        there were.
        """
        groups = grouped(judged)
        known = {name: levels(matrix(groups[name])) for name in DOMAINS if name in groups}
        hard, normal, easy = ([one[level] for one in known.values()] for level in range(STYLES))
        found = {
            "overall": mean([mean(one) for one in known.values()]),
            "hard": mean(hard),
            "normal": mean(normal),
            "easy": mean(easy),
        }
        found |= {name: mean(one) for name, one in known.items()}
        for name, one in known.items():
            found |= {f"{name} hard": one[0], f"{name} normal": one[1], f"{name} easy": one[2]}
        return found | {"domains": float(len(known))}


def matrix(judged: Sequence[Judged]) -> list[list[float]]:
    """How often each style of chosen answers beats each style of rejected ones, ``[3][3]``."""
    scores = [scores_of(one) for one in judged]
    return [
        [mean([one[i] > one[STYLES + j] for one in scores]) for j in range(STYLES)]
        for i in range(STYLES)
    ]


def levels(cells: Sequence[Sequence[float]]) -> tuple[float, float, float]:
    """Hard, normal and easy accuracy from the matrix of chosen by rejected style."""
    places = [(i, j) for i in range(STYLES) for j in range(STYLES)]
    return (
        mean([cells[i][j] for i, j in places if i < j]),
        mean([cells[i][i] for i in range(STYLES)]),
        mean([cells[i][j] for i, j in places if i > j]),
    )


def _item(row: Row) -> Item:
    named = row.text("domain") if row.has("domain") else row.file.stem
    domain = next((one for one in DOMAINS if named.startswith(one)), None)
    if domain is None:
        raise row.refused(f"a domain of {', '.join(DOMAINS)}, in a field or the file's name", named)
    answers = []
    for field in ("chosen", "rejected"):
        texts = row.texts(field)
        if len(texts) != STYLES:
            raise row.refused(f"{STYLES} answers as {field!r}", texts)
        answers += [Answer((text,)) for text in texts]
    question = conversation(row, "prompt")
    return Item(f"{named}-{row.text('id')}", domain, question, tuple(answers))
