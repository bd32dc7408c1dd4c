"""The transformers engine at work: texts in, completions and log-probabilities out.

complete    prompts -> tokens -> read once for all their samples -> first draws
            -> lanes of like length, side by side -> what was written joins the prefixes
logprobs    prompt and continuation -> read -> sum of the continuation's log-probabilities
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import final

import torch

from specreward.engines import ChatPrompt, Completion, Sampling, Scored
from specreward.errors import EngineError, InputError
from specreward.generate.hf.head import Head
from specreward.generate.hf.lanes import Lanes, Single
from specreward.generate.hf.readers import DecoderReader
from specreward.generate.hf.sampling import Request, advance, check, wide, write
from specreward.generate.hf.text import Texts, Writing
from specreward.generate.hf.weights import Weights
from specreward.generate.token_ids import check_ids

__all__ = ["Decoder"]

LANES = 128
"""Completions side by side."""

Tokens = tuple[int, ...]


@final
class Decoder:
    """A causal model with its tokeniser, its reader and its head; for one thread at a time.

    Args:
        weights: The model.
        cache_tokens: As for ``DecoderReader``.
        batch_tokens: As for ``DecoderReader``.

    Raises:
        InputError: The model is not built as those in transformers.
    """

    def __init__(self, weights: Weights, *, cache_tokens: int, batch_tokens: int) -> None:
        self.weights = weights
        self.texts = Texts(weights.tokenizer, weights.name)
        self.reader = DecoderReader(
            weights.body, cache_tokens=cache_tokens, batch_tokens=batch_tokens
        )
        self.head = Head(weights.model)
        self._ends = _ends(weights)
        self._size = weights.model.get_input_embeddings().num_embeddings

    def complete(
        self, texts: Sequence[str], seeds: Sequence[int], sampling: Sampling
    ) -> list[Completion]:
        """One completion for each prompt, ``[P]``, in order; errors as for the engine."""
        begun = time.perf_counter()
        check(sampling)
        prompts = self._tokens(texts, sampling.max_tokens)
        requests = [
            Request(prompt, seed, Writing(self.texts, prompt, sampling.stop), self._ends)
            for prompt, seed in zip(prompts, seeds, strict=True)
        ]
        of: dict[Tokens, list[Request]] = {}
        for request, prompt in zip(requests, prompts, strict=True):
            of.setdefault(prompt, []).append(request)
        known = self._together(of, sampling) if self.reader.reuse else self._apart(of, sampling)
        seconds = (time.perf_counter() - begun) / max(1, len(prompts))
        first = {id(group[0]): known[prompt] for prompt, group in of.items()}
        return [
            Completion(
                text=request.writing.cut(sampling.keep_stop),
                tokens=len(request.tokens),
                logprob=request.logprob,
                prompt_tokens=len(request.prompt),
                cached_tokens=first.get(id(request), len(request.prompt)),
                finish=request.finish or "length",
                seconds=seconds,
                ids=tuple(request.tokens),
            )
            for request in requests
        ]

    def logprobs(self, texts: Sequence[tuple[str, str]]) -> list[Scored]:
        """Log-probability (temperature 1) of each continuation, ``[P]``, in order."""
        return self._score(self._pairs(texts), 1.0)

    def token_logprobs(
        self, texts: Sequence[str], ids: Sequence[Tokens], temperature: float
    ) -> list[Scored]:
        """Log-probability of the tokens after each prompt, ``[P]``; errors as for the engine."""
        check_ids(self.weights.name, texts, ids, temperature, self._size)
        pairs = []
        for text, after in zip(texts, ids, strict=True):
            before = self.texts.prompt(text)
            self._fit(len(before), len(after), text)
            pairs.append((tuple(before), tuple(after)))
        return self._score(pairs, temperature)

    def _score(self, pairs: Sequence[tuple[Tokens, Tokens]], temperature: float) -> list[Scored]:
        """Log-probability of what stands second, at a temperature, ``[P]``."""
        begun = time.perf_counter()
        rows = [(before + after)[:-1] for before, after in pairs]  # the last is only predicted
        at = [
            range(len(before) - 1, len(row)) for row, (before, _) in zip(rows, pairs, strict=True)
        ]
        read = self.reader.read(rows, at)
        values = [
            self._sum(reading.hidden, after, temperature)
            for reading, (_, after) in zip(read, pairs, strict=True)
        ]
        seconds = (time.perf_counter() - begun) / max(1, len(pairs))
        return [
            Scored(value, reading.tokens + 1, reading.cached, seconds)
            for value, reading in zip(values, read, strict=True)
        ]

    def _tokens(self, prompts: Sequence[str], most: int) -> list[Tokens]:
        """Tokens of each prompt, ``[P]``; there must be room for ``most`` more."""
        found: dict[object, Tokens] = {}
        keys = [p.messages if isinstance(p, ChatPrompt) else p for p in prompts]
        for key, prompt in zip(keys, prompts, strict=True):
            if key not in found:
                found[key] = tuple(self.texts.prompt(prompt))
                self._fit(len(found[key]), most, prompt)
        return [found[key] for key in keys]

    def _pairs(self, texts: Sequence[tuple[str, str]]) -> list[tuple[Tokens, Tokens]]:
        """Tokens of each prompt and continuation, ``[P]``."""
        found = []
        for prompt, continuation in texts:
            before, after = self.texts.pair(prompt, continuation)
            self._fit(len(before), len(after), prompt)
            found.append((tuple(before), tuple(after)))
        return found

    def _sum(self, hidden: torch.Tensor, tokens: Tokens, temperature: float) -> float:
        total, start = 0.0, 0
        for logits in self.head.blocks(hidden):
            wanted = torch.tensor(tokens[start : start + len(logits)], device=logits.device)
            law = (wide(logits) / temperature).log_softmax(-1)
            total += float(law.gather(1, wanted.to(law.device)[:, None]).sum())
            start += len(logits)
        if not -1e30 < total <= 1e-6:
            raise EngineError(
                f"{self.weights.name}: its outputs are not finite: its numbers do not fit the "
                "format; try dtype='bfloat16' or 'float32'"
            )
        return total

    def _together(self, of: dict[Tokens, list[Request]], sampling: Sampling) -> dict[Tokens, int]:
        """Write all requests side by side; returns the tokens of each prompt that were known."""
        prompts = list(of)
        known: dict[Tokens, int] = {}
        for part in self.reader.portions(prompts):
            some = [prompts[index] for index in part]
            held = self.reader.hold(some)
            known |= {prompt: before for prompt, (_, before) in zip(some, held, strict=True)}
            places = {prompt: own for prompt, (own, _) in zip(some, held, strict=True)}
            hidden = self.reader.hidden([own[-1] for own, _ in held])
            going: list[Request] = []
            for prompt, logits in zip(some, self._rows(hidden), strict=True):
                group = of[prompt]
                on = advance(group, logits.expand(len(group), -1), sampling)
                going += [request for request, goes in zip(group, on, strict=True) if goes]
            for batch in self._batches(going, sampling.max_tokens):
                own = [places[tuple(request.prompt)] for request in batch]
                write(batch, Lanes(self.reader, own, sampling.max_tokens), self.head, sampling)
            self.reader.release()
        return known

    def _rows(self, hidden: torch.Tensor) -> Iterator[torch.Tensor]:
        for logits in self.head.blocks(hidden):
            yield from logits.split(1)

    def _batches(self, requests: list[Request], room: int) -> Iterator[list[Request]]:
        """Requests of like length, as many as fit side by side."""
        batch: list[Request] = []
        for request in sorted(requests, key=lambda one: len(one.prompt)):
            size = (len(batch) + 1) * (len(request.prompt) + room)
            if batch and (len(batch) == LANES or size > self.reader.batch_tokens):
                yield batch
                batch = []
            batch.append(request)
        if batch:
            yield batch

    def _apart(self, of: dict[Tokens, list[Request]], sampling: Sampling) -> dict[Tokens, int]:
        """Write requests one by one; a prompt is read once for its samples."""
        backbone = self.reader.backbone
        for prompt, group in of.items():
            hidden, cache = backbone.begin(prompt)
            logits = self.head(hidden[-1:])
            for request in group:
                if advance([request], logits, sampling)[0]:
                    write([request], Single(backbone, prompt, cache), self.head, sampling)
        return dict.fromkeys(of, 0)

    def _fit(self, length: int, more: int, text: str) -> None:
        context = self.weights.context
        if context is not None and length + more > context:
            raise InputError(
                f"{self.weights.name}: expected prompt and continuation within {context} tokens, "
                f"got {length} + {more} for {str(text)[:200]!r}: lower max_tokens or shorten the "
                "prompt"
            )


def _ends(weights: Weights) -> frozenset[int]:
    """The tokens that end a text: those of the tokeniser, and those for sampling."""
    config = weights.model.generation_config
    told = None if config is None else config.eos_token_id
    found = told if isinstance(told, list) else [told]
    return frozenset(i for i in [weights.tokenizer.eos_token_id, *found] if i is not None)
