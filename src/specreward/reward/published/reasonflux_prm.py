"""ReasonFlux-PRM: rewards for long thinking, step by step (7B) or for the whole text (1.5B).

    7B      user: question      assistant: s_1<extra_0>s_2<extra_0>...     chat template
            r_t and head as Qwen2.5-Math-PRM (qwen_prm.py); score = mean_t r_t
    1.5B    question and s_1 with nothing between, (empty line) s_2 ...    no template
            score = sigmoid(w h + b), h the hidden state of the last token

J. Zou et al. (2025), "ReasonFlux-PRM: Trajectory-Aware PRMs for Long Chain-of-Thought Reasoning in
LLMs", arXiv 2506.18896. Templates and readings as in the README and ``rm_utils.py`` of the authors'
repository. Which of the two a checkpoint is stands in its ``config.json``.

Differs from the repository: it cuts texts of the 1.5B model at 2048 tokens; here one that is longer
than the model reads is refused. The paper adds a weighted trajectory reward to the mean of the
steps when it selects data; a search needs the first part only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from specreward.generate.hf.weights import Weights
from specreward.reward.aggregate import Aggregate, Mean
from specreward.reward.published.heads import layers
from specreward.reward.published.local import LocalReward
from specreward.reward.published.qwen_prm import encode_separated, two_class_head
from specreward.reward.published.template import Encoded, Piece, clean_steps, encode
from specreward.reward.solutions import Solution

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ReasonFluxPRM"]

_STEPWISE = "Qwen2ForProcessRewardModel"


@final
@dataclass(frozen=True, kw_only=True)
class ReasonFluxPRM(LocalReward):
    """Scores each step, or the whole solution, as the checkpoint was trained to.

    Args:
        model: A folder, or a name on the hub with ``@revision`` where it matters.
        device: As torch names it; ``auto`` is the first accelerator, or else the processor.
        dtype: As torch names it; ``auto`` is the checkpoint's own.
        quantisation: Settings of a quantisation of transformers; none loads the weights as they
            are.
        trust_remote_code: Whether Python files that come with the checkpoint may run; not needed.
        cache_tokens: Tokens of read prefixes that are remembered.
        batch_tokens: Most tokens in one pass.
        combine: How the numbers of the steps become the score of a solution; used if it gives one
            for each step.

    Raises:
        InputError: A setting is out of range.
    """

    combine: Aggregate = Mean()

    __cite__: ClassVar[str] = """@inproceedings{zou2025reasonfluxprm,
  title = {{ReasonFlux-PRM}: Trajectory-Aware {PRM}s for Long Chain-of-Thought Reasoning in {LLM}s},
  author = {Zou, Jiaru and Yang, Ling and Gu, Jingwen and Qiu, Jiahao and Shen, Ke and He, Jingrui
            and Wang, Mengdi},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2025},
  note = {arXiv:2506.18896}
}"""

    @property
    def per_step(self) -> bool:
        """A number for each step where the checkpoint's architecture says so; loads the model."""
        return _stepwise(self._opened().weights)

    def _encode(self, weights: Weights, solution: Solution) -> Encoded:
        if _stepwise(weights):
            return encode_separated(weights, solution, ())
        steps = clean_steps(solution, None, weights.name)
        return encode(
            weights.tokenizer, [Piece(solution.question + "\n\n".join(steps), read=0)], ends=True
        )

    @classmethod
    def _head(cls, weights: Weights) -> Callable[[Tensor], Tensor]:
        if _stepwise(weights):
            return two_class_head(weights)
        return layers(weights, (("weight", "bias"),), file="reward_head.pt")

    def _value(self, logits: Tensor) -> Tensor:
        return logits.softmax(-1)[:, 1] if logits.shape[-1] == 2 else logits.sigmoid()[:, 0]


def _stepwise(weights: Weights) -> bool:
    return _STEPWISE in (weights.model.config.architectures or ())
