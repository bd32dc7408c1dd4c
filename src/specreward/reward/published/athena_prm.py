"""Athena-PRM style: "+" or "-" at a step token of the vocabulary, in a chat.

    user: question      assistant: s_1<step>s_2<step>...      in the tokenizer's chat template
    r_t = softmax(logits at the t-th <step> of the tokens "+", "-")["+"]
    score = min_t r_t

S. Wang et al. (2025), "Athena: Enhancing Multimodal Reasoning with Data-efficient Process Reward
Models", arXiv 2506.09532.

Not checked against the authors' code or weights: the paper's summaries say that a step token stands
behind each step and that "+" and "-" are predicted there; which token it is, and the exact chat,
they do not. So the token must be given. Text only: the paper's model also reads pictures.
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
from specreward.reward.published.template import Encoded, Piece, Turn, chat, clean_steps, encode
from specreward.reward.solutions import Solution

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["AthenaPRM"]


@final
@dataclass(frozen=True, kw_only=True)
class AthenaPRM(LocalReward):
    """Scores each step by the token "+" against "-" at the step token behind it.

    Args:
        model: A folder, or a name on the hub with ``@revision`` where it matters.
        device: As torch names it; ``auto`` is the first accelerator, or else the processor.
        dtype: As torch names it; ``auto`` is the checkpoint's own.
        quantisation: Settings of a quantisation of transformers; none loads the weights as they
            are.
        trust_remote_code: Whether Python files that come with the checkpoint may run; not needed.
        cache_tokens: Tokens of read prefixes that are remembered.
        batch_tokens: Most tokens in one pass.
        step_token: The text of the token behind each step.
        combine: How the numbers of the steps become the score of a solution.

    Raises:
        InputError: A setting is out of range.
    """

    step_token: str
    combine: Aggregate = Minimum()

    KIND: ClassVar[AutoClass] = "AutoModelForCausalLM"

    __cite__: ClassVar[str] = """@article{wang2025athena,
  title = {Athena: Enhancing Multimodal Reasoning with Data-efficient Process Reward Models},
  author = {Wang, Shuai and Liu, Zhenhua and Wei, Jiaheng and Yin, Xuanwu and Li, Dong and
            Barsoum, Emad},
  journal = {arXiv preprint arXiv:2506.09532},
  year = {2025}
}"""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.step_token, str) or not self.step_token.strip():
            raise InputError(
                f"step_token: expected the text of a token such as '<|step|>', got "
                f"{self.step_token!r}"
            )

    @property
    def per_step(self) -> bool:
        """A number for each step."""
        return True

    def _encode(self, weights: Weights, solution: Solution) -> Encoded:
        token = single_token(weights, self.step_token, "this Athena-PRM")
        ending = re.compile(rf"\s*{re.escape(self.step_token)}$")
        said: list[Piece] = []
        for step in clean_steps(solution, ending, weights.name):
            said += [Piece(step), Piece(self.step_token, fixed=True, read=0, token=token)]
        turns = [Turn("user", (Piece(solution.question),)), Turn("assistant", tuple(said))]
        return encode(weights.tokenizer, chat(weights.tokenizer, turns), control=(self.step_token,))

    @classmethod
    def _head(cls, weights: Weights) -> Callable[[Tensor], Tensor]:
        return vocabulary(weights, [single_token(weights, one, "Athena-PRM") for one in "+-"])

    def _value(self, logits: Tensor) -> Tensor:
        return logits.softmax(-1)[:, 0]
