"""Qwen2.5-Math-PRM: a decoder with a small two-class head, read at a token behind each step.

    system: Please reason step by step, ...      user: question
    assistant: s_1<extra_0>s_2<extra_0>...        in the tokenizer's chat template
    r_t = softmax(W_2 relu(W_1 h + b_1) + b_2)[1], h the hidden state at the t-th <extra_0>
    score = prod_t r_t

Z. Zhang et al. (2025), "The Lessons of Developing Process Reward Models in Mathematical Reasoning",
arXiv 2501.07301; the head of ``Qwen/Qwen2.5-Math-7B-PRM800K`` is of C. Zheng et al. (2024),
"ProcessBench", arXiv 2412.06559. Template and reading as on the cards, the product as in the paper.
The cards run Python code from the hub; here the head is built from its weights, and none is needed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from specreward.generate.hf.weights import Weights
from specreward.reward.aggregate import Aggregate, Product
from specreward.reward.published.heads import layers, single_token
from specreward.reward.published.local import LocalReward
from specreward.reward.published.template import Encoded, Piece, Turn, chat, clean_steps, encode
from specreward.reward.solutions import Solution

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["SEPARATOR", "SYSTEM", "QwenPRM", "encode_separated", "two_class_head"]

SEPARATOR = "<extra_0>"
SYSTEM = "Please reason step by step, and put your final answer within \\boxed{}."
_SEPARATOR_AT_END = re.compile(r"\s*<extra_0>$")


@final
@dataclass(frozen=True, kw_only=True)
class QwenPRM(LocalReward):
    """Scores each step by the class "good" at the separator behind it.

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

    combine: Aggregate = Product()

    __cite__: ClassVar[str] = """@inproceedings{zhang2025lessons,
  title = {The Lessons of Developing Process Reward Models in Mathematical Reasoning},
  author = {Zhang, Zhenru and Zheng, Chujie and Wu, Yangzhen and Zhang, Beichen and Lin, Runji and
            Yu, Bowen and Liu, Dayiheng and Zhou, Jingren and Lin, Junyang},
  booktitle = {Findings of the Association for Computational Linguistics},
  year = {2025},
  note = {arXiv:2501.07301}
}"""

    @property
    def per_step(self) -> bool:
        """A number for each step."""
        return True

    def _encode(self, weights: Weights, solution: Solution) -> Encoded:
        return encode_separated(weights, solution, [Turn("system", (Piece(SYSTEM, fixed=True),))])

    @classmethod
    def _head(cls, weights: Weights) -> Callable[[Tensor], Tensor]:
        return two_class_head(weights)

    def _value(self, logits: Tensor) -> Tensor:
        return logits.softmax(-1)[:, 1]


def encode_separated(weights: Weights, solution: Solution, before: Sequence[Turn]) -> Encoded:
    """Steps with a separator behind each, as one message of the assistant.

    Args:
        weights: Whose tokenizer.
        solution: What is graded.
        before: Messages that come before the question.
    """
    token = single_token(weights, SEPARATOR, "this family")
    said: list[Piece] = []
    for step in clean_steps(solution, _SEPARATOR_AT_END, weights.name):
        said += [Piece(step), Piece(SEPARATOR, fixed=True, read=0, token=token)]
    turns = [
        *before,
        Turn("user", (Piece(solution.question),)),
        Turn("assistant", tuple(said)),
    ]
    return encode(weights.tokenizer, chat(weights.tokenizer, turns), control=(SEPARATOR,))


def two_class_head(weights: Weights) -> Callable[[Tensor], Tensor]:
    """The head of this architecture (``Qwen2ForProcessRewardModel``)."""
    names = (("score.0.weight", "score.0.bias"), ("score.2.weight", "score.2.bias"))
    return layers(weights, names, between=lambda hidden: hidden.relu())
