"""MR-Ben: judge solutions of seven subjects as a teacher would.

    MCC     Matthews correlation of "this solution is right" with the truth, at least 0
    ACC_s   share of all wrong solutions whose first wrong step is named
    ACC_r   share of all wrong solutions whose error is explained too
    MR-score of a subject = 0.2 MCC + 0.3 ACC_s + 0.5 ACC_r;  headline = plain mean over subjects

Z. Zeng, Y. Liu, Y. Wan, J. Li, P. Chen, J. Dai, Y. Yao, R. Xu, Z. Qi, W. Zhao, L. Shen, J. Lu,
H. Tan, Y. Chen, H. Zhang, Z. Shi, B. Wang, Z. Guo, J. Jia (2024), "MR-Ben: A Meta-Reasoning
Benchmark for Evaluating System-2 Thinking in LLMs", arXiv 2406.13975. Definition and weights as in
its released code.

Differs from the paper: a reward model explains nothing, so that ACC_r is 0 and the MR-score at most
0.5; ``without reasons`` weighs the other two by 0.4 and 0.6, their shares. A solution is called
wrong where a step is below the threshold. In ``coding`` the released code lets a language model
decide whether the named line will do; here it must be the labelled one, and where the label is no
line of the solution it cannot be met.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan, sqrt
from pathlib import Path
from typing import ClassVar, final

from specreward.bench.benchmark import Answer, Item, Judged
from specreward.bench.files import Row, read_files
from specreward.bench.first_error import FIRST, first_below
from specreward.bench.groups import grouped, mean
from specreward.checks import number

__all__ = ["MRBen", "matthews", "mr_score"]

SUBJECTS = ("biology", "chemistry", "coding", "logic", "math", "medicine", "physics")
WEIGHTS = (0.2, 0.3, 0.5)
NOWHERE = -1
"""A first wrong step that is not among the steps: no prediction is equal to it."""


def matthews(tp: int, tn: int, fp: int, fn: int) -> float:
    """Matthews' correlation in [-1, 1]; 0 where a margin is empty."""
    product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return (tp * tn - fp * fn) / sqrt(product) if product else 0.0


def mr_score(mcc: float, step: float, reason: float) -> float:
    """The weighted sum; a correlation below 0 counts as 0."""
    return WEIGHTS[0] * max(0.0, mcc) + WEIGHTS[1] * step + WEIGHTS[2] * reason


@final
@dataclass(frozen=True, kw_only=True)
class MRBen:
    """MR-Ben; rows Question, Model_Solution_Steps, _Correctness, _First_Error_Step, by subject.

    Args:
        threshold: A step below it is predicted to be wrong, in [0, 1].
    """

    threshold: float = 0.5
    per_step: ClassVar[bool] = True
    folder: ClassVar[str] = "mr_ben"
    __cite__: ClassVar[str] = """@article{zeng2024mrben,
  title = {MR-Ben: A Meta-Reasoning Benchmark for Evaluating System-2 Thinking in LLMs},
  author = {Zeng, Zhongshen and Liu, Yinhong and Wan, Yingjia and Li, Jingyao and Chen, Pengguang
            and others},
  journal = {arXiv preprint arXiv:2406.13975},
  year = {2024}
}"""

    def __post_init__(self) -> None:
        number("threshold", self.threshold, 0.0, 1.0)

    def items(self, folder: Path) -> list[Item]:
        """One for each solution; the subject is the name of its file."""
        seen: dict[str, int] = {}
        files = [f"{subject}.json*" for subject in SUBJECTS]
        return [_item(row, seen) for row in read_files(folder, *files)]

    def metrics(self, judged: Sequence[Judged]) -> dict[str, float]:
        """``mr_score`` over subjects, its two parts, and each subject."""
        parts = {name: self._parts(own) for name, own in sorted(grouped(judged).items())}
        two = WEIGHTS[0] + WEIGHTS[1]
        scores = [mr_score(mcc, step, 0.0) for mcc, step in parts.values()]
        numbers = {
            "mr_score": mean(scores),
            "without reasons": mean([score / two for score in scores]),
            "mcc": mean([mcc for mcc, _ in parts.values()]),
            "step accuracy": mean([step for _, step in parts.values()]),
        }
        for name, (mcc, step) in parts.items():
            numbers[f"{name} mcc"] = mcc
            numbers[f"{name} step accuracy"] = step
        return numbers

    def _parts(self, judged: Sequence[Judged]) -> tuple[float, float]:
        """Correlation, and accuracy on first errors, of one subject."""
        counts = {(said, true): 0 for said in (True, False) for true in (True, False)}
        located = 0
        for one in judged:
            first = first_below(one.steps[0], self.threshold)
            truth = one.item.gold[FIRST]
            counts[first is None, truth is None] += 1
            located += first is not None and first == truth
        wrong = counts[True, False] + counts[False, False]
        mcc = matthews(
            counts[True, True], counts[False, False], counts[True, False], counts[False, True]
        )
        return mcc, located / wrong if wrong else nan


def _item(row: Row, seen: dict[str, int]) -> Item:
    name = row.text("Question_UUID")
    seen[name] = seen.get(name, 0) + 1
    given = row.value("Model_Solution_Steps")
    steps = (
        tuple(given.splitlines()) if isinstance(given, str) else row.texts("Model_Solution_Steps")
    )
    if not steps:
        raise row.refused("a solution of at least one line", given)
    right = row.choice("Model_Solution_Correctness", "correct", "incorrect") == "correct"
    options = row.text("Options") if row.has("Options") and row.fields["Options"] else ""
    return Item(
        id=f"{name}-{seen[name]}",
        group=row.file.stem,
        question="\n".join([part for part in (row.text("Question"), options) if part]),
        answers=(Answer(steps, row.text("Sampled_Model") if row.has("Sampled_Model") else ""),),
        gold={FIRST: None if right else _first(row, steps, isinstance(given, str))},
    )


def _first(row: Row, steps: Sequence[str], code: bool) -> int:
    """Place of the first wrong step, or ``NOWHERE``; of code it is the text of a line."""
    if not code:
        return row.whole("Model_Solution_First_Error_Step", 1, len(steps)) - 1
    line = row.text("Model_Solution_First_Error_Step").strip()
    places = [place for place, step in enumerate(steps) if line and step.strip() == line]
    return places[0] if places else NOWHERE
