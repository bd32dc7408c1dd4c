"""Prompts read once: a tree of 8-token chunks, shared in a call and kept between calls.

    for level in 0, 1, 2, ...:                      # the 8 tokens from 8 x level on
        wanted = distinct chunks of the prompts at this level that are not in the tree
        read wanted in one batch after their parents; put them into the tree
    forget the chunks used longest ago when room is needed

Whether a chunk comes from the tree or is read now makes no difference, bit for bit (network.py).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import final

import numpy as np
from numpy.typing import NDArray

from specreward.errors import InputError
from specreward.generate.network import CHUNK, Network

__all__ = ["PrefixCache", "Reading"]

ROWS = 16
"""Chunks read in one batch."""

Tokens = tuple[int, ...]


@final
@dataclass(slots=True)
class Reading:
    """A prompt that was read; usable until the next call of :meth:`PrefixCache.read`.

    Args:
        tokens: The prompt's length.
        computed: Tokens that were computed for it; the others were read before.
        places: Where its chunks are.
    """

    tokens: int
    computed: int = 0
    places: list[int] = field(default_factory=list)

    @property
    def cached(self) -> int:
        """Tokens that were not computed for this prompt."""
        return self.tokens - self.computed


@dataclass(slots=True, eq=False)
class _Node:
    """A chunk in the tree; its keys are (parent's number, first tokens of the chunk)."""

    number: int
    place: int
    parent: int
    tokens: Tokens
    past: list[int]  # places of the chunks before


@final
class PrefixCache:
    """Reads prompts on a network and remembers keys, values and outputs of their chunks.

    Args:
        network: Reads.
        workers: Threads that share the work.
        megabytes: Bound on the memory of what is remembered.

    Raises:
        InputError: The bound has no room for one prompt.
    """

    def __init__(self, network: Network, workers: ThreadPoolExecutor, megabytes: float) -> None:
        outputs = network.config.outputs
        each = 4 * (int(np.prod(network.chunk_shape)) + CHUNK * outputs)
        self.capacity = int(megabytes * 1e6 // each)
        longest = -(-network.config.context // CHUNK)
        if self.capacity < longest:
            raise InputError(
                f"expected at least {longest * each / 1e6:.3f} megabytes for the prefixes of "
                f"{network.config.name}, got {megabytes!r}: one prompt has to fit"
            )
        self._network = network
        self._workers = workers
        self._kv = np.empty((self.capacity, *network.chunk_shape), np.float32)
        self._outputs = np.empty((self.capacity, CHUNK, outputs), np.float32)
        self.clear()

    def __len__(self) -> int:
        """Number of chunks remembered, at most ``capacity``."""
        return len(self._nodes)

    def clear(self) -> None:
        """Forget everything."""
        self._free = list(range(self.capacity))
        self._nodes: OrderedDict[int, _Node] = OrderedDict()  # by number, used longest ago first
        self._known: dict[tuple[int, Tokens], _Node] = {}
        self._count = 0

    def waves(self, prompts: Sequence[Tokens]) -> Iterator[range]:
        """Cut a list of prompts into ranges that can be read together."""
        start, room = 0, self.capacity
        seen: set[Tokens] = set()
        for index, prompt in enumerate(prompts):
            need = 0 if prompt in seen else -(-len(prompt) // CHUNK)
            if need > room:
                yield range(start, index)
                start, room = index, self.capacity
                seen.clear()
                need = -(-len(prompt) // CHUNK)
            room -= need
            seen.add(prompt)
        if start < len(prompts):
            yield range(start, len(prompts))

    def read(self, prompts: Sequence[Tokens]) -> list[Reading]:
        """Read prompts that :meth:`waves` gave as one range; the first to need a chunk pays for it.

        Args:
            prompts: Token ids, none empty, ``[P]``.

        Returns:
            ``[P]``, in order.
        """
        readings = [Reading(len(prompt)) for prompt in prompts]
        chains: list[list[_Node]] = [[] for _ in prompts]
        try:
            for start in range(0, max(map(len, prompts), default=0), CHUNK):
                self._level(prompts, start, readings, chains)
        except BaseException:
            self.clear()  # chunks are known before they are computed
            raise
        for reading, chain in zip(readings, chains, strict=True):
            for node in reversed(chain):  # parents are forgotten after their children
                self._nodes.move_to_end(node.number)
            reading.places = [node.place for node in chain]
        return readings

    def past(self, reading: Reading) -> NDArray[np.float32]:
        """Keys and values of a prompt, ``[chunks, 2 x layers, heads, 8, size]``."""
        return self._kv[reading.places]

    def outputs(self, reading: Reading, start: int) -> NDArray[np.float32]:
        """Outputs at a prompt's tokens from ``start`` on, ``[tokens - start, outputs]``."""
        first = start // CHUNK
        rows = self._outputs[reading.places[first:]]
        flat = rows.reshape(-1, rows.shape[-1])
        return flat[start - CHUNK * first : reading.tokens - CHUNK * first]

    def _level(
        self,
        prompts: Sequence[Tokens],
        start: int,
        readings: list[Reading],
        chains: list[list[_Node]],
    ) -> None:
        """Find or read the chunk from ``start`` on of each prompt that is longer than that."""
        wanted: list[_Node] = []
        for prompt, reading, chain in zip(prompts, readings, chains, strict=True):
            if len(prompt) <= start:
                continue
            tokens = prompt[start : start + CHUNK]
            parent = chain[-1].number if chain else -1
            node = self._known.get((parent, tokens))
            if node is None:
                node = self._add(parent, tokens, [node.place for node in chain])
                wanted.append(node)
                reading.computed += len(tokens)
            self._nodes.move_to_end(node.number)
            chain.append(node)
        batches = [wanted[first : first + ROWS] for first in range(0, len(wanted), ROWS)]
        if len(batches) == 1:
            self._compute(batches[0])
        else:
            list(self._workers.map(self._compute, batches))

    def _add(self, parent: int, tokens: Tokens, past: list[int]) -> _Node:
        if not self._free:
            self._forget()
        self._count += 1
        node = _Node(self._count, self._free.pop(), parent, tokens, past)
        self._nodes[node.number] = node
        for length in range(1, len(tokens) + 1):  # a chunk holds its own beginnings
            self._known.setdefault((parent, tokens[:length]), node)
        return node

    def _forget(self) -> None:
        _, node = self._nodes.popitem(last=False)
        for length in range(1, len(node.tokens) + 1):
            key = (node.parent, node.tokens[:length])
            if self._known.get(key) is node:
                del self._known[key]
        self._free.append(node.place)

    def _compute(self, nodes: list[_Node]) -> None:
        tokens = np.zeros((len(nodes), CHUNK), np.int64)
        for row, node in enumerate(nodes):
            tokens[row, : len(node.tokens)] = node.tokens
        parts, heads, _, size = self._network.chunk_shape
        before = np.array([node.past for node in nodes], np.int64)  # [U, chunks before]
        rows, chunks = before.shape
        past = np.empty((parts, rows, heads, chunks, CHUNK, size), np.float32)
        for chunk in range(chunks):
            past[:, :, :, chunk] = self._kv[before[:, chunk]].transpose(1, 0, 2, 3, 4)
        shape = (parts, rows, heads, chunks * CHUNK, size)
        outputs, new = self._network.read(tokens, past.reshape(shape))
        places = [node.place for node in nodes]
        self._outputs[places] = outputs
        self._kv[places] = np.stack(new, axis=1)
