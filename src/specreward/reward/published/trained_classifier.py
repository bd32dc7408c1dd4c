"""Reward models that were trained here on transformers, read as they were trained.

    encoder    one number for a step: token classifier read at the first place (pair)
    encoder    a number for each step: token classifier read at the step tokens (whole)
    decoder    a number for each step: token classifier read at the step tokens
    verdicts   a number for each step: language model, good token against bad one, there

What ``train/networks/{encoder,causal}.py`` wrote: the text and the head are those of training, and
``model.json`` in the folder says which. Whole solutions read by an encoder see later steps; a score
of a step then depends on what follows it, and a search, which asks for beginnings, gets the
score of each beginning as it stands.

Two outputs are those of BiRM (arXiv 2503.04618), process and value: the number of a step is
(value + beta * mean of the process so far) / (1 + beta), as in ``train/objectives/birm.py``.
"""

from __future__ import annotations

import json
from abc import ABC
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, final

from specreward.errors import InputError
from specreward.generate.hf.weights import AutoClass, Weights, folder_at
from specreward.reward.aggregate import Aggregate, Last
from specreward.reward.published.heads import single_token, token_head, vocabulary
from specreward.reward.published.local import LocalReward, check_fits
from specreward.reward.published.solution_text import encode_pair, encode_solution
from specreward.reward.published.template import Encoded
from specreward.reward.solutions import Solution
from specreward.reward.trained import CARD
from specreward.spec import parse

if TYPE_CHECKING:
    from torch import Tensor

    from specreward.generate.hf.readers import Reader

__all__ = ["trained_classifier"]

WHAT = "a reward model trained here"


def trained_classifier(folder: Path, entries: Mapping[str, Any], combine: Aggregate) -> LocalReward:
    """The reward model of a folder of kind ``classifier``.

    Args:
        folder: With the checkpoint and ``model.json``.
        entries: What ``model.json`` says.
        combine: How the numbers of the steps become the score of a solution.

    Raises:
        InputError: ``model.json`` does not say how the model is read.
    """
    form, token = entries.get("form"), entries.get("step_token")
    model = folder_at(folder, entries.get("revision"))
    if form == "pair":
        return TrainedPair(model)
    if not isinstance(token, str) or form not in ("whole", "decoder", "verdicts"):
        raise InputError(
            f"{folder / CARD}: expected a form (pair, whole, decoder, verdicts) and a step_token, "
            f"got form {form!r} and step_token {token!r}: the file was changed, or written by "
            "another version; train again"
        )
    if form == "whole":
        return TrainedWhole(model, step_token=token, combine=combine)
    if form == "verdicts":
        return TrainedVerdicts(model, step_token=token, combine=combine)
    beta = _beta(entries, folder) if entries.get("outputs") == 2 else 0.0
    return TrainedDecoder(model, step_token=token, combine=combine, beta=beta)


def _beta(entries: Mapping[str, Any], folder: Path) -> float:
    """The weight of the process in a score of two outputs: a field of the objective."""
    objective = parse(str(entries.get("objective")), "objective")
    beta = vars(objective).get("beta")
    if not isinstance(beta, float):
        raise InputError(
            f"{folder / CARD}: expected an objective for two outputs such as birm(), got "
            f"{entries.get('objective')!r}"
        )
    return beta


@dataclass(frozen=True, kw_only=True)
class _Trained(LocalReward, ABC):
    """What ``specreward train`` made of an encoder or a decoder of transformers; see the module.

    Args:
        model: The folder.
        device: As torch names it; ``auto`` is the first accelerator, or else the processor.
        dtype: As torch names it; ``auto`` is the checkpoint's own.
        quantisation: Settings of a quantisation of transformers; none loads the weights as they
            are.
        trust_remote_code: Whether Python files that come with the checkpoint may run; not needed.
        cache_tokens: Tokens of read prefixes that are remembered.
        batch_tokens: Most tokens in one pass.

    Raises:
        InputError: A setting is out of range.
    """

    KIND: ClassVar[AutoClass] = "AutoModelForTokenClassification"

    @classmethod
    def _head(cls, weights: Weights) -> Callable[[Tensor], Tensor]:
        head = token_head(weights.model)
        if head is None:
            raise InputError(
                f"{weights.name}: expected a model with numbers for each token, got "
                f"{type(weights.model).__name__}: train again"
            )
        return lambda hidden: head(hidden.to(weights.model.dtype)).float()

    def _value(self, logits: Tensor) -> Tensor:
        return logits.sigmoid()[:, 0]


