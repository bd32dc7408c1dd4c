"""The words of an encoder that has no checkpoint: a tokeniser trained on the user's own texts.

Byte pairs, as GPT-2 cuts them, with each digit by itself: no text is unknown, and a number is read
by its digits. [PAD], [CLS], [SEP] and the tokens at which scores are read come first.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from specreward.errors import InputError
from specreward.generate.hf.weights import place_of, quiet, refusal
from specreward.label.labelled import load_labelled
from specreward.train.modules.checkpoint import transformers_or_missing

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase as Tokenizer

__all__ = ["trained_words", "words_of"]

_AROUND = ("[PAD]", "[CLS]", "[SEP]")
_LEAST = 256 + len(_AROUND)


def words_of(source: str, size: int, tokens: Sequence[str]) -> Tokenizer:
    """A tokeniser: that of a folder or of the hub, or one trained on a file.

    Args:
        source: A folder, a name on the hub, or a file of labelled solutions (JSON lines).
        size: Most tokens of one that is trained.
        tokens: Texts that are one token each, if it is trained.

    Raises:
        MissingExtra: transformers is not installed.
        InputError: There is no such tokeniser, or the file holds no labelled solutions.
    """
    transformers = transformers_or_missing()
    path = Path(source).expanduser()
    if path.is_file():
        return trained_words(_texts(path), size, tokens)
    folder, revision = place_of(source)
    try:
        with quiet():
            return transformers.AutoTokenizer.from_pretrained(folder, revision=revision)
    except Exception as error:  # of several libraries, for many reasons
        raise refusal(source, "AutoTokenizer", error) from error


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


def _texts(path: Path) -> Iterator[str]:
    """Questions and steps of a file of labelled solutions."""
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise InputError(f"expected an object, got {line.strip()[:80]!r}")
                one = load_labelled(row)
            except (json.JSONDecodeError, InputError) as error:
                raise InputError(
                    f"{path}, line {number}: no labelled solution: {error}; convert the file with "
                    "specreward convert"
                ) from error
            yield one.problem.question
            yield from one.steps
