r"""Skywork-o1-Open-PRM: a value head on a decoder, read at the line break behind each step.

    <bos>question\n  s_1  \n  s_2  \n  ...      each part tokenised by itself
    r_t = sigmoid(w h + b), h the hidden state at the line break behind step t
    score = r_T

Skywork o1 Team (2024), ``Skywork/Skywork-o1-Open-PRM-Qwen-2.5-1.5B`` and ``-7B``; no paper.
Template and reading as in the authors' repository ``SkyworkAI/skywork-o1-prm-inference``. How step
scores are combined is not published; the last one is the default here.

In this family a line is a step. A step of several lines is read as several, its empty lines left
out, and its number is the one behind its last line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from specreward.errors import InputError
from specreward.generate.hf.weights import Weights
from specreward.reward.aggregate import Aggregate, Last
from specreward.reward.published.heads import layers
from specreward.reward.published.local import LocalReward
from specreward.reward.published.template import Encoded, Piece, clean_steps, encode
from specreward.reward.solutions import Solution

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["SkyworkPRM"]


@final
@dataclass(frozen=True, kw_only=True)
class SkyworkPRM(LocalReward):
    """Scores each step by the value of where it leads.

    Args:
        model: A folder, or a name on the hub with ``@revision`` where it matters.
        device: As torch names it; ``auto`` is the first accelerator, or else the processor.
        dtype: As torch names it; ``auto`` is the checkpoint's own.
        quantisation: Settings of a quantisation of transformers; none loads the weights as they
            are.
        trust_remote_code: Whether Python files that come with the checkpoint may run; not needed.
        cache_tokens: Tokens of read prefixes that are remembered.
        batch_tokens: Most tokens in one pass.
        combine: How the numbers of the steps become the score of a solution.

    Raises:
        InputError: A setting is out of range.
    """

    combine: Aggregate = Last()

    __cite__: ClassVar[str] = """@misc{skywork2024o1,
  title = {Skywork-o1 Open Series},
  author = {{Skywork o1 Team}},
  year = {2024},
  howpublished = {https://huggingface.co/Skywork}
}"""

    @property
    def per_step(self) -> bool:
        """A number for each step."""
        return True

    def _encode(self, weights: Weights, solution: Solution) -> Encoded:
        tokenizer = weights.tokenizer
        if tokenizer.bos_token is None:
            raise InputError(
                f"{weights.name}: this family begins a text with the tokenizer's first token "
                "(bos_token), which this tokenizer does not have: use the one that was published "
                "with the weights"
            )
        pieces = [
            Piece(tokenizer.bos_token, fixed=True),
            Piece(solution.question),
            Piece("\n", fixed=True),
        ]
        for step in clean_steps(solution, None, weights.name):
            lines = [line for line in step.split("\n") if line.strip()]
            for number, line in enumerate(lines, 1):
                read = 0 if number == len(lines) else None
                pieces += [Piece(line, apart=True), Piece("\n", fixed=True, apart=True, read=read)]
        return encode(tokenizer, pieces)

    @classmethod
    def _head(cls, weights: Weights) -> Callable[[Tensor], Tensor]:
        return layers(weights, (("v_head.summary.weight", "v_head.summary.bias"),))

    def _value(self, logits: Tensor) -> Tensor:
        return logits.sigmoid()[:, 0]
