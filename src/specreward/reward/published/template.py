"""Templates as pieces of text: what is the template's own, and where a value is read.

    pieces -> ids, and for each marked piece the place of its last token

A text that came from outside is never read as control tokens: where a question or a step spells one
out (``<extra_0>``, ``<|im_end|>``), it is cut behind its first letter, so that the tokenizer sees
plain text. Places are found by the letters that a token covers, not by searching for an id, so that
a step which contains the separator makes no place of its own. Without such texts the ids are
those of the tokenizer for the whole text, as the model cards show it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from specreward.errors import InputError, RewardError
from specreward.generate.hf.text import DATE
from specreward.reward.solutions import Solution

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase as Tokenizer

__all__ = ["Encoded", "Piece", "Turn", "chat", "clean_steps", "encode"]

_LEFT, _RIGHT = "\ue000", "\ue001"


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of what a model reads.

    Args:
        text: The letters.
        fixed: It is part of the template, so that control tokens in it are meant.
        read: Where a value is read: 0 at its last token, -1 at the token before, which predicts
            it; None where there is none.
        token: The id that its last token must have, or None.
        apart: It is tokenised by itself.
    """

    text: str
    fixed: bool = False
    read: int | None = None
    token: int | None = None
    apart: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a chat.

    Args:
        role: Who speaks.
        pieces: What is said.
    """

    role: Literal["system", "user", "assistant"]
    pieces: tuple[Piece, ...]

    @property
    def text(self) -> str:
        """All of it."""
        return "".join([piece.text for piece in self.pieces])


@dataclass(frozen=True, slots=True)
class Encoded:
    """What the model is given.

    Args:
        ids: Tokens.
        at: The places in ``ids`` where values are read, in order.
    """

    ids: tuple[int, ...]
    at: tuple[int, ...]


def clean_steps(solution: Solution, ending: re.Pattern[str] | None, name: str) -> list[str]:
    """The steps without white space and separators at their ends.

    Args:
        solution: What is graded.
        ending: Finds the family's separator at the end of a step; None where it has none.
        name: The model's, for messages.

    Raises:
        RewardError: There is no step, or one is empty. A value for nothing would be made up.
    """
    if not solution.steps:
        raise RewardError(f"{name}: expected a solution with a step to score, got none")
    steps = []
    for number, text in enumerate(solution.steps, 1):
        step = text.strip()
        while ending is not None and (found := ending.search(step)):
            step = step[: found.start()].rstrip()
        if not step:
            raise RewardError(
                f"{name}: step {number} of {len(solution.steps)} is empty ({text[:40]!r}): only a "
                "step that says something can be scored; let the task mark such a step as dead"
            )
        steps.append(step)
    return steps


# ------------------------------------------------------------------------------ pieces to ids


def encode(
    tokenizer: Tokenizer,
    pieces: Sequence[Piece],
    *,
    control: Sequence[str] = (),
    ends: bool = False,
) -> Encoded:
    """Tokens and places.

    Args:
        tokenizer: A fast one of transformers, which says what letters a token covers.
        pieces: In order.
        control: Texts that are control tokens besides the tokenizer's special ones.
        ends: Whether the tokenizer adds what it puts at the ends of a text (``<s>``).

    Raises:
        InputError: The tokenizer is a slow one.
        RewardError: The tokenizer does not give a marked piece a last token of its own.
    """
    if not tokenizer.is_fast:
        raise InputError(
            f"expected a fast tokenizer, which knows the letters of its tokens, got "
            f"{type(tokenizer).__name__}: save the model with a tokenizer.json"
        )
    pattern = _control(tokenizer, control)
    ids: list[int] = []
    at: list[int] = []
    for number, run in enumerate(_runs(pieces)):
        found = _encode_run(tokenizer, run, pattern, ends=ends and number == 0)
        at += [len(ids) + place for place in found.at]
        ids += found.ids
    return Encoded(tuple(ids), tuple(at))


def _control(tokenizer: Tokenizer, more: Sequence[str]) -> re.Pattern[str]:
    """What finds texts that the tokenizer would read as control tokens."""
    special = [str(one.content) for one in tokenizer.added_tokens_decoder.values() if one.special]
    texts = sorted({*special, *more} - {""}, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, texts)) or r"(?!)")


def _runs(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Pieces that are tokenised together."""
    runs: list[list[Piece]] = []
    for piece in pieces:
        if not piece.text:
            continue
        if not runs or piece.apart or runs[-1][-1].apart:
            runs.append([])
        runs[-1].append(piece)
    return runs


def _encode_run(
    tokenizer: Tokenizer, run: Sequence[Piece], pattern: re.Pattern[str], *, ends: bool
) -> Encoded:
    text = "".join([piece.text for piece in run])
    stops = _ends(run)
    fixed = [
        (stop - len(one.text), stop) for one, stop in zip(run, stops, strict=True) if one.fixed
    ]
    cuts = [0, *_cuts(text, fixed, pattern), len(text)]
    ids: list[int] = []
    covered: list[tuple[int, int]] = []
    for begin, end in pairwise(cuts):
        part = tokenizer(
            text[begin:end],
            add_special_tokens=ends and begin == 0,
            return_offsets_mapping=True,
            truncation=False,
            verbose=False,
        )
        ids += part["input_ids"]
        covered += [(begin + left, begin + right) for left, right in part["offset_mapping"]]
    at = [
        _place(one, stop, ids, covered)
        for one, stop in zip(run, stops, strict=True)
        if one.read is not None
    ]
    return Encoded(tuple(ids), tuple(at))


