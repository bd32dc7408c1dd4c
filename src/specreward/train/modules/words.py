"""The words of an encoder that has no checkpoint: a tokeniser trained on the user's own texts.

Byte pairs, as GPT-2 cuts them, with each digit by itself: no text is unknown, and a number is read
by its digits. [PAD], [CLS], [SEP] and the tokens at which scores are read come first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from specreward.errors import InputError
from specreward.label.reading import read_labelled
from specreward.train.modules.checkpoint import transformers_or_missing

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase as Tokenizer

__all__ = ["trained_words", "words_of"]

_AROUND = ("[PAD]", "[CLS]", "[SEP]")
_LEAST = 256 + len(_AROUND)


def words_of(file: Path, size: int, tokens: Sequence[str]) -> Tokenizer:
    """A tokeniser trained on the questions and steps of a file of labelled solutions.

    Args:
        file: Any format of labelled solutions.
        size: Most tokens.
        tokens: Texts that are one token each.

    Raises:
        MissingExtra: transformers is not installed.
        InputError: The file holds no labelled solutions, or ``size`` is too small.
    """
    return trained_words(
        (text for one in read_labelled(file) for text in (one.problem.question, *one.steps)),
        size,
        tokens,
    )


def trained_words(texts: Iterator[str], size: int, tokens: Sequence[str]) -> Tokenizer:
    """A tokeniser trained on texts; the same texts give the same one.

    Raises:
        InputError: ``size`` has no room for the bytes and the tokens.
    """
    import tokenizers
    from tokenizers import decoders, models, pre_tokenizers, trainers

    transformers = transformers_or_missing()
    if size < _LEAST + len(tokens):
        raise InputError(
            f"vocabulary: expected at least {_LEAST + len(tokens)} tokens (256 bytes and those of "
            f"the template), got {size}"
        )
    raw = tokenizers.Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[*_AROUND, *tokens],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    raw.train_from_iterator(texts, trainer)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]"
    )
