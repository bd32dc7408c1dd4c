"""RLHFlow PRM: a chat in which the user says a step and the assistant answers "+" or "-".

    user: question s_1     assistant: +      user: s_2     assistant: +      ...
    r_t = softmax(logits before the t-th answer of the tokens "+", "-")["+"]
    score = mean_t r_t

W. Xiong et al. (2024), "An Implementation of Generative PRM" (RLHFlow), weights
``RLHFlow/Llama3.1-8B-PRM-Deepseek-Data`` and ``-Mistral-Data``. Template, reading and mean as in
``math-rm/prm_evaluate.py`` of ``RLHFlow/RLHF-Reward-Modeling``, which asks for one step after
another; a decoder gives all answers at one go. Earlier answers are "+" there too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from specreward.generate.hf.weights import AutoClass, Weights
from specreward.reward.aggregate import Aggregate, Mean
from specreward.reward.published.heads import single_token, vocabulary
from specreward.reward.published.local import LocalReward
from specreward.reward.published.template import Encoded, Piece, Turn, chat, clean_steps, encode
from specreward.reward.solutions import Solution

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["RLHFlowPRM"]


@final
@dataclass(frozen=True, kw_only=True)
class RLHFlowPRM(LocalReward):
    """Scores each step by the answer "+" against "-" that it is expected to get.

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

    combine: Aggregate = Mean()

    KIND: ClassVar[AutoClass] = "AutoModelForCausalLM"

    __cite__: ClassVar[str] = """@misc{xiong2024rlhflowmath,
  title = {An Implementation of Generative {PRM}},
  author = {Xiong, Wei and Zhang, Hanning and Jiang, Nan and Zhang, Tong},
  year = {2024},
  howpublished = {https://github.com/RLHFlow/RLHF-Reward-Modeling}
}"""

    @property
    def per_step(self) -> bool:
        """A number for each step."""
        return True

    def _encode(self, weights: Weights, solution: Solution) -> Encoded:
        plus = single_token(weights, "+", "RLHFlow PRM")
        turns: list[Turn] = []
        for number, step in enumerate(clean_steps(solution, None, weights.name)):
            said = (Piece(step),) if number else (Piece(f"{solution.question} "), Piece(step))
            turns.append(Turn("user", said))
            turns.append(Turn("assistant", (Piece("+", fixed=True, read=-1, token=plus),)))
        return encode(weights.tokenizer, chat(weights.tokenizer, turns))

    @classmethod
    def _head(cls, weights: Weights) -> Callable[[Tensor], Tensor]:
        return vocabulary(weights, [single_token(weights, one, "RLHFlow PRM") for one in "+-"])

    def _value(self, logits: Tensor) -> Tensor:
        return logits.softmax(-1)[:, 0]
