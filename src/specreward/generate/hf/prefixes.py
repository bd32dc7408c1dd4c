"""A tree of token rows in which each token has a place: what rows share is held once.

    enter(row)      follow the tree as far as it goes, put in the rest; says where each token is
    fresh           stretches put in since begin(): their places are still to be filled
    trim()          forget what was used longest ago, leaves first, down to the bound

A compressed prefix tree (radix tree), as in RadixAttention (SGLang; arXiv 2312.07104). It knows
token ids and numbers of places only; what is kept at a place is the reader's business.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

__all__ = ["Prefixes", "Stretch"]


@final
@dataclass(slots=True, eq=False)
class Stretch:
    """Tokens that follow each other with no fork in between.

    Args:
        tokens: Their ids.
        places: Where each is kept.
        parent: What stands before; None at the root.
        filled: Whether there is something at its places.
        used: The turn of its last use.
        children: What follows, by first token.
    """

    tokens: tuple[int, ...]
    places: list[int]
    parent: Stretch | None
    filled: bool = False
    used: int = 0
    children: dict[int, Stretch] = field(default_factory=dict)

    def past(self) -> list[int]:
        """Places of all tokens before it."""
        parts, node = [], self.parent
        while node is not None:
            parts.append(node.places)
            node = node.parent
        return [place for part in reversed(parts) for place in part]


@final
class Prefixes:
    """The tree.

    Args:
        bound: Most tokens that :meth:`trim` leaves, apart from those of the present turn.
    """

    def __init__(self, bound: int) -> None:
        self.bound = bound
        self.clear()

    def __len__(self) -> int:
        """Tokens held."""
        return self._held

    def clear(self) -> None:
        """Forget everything."""
        self._root = Stretch((), [], None, filled=True)
        self._free: list[int] = []
        self._places = 0
        self._held = 0
        self._turn = 0
        self.fresh: list[Stretch] = []

    @property
    def places(self) -> int:
        """One more than the largest place in use."""
        return self._places

    def begin(self) -> None:
        """Begin a turn: what is entered from now on stays until the next one begins."""
        self._turn += 1
        self.fresh = []

    def enter(self, row: Sequence[int]) -> tuple[list[int], int]:
        """Put a row into the tree.

        Returns:
            The place of each of its tokens, and how many of them had been there.
        """
        tokens = tuple(row)
        node, start, places = self._root, 0, list[int]()
        while start < len(tokens):
            child = node.children.get(tokens[start])
            if child is None:
                rest = tokens[start:]
                new = Stretch(rest, self._take(len(rest)), node, used=self._turn)
                node.children[rest[0]] = new
                self.fresh.append(new)
                return places + new.places, start
            same = _common(child.tokens, tokens, start)
            if same < len(child.tokens):
                child = self._split(child, same)
            child.used = self._turn
            places += child.places
            node, start = child, start + same
        return places, start

    def trim(self, room: int = 0) -> bool:
        """Forget what was used longest ago until the bound is kept; this turn's rows stay.

        Args:
            room: Tokens under the bound to be free.

        Returns:
            Whether that much is free.
        """
        if self._held + room <= self.bound:
            return True
        old = [node for node in self._leaves() if node.used < self._turn]
        heap = [(node.used, number, node) for number, node in enumerate(old)]
        heapq.heapify(heap)
        number = len(heap)
        while heap and self._held + room > self.bound:
            node = heapq.heappop(heap)[2]
            self._free += node.places
            self._held -= len(node.places)
            parent = node.parent
            if parent is None:
                continue
            del parent.children[node.tokens[0]]
            if not parent.children and parent.parent is not None and parent.used < self._turn:
                heapq.heappush(heap, (parent.used, number, parent))
                number += 1
        return self._held + room <= self.bound

    def _leaves(self) -> list[Stretch]:
        found, left = [], list(self._root.children.values())
        while left:
            node = left.pop()
            if node.children:
                left += node.children.values()
            else:
                found.append(node)
        return found

    def _split(self, node: Stretch, length: int) -> Stretch:
        """Cut a stretch in two; returns the first ``length`` tokens."""
        parent = node.parent
        first = Stretch(
            node.tokens[:length], node.places[:length], parent, filled=node.filled, used=node.used
        )
        if parent is not None:
            parent.children[first.tokens[0]] = first
        node.tokens, node.places, node.parent = node.tokens[length:], node.places[length:], first
        first.children[node.tokens[0]] = node
        if not first.filled:
            self.fresh.append(first)
        return first

    def _take(self, count: int) -> list[int]:
        cut = max(0, len(self._free) - count)
        taken, self._free = self._free[cut:], self._free[:cut]
        more = count - len(taken)
        taken += range(self._places, self._places + more)
        self._places += more
        self._held += count
        return taken


def _common(stretch: tuple[int, ...], row: tuple[int, ...], start: int) -> int:
    """How many tokens of a stretch a row has from ``start`` on."""
    if row[start : start + len(stretch)] == stretch:
        return len(stretch)
    length = 0
    while start + length < len(row) and row[start + length] == stretch[length]:
        length += 1
    return length
