"""The network behind ``networks/encoder.py``: an encoder of transformers, or a small new one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from specreward.errors import InputError
from specreward.generate.hf.weights import AutoClass
from specreward.reward.published.solution_text import END, QUESTION
from specreward.train.modules.checkpoint import (
    add_tokens,
    bound,
    fresh,
    opened,
    transformers_or_missing,
)
from specreward.train.modules.solution_text import PairText, SolutionText, StepTokenText
from specreward.train.modules.transformer import TransformerNetwork, classifier_of
from specreward.train.modules.words import words_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel
    from transformers import PreTrainedTokenizerBase as Tokenizer

    from specreward.train.networks.encoder import Encoder

__all__ = ["build"]

KIND: AutoClass = "AutoModelForTokenClassification"


def build(settings: Encoder) -> TransformerNetwork:
    """The network of these settings.

    Raises:
        MissingExtra: transformers is not installed.
        InputError: The checkpoint or the file cannot be read, the model reads less than
            ``longest``, its tokeniser lacks a token, or a shape is given that the checkpoint
            settles.
    """
    tokens = (settings.step_token,) if settings.whole else (QUESTION, END)
    name = settings.model
    if not Path(name).expanduser().is_file():
        if settings.shape:
            raise InputError(
                f"{', '.join(settings.shape)}: expected none together with the checkpoint "
                f"{name!r}, which settles its shape: leave them out, or give a file of labelled "
                "solutions"
            )
        model, tokenizer = opened(name, KIND, dropout=settings.dropout, seed=settings.seed)
    else:
        model, tokenizer = _new(settings, tokens)
    if tokenizer.cls_token_id is None or tokenizer.sep_token_id is None:
        raise InputError(
            f"{name}: expected an encoder's tokenizer with tokens such as [CLS] and [SEP], got one "
            "without: train a decoder with causal(...)"
        )
    add_tokens(name, model, tokenizer, tokens, allowed=settings.add_tokens, seed=settings.seed)
    bound(name, model, settings.longest)
    form = "whole" if settings.whole else "pair"
    entries = {"kind": "classifier", "form": form, "step_token": settings.step_token}
    head = classifier_of(model, name, 1)
    return TransformerNetwork(model, tokenizer, _text(settings, tokenizer, name), head, entries, {})


def _text(settings: Encoder, tokenizer: Tokenizer, name: str) -> SolutionText:
    if not settings.whole:
        return PairText(tokenizer=tokenizer, name=name, longest=settings.longest, cut=settings.cut)
    return StepTokenText(
        tokenizer=tokenizer,
        name=name,
        step_token=settings.step_token,
        whole=True,
        longest=settings.longest,
        cut=settings.cut,
    )


def _new(settings: Encoder, tokens: Sequence[str]) -> tuple[PreTrainedModel, Tokenizer]:
    """A small DeBERTa with random weights, and its words."""
    transformers = transformers_or_missing()
    tokenizer = words_of(Path(settings.model).expanduser(), settings.vocabulary, tokens)
    config = transformers.DebertaV2Config(
        vocab_size=len(tokenizer),
        hidden_size=settings.width,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        intermediate_size=4 * settings.width,
        max_position_embeddings=settings.longest,
        hidden_dropout_prob=settings.dropout,
        attention_probs_dropout_prob=settings.dropout,
        relative_attention=True,
        position_biased_input=False,
        pos_att_type=["p2c", "c2p"],
        position_buckets=min(256, settings.longest),
        norm_rel_ebd="layer_norm",
        share_att_key=True,
        type_vocab_size=0,
        pad_token_id=tokenizer.pad_token_id,
        num_labels=1,
    )
    return fresh(config, KIND, settings.seed), tokenizer
