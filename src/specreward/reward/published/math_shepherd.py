"""Math-Shepherd: a language model that writes "+" or "-" after each step.

    question Step 1: s_1 ки
    Step 2: s_2 ки
    ...
    r_t = softmax(logits at the t-th "ки" of the tokens "+", "-")["+"]
    score = min_t r_t

P. Wang et al. (2024), "Math-Shepherd: Verify and Reinforce LLMs Step-by-step without Human
Annotations", arXiv 2312.08935. Template and reading as on the card of
``peiyi9979/math-shepherd-mistral-7b-prm``; the minimum as in the paper.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from specreward.errors import InputError
from specreward.generate.hf.weights import AutoClass, Weights
from specreward.reward.aggregate import Aggregate, Minimum
from specreward.reward.published.heads import single_token, vocabulary
from specreward.reward.published.local import LocalReward
from specreward.reward.published.template import Encoded, Piece, clean_steps, encode
from specreward.reward.solutions import Solution

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["MathShepherd"]

TAG = "ки"
_TAG_AT_END = re.compile(r"(^|\s)ки$")
_NUMBERED = re.compile(r"Step\s+\d+\s*:")


@final
@dataclass(frozen=True, kw_only=True)
class MathShepherd(LocalReward):
    """Scores each step by the token "+" against "-" at the tag behind it.

    A step that does not begin with its number (``Step 3: ``) is given it, as in the training data.

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

    combine: Aggregate = Minimum()

    KIND: ClassVar[AutoClass] = "AutoModelForCausalLM"

    __cite__: ClassVar[str] = """@inproceedings{wang2024mathshepherd,
  title = {Math-Shepherd: Verify and Reinforce {LLM}s Step-by-step without Human Annotations},
  author = {Wang, Peiyi and Li, Lei and Shao, Zhihong and Xu, Runxin and Dai, Damai and Li, Yifei
            and Chen, Deli and Wu, Yu and Sui, Zhifang},
  booktitle = {Annual Meeting of the Association for Computational Linguistics},
  year = {2024},
  note = {arXiv:2312.08935}
}"""

    @property
    def per_step(self) -> bool:
        """A number for each step."""
        return True

    def _encode(self, weights: Weights, solution: Solution) -> Encoded:
        tag = single_token(weights, TAG, "Math-Shepherd")
        pieces = [Piece(f"{solution.question.strip()} ")]
        for number, step in enumerate(clean_steps(solution, _TAG_AT_END, weights.name), 1):
            if number > 1:
                pieces.append(Piece("\n", fixed=True))
            if not _NUMBERED.match(step):
                pieces.append(Piece(f"Step {number}: ", fixed=True))
            pieces += [Piece(step), Piece(f" {TAG}", fixed=True, read=0, token=tag)]
        return encode(weights.tokenizer, pieces, ends=True)

    @classmethod
    def _head(cls, weights: Weights) -> Callable[[Tensor], Tensor]:
        ids = weights.tokenizer.encode("+ -", add_special_tokens=False)
        spelt = [weights.tokenizer.decode([one]).strip() for one in ids]
        if spelt != ["+", "-"]:
            raise InputError(
                f"{weights.name}: Math-Shepherd reads the tokens '+' and '-', which this tokenizer "
                f"does not have (it reads {spelt}): use the tokenizer published with the weights"
            )
        return vocabulary(weights, ids)

    def _value(self, logits: Tensor) -> Tensor:
        return logits.softmax(-1)[:, 0]
