"""Pairwise ORM: of two solutions of a problem the better one is to have the larger output.

    pairs  those of a preference file, and solutions of a problem whose outcomes differ
    loss = mean over pairs of -log sigmoid(z_chosen - z_rejected - (margin + that of the pair))
           + center * mean over pairs of (z_chosen + z_rejected)^2

The Bradley-Terry reward model of L. Ouyang et al. (2022), "Training language models to follow
instructions with human feedback", arXiv 2203.02155; the margin is that of H. Touvron et al. (2023),
Llama 2, arXiv 2307.09288, a number of each pair, as a preference file has it, to which one for all
is added; the second term keeps outputs, of which the first fixes differences only, around 0
(J. Eisenstein et al., 2023, arXiv 2312.09244).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from specreward.checks import number, whole
from specreward.errors import InputError
from specreward.label.labelled import Labelled
from specreward.label.pairs import given_pairs
from specreward.seeds import derive
from specreward.train.examples import Example
from specreward.train.objectives.pairs import bradley_terry, ranked_right
from specreward.train.objectives.soft_labels import quality

if TYPE_CHECKING:
    from torch import Tensor

    from specreward.train.examples import Marks

__all__ = ["PairwiseORM"]


@final
@dataclass(frozen=True, kw_only=True)
class PairwiseORM:
    """Bradley-Terry on two solutions of one problem, of which one is preferred or right.

    Args:
        margin: By which the chosen one should lead, in logits, at least 0; added to the margin of
            the pair where its file has one.
        center: Weight of the squared sum of the two, at least 0.
        most: Most pairs that the outcomes of a problem make, at least 1: which, a hash decides.
    """

    margin: float = 0.0
    center: float = 0.0
    most: int = 16

    watch: ClassVar[str] = "pair_accuracy"
    higher: ClassVar[bool] = True

    __cite__: ClassVar[str] = """@inproceedings{ouyang2022training,
  title = {Training language models to follow instructions with human feedback},
  author = {Ouyang, Long and Wu, Jeff and Jiang, Xu and Almeida, Diogo and Wainwright, Carroll L.
            and Mishkin, Pamela and Zhang, Chong and Agarwal, Sandhini and Slama, Katarina and
            Ray, Alex and others},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2022},
  note = {arXiv:2203.02155}
}"""

    def __post_init__(self) -> None:
        number("margin", self.margin, 0)
        number("center", self.center, 0)
        whole("most", self.most, 1)

    def examples(self, data: Sequence[Labelled]) -> list[Example]:
        """Pairs of a problem, chosen before rejected; solutions with equal steps count once.

        Raises:
            InputError: There is no pair: no problem has solutions with different outcomes.
        """
        solutions: dict[str, dict[tuple[str, ...], Labelled]] = {}
        for one in data:
            if one.outcome is not None:
                solutions.setdefault(one.problem.question, {}).setdefault(one.steps, one)
        found = [_example(chosen, rejected) for chosen, rejected in given_pairs(data)]
        for question, group in solutions.items():
            pairs = [
                (a, b) for a in group.values() for b in group.values() if _outcome(a) > _outcome(b)
            ]
            if len(pairs) > self.most:
                pairs.sort(key=lambda pair: derive(0, question, *pair[0].steps, *pair[1].steps))
            found += [_example(a, b) for a, b in pairs[: self.most]]
        if not found:
            raise InputError(
                "pairwise_orm: expected preference pairs or problems with solutions of different "
                "outcome, got none: draw more solutions of each problem, or train on single ones: "
                "orm()"
            )
        return found

    def loss(self, outputs: Tensor, marks: Marks, step: int) -> Tensor:
        """Of a batch of pairs; ``step`` does not matter."""
        z = outputs[:, 0]
        chosen, rejected = _sides(marks)
        ordered = bradley_terry(z, chosen, rejected, self.margin + marks.margin[chosen])
        return ordered + self.center * ((z[chosen] + z[rejected]) ** 2).mean()

    def measure(self, outputs: Tensor, marks: Marks) -> dict[str, float]:
        """``loss``, ``pair_accuracy`` and ``pairs``; ``log_loss``, ``mse``, ``auc`` and ``n``.

        The last four are of the outcomes: NaN and 0 where the pairs are those of a file.
        """
        z = outputs[:, 0]
        chosen, rejected = _sides(marks)
        return {
            "loss": float(self.loss(outputs, marks, 0)),
            **quality(z, marks.outcome),
            "pair_accuracy": ranked_right(z, chosen, rejected),
            "pairs": len(chosen),
        }


def _example(chosen: Labelled, rejected: Labelled) -> Example:
    """Both are read at their last steps."""
    return Example((chosen, rejected), ((len(chosen.steps) - 1,), (len(rejected.steps) - 1,)))


def _outcome(one: Labelled) -> float:
    assert one.outcome is not None  # others were left out
    return one.outcome


def _sides(marks: Marks) -> tuple[Tensor, Tensor]:
    """Places of the chosen and of the rejected ones: they take turns."""
    import torch

    places = torch.arange(len(marks.example), device=marks.example.device)
    return places[0::2], places[1::2]
