r"""Solutions as the models read them that are trained here: a token of its own after each step.

    decoder   [first token] question \n s_1 <step> s_2 <step> ...
    encoder   [CLS] question [SEP] s_1 <step> s_2 <step> ... [SEP]
    pair      [CLS] [QUES]question \n s_1 \n ... \n s_{t-1} [SEP] s_t<|endoftext|> [SEP]

Each part is tokenised by itself and the ids are put one after another, so that neither a step nor
the token behind it is cut otherwise because of what follows: a prefix of a solution is a prefix of
its ids. Texts from outside are never read as control tokens (``template.py``). The pair is the
input of the published SRM code (arXiv 2506.00396; see ``encoder_srm.py``); its number stands at the
first place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from specreward.errors import InputError
from specreward.reward.published.template import Encoded, Piece, clean_steps, encode
from specreward.reward.solutions import Solution

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase as Tokenizer

__all__ = ["END", "QUESTION", "encode_pair", "encode_solution", "token_id"]

QUESTION = "[QUES]"
END = "<|endoftext|>"


def token_id(tokenizer: Tokenizer, text: str) -> int | None:
    """The id of a text that is one token; None where it is not.

    A tokenizer that marks the beginning of a word may set the mark apart.
    """
    ids = tokenizer.encode(text, add_special_tokens=False)
    if not ids or ids[-1] == tokenizer.unk_token_id:
        return None
    spelt = tokenizer.decode([ids[-1]])
    marks = all(not tokenizer.decode([one]).strip() for one in ids[:-1])
    own = spelt == text or (text.strip() != "" and spelt.strip() == text.strip())
    return int(ids[-1]) if own and marks else None


def encode_solution(
    tokenizer: Tokenizer,
    question: str,
    steps: Sequence[str],
    places: Sequence[int],
    step_token: str,
    name: str,
    *,
    whole: bool = False,
) -> Encoded:
    """Question and steps with a token after each step.

    Args:
        tokenizer: A fast one of transformers, which has the token.
        question: What is answered.
        steps: At least one; white space and step tokens at their ends are left out.
        places: Numbers of steps, from 0, ascending: where values are read.
        step_token: The text of the token.
        name: The model's, for messages.
        whole: Between the tokens with which an encoder begins, parts and ends a text.

    Returns:
        All ids, and for each of ``places`` where its value stands.

    Raises:
        InputError: The tokenizer is slow, or lacks the step token or those of an encoder.
        RewardError: There is no step, or an empty one.
    """
    step = _needed(tokenizer, step_token, name)
    ending = re.compile(rf"{re.escape(step_token.strip())}$") if step_token.strip() else None
    texts = clean_steps(Solution(question, tuple(steps)), ending, name)
    ids, between, after = _frame(tokenizer, name, whole=whole)
    control = (step_token,) if step_token.strip() else ()
    ids += [*encode(tokenizer, [Piece(question)], control=control).ids, *between]
    ends = []
    for text in texts:
        ids += encode(tokenizer, [Piece(text)], control=control).ids
        ends.append(len(ids))
        ids.append(step)
    return Encoded((*ids, *after), tuple([ends[place] for place in places]))


def _frame(
    tokenizer: Tokenizer, name: str, *, whole: bool
) -> tuple[list[int], list[int], list[int]]:
    """What stands before the question, between it and the steps, and at the end."""
    if whole:
        first, separator = _around(tokenizer, name)
        return [first], [separator], [separator]
    begins = [] if tokenizer.bos_token_id is None else [int(tokenizer.bos_token_id)]
    return begins, list(encode(tokenizer, [Piece("\n", fixed=True)]).ids), []


def encode_pair(tokenizer: Tokenizer, question: str, steps: Sequence[str], name: str) -> Encoded:
    """The last step after question and earlier steps, as the published SRM code pairs them.

    Args:
        tokenizer: A fast one of an encoder with the tokens ``QUESTION`` and ``END``.
        question: What is answered.
        steps: At least one.
        name: The model's, for messages.

    Raises:
        InputError: The tokenizer is slow or lacks a token.
        RewardError: There is no step, or an empty one.
    """
    for text in (QUESTION, END):
        _needed(tokenizer, text, name)
    first, separator = _around(tokenizer, name)
    *earlier, last = clean_steps(Solution(question, tuple(steps)), None, name)
    control = (QUESTION, END)
    context = encode(
        tokenizer,
        [Piece(QUESTION, fixed=True), Piece("\n".join([question, *earlier]))],
        control=control,
    )
    step = encode(tokenizer, [Piece(last), Piece(END, fixed=True)], control=control)
    return Encoded((first, *context.ids, separator, *step.ids, separator), (0,))


def _needed(tokenizer: Tokenizer, text: str, name: str) -> int:
    found = token_id(tokenizer, text)
    if found is None:
        raise InputError(
            f"{name}: expected a tokenizer with a token {text!r}, at which this "
            "model is read, got one without: use the tokenizer that was saved with the weights, or "
            "train with a token that it has"
        )
    return found


def _around(tokenizer: Tokenizer, name: str) -> tuple[int, int]:
    if tokenizer.cls_token_id is None or tokenizer.sep_token_id is None:
        raise InputError(
            f"{name}: expected an encoder's tokenizer with tokens such as [CLS] "
            "and [SEP], got one without: this reading is for encoders"
        )
    return int(tokenizer.cls_token_id), int(tokenizer.sep_token_id)