@dataclass(frozen=True, kw_only=True)
class _AtStepTokens(_Trained):
    """Read at the tokens behind the steps.

    Args:
        step_token: The text of the token behind each step.
        combine: How the numbers of the steps become the score of a solution.
    """

    step_token: str
    combine: Aggregate = Last()

    WHOLE: ClassVar[bool] = False

    @property
    def per_step(self) -> bool:
        """A number for each step."""
        return True

    def _encode(self, weights: Weights, solution: Solution) -> Encoded:
        return encode_solution(
            weights.tokenizer,
            solution.question,
            solution.steps,
            range(len(solution.steps)),
            self.step_token,
            weights.name,
            whole=self.WHOLE,
        )


@final
@dataclass(frozen=True, kw_only=True)
class TrainedDecoder(_AtStepTokens):
    """A decoder with one number for each token, or two.

    Args:
        beta: With two, process and value, the weight of the process; at least 0.
    """

    beta: float = 0.0

    def _value(self, logits: Tensor) -> Tensor:
        if logits.shape[1] == 1:
            return super()._value(logits)
        process, value = logits.sigmoid().unbind(1)
        mean = process.cumsum(0) / process.new_ones(process.shape).cumsum(0)
        return ((value + self.beta * mean) / (1 + self.beta)).clamp(0.0, 1.0)


@final
@dataclass(frozen=True, kw_only=True)
class TrainedVerdicts(_AtStepTokens):
    """A language model whose good token stands against its bad one; see the module."""

    KIND: ClassVar[AutoClass] = "AutoModelForCausalLM"

    @classmethod
    def _head(cls, weights: Weights) -> Callable[[Tensor], Tensor]:
        texts = json.loads((Path(weights.source) / CARD).read_text("utf-8")).get("verdict")
        if not isinstance(texts, list) or len(texts) != 2:
            raise InputError(
                f"{Path(weights.source) / CARD}: expected a verdict of two tokens, good and bad, "
                f"got {texts!r}: train again"
            )
        both = vocabulary(weights, [single_token(weights, str(one), WHAT) for one in texts])

        def difference(hidden: Tensor) -> Tensor:
            logits = both(hidden)
            return logits[:, :1] - logits[:, 1:]

        return difference


@dataclass(frozen=True, kw_only=True)
class _Encoder(_Trained):
    """What models that look both ways have in common."""

    def _row(self, weights: Weights, encoded: Encoded) -> tuple[int, ...]:
        """All of it: an encoder sees what comes after."""
        check_fits(weights, len(encoded.ids))
        return encoded.ids

    @classmethod
    def _reader(cls, weights: Weights, cache_tokens: int, batch_tokens: int) -> Reader:
        from specreward.generate.hf.readers import EncoderReader  # needs torch

        return EncoderReader(weights.body, batch_tokens=batch_tokens)


@final
@dataclass(frozen=True, kw_only=True)
class TrainedWhole(_Encoder, _AtStepTokens):
    """An encoder that reads a solution as a whole; see the module."""

    WHOLE: ClassVar[bool] = True


@final
@dataclass(frozen=True, kw_only=True)
class TrainedPair(_Encoder):
    """An encoder that reads the last step after those before it; see the module."""

    @property
    def per_step(self) -> bool:
        """One number: that of the last step."""
        return False

    @property
    def combine(self) -> Aggregate:
        """Not used: there is one number."""
        return Last()

    def _encode(self, weights: Weights, solution: Solution) -> Encoded:
        return encode_pair(weights.tokenizer, solution.question, solution.steps, weights.name)
