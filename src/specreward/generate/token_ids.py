"""Token ids across the border of an engine: what names their table, and what is refused.

Two models' probabilities of one completion can be compared only where an id stands for the same
token in both; texts are no way around that, as the same text can be cut into tokens in many ways.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b

from specreward.checks import positive
from specreward.errors import InputError

__all__ = ["check_ids", "fingerprint"]


def fingerprint(words: Iterable[tuple[int, str]]) -> str:
    """Names a table of tokens: equal tables have equal names, whatever order they come in.

    Args:
        words: Ids and tokens; no id twice.
    """
    digest = blake2b(digest_size=8)
    for number, word in sorted(words):
        content = word.encode("utf-8", "surrogatepass")
        digest.update(b"%d:%d:%b" % (number, len(content), content))
    return digest.hexdigest()


def check_ids(
    name: str,
    prompts: Sequence[str],
    ids: Sequence[Sequence[int]],
    temperature: float,
    size: int | None = None,
) -> None:
    """Refuse tokens that no completion of the model can have.

    Args:
        name: Of the model, for messages.
        prompts: What stands before, ``[P]``.
        ids: Tokens of each completion, ``[P]``.
        temperature: Of the law that is asked for.
        size: Number of tokens in the table; None where it is not known here.

    Raises:
        InputError: Not one list of ids for each prompt, an empty one, an id that is not in the
            table, or a temperature that is not above 0.
    """
    positive("temperature", temperature)
    if len(prompts) != len(ids):
        raise InputError(f"expected token ids for each of {len(prompts)} prompts, got {len(ids)}")
    for prompt, tokens in zip(prompts, ids, strict=True):
        if not tokens:
            raise InputError(
                f"{name}: expected at least one token id after {str(prompt)[:200]!r}, got none: "
                "steps from an engine that gives none, or from a run file written before there "
                "were any, cannot be scored"
            )
        wrong = [i for i in tokens if i < 0 or (size is not None and i >= size)]
        if wrong:
            most = "at least 0" if size is None else f"from 0 to {size - 1}"
            raise InputError(
                f"{name}: expected token ids {most}, got {wrong[0]}: they are from another model's "
                "table of tokens"
            )
