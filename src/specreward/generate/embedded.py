"""The embedded language model: a small decoder on the CPU, without torch.

Each result depends on its own prompt, seed and sampling alone, bit for bit, whatever else is in the
call, in the cache or under way (network.py). Prompts are read once for all their samples, and what
they share with earlier prompts is not read again (prefix_cache.py).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self, final

import numpy as np

from specreward.errors import InputError
from specreward.generate.decoding import Law, Request, decode, token_logprobs
from specreward.generate.network import CHUNK, Lanes, Network
from specreward.generate.prefix_cache import PrefixCache, Reading
from specreward.generate.token_ids import check_ids, fingerprint
from specreward.types import Completion, Sampling, Scored

__all__ = ["EmbeddedLanguageModel"]

LANES = 12
"""Completions under way in a thread; more of them leave the processor's cache."""

Tokens = tuple[int, ...]


@final
class EmbeddedLanguageModel:
    """A language model in this process that gives token ids and scores them.

    At temperature 0 the reported log-probability is the model's own at temperature 1, as the law
    sampled from has no spread.

    Args:
        network: A policy.
        threads: Threads that compute, at least 1; they change the speed, never a result.
        cache_megabytes: Bound on the memory of remembered prefixes.
    """

    def __init__(
        self, network: Network, *, threads: int = 2, cache_megabytes: float = 64.0
    ) -> None:
        if threads < 1:
            raise InputError(f"expected at least 1 thread, got {threads!r}")
        self._network = network
        self._threads = threads
        self._workers = ThreadPoolExecutor(threads, thread_name_prefix="specreward-engine")
        # one call at a time
        self._door = ThreadPoolExecutor(1, thread_name_prefix="specreward-door")
        self._cache = PrefixCache(network, self._workers, cache_megabytes)
        self._lanes: list[Lanes] = []

    @classmethod
    def load(cls, folder: str | Path, *, threads: int = 2, cache_megabytes: float = 64.0) -> Self:
        """The model in a folder written by ``specreward.train.export``.

        Raises:
            InputError: No folder, a damaged one, or a reward model's.
        """
        network = Network.load(folder, "policy")
        return cls(network, threads=threads, cache_megabytes=cache_megabytes)

    @property
    def name(self) -> str:
        """Name and revision of the weights."""
        return f"{self._network.config.name}@{self._network.config.revision}"

    @property
    def parameters(self) -> int:
        """Parameters that take part in every token's products, for FLOPs."""
        return self._network.config.product_parameters

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, ``[P]``: exact, so that a budget is used up to its end.

        Raises:
            InputError: A word that the model does not know.
        """
        return [len(self._network.vocabulary.encode(text)) for text in texts]

    async def complete(
        self, prompts: Sequence[str], seeds: Sequence[int], sampling: Sampling
    ) -> list[Completion]:
        """One completion for each prompt, ``[P]``, in order.

        Raises:
            InputError: A word that the model does not know, an empty prompt, one that leaves no
                room for ``max_tokens``, or a setting out of range.
        """
        if len(prompts) != len(seeds):
            raise InputError(
                f"expected a seed for each of {len(prompts)} prompts, got {len(seeds)}"
            )
        law = Law.of(sampling, self._network)
        tokens = [self._network.encode(prompt) for prompt in prompts]
        context = self._network.config.context
        for prompt, ids in zip(prompts, tokens, strict=True):
            if len(ids) + law.max_tokens > context:
                raise InputError(
                    f"expected prompt and max_tokens within {context} tokens, got {len(ids)} + "
                    f"{law.max_tokens} for {prompt[:200]!r}: lower max_tokens or shorten the prompt"
                )
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._door, self._complete, tokens, list(seeds), law)

    async def logprobs(self, texts: Sequence[tuple[str, str]]) -> list[Scored]:
        """Log-probability (temperature 1) of each (prompt, continuation), ``[P]``, in order.

        Raises:
            InputError: A word that the model does not know, an empty text, or one too long.
        """
        pairs = [(self._network.encode(a), self._network.encode(b)) for a, b in texts]
        return await self._score(texts, pairs, 1.0)

    def tokenizer(self) -> str:
        """Identifies the words and their ids; see ``TokenModel``."""
        return fingerprint(enumerate(self._network.vocabulary.words))

    async def token_logprobs(
        self, prompts: Sequence[str], ids: Sequence[tuple[int, ...]], temperature: float
    ) -> list[Scored]:
        """Log-probability of the tokens after each prompt, ``[P]``; see ``TokenModel``.

        Raises:
            InputError: A word or an id that the model does not know, an empty text or no ids, one
                too long, or a temperature that is not above 0.
        """
        words = len(self._network.vocabulary)
        check_ids(self.name, prompts, ids, temperature, words)
        pairs = [
            (self._network.encode(prompt), tuple(tokens))
            for prompt, tokens in zip(prompts, ids, strict=True)
        ]
        decoded = [self._network.vocabulary.decode(tokens) for tokens in ids]
        texts = list(zip(prompts, decoded, strict=True))
        return await self._score(texts, pairs, temperature)

    async def _score(
        self,
        texts: Sequence[tuple[str, str]],
        pairs: list[tuple[Tokens, Tokens]],
        temperature: float,
    ) -> list[Scored]:
        context = self._network.config.context
        for (a, b), (prompt, rest) in zip(texts, pairs, strict=True):
            if len(prompt) + len(rest) > context:
                raise InputError(
                    f"expected at most {context} tokens, got {len(prompt)} + {len(rest)} for "
                    f"{a[:200]!r} and {b[:200]!r}"
                )
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._door, self._logprobs, pairs, temperature)

    def _complete(self, prompts: list[Tokens], seeds: list[int], law: Law) -> list[Completion]:
        begun = time.perf_counter()
        requests = [Request(seed) for seed in seeds]
        readings: list[Reading] = []
        for wave in self._cache.waves(prompts):
            read = self._cache.read([prompts[index] for index in wave])
            longest = max(reading.tokens for reading in read) + law.max_tokens
            pairs = [(requests[index], r) for index, r in zip(wave, read, strict=True)]
            self._decode(pairs, -(-longest // CHUNK), law)
            readings += read
        seconds = (time.perf_counter() - begun) / max(1, len(prompts))
        vocabulary = self._network.vocabulary
        return [
            Completion(
                text=vocabulary.decode(request.tokens[: len(request.tokens) - request.stop]),
                tokens=len(request.tokens),
                logprob=request.logprob,
                prompt_tokens=reading.tokens,
                cached_tokens=reading.cached,
                finish=request.finish,
                seconds=seconds,
                ids=tuple(request.tokens),
            )
            for request, reading in zip(requests, readings, strict=True)
        ]

    def _decode(self, pairs: list[tuple[Request, Reading]], chunks: int, law: Law) -> None:
        """Decode in as many threads as there is work for."""
        parts = min(self._threads, -(-len(pairs) // LANES))
        if len(self._lanes) < parts or self._lanes[0].chunks != chunks:
            kept = [lanes for lanes in self._lanes if lanes.chunks == chunks]
            more = range(len(kept), parts)
            self._lanes = [*kept, *[self._network.lanes(LANES, chunks) for _ in more]]
        work = [
            self._workers.submit(decode, pairs[part::parts], self._lanes[part], self._cache, law)
            for part in range(parts)
        ]
        for part in work:
            part.result()

    def _logprobs(self, pairs: list[tuple[Tokens, Tokens]], temperature: float) -> list[Scored]:
        begun = time.perf_counter()
        read = [(prompt + rest)[:-1] for prompt, rest in pairs]  # the last token is only predicted
        values: list[float] = []
        cached: list[int] = []
        for wave in self._cache.waves(read):
            readings = self._cache.read([read[index] for index in wave])
            for index, reading in zip(wave, readings, strict=True):
                prompt, rest = pairs[index]
                outputs = self._cache.outputs(reading, len(prompt) - 1)
                logprobs = token_logprobs(outputs, temperature)
                values.append(float(logprobs[np.arange(len(rest)), rest].cumsum()[-1]))
                cached.append(reading.cached)
        seconds = (time.perf_counter() - begun) / max(1, len(pairs))
        return [
            Scored(value, len(prompt) + len(rest), known, seconds)
            for value, known, (prompt, rest) in zip(values, cached, pairs, strict=True)
        ]
