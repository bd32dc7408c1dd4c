"""Text <-> tokens of transformers, with the joints exact.

prompt          a text as it stands; a conversation through the tokeniser's chat template
continuation    the tokens that follow the prompt's own, where the two texts stand together
completion      what the written tokens add to the prompt's text, up to the first stop
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, final

from specreward.engines import ChatPrompt
from specreward.errors import InputError
from specreward.generate.token_ids import fingerprint

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["DATE", "Texts", "Writing"]

DATE = "26 Jul 2024"
"""For chat templates that print the day: what is read must not depend on when it is."""

_CONTEXT = 8
"""Tokens of the prompt that are decoded together with the first ones written."""

_ANCHORS = "\na0.|"
"""What a text may be read after: a sign with which its first token does not merge."""

_BROKEN = "\ufffd"
"""What the bytes of an unfinished character decode to; a character has four bytes at most."""


@final
class Texts:
    """A tokeniser.

    Args:
        tokenizer: Of transformers.
        name: Of the model, for messages.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, name: str) -> None:
        self._tokenizer = tokenizer
        self._name = name

    @cached_property
    def fingerprint(self) -> str:
        """Names the table of tokens, special ones included."""
        table: dict[str, int] = self._tokenizer.get_vocab()
        return fingerprint((number, token) for token, number in table.items())

    def prompt(self, prompt: str) -> list[int]:
        """Tokens of a prompt, with those that the model wants at its beginning.

        Raises:
            InputError: It has no tokens, or the chat template or the tokeniser refuses it.
        """
        ids = self.ids(prompt)
        if not ids:
            raise InputError(f"{self._name}: expected a prompt with tokens, got {str(prompt)!r}")
        return ids

    def ids(self, prompt: str) -> list[int]:
        """As :meth:`prompt`, and no tokens for a text that has none."""
        return self._encode(*self._rendered(prompt))

    def pair(self, prompt: str, continuation: str) -> tuple[list[int], list[int]]:
        """Tokens of a prompt, as :meth:`prompt` gives them, and of what follows it.

        The two texts are read together. Where a token would reach over the joint, the prompt
        keeps its own tokens, as it does in sampling, and the continuation is read by itself.

        Raises:
            InputError: As for :meth:`prompt`; or there is nothing to follow.
        """
        before = self.prompt(prompt)
        text, special = self._rendered(prompt)
        joint = self._encode(text + continuation, special)
        after = joint[len(before) :]
        if not after or joint[: len(before)] != before:
            after = self._apart(continuation)
        if not after:
            raise InputError(f"{self._name}: expected a text with tokens, got {continuation!r}")
        return before, after

    def decode(self, ids: Sequence[int]) -> str:
        """The text of tokens, special ones left out."""
        text: str = self._tokenizer.decode(
            list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text

    def _rendered(self, prompt: str) -> tuple[str, bool]:
        """The text that is read, and whether special tokens are still to be added.

        The beginning of an answer is put after the template's own opening of an answer, as it
        stands: a path that grows stays a continuation of what was read before.
        """
        if not isinstance(prompt, ChatPrompt) or not self._tokenizer.chat_template:
            return str(prompt), True
        messages = prompt.messages
        begun = messages[-1].text if messages[-1].role == "assistant" else ""
        said = messages[:-1] if messages[-1].role == "assistant" else messages
        turns = [{"role": message.role, "content": message.text} for message in said]
        try:
            text: str = self._tokenizer.apply_chat_template(
                turns, tokenize=False, add_generation_prompt=True, date_string=DATE
            )
        except Exception as error:  # a template is a program, and raises what it likes
            roles = ", ".join([turn["role"] for turn in turns])
            raise InputError(
                f"{self._name}: its chat template refuses messages of {roles or 'nobody'}: "
                f"{str(error)[:200]}; give it the roles that it knows"
            ) from error
        return text + begun, False

    def _encode(self, text: str, special: bool) -> list[int]:
        """Tokens of a text; an end that the tokeniser would put after it is left out."""
        ids = self._read(text, special)
        if not special or not ids or ids[-1] != self._tokenizer.eos_token_id:
            return ids
        bare = self._read(text, False)
        return ids if ids[-len(bare) :] == bare and bare else ids[:-1]

    def _read(self, text: str, special: bool) -> list[int]:
        try:
            found = self._tokenizer(text, add_special_tokens=special, verbose=False)
        except Exception as error:  # some have no token for what they do not know
            raise InputError(
                f"{self._name}: its tokeniser cannot read {text[:200]!r}: {str(error)[:200]}; take "
                "a model that was trained on such text"
            ) from error
        ids: list[int] = found["input_ids"]
        return ids

    def _apart(self, text: str) -> list[int]:
        """Tokens of a text within another: without the space that some put before a beginning."""
        for letter in _ANCHORS:
            anchor, ids = self._encode(letter, False), self._encode(letter + text, False)
            if len(ids) > len(anchor) and ids[: len(anchor)] == anchor:
                return ids[len(anchor) :]
        return self._encode(text, False)


@final
class Writing:
    """The text of tokens as they are written, watched for stops.

    The stop that ends first in the text counts, however the tokens are cut.

    Args:
        texts: The tokeniser.
        prompt: Tokens before the first one written.
        stops: Texts that end it, none empty.
    """

    def __init__(self, texts: Texts, prompt: Sequence[int], stops: Sequence[str]) -> None:
        self._texts = texts
        self._ids = list(prompt[-_CONTEXT:])
        self._start = 0  # tokens from here on are decoded together
        self._known = len(self._ids)  # their text up to here is known
        self._stops = stops
        self._longest = max(map(len, stops), default=0)
        self.text = ""
        self.stop: tuple[int, int] | None = None

    def push(self, token: int) -> bool:
        """Append a token; returns whether there is a stop now."""
        self._ids.append(token)
        new = self._new()
        if new and (not new.endswith(_BROKEN) or len(self._ids) - self._known > len(_BROKEN) + 4):
            self._accept(new)
        return self.stop is not None

    def end(self) -> None:
        """No token comes any more: what is left of an unfinished character joins the text."""
        if self.stop is None and (new := self._new()):
            self._accept(new)

    def cut(self, keep_stop: bool) -> str:
        """The text up to the stop, or with it."""
        if self.stop is None:
            return self.text
        start, end = self.stop
        return self.text[: end if keep_stop else start]

    def _new(self) -> str:
        known = self._texts.decode(self._ids[self._start : self._known])
        return self._texts.decode(self._ids[self._start :])[len(known) :]

    def _accept(self, new: str) -> None:
        begin = max(0, len(self.text) - self._longest + 1)
        self.text += new
        self._start, self._known = self._known, len(self._ids)
        found = [
            (place + len(stop), place)
            for stop in self._stops
            if (place := self.text.find(stop, begin)) >= 0
        ]
        if found:
            end, start = min(found)
            self.stop = (start, end)
