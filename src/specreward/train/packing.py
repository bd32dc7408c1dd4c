"""Trees of segments in one row: a shared prefix is computed once, branches do not see each other.

    goal ── state 1 ─┬─ action ;
                     └─ value : sure ;
         └─ state 2 ─── action ;

Each segment attends to itself and its ancestors, and its positions go on from its parent's end, so
a branch gets exactly the outputs that it would get as a sequence of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from specreward.errors import InputError

__all__ = ["Batch", "Row", "collate"]


@dataclass
class Row:
    """A tree under construction; segments are added parents first."""

    tokens: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    segment: list[int] = field(default_factory=list)
    targets: list[tuple[int, float]] = field(default_factory=list)  # (place, label or token)
    _parents: list[int] = field(default_factory=list)
    _ends: list[int] = field(default_factory=list)  # next position after each segment
    _last: list[int] = field(default_factory=list)  # place of the last token of each segment

    def add(self, tokens: Sequence[int], parent: int = -1) -> int:
        """Append a segment of one token or more; returns its index.

        Raises:
            InputError: The segment is empty.
        """
        if not tokens:
            raise InputError("expected a segment of at least one token, got an empty one")
        start = self._ends[parent] if parent >= 0 else 0
        index = len(self._parents)
        self.tokens += tokens
        self.positions += range(start, start + len(tokens))
        self.segment += [index] * len(tokens)
        self._parents.append(parent)
        self._ends.append(start + len(tokens))
        self._last.append(len(self.tokens) - 1)
        return index

    def write(self, tokens: Sequence[int], parent: int, times: int = 1) -> int:
        """Append a segment of which every token is to be predicted, the first from its parent.

        Args:
            tokens: Of the segment.
            parent: The segment that it follows.
            times: How often each of its tokens counts in the loss.

        Raises:
            InputError: The segment is empty, or has no parent.
        """
        if parent < 0:
            raise InputError("expected a parent from which to predict the first token, got none")
        index = self.add(tokens, parent)
        places = [self._last[parent], *range(len(self.tokens) - len(tokens), len(self.tokens) - 1)]
        self.targets += times * list(zip(places, [float(t) for t in tokens], strict=True))
        return index

    def label(self, segment: int, value: float) -> None:
        """Put a label at the end of a segment."""
        self.targets.append((self._last[segment], value))

    def ancestry(self) -> list[list[int]]:
        """For each segment, itself and its ancestors."""
        chains: list[list[int]] = []
        for index, parent in enumerate(self._parents):
            chains.append([index, *(chains[parent] if parent >= 0 else [])])
        return chains


@dataclass(frozen=True)
class Batch:
    """Padded rows: tokens, positions ``[B, T]``, mask ``[B, 1, T, T]``, and M targets."""

    tokens: Tensor
    positions: Tensor
    mask: Tensor
    rows: Tensor  # [M] row of each target
    places: Tensor  # [M] token of each target
    targets: Tensor  # [M]


def collate(rows: Sequence[Row]) -> Batch:
    """Rows of different length as one batch."""
    size = max(len(row.tokens) for row in rows)
    tokens = torch.zeros(len(rows), size, dtype=torch.long)
    positions = torch.zeros(len(rows), size, dtype=torch.long)
    mask = torch.eye(size, dtype=torch.bool).repeat(len(rows), 1, 1)
    for b, row in enumerate(rows):
        length = len(row.tokens)
        tokens[b, :length] = torch.tensor(row.tokens)
        positions[b, :length] = torch.tensor(row.positions)
        segment = torch.tensor(row.segment)
        chains = row.ancestry()
        sees = torch.zeros(len(chains), len(chains), dtype=torch.bool)
        for index, chain in enumerate(chains):
            sees[index, chain] = True
        mask[b, :length, :length] |= torch.tril(sees[segment][:, segment])
    flat = [(b, place, target) for b, row in enumerate(rows) for place, target in row.targets]
    where, places, targets = zip(*flat, strict=True)
    return Batch(
        tokens,
        positions,
        mask[:, None],
        torch.tensor(where),
        torch.tensor(places),
        torch.tensor(targets),
    )
