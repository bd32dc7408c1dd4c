"""A decoder without its head: rows of any length side by side, after pasts of any length.

            past, padded on its left | new tokens, padded on their right
    row 1   . . . . a b c            | d e f
    row 2   a b c d e f g            | h . .
    mask    0 0 0 0 1 1 1            | 1 1 1

A row is never interrupted by padding, so that masks by distance (sliding windows, ALiBi) hold too.
The past of a token is kept flat: keys and values of all layers, one after another.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Sequence
from typing import Any, final

import torch
from transformers import Cache, DynamicCache
from transformers.utils import ModelOutput

__all__ = ["Backbone", "padded"]

_LOG = logging.getLogger(__name__)

_CUTTABLE = {"full_attention", "sliding_attention"}
"""Kinds of layers whose past is a row of keys and values, one for each token."""


def padded(
    rows: Sequence[Sequence[int]], device: torch.device, *, left: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of whole numbers as one tensor ``[B, longest]`` and its mask, padded with 0."""
    width = max(map(len, rows))
    numbers = torch.zeros((len(rows), width), dtype=torch.long)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    for index, row in enumerate(rows):
        part = slice(width - len(row), width) if left else slice(0, len(row))
        numbers[index, part] = torch.tensor(row, dtype=torch.long)
        mask[index, part] = 1
    return numbers.to(device), mask.to(device)


