"""Word-level text <-> token ids for the embedded models."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from specreward.errors import InputError

__all__ = ["PIECE", "Vocabulary"]

PIECE = r"\(left:|\d+(?:/\d+)?|[A-Za-z]+(?:-[A-Za-z]+)*|\S"
"""What a text is cut into: whole words and numbers, and single signs."""

_PIECE = re.compile(PIECE)


class Vocabulary:
    """A fixed list of words; a word's id is its place in the list.

    Text is cut into words, whole numbers, and single signs; ids turn back into text with one
    space between words and none before a closing bracket.
    """

    def __init__(self, words: Sequence[str]) -> None:
        if len(set(words)) != len(words):
            raise InputError("expected different words in a vocabulary, got some twice")
        self.words = tuple(words)
        self._id = {word: index for index, word in enumerate(words)}

    def __len__(self) -> int:
        return len(self.words)

    def encode(self, text: str) -> list[int]:
        """Ids of a text; InputError names the first word that is not known."""
        try:
            return [self._id[word] for word in _PIECE.findall(text)]
        except KeyError as error:
            raise InputError(
                f"the embedded model does not know {error.args[0]!r} in {text[:200]!r}: it reads "
                f"{', '.join(self.words[:30])}{', ...' if len(self) > 30 else ''}"
            ) from None

    def decode(self, ids: Iterable[int]) -> str:
        """Text of ids."""
        return " ".join(self.words[i] for i in ids).replace(" )", ")")
