"""Sampling many completions side by side: a lane each, refilled as they end.

    each request draws its first token from its prompt's last outputs
    while there are requests:
        fill free lanes ;  logits = one step of the lanes in use
        for each lane: draw a token; if it ends the request, free the lane

A request's draws come from its own seed, so its text depends on nothing but prompt, seed and law.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, final

import numpy as np
from numpy.typing import NDArray

from specreward.errors import InputError
from specreward.generate.network import Lanes, Network
from specreward.generate.prefix_cache import PrefixCache, Reading
from specreward.seeds import uniform
from specreward.types import Sampling

__all__ = ["Law", "Request", "decode", "draw", "token_logprobs"]


@final
@dataclass(frozen=True)
class Law:
    """A :class:`~specreward.types.Sampling` in tokens.

    Args:
        temperature: 0 is greedy.
        max_tokens: Cap on the tokens written.
        stops: Token ids that end a completion.
    """

    temperature: float
    max_tokens: int
    stops: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, sampling: Sampling, network: Network) -> Law:
        """The law in a network's tokens.

        Raises:
            InputError: A temperature below 0 or not finite, no tokens, a stop text without words.
        """
        if not (math.isfinite(sampling.temperature) and sampling.temperature >= 0):
            raise InputError(f"expected a temperature of at least 0, got {sampling.temperature!r}")
        if sampling.max_tokens < 1:
            raise InputError(f"expected max_tokens of at least 1, got {sampling.max_tokens!r}")
        stops = tuple(network.encode(stop) for stop in sampling.stop)
        return cls(sampling.temperature, sampling.max_tokens, stops)


@final
@dataclass(slots=True)
class Request:
    """One completion: what it needs, and what became of it.

    Args:
        seed: Of its draws.
        tokens: Written so far, a stop included.
        logprob: Their sum in nats.
        stop: Length of the stop text that ended it, in tokens; 0 while there is none.
    """

    seed: int
    tokens: list[int] = field(default_factory=list)
    logprob: float = 0.0
    stop: int = 0

    @property
    def finish(self) -> Literal["stop", "length"]:
        """Why it ended."""
        return "stop" if self.stop else "length"

    def accept(self, token: int, logprob: float, law: Law) -> bool:
        """Append a token; returns whether the completion goes on."""
        self.tokens.append(token)
        self.logprob += logprob
        for stop in law.stops:
            if token == stop[-1] and tuple(self.tokens[-len(stop) :]) == stop:
                self.stop = max(self.stop, len(stop))
        return not self.stop and len(self.tokens) < law.max_tokens


def token_logprobs(logits: NDArray[np.float32], temperature: float = 1.0) -> NDArray[np.float64]:
    """Log-probabilities of all tokens, ``[N, V]``, in nats, at a temperature above 0."""
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    sums: NDArray[np.float64] = np.exp(scaled).cumsum(axis=1)  # summed in one order at any N
    return scaled - np.log(sums[:, -1:])


def draw(
    logits: NDArray[np.float32], temperature: float, uniforms: Sequence[float]
) -> tuple[list[int], list[float]]:
    """One token for each row by the inverse of the cumulative law, and its log-probability.

    Args:
        logits: ``[N, V]``.
        temperature: 0 takes the likeliest token and gives its log-probability at temperature 1.
        uniforms: Numbers in [0, 1), ``[N]``; not used at temperature 0.
    """
    logprobs = token_logprobs(logits, temperature or 1.0)
    if temperature == 0:
        tokens = logprobs.argmax(axis=1)
    else:
        below = np.exp(logprobs).cumsum(axis=1)
        total = below[:, -1:]  # 1 up to rounding; a point under it lies in some token's share
        points = np.minimum(np.array(uniforms)[:, None] * total, np.nextafter(total, 0))
        tokens = (below <= points).sum(axis=1)
    chosen = logprobs[np.arange(len(tokens)), tokens]
    return tokens.tolist(), chosen.tolist()


def decode(
    requests: Sequence[tuple[Request, Reading]], lanes: Lanes, cache: PrefixCache, law: Law
) -> None:
    """Write every request to its end.

    Args:
        requests: New requests and the readings of their prompts, ``[N]``.
        lanes: Where to write.
        cache: Gave the readings.
        law: How to sample.
    """
    first = np.concatenate([cache.outputs(reading, reading.tokens - 1) for _, reading in requests])
    going = _advance([request for request, _ in requests], first, law)
    waiting = [pair for pair, on in zip(requests, going, strict=True) if on][::-1]
    active: list[Request] = []

    def enter(lane: int) -> Request:
        request, reading = waiting.pop()
        lanes.enter(lane, cache.past(reading), reading.tokens, request.tokens[-1])
        return request

    while waiting and len(active) < lanes.count:
        active.append(enter(len(active)))
    while active:
        going = _advance(active, lanes.step(len(active)), law)
        for lane in reversed(range(len(active))):
            lanes.tokens[lane] = active[lane].tokens[-1]
            if not going[lane] and waiting:
                active[lane] = enter(lane)
            elif not going[lane]:
                last = active.pop()
                if lane < len(active):
                    lanes.move(len(active), lane)
                    active[lane] = last


def _advance(requests: Sequence[Request], logits: NDArray[np.float32], law: Law) -> list[bool]:
    """Draw one token for each request; returns which of them go on."""
    uniforms = [uniform(request.seed, len(request.tokens)) for request in requests]
    tokens, logprobs = draw(logits, law.temperature, uniforms)
    drawn = zip(requests, tokens, logprobs, strict=True)
    return [request.accept(token, logprob, law) for request, token, logprob in drawn]
