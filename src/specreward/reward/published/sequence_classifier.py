"""Reward models for whole answers: a decoder with one number at the end of a chat.

    user: question      assistant: s_1 (empty line) s_2 ...      in the tokenizer's chat template
    score = sigmoid(w h / scale), h the hidden state of the last token that is no padding

Such models are trained on pairs of answers (R. Bradley, M. Terry 1952; with language models L.
Ouyang et al. 2022, arXiv 2203.02155): differences of their numbers mean something, the level does
not. The sigmoid keeps the order; ``scale`` spreads numbers that would all be near 0 or 1.
Skywork-Reward: C. Liu et al. (2024), arXiv 2410.18451, and (2025), arXiv 2507.01352. What
``AutoModelForSequenceClassification`` loads with one label can be read here, as on the cards of
Skywork-Reward and of the RewardBench models of the same architecture (arXiv 2403.13787,
arXiv 2506.01937).

Templates that print the date are given a fixed one, so that a score does not depend on the day.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from specreward.checks import positive
from specreward.errors import InputError
from specreward.generate.hf.weights import AutoClass, Weights
from specreward.reward.aggregate import Aggregate, Last
from specreward.reward.published.local import LocalReward
from specreward.reward.published.template import Encoded, Piece, Turn, chat, clean_steps, encode
from specreward.reward.solutions import Solution

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["SequenceClassifier"]


@final
@dataclass(frozen=True, kw_only=True)
class SequenceClassifier(LocalReward):
    """Scores a solution, finished or not, by one number.

    Args:
        model: A folder, or a name on the hub with ``@revision`` where it matters.
        device: As torch names it; ``auto`` is the first accelerator, or else the processor.
        dtype: As torch names it; ``auto`` is the checkpoint's own.
        quantisation: Settings of a quantisation of transformers; none loads the weights as they
            are.
        trust_remote_code: Whether Python files that come with the checkpoint may run; not needed.
        cache_tokens: Tokens of read prefixes that are remembered.
        batch_tokens: Most tokens in one pass.
        scale: What the model's number is divided by before the sigmoid, above 0.
        between: What stands between two steps of the answer.

    Raises:
        InputError: A setting is out of range.
    """

    scale: float = 1.0
    between: str = "\n\n"

    KIND: ClassVar[AutoClass] = "AutoModelForSequenceClassification"

    __cite__: ClassVar[str] = """@article{liu2024skywork,
  title = {Skywork-Reward: Bag of Tricks for Reward Modeling in {LLM}s},
  author = {Liu, Chris Yuhao and Zeng, Liang and Liu, Jiacai and Yan, Rui and He, Jujie and
            Wang, Chaojie and Yan, Shuicheng and Liu, Yang and Zhou, Yahui},
  journal = {arXiv preprint arXiv:2410.18451},
  year = {2024}
}"""

    def __post_init__(self) -> None:
        super().__post_init__()
        positive("scale", self.scale)
        if not isinstance(self.between, str):
            raise InputError(f"between: expected a text such as '\\n', got {self.between!r}")

    @property
    def per_step(self) -> bool:
        """One number for the whole."""
        return False

    @property
    def combine(self) -> Aggregate:
        """Not used: there is one number."""
        return Last()

    def _encode(self, weights: Weights, solution: Solution) -> Encoded:
        answer = self.between.join(clean_steps(solution, None, weights.name))
        turns = [Turn("user", (Piece(solution.question),)), Turn("assistant", (Piece(answer),))]
        ids = encode(weights.tokenizer, chat(weights.tokenizer, turns)).ids
        return Encoded(ids, (_last(ids, weights.model.config.get_text_config().pad_token_id),))

    @classmethod
    def _head(cls, weights: Weights) -> Callable[[Tensor], Tensor]:
        parts = dict(weights.model.named_children())
        if "score" not in parts:
            raise InputError(
                f"{weights.name}: expected a decoder with a layer 'score' (Llama, Qwen, Gemma, "
                f"Mistral ...), got {type(weights.model).__name__} with {', '.join(parts)}"
            )
        head = parts["score"]
        if weights.model.config.num_labels != 1:
            raise InputError(
                f"{weights.name}: expected a model with one label, whose number is the reward, got "
                f"{weights.model.config.num_labels}: it is a classifier of another kind"
            )
        return lambda hidden: head(hidden.to(weights.model.dtype)).float()

    def _value(self, logits: Tensor) -> Tensor:
        return (logits[:, 0] / self.scale).sigmoid()


def _last(ids: tuple[int, ...], padding: int | None) -> int:
    """The place that transformers reads such a model at: the last that is no padding."""
    return max((place for place, one in enumerate(ids) if one != padding), default=len(ids) - 1)
