"""The network behind ``networks/causal.py``: a decoder of transformers, read at step tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specreward.errors import InputError
from specreward.generate.hf.weights import AutoClass
from specreward.reward.published.solution_text import token_id
from specreward.train.modules.checkpoint import add_tokens, bound, opened
from specreward.train.modules.solution_text import StepTokenText
from specreward.train.modules.transformer import (
    Head,
    TransformerNetwork,
    classifier_of,
    verdict_of,
)

if TYPE_CHECKING:
    from transformers import PreTrainedModel
    from transformers import PreTrainedTokenizerBase as Tokenizer

    from specreward.train.networks.causal import Causal

__all__ = ["build"]


def build(settings: Causal) -> TransformerNetwork:
    """The network of these settings.

    Raises:
        MissingExtra: transformers is not installed.
        InputError: The checkpoint cannot be read, the model reads less than ``longest``, or its
            tokeniser lacks a token.
    """
    name = settings.model
    kind: AutoClass = "AutoModelForTokenClassification"
    if settings.verdict:
        kind = "AutoModelForCausalLM"
    model, tokenizer = opened(
        name, kind, dropout=settings.dropout, seed=settings.seed, labels=settings.outputs
    )
    add_tokens(
        name,
        model,
        tokenizer,
        (settings.step_token,),
        allowed=settings.add_tokens,
        seed=settings.seed,
    )
    text = StepTokenText(
        tokenizer=tokenizer,
        name=name,
        step_token=settings.step_token,
        longest=bound(name, model, settings.longest),
        cut=settings.cut,
    )
    entries = {
        "kind": "classifier",
        "form": "verdicts" if settings.verdict else "decoder",
        "step_token": settings.step_token,
        "verdict": list(settings.verdict),
        "outputs": settings.outputs,
    }
    head = _head(settings, model, tokenizer)
    return TransformerNetwork(model, tokenizer, text, head, entries, {"use_cache": False})


def _head(settings: Causal, model: PreTrainedModel, tokenizer: Tokenizer) -> Head:
    if not settings.verdict:
        return classifier_of(model, settings.model, settings.outputs)
    ids = [token_id(tokenizer, text) for text in settings.verdict]
    good, bad = ids
    if good is None or bad is None or good == bad:
        raise InputError(
            f"{settings.model}: verdict: expected two texts that are one token each, got "
            f"{settings.verdict!r}, which the tokenizer reads as {ids}"
        )
    return verdict_of(model, good, bad)