@final
class Backbone:
    """A causal model of transformers that gives hidden states.

    Args:
        module: The model without its head (``Weights.body``).
        layer: Whose outputs are wanted: -1 is the last, after the final norm; others count as in
            ``output_hidden_states``.
    """

    def __init__(self, module: torch.nn.Module, *, layer: int = -1) -> None:
        self.module = module
        self.layer = layer
        self.device = module.get_input_embeddings().weight.device
        known = inspect.signature(module.forward).parameters
        self._placed = "position_ids" in known
        self._numbered = "cache_position" in known
        self._memory = "past_key_values" if "past_key_values" in known else "cache_params"
        self._shapes: list[
            tuple[int, int, int]
        ] = []  # of each layer: heads, sizes of key and value
        self.cuttable = self._check()
        self.growing = self.cuttable or self._grows()

    def plain(self, row: Sequence[int]) -> torch.Tensor:
        """Hidden states ``[T, width]`` of one row, nothing before it, nothing beside it."""
        tokens = torch.tensor([list(row)], device=self.device)
        return self._hidden(self.module(input_ids=tokens, use_cache=False, **self._wanted()))[0]

    def begin(self, row: Sequence[int]) -> tuple[torch.Tensor, Cache | None]:
        """Hidden states ``[T, width]`` of one row, and the model's own kind of cache after it.

        There is no cache where the model has none that can be gone on with.
        """
        if not self.growing:
            return self.plain(row), None
        hidden, cache = self.grow(torch.tensor([list(row)], device=self.device), None, 0)
        return hidden[0], cache

    def grow(
        self, tokens: torch.Tensor, cache: Cache | None, start: int
    ) -> tuple[torch.Tensor, Cache]:
        """Hidden states ``[1, T, width]`` of one row after the model's own kind of cache.

        Args:
            tokens: Ids, ``[1, T]``.
            cache: Of what stands before; None begins one.
            start: Tokens before.

        Returns:
            The states, and the cache with the row.
        """
        settings = self._wanted()
        if cache is not None:
            settings[self._memory] = cache
            if self._numbered:
                end = start + tokens.shape[1]
                settings["cache_position"] = torch.arange(start, end, device=self.device)
        out = self.module(input_ids=tokens, use_cache=True, **settings)
        return self._hidden(out), out[self._memory]

    def read(self, tokens: torch.Tensor, mask: torch.Tensor, cache: Cache) -> torch.Tensor:
        """Hidden states ``[B, T, width]`` of new tokens; the cache grows by them.

        Args:
            tokens: Ids, ``[B, T]``, padded on the right.
            mask: 1 at past and new tokens and 0 at padding, ``[B, past + T]``.
            cache: Of the past, from :meth:`cache`.
        """
        settings = self._wanted()
        if self._placed:
            settings["position_ids"] = (mask.cumsum(1) - 1).clamp(min=0)[:, -tokens.shape[1] :]
        out = self.module(
            input_ids=tokens,
            attention_mask=mask,
            past_key_values=cache,
            use_cache=True,
            **settings,
        )
        return self._hidden(out)

    def cache(self, past: torch.Tensor | None = None) -> Cache:
        """A cache that holds flat pasts ``[B, M, size]``, padded on the left; without, none.

        Every layer keeps its whole past, those with a sliding window too: the masks cut it.
        """
        cache = DynamicCache()
        if past is None or past.shape[1] == 0:
            return cache
        rows, length, start = past.shape[0], past.shape[1], 0
        for layer, (heads, key, value) in enumerate(self._shapes):
            parts = []
            for size in (key, value):
                flat = past[:, :, start : start + heads * size]
                parts.append(flat.view(rows, length, heads, size).transpose(1, 2))
                start += heads * size
            cache.update(*parts, layer)
        return cache

    def flat(self, cache: Cache, start: int, rows: list[int] | None = None) -> torch.Tensor:
        """What a cache holds from a position on, flat, ``[B, M - start, size]``; of some rows."""
        if not self._shapes:
            self._shapes = [
                (layer.keys.shape[1], layer.keys.shape[3], layer.values.shape[3])
                for layer in cache.layers
            ]
        chosen = slice(None) if rows is None else rows
        parts = [
            part[:, :, start:][chosen].transpose(1, 2).flatten(2)
            for layer in cache.layers
            for part in (layer.keys, layer.values)
        ]
        return torch.cat(parts, dim=2)

    def _wanted(self) -> dict[str, Any]:
        return {} if self.layer == -1 else {"output_hidden_states": True}

    def _hidden(self, out: ModelOutput) -> torch.Tensor:
        return out.last_hidden_state if self.layer == -1 else out.hidden_states[self.layer]

    def _check(self) -> bool:
        """Whether pasts can be cut and put side by side: by the configuration, and by trying."""
        kinds = self.module.config.get_text_config().to_dict().get("layer_types")
        strange = sorted(set(kinds or ()) - _CUTTABLE)
        if strange or self._memory != "past_key_values":
            return self._refuse(f"it has other layers: {', '.join(strange) or self._memory}")
        try:
            with torch.inference_mode():
                error = self._trial()
        except Exception as failure:  # whatever a model does that keeps its past in another way
            return self._refuse(f"{type(failure).__name__}: {str(failure)[:200]}")
        if not error <= self._bound():
            return self._refuse(f"outputs differ by {error:.1g} of their size")
        return True

    def _trial(self) -> float:
        """The relative error of two rows with pasts of different lengths, read side by side."""
        words = self.module.get_input_embeddings().num_embeddings
        rows = [[(7 * i + 3) % words for i in range(9)], [(5 * i + 1) % words for i in range(5)]]
        cut, pasts = [5, 2], []
        for row, length in zip(rows, cut, strict=True):
            tokens, mask = padded([row[:length]], self.device)
            cache = self.cache()
            self.read(tokens, mask, cache)
            pasts.append(self.flat(cache, 0)[0])
        past = torch.zeros((2, max(cut), pasts[0].shape[1]), dtype=pasts[0].dtype)
        past = past.to(self.device)
        for index, one in enumerate(pasts):
            past[index, -len(one) :] = one
        tokens, new = padded([row[n:] for row, n in zip(rows, cut, strict=True)], self.device)
        _, before = padded([[0] * n for n in cut], self.device, left=True)
        hidden = self.read(tokens, torch.cat([before, new], dim=1), self.cache(past))
        worst = 0.0
        for row, length, states in zip(rows, cut, hidden, strict=True):
            exact = self.plain(row)[length:].float()
            distance = (states[: len(exact)].float() - exact).abs().max()
            worst = max(worst, float(distance / exact.abs().max()))
        return worst

    def _grows(self) -> bool:
        """Whether the model's own kind of cache can be gone on with, token by token."""
        words = self.module.get_input_embeddings().num_embeddings
        row = torch.tensor([[(7 * i + 3) % words for i in range(7)]], device=self.device)
        worst = 0.0
        try:
            with torch.inference_mode():
                exact = self.plain(row[0].tolist())[-1].float()
                for begun in (1, 5):  # short beginnings are a case of their own in some models
                    last, cache = self.grow(row[:, :begun], None, 0)
                    for place in range(begun, row.shape[1]):
                        last, cache = self.grow(row[:, place : place + 1], cache, place)
                    distance = (last[0, -1].float() - exact).abs().max() / exact.abs().max()
                    worst = max(worst, float(distance))
        except Exception as failure:  # whatever a model does that keeps its past in another way
            return self._refuse(f"{type(failure).__name__}: {str(failure)[:200]}", "no cache")
        if not worst <= self._bound():
            return self._refuse(f"outputs differ by {worst:.1g} of their size", "no cache")
        return True

    def _bound(self) -> float:
        return 1e-3 if self.module.dtype == torch.float32 else 5e-2

    def _refuse(self, why: str, what: str = "no prefixes") -> bool:
        _LOG.warning(
            "%s: %s can be reused, which makes it slow: %s", type(self.module).__name__, what, why
        )
        return False
