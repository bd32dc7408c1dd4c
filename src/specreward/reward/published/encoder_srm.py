r"""The speculative reward model of the paper: an encoder that reads a step after those before it.

    [CLS] [QUES]question \n s_1 \n ... \n s_{T-1} [SEP] s_T<|endoftext|> [SEP]
    score = sigmoid(w h + b), h the hidden state of [CLS]

J. Gu and S. Liang (2025), "Speculative Reward Model Boosts Decision Making Ability of LLMs
Cost-Effectively", arXiv 2506.00396. Input format and reading as in the authors' public training
code (``Kuvvius/Speculative-RM``): DeBERTa-v3 with one label for a token, read at the first. Weights
are not published; such a model can be trained by that code.

Differs from the code: it cuts at 512 tokens; here a text that is longer is refused.

One number for a solution, that of its last step: an encoder has no prefixes to share, so that a
number for each step costs as many readings. The scores of all steps are had by asking for each
beginning of the solution, which ``SolutionReward.steps`` does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from specreward.errors import InputError
from specreward.generate.hf.weights import AutoClass, Weights
from specreward.reward.aggregate import Aggregate, Last
from specreward.reward.published.heads import single_token
from specreward.reward.published.local import LocalReward, check_fits
from specreward.reward.published.solution_text import END, QUESTION, encode_pair
from specreward.reward.published.template import Encoded
from specreward.reward.solutions import Solution
from specreward.verify.citations import SPECULATIVE_REWARD_MODEL

if TYPE_CHECKING:
    from torch import Tensor

    from specreward.generate.hf.readers import Reader

__all__ = ["EncoderSRM"]


@final
@dataclass(frozen=True, kw_only=True)
class EncoderSRM(LocalReward):
    """Scores the last step of a solution in the light of those before it.

    Args:
        model: A folder, or a name on the hub with ``@revision`` where it matters.
        device: As torch names it; ``auto`` is the first accelerator, or else the processor.
        dtype: As torch names it; ``auto`` is the checkpoint's own.
        quantisation: Settings of a quantisation of transformers; none loads the weights as they
            are.
        trust_remote_code: Whether Python files that come with the checkpoint may run; not needed.
        cache_tokens: Not used: an encoder has no prefixes to remember.
        batch_tokens: Most tokens in one pass.

    Raises:
        InputError: A setting is out of range.
    """

    KIND: ClassVar[AutoClass] = "AutoModelForTokenClassification"

    __cite__: ClassVar[str] = SPECULATIVE_REWARD_MODEL

    @property
    def per_step(self) -> bool:
        """One number: that of the last step."""
        return False

    @property
    def combine(self) -> Aggregate:
        """Not used: there is one number."""
        return Last()

    def _encode(self, weights: Weights, solution: Solution) -> Encoded:
        tokenizer = weights.tokenizer
        for text in (QUESTION, END):
            single_token(weights, text, "the speculative reward model")
        if tokenizer.cls_token_id is None or tokenizer.sep_token_id is None:
            raise InputError(
                f"{weights.name}: expected an encoder's tokenizer with tokens such as [CLS] and "
                "[SEP], got one without: this family reads a pair of texts"
            )
        return encode_pair(tokenizer, solution.question, solution.steps, weights.name)

    def _row(self, weights: Weights, encoded: Encoded) -> tuple[int, ...]:
        """All of it: an encoder sees what comes after."""
        check_fits(weights, len(encoded.ids))
        return encoded.ids

    @classmethod
    def _reader(cls, weights: Weights, cache_tokens: int, batch_tokens: int) -> Reader:
        from specreward.generate.hf.readers import EncoderReader  # needs torch

        return EncoderReader(weights.body, batch_tokens=batch_tokens)

    @classmethod
    def _head(cls, weights: Weights) -> Callable[[Tensor], Tensor]:
        config = weights.model.config
        parts = dict(weights.model.named_children())
        if "classifier" not in parts or config.num_labels != 1:
            raise InputError(
                f"{weights.name}: expected an encoder with one label for a token, got "
                f"{type(weights.model).__name__} with {config.num_labels} labels"
            )
        if config.to_dict().get("type_vocab_size"):
            raise InputError(
                f"{weights.name}: expected an encoder that does not number its segments, as "
                "DeBERTa-v3, got one that does: its first segment would be taken for both"
            )
        head = parts["classifier"]
        return lambda hidden: head(hidden.to(weights.model.dtype)).float()

    def _value(self, logits: Tensor) -> Tensor:
        return logits.sigmoid()[:, 0]
