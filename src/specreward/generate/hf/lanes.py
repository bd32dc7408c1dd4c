"""Completions under way: the next token of each is read, and those that ended leave.

Lanes     side by side on pasts that the reader holds; what they add is given back to it
Single    one at a time, on a model whose past cannot be cut
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Protocol, final

import torch
from transformers import Cache

from specreward.generate.hf.backbone import Backbone
from specreward.generate.hf.readers import DecoderReader

__all__ = ["Lanes", "Single", "Steps"]


class Steps(Protocol):
    """What writing needs of either."""

    def step(self, tokens: Sequence[int]) -> torch.Tensor:
        """Hidden states ``[B, width]`` at one more token in each lane."""
        ...

    def leave(self, ended: Sequence[int], rows: Sequence[Sequence[int]]) -> None:
        """Lanes that ended go; the others close up in order.

        Args:
            ended: Their numbers.
            rows: The tokens that each has read, its prompt's among them.
        """
        ...


@final
class Lanes:
    """Lanes side by side.

    Args:
        reader: Holds the prompts.
        prompts: The places of each prompt's tokens, ``[B]``.
        room: Most steps.
    """

    def __init__(self, reader: DecoderReader, prompts: Sequence[list[int]], room: int) -> None:
        past, mask = reader.past(prompts)
        self._reader = reader
        self._cache = reader.backbone.cache(past)
        more = mask.new_ones((len(prompts), room))
        self._mask = torch.cat([mask, more], dim=1)
        self._begun = mask.shape[1]
        self._read = 0
        self._hidden: torch.Tensor | None = None
        self._room = room

    def step(self, tokens: Sequence[int]) -> torch.Tensor:
        """Hidden states ``[B, width]`` at one more token in each lane."""
        new = torch.tensor(tokens, device=self._mask.device)[:, None]
        mask = self._mask[:, : self._begun + self._read + 1]
        hidden = self._reader.backbone.read(new, mask, self._cache)[:, -1]
        if self._hidden is None:
            self._hidden = hidden.new_empty((len(tokens), self._room, hidden.shape[1]))
        self._hidden[:, self._read] = hidden
        self._read += 1
        return hidden

    def leave(self, ended: Sequence[int], rows: Sequence[Sequence[int]]) -> None:
        """Lanes that ended go, and what they read stays with the reader."""
        if self._hidden is None:
            return
        past = self._reader.backbone.flat(self._cache, self._begun, list(ended))
        for lane, row, new in zip(ended, rows, past, strict=True):
            self._reader.learn(row, new, self._hidden[lane, : self._read])
        stay = sorted(set(range(len(self._mask))) - set(ended))
        index = torch.tensor(stay, dtype=torch.long, device=self._mask.device)
        if stay:
            self._cache.batch_select_indices(index)
        self._mask = self._mask[index]
        self._hidden = self._hidden[index]


@final
class Single:
    """One lane on a model's own kind of cache; or on none, and all is computed at each step.

    Args:
        backbone: The model.
        prompt: Its tokens.
        cache: After the prompt; it is copied, so that other completions can begin there too.
    """

    def __init__(self, backbone: Backbone, prompt: Sequence[int], cache: Cache | None) -> None:
        self._backbone = backbone
        self._row = list(prompt)
        self._cache = copy.deepcopy(cache)

    def step(self, tokens: Sequence[int]) -> torch.Tensor:
        """Hidden states ``[1, width]`` at one more token."""
        start = len(self._row)
        self._row += tokens
        if self._cache is None:
            return self._backbone.plain(self._row)[-1:]
        new = torch.tensor([list(tokens)], device=self._backbone.device)
        hidden, self._cache = self._backbone.grow(new, self._cache, start)
        return hidden[0]

    def leave(self, ended: Sequence[int], rows: Sequence[Sequence[int]]) -> None:
        """Nothing stays behind."""
