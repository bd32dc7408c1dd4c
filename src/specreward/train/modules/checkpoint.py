"""Checkpoints of transformers as a start for training, and tokens that they lack.

A head that the checkpoint does not hold is new: drawn from the seed. A part of the body that it
does not hold is an error. Code that comes with a checkpoint is never run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from specreward.errors import InputError, MissingExtra
from specreward.generate.hf.weights import AutoClass, context_of, place_of, quiet, refusal
from specreward.reward.published.solution_text import token_id

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel
    from transformers import PreTrainedTokenizerBase as Tokenizer

__all__ = ["add_tokens", "bound", "fresh", "opened", "transformers_or_missing"]

_DROPOUT = (
    "activation_dropout",
    "attention_dropout",
    "attention_probs_dropout_prob",
    "attn_pdrop",
    "dropout",
    "embd_pdrop",
    "embedding_dropout",
    "hidden_dropout",
    "hidden_dropout_prob",
    "mlp_dropout",
    "resid_pdrop",
)
"""Names under which configurations keep a share of what is dropped in training."""


def transformers_or_missing() -> Any:  # noqa: ANN401
    """The module transformers.

    Raises:
        MissingExtra: It is not installed.
    """
    try:
        import transformers
    except ImportError as error:
        raise MissingExtra(
            "training encoders and decoders of transformers needs transformers and torch: "
            "pip install 'specreward[train,transformers]'"
        ) from error
    return transformers


def opened(
    name: str, kind: AutoClass, *, dropout: float, seed: int, labels: int = 1
) -> tuple[PreTrainedModel, Tokenizer]:
    """A model in single precision and its tokeniser, to be trained.

    Args:
        name: A folder, or a name on the hub with ``@revision`` where it matters.
        kind: The class of transformers.
        dropout: Share of the body's activations that training drops.
        seed: Of a head that the checkpoint does not hold.
        labels: Numbers for a token, where the class has such a head.

    Raises:
        MissingExtra: transformers is not installed.
        InputError: It cannot be loaded, or is another kind of model.
    """
    transformers = transformers_or_missing()
    source, revision = place_of(name)
    own = {} if kind == "AutoModelForCausalLM" else {"num_labels": labels}
    part = "AutoTokenizer"
    try:
        with quiet(), _seeded(seed):
            tokenizer = transformers.AutoTokenizer.from_pretrained(source, revision=revision)
            part = kind
            config = transformers.AutoConfig.from_pretrained(source, revision=revision, **own)
            _set_dropout(config, dropout)
            model, report = getattr(transformers, kind).from_pretrained(
                source,
                revision=revision,
                config=config,
                dtype=torch.float32,
                output_loading_info=True,
            )
    except Exception as error:  # of many libraries, for many reasons
        raise refusal(name, part, error) from error
    _check_body(name, kind, model, report["missing_keys"])
    return model, tokenizer


def fresh(config: PreTrainedConfig, kind: AutoClass, seed: int) -> PreTrainedModel:
    """A model with random weights."""
    with quiet(), _seeded(seed):
        return getattr(transformers_or_missing(), kind).from_config(config)


def _check_body(name: str, kind: AutoClass, model: PreTrainedModel, missing: Sequence[str]) -> None:
    """Refuse a start of which more than the head would be random."""
    body = f"{model.base_model_prefix}."
    lacks = sorted(
        key
        for key in missing
        if (key.startswith(body) or kind == "AutoModelForCausalLM") and "pooler." not in key
    )
    if lacks:
        raise InputError(
            f"model {name!r} is no start for {kind}: its checkpoint lacks {', '.join(lacks[:5])}; "
            "expected one of the same architecture"
        )


def _set_dropout(config: PreTrainedConfig, share: float) -> None:
    for key in config.to_dict():
        if key in _DROPOUT:
            setattr(config, key, share)


def bound(name: str, model: PreTrainedModel, longest: int) -> int | None:
    """Most tokens of a row: ``longest``, or where that is 0 what the model reads, None for no end.

    Raises:
        InputError: The model reads less.
    """
    context = context_of(model.config)
    if context is not None and longest > context:
        raise InputError(
            f"longest: expected at most {context} tokens, which {name} reads, got {longest}"
        )
    return longest or context


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Draws of weights from a seed; the draws of everything else go on as if there were none."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


# ------------------------------------------------------------------------------ tokens


def add_tokens(
    name: str,
    model: PreTrainedModel,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    *,
    allowed: bool,
    seed: int,
) -> None:
    """Make texts tokens of the tokeniser, with a row each in the model's table.

    Args:
        name: The model's, for messages.
        model: Its table grows where that is needed.
        tokenizer: Gets the tokens that it lacks.
        texts: What must be one token each.
        allowed: Whether tokens may be added.
        seed: Of new rows.

    Raises:
        InputError: A token is missing and may not be added.
    """
    lacks = [text for text in texts if token_id(tokenizer, text) is None]
    if lacks and not allowed:
        raise InputError(
            f"{name}: expected a tokenizer with the token(s) {', '.join(map(repr, lacks))}, at "
            "which scores are read, got one without: take a token that it has, or set "
            "add_tokens=True, which adds new rows to the model"
        )
    if lacks:
        tokenizer.add_tokens(lacks, special_tokens=True)
        rows = int(model.get_input_embeddings().weight.shape[0])
        if len(tokenizer) > rows:
            with quiet(), _seeded(seed):
                model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