def _ends(run: Sequence[Piece]) -> list[int]:
    """Where each piece ends, in letters."""
    stops, here = [], 0
    for piece in run:
        here += len(piece.text)
        stops.append(here)
    return stops


def _cuts(text: str, fixed: Sequence[tuple[int, int]], pattern: re.Pattern[str]) -> list[int]:
    """Places inside of control texts that are not the template's own."""
    cuts, here = [], 0
    while found := pattern.search(text, here):
        start, stop = found.span()
        if any(left <= start and stop <= right for left, right in fixed):
            here = stop
        elif stop - start == 1:
            raise RewardError(
                f"the text contains {found[0]!r}, which the tokenizer reads as a control token and "
                "which cannot be taken apart: remove it from the question or the step"
            )
        else:
            here = start + 1
            cuts.append(here)
    return cuts


def _place(piece: Piece, stop: int, ids: Sequence[int], covered: Sequence[tuple[int, int]]) -> int:
    """The place that a marked piece asks for; ``stop`` is where its letters end."""
    last = max(
        [place for place, (left, right) in enumerate(covered) if left < right == stop], default=None
    )
    own = last is not None and (piece.token is None or ids[last] == piece.token)
    if last is None or not own or last + (piece.read or 0) < 0:
        got = "none" if last is None else f"id {ids[last]}"
        want = "" if piece.token is None else f" with id {piece.token}"
        raise RewardError(
            f"expected a token of its own{want} where {piece.text!r} ends, got {got}: this "
            "tokenizer does not fit the model's template; use the one published with the weights"
        )
    return last + (piece.read or 0)


# ------------------------------------------------------------------------------ chat templates


def chat(tokenizer: Tokenizer, turns: Sequence[Turn]) -> list[Piece]:
    """A conversation in the tokenizer's own chat template.

    Args:
        tokenizer: Has the template.
        turns: In order.

    Returns:
        The template's own parts as fixed pieces, and those of the turns between them.

    Raises:
        InputError: The tokenizer has no chat template.
        RewardError: The template refuses the conversation, or rewrites the text of a turn so that
            places in it cannot be found.
    """
    if not tokenizer.chat_template:
        raise InputError(
            f"{tokenizer.name_or_path}: expected a tokenizer with a chat template, which this "
            "family of reward models is read with, got one without: use the tokenizer that was "
            "published with the weights"
        )
    whole = _rendered(tokenizer, [(turn.role, turn.text) for turn in turns])
    marked = _rendered(
        tokenizer, [(turn.role, f"{_LEFT}{i}{_RIGHT}") for i, turn in enumerate(turns)]
    )
    found = _matched(whole, marked, turns)
    if found is not None:
        return found
    if any(piece.read is not None for turn in turns for piece in turn.pieces):
        raise RewardError(
            "the chat template rewrites the text of a turn, so that the ends of its steps cannot "
            f"be found; got {whole[-200:]!r}: use the tokenizer published with the weights"
        )
    pattern = _control(tokenizer, ())
    if any(pattern.search(turn.text) for turn in turns):
        raise RewardError(
            "the question or a step spells out a control token, and the chat template rewrites the "
            "text, so that it cannot be told from the template's own: remove it"
        )
    return [Piece(whole, fixed=True)]


def _rendered(tokenizer: Tokenizer, messages: Sequence[tuple[str, str]]) -> str:
    try:
        text: str = tokenizer.apply_chat_template(
            [{"role": role, "content": content} for role, content in messages],
            tokenize=False,
            add_generation_prompt=False,
            date_string=DATE,
        )
    except Exception as error:  # a template is code that may fail in any way
        raise RewardError(
            f"the chat template of {tokenizer.name_or_path} refuses {len(messages)} message(s): "
            f"{type(error).__name__}: {error}"
        ) from error
    return text


def _matched(whole: str, marked: str, turns: Sequence[Turn]) -> list[Piece] | None:
    """The pieces of ``whole``, or None where the template does more than put texts in."""
    parts = re.split(f"{_LEFT}(\\d+){_RIGHT}", marked)
    if parts[1::2] != [str(number) for number in range(len(turns))]:
        return None
    pieces = [Piece(parts[0], fixed=True)]
    here = len(parts[0])
    for turn, after in zip(turns, parts[2::2], strict=True):
        for said in (turn.pieces, _stripped(turn.pieces)):
            text = "".join([piece.text for piece in said])
            if whole.startswith(text + after, here):
                break
        else:
            return None
        pieces += [*said, Piece(after, fixed=True)]
        here += len(text) + len(after)
    return pieces if here == len(whole) and whole.startswith(parts[0]) else None


def _stripped(pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
    """Without white space at the two ends."""
    if len(pieces) == 1:
        return (replace(pieces[0], text=pieces[0].text.strip()),)
    first = replace(pieces[0], text=pieces[0].text.lstrip())
    last = replace(pieces[-1], text=pieces[-1].text.rstrip())
    return (first, *pieces[1:-1], last)
