"""The embedded reward model: a small decoder with one output, on the CPU, without torch.

It shares network, prefix cache and their promises with the language model (generate/network.py):
the value of a text depends on the text alone, bit for bit, and texts that begin alike (siblings, a
growing path) are read once.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self, final

from specreward.errors import InputError
from specreward.generate.network import Network
from specreward.generate.prefix_cache import PrefixCache
from specreward.types import Scored

__all__ = ["EmbeddedValueModel", "trained_embedded"]


@final
class EmbeddedValueModel:
    """A :class:`~specreward.types.ValueModel` that runs in this process.

    Args:
        network: A reward model.
        threads: Threads that compute, at least 1; they change the speed, never a result.
        cache_megabytes: Bound on the memory of remembered prefixes.
    """

    def __init__(
        self, network: Network, *, threads: int = 2, cache_megabytes: float = 64.0
    ) -> None:
        if threads < 1:
            raise InputError(f"expected at least 1 thread, got {threads!r}")
        self._network = network
        # one call at a time
        self._door = ThreadPoolExecutor(1, thread_name_prefix="specreward-door")
        workers = ThreadPoolExecutor(threads, thread_name_prefix="specreward-engine")
        self._cache = PrefixCache(network, workers, cache_megabytes)

    @classmethod
    def load(cls, folder: str | Path, *, threads: int = 2, cache_megabytes: float = 64.0) -> Self:
        """The model in a folder written by ``specreward.train.export``.

        Raises:
            InputError: No folder, a damaged one, or a policy's.
        """
        network = Network.load(folder, "reward")
        return cls(network, threads=threads, cache_megabytes=cache_megabytes)

    @property
    def name(self) -> str:
        """Name and revision of the weights."""
        return f"{self._network.config.name}@{self._network.config.revision}"

    @property
    def parameters(self) -> int:
        """Parameters that take part in every token's products, for FLOPs."""
        return self._network.config.product_parameters

    async def values(self, texts: Sequence[str]) -> list[Scored]:
        """The value of each text, ``[P]``, in order: the calibrated probability that it is good.

        Raises:
            InputError: A word that the model does not know, an empty text, or one too long.
        """
        tokens = [self._network.encode(text) for text in texts]
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._door, self._values, tokens)

    def _values(self, texts: list[tuple[int, ...]]) -> list[Scored]:
        begun = time.perf_counter()
        outputs: list[float] = []
        cached: list[int] = []
        for wave in self._cache.waves(texts):
            for reading in self._cache.read([texts[index] for index in wave]):
                outputs.append(float(self._cache.outputs(reading, reading.tokens - 1)[0, 0]))
                cached.append(reading.cached)
        seconds = (time.perf_counter() - begun) / max(1, len(texts))
        scale = self._network.config.temperature
        return [
            Scored(_sigmoid(output / scale), len(tokens), known, seconds)
            for output, known, tokens in zip(outputs, cached, texts, strict=True)
        ]


def trained_embedded(
    folder: Path, entries: Mapping[str, object], combine: object
) -> EmbeddedValueModel:
    """The reward model of a folder of kind ``embedded``; see ``reward/trained.py``.

    Args:
        folder: As written by ``specreward.train.export``.
        entries: What ``model.json`` says; the engine's own ``config.json`` says all it needs.
        combine: How step scores become one is not for a value model to say.

    Raises:
        InputError: No model folder, or a damaged one.
    """
    return EmbeddedValueModel.load(folder)


def _sigmoid(x: float) -> float:
    """``1 / (1 + e^-x)`` without overflow."""
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))
