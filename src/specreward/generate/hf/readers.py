"""Hidden states at wanted places of token rows, each token computed once.

    read(rows, at) -> [R] Reading(hidden [len(at), width], tokens, cached)

    DecoderReader    causal models: rows go into a tree of prefixes (prefixes.py);
                     for each level of what is new in the tree:
                         compute its stretches side by side after their pasts   (backbone.py)
                         keep keys, values and hidden states of each token
    EncoderReader    models that look both ways: no past, rows side by side

Hidden states are kept with keys and values (an eighth more memory in a 7B model with grouped heads,
less where heads are not shared), so that a place inside a known prefix costs nothing.

What a row gets does not depend on what else is in the call or was read before, up to the rounding
of the number format: within 1e-5 of the largest hidden state in float32.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, final

import torch

from specreward.checks import whole
from specreward.generate.hf.backbone import Backbone, padded
from specreward.generate.hf.prefixes import Prefixes, Stretch

__all__ = ["BATCH_TOKENS", "CACHE_TOKENS", "DecoderReader", "EncoderReader", "Reader", "Reading"]

CACHE_TOKENS = 32_768
"""Tokens remembered between calls, unless told otherwise."""

BATCH_TOKENS = 16_384
"""Most tokens computed side by side, pasts and padding among them, unless told otherwise."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """A row that was read.

    Args:
        hidden: Hidden states at the wanted places, ``[len(at), width]``, float32.
        tokens: The row's length.
        cached: Of these, not computed for this row.
    """

    hidden: torch.Tensor
    tokens: int
    cached: int


class Reader(Protocol):
    """What both readers do."""

    def read(self, rows: Sequence[Sequence[int]], at: Sequence[Sequence[int]]) -> list[Reading]:
        """Hidden states of each row, ``[R]``, in order.

        Args:
            rows: Token ids, none empty.
            at: Places in each row, in [0, its length).
        """
        ...


@final
class DecoderReader:
    """Reads rows on a causal model; for use in one thread at a time.

    Models that keep their past in a way that cannot be cut (recurrent layers and the like) are
    found out at the start, with a warning in the log: their rows are read whole, one by one.

    Args:
        module: The model without its head (``Weights.body``).
        cache_tokens: Tokens remembered between calls, at least 0; each takes its keys, values and
            one hidden state of memory on the model's device. In a call there may be
            ``batch_tokens`` more, or one row that is longer.
        batch_tokens: Most tokens side by side, at least 1; a longer row is read alone.
        layer: Whose outputs are wanted: -1 is the last, after the final norm; others count as in
            ``output_hidden_states``.

    Raises:
        InputError: A bound is out of range.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        *,
        cache_tokens: int = CACHE_TOKENS,
        batch_tokens: int = BATCH_TOKENS,
        layer: int = -1,
    ) -> None:
        whole("cache_tokens", cache_tokens, 0)
        whole("batch_tokens", batch_tokens, 1)
        with torch.inference_mode():
            self.backbone = Backbone(module, layer=layer)
        self.batch_tokens = batch_tokens
        self._tree = Prefixes(cache_tokens)
        self._past = torch.empty((0, 0))  # of each place, flat; made when the sizes are known
        self._hidden = torch.empty((0, 0))

    def __len__(self) -> int:
        """Tokens remembered."""
        return len(self._tree)

    @property
    def reuse(self) -> bool:
        """Whether prefixes are reused."""
        return self.backbone.cuttable

    @torch.inference_mode()
    def read(self, rows: Sequence[Sequence[int]], at: Sequence[Sequence[int]]) -> list[Reading]:
        """Hidden states of each row, ``[R]``, in order; see :class:`Reader`.

        The first row of a call that needs a token pays for it.
        """
        if not self.reuse:
            return [self._alone(row, wanted) for row, wanted in zip(rows, at, strict=True)]
        readings: list[Reading] = []
        for part in self.portions(rows):
            held = self.hold([rows[index] for index in part])
            for index, (places, known) in zip(part, held, strict=True):
                wanted = [places[i] for i in at[index]]
                readings.append(Reading(self.hidden(wanted), len(places), known))
            self.release()
        return readings

    # -------------------------------------------------------------- for lanes.py

    def portions(self, rows: Sequence[Sequence[int]]) -> Iterator[range]:
        """Cut a list of rows into ranges that are held together."""
        start, room = 0, self.batch_tokens
        seen: set[tuple[int, ...]] = set()
        for index, row in enumerate(rows):
            key = tuple(row)
            need = 0 if key in seen else len(key)
            if need > room and index > start:
                yield range(start, index)
                start, room, need = index, self.batch_tokens, len(key)
                seen.clear()
            room -= need
            seen.add(key)
        if start < len(rows):
            yield range(start, len(rows))

    def hold(self, rows: Sequence[Sequence[int]]) -> list[tuple[list[int], int]]:
        """Read rows, and keep them until :meth:`release`.

        Returns:
            Of each row the places of its tokens, and how many of them were known.
        """
        with self._unbroken():
            self._tree.begin()
            held = [self._tree.enter(row) for row in rows]
            left = self._tree.fresh
            while left:
                ready = [one for one in left if one.parent is None or one.parent.filled]
                left = [one for one in left if not (one.parent is None or one.parent.filled)]
                for batch in self._batches(ready):
                    self._compute(batch)
                for one in ready:
                    one.filled = True
        return held

    def release(self) -> None:
        """Let go of the rows held, and forget what is above the bound."""
        self._tree.begin()
        self._tree.trim()

    def hidden(self, places: Sequence[int]) -> torch.Tensor:
        """Hidden states ``[N, width]`` at places, float32."""
        if not places:
            return torch.zeros((0, self._hidden.shape[1]), device=self.backbone.device)
        return self._hidden[torch.tensor(places, device=self.backbone.device)].float()

    def past(self, rows: Sequence[list[int]]) -> tuple[torch.Tensor | None, torch.Tensor]:
        """Flat pasts ``[B, M, size]`` of rows of places, padded on the left, and their mask."""
        index, mask = padded(rows, self.backbone.device, left=True)
        if not index.shape[1]:
            return None, mask
        return self._past[index.flatten()].view(*index.shape, -1), mask

    def learn(self, row: Sequence[int], past: torch.Tensor, hidden: torch.Tensor) -> None:
        """Keep the end of a row that was computed elsewhere, if there is room under the bound.

        The row's beginning must be held.

        Args:
            row: Token ids.
            past: Of its last tokens, flat, ``[T, size]``.
            hidden: Of its last tokens, ``[T, width]``.
        """
        if not self._tree.trim(len(hidden)):
            return
        with self._unbroken():
            before = len(self._tree.fresh)
            places, known = self._tree.enter(row)
            if known < len(places):
                end = known - len(places)
                self._put(places[end:], past[end:], hidden[end:])
            for one in self._tree.fresh[before:]:
                one.filled = True

    # -------------------------------------------------------------- inside

    @contextmanager
    def _unbroken(self) -> Iterator[None]:
        """Forget everything if it breaks: stretches are in the tree before they are computed."""
        try:
            yield
        except BaseException:
            self._tree.clear()
            raise

    def _alone(self, row: Sequence[int], at: Sequence[int]) -> Reading:
        hidden = self.backbone.plain(row)
        wanted = torch.tensor(list(at), dtype=torch.long, device=hidden.device)
        return Reading(hidden[wanted].float(), len(row), 0)

    def _batches(self, stretches: Sequence[Stretch]) -> Iterator[list[Stretch]]:
        """Cut stretches into batches of like lengths."""
        batch: list[Stretch] = []
        longest = longest_past = 0
        sized = [(len(one.past()), one) for one in stretches]
        for past, one in sorted(sized, key=lambda pair: pair[0] + len(pair[1].tokens)):
            new = max(longest, len(one.tokens)), max(longest_past, past)
            if batch and (len(batch) + 1) * sum(new) > self.batch_tokens:
                yield batch
                batch, new = [], (len(one.tokens), past)
            batch.append(one)
            longest, longest_past = new
        if batch:
            yield batch

    def _compute(self, stretches: Sequence[Stretch]) -> None:
        tokens, new = padded([one.tokens for one in stretches], self.backbone.device)
        past, before = self.past([one.past() for one in stretches])
        cache = self.backbone.cache(past)
        hidden = self.backbone.read(tokens, torch.cat([before, new], dim=1), cache)
        flat = self.backbone.flat(cache, before.shape[1])
        real = new.bool()
        places = [place for one in stretches for place in one.places]
        self._put(places, flat[real], hidden[real])

    def _put(self, places: Sequence[int], past: torch.Tensor, hidden: torch.Tensor) -> None:
        """Keep what was computed; the room grows with the places in use."""
        room = len(self._past)
        if self._tree.places > room:
            size = max(self._tree.places, min(2 * room, self._tree.bound + self.batch_tokens))
            grown = _grown(self._past, size, past), _grown(self._hidden, size, hidden)
            self._past, self._hidden = grown  # both, or neither where there is no memory for them
        index = torch.tensor(places, device=self.backbone.device)
        self._past[index] = past
        self._hidden[index] = hidden.to(self._hidden.dtype)


def _grown(old: torch.Tensor, size: int, like: torch.Tensor) -> torch.Tensor:
    new = torch.empty((size, like.shape[1]), dtype=like.dtype, device=like.device)
    if len(old):
        new[: len(old)] = old
    return new


@final
class EncoderReader:
    """Reads rows on a model that looks both ways (BERT, DeBERTa); for one thread at a time.

    Args:
        module: The model without its head (``Weights.body``).
        batch_tokens: Most tokens side by side, padding among them, at least 1; a longer row is
            read alone.
        layer: As for :class:`DecoderReader`.

    Raises:
        InputError: The bound is out of range.
    """

    def __init__(
        self, module: torch.nn.Module, *, batch_tokens: int = BATCH_TOKENS, layer: int = -1
    ) -> None:
        whole("batch_tokens", batch_tokens, 1)
        self._module = module
        self._layer = layer
        self._device = module.get_input_embeddings().weight.device
        self.batch_tokens = batch_tokens

    @torch.inference_mode()
    def read(self, rows: Sequence[Sequence[int]], at: Sequence[Sequence[int]]) -> list[Reading]:
        """Hidden states of each row, ``[R]``, in order; equal rows are read once."""
        different = sorted({tuple(row) for row in rows}, key=lambda row: (len(row), row))
        states: dict[tuple[int, ...], torch.Tensor] = {}
        for start, end in self._batches(different):
            batch = different[start:end]
            tokens, mask = padded(batch, self._device)
            for row, hidden in zip(batch, self._states(tokens, mask), strict=True):
                states[row] = hidden
        first: set[tuple[int, ...]] = set()
        readings = []
        for row, wanted in zip(map(tuple, rows), at, strict=True):
            index = torch.tensor(list(wanted), dtype=torch.long, device=self._device)
            known = len(row) if row in first else 0
            readings.append(Reading(states[row][index].float(), len(row), known))
            first.add(row)
        return readings

    def _states(self, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        deep = {} if self._layer == -1 else {"output_hidden_states": True}
        out = self._module(input_ids=tokens, attention_mask=mask, **deep)
        return out.last_hidden_state if self._layer == -1 else out.hidden_states[self._layer]

    def _batches(self, rows: Sequence[Sequence[int]]) -> Iterator[tuple[int, int]]:
        """Ranges of rows, which are in order of length."""
        start = 0
        for end in range(1, len(rows) + 1):
            if end == len(rows) or (end + 1 - start) * len(rows[end]) > self.batch_tokens:
                yield start, end
                start = end
