"""Sampling: one token for each completion under way, until each has ended.

    while there are completions:
        logits = head(one more step of each)
        for each: draw a token with its own number; if it ended, it leaves

A completion's draws come from its own seed and the number of the token, so that its text depends
on nothing but prompt, seed and law, up to the rounding of the network's outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, final

import torch

from specreward.checks import number, whole
from specreward.engines import Sampling
from specreward.errors import EngineError, InputError
from specreward.generate.hf.head import Head
from specreward.generate.hf.lanes import Steps
from specreward.generate.hf.text import Writing
from specreward.seeds import uniform

__all__ = ["Request", "advance", "check", "draw", "wide", "write"]


def check(sampling: Sampling) -> None:
    """Refuse a law that cannot be sampled.

    Raises:
        InputError: A temperature below 0 or not finite, no tokens, an empty stop.
    """
    number("temperature", sampling.temperature, 0)
    whole("max_tokens", sampling.max_tokens, 1)
    if "" in sampling.stop:
        raise InputError(f"stop: expected texts that are not empty, got {sampling.stop!r}")


@final
@dataclass(slots=True, eq=False)
class Request:
    """One completion: what it needs, and what became of it.

    Args:
        prompt: Its tokens.
        seed: Of its draws.
        writing: Its text, watched for stops.
        ends: Tokens that end a text.
        tokens: Written so far, the last one included.
        logprob: Their sum in nats.
        finish: Why it ended; None while it goes on.
    """

    prompt: Sequence[int]
    seed: int
    writing: Writing
    ends: frozenset[int]
    tokens: list[int] = field(default_factory=list)
    logprob: float = 0.0
    finish: Literal["stop", "length"] | None = None

    @property
    def read(self) -> list[int]:
        """All tokens that the network has read."""
        return [*self.prompt, *self.tokens[:-1]]

    def accept(self, token: int, logprob: float, most: int) -> bool:
        """Append a token; returns whether the completion goes on."""
        self.tokens.append(token)
        self.logprob += logprob
        ended = token in self.ends or self.writing.push(token)
        if not ended and len(self.tokens) < most:
            return True
        self.writing.end()
        stopped = ended or self.writing.stop is not None
        self.finish = "stop" if stopped else "length"
        return False


def wide(logits: torch.Tensor) -> torch.Tensor:
    """In double precision, on the processor where the device has none."""
    return (logits.cpu() if logits.device.type == "mps" else logits).double()


def draw(
    logits: torch.Tensor, temperature: float, uniforms: Sequence[float]
) -> tuple[list[int], list[float]]:
    """One token for each row by the inverse of the cumulative law, and its log-probability.

    Args:
        logits: ``[N, V]``.
        temperature: 0 takes the likeliest token and gives its log-probability at temperature 1.
        uniforms: Numbers in [0, 1), ``[N]``; not used at temperature 0.
    """
    logprobs = (wide(logits) / (temperature or 1.0)).log_softmax(-1)
    if temperature == 0:
        tokens = logprobs.argmax(-1)
    else:
        below = logprobs.exp().cumsum(-1)
        total = below[:, -1:]  # 1 up to rounding; a point under it lies in some token's share
        points = torch.tensor(uniforms, dtype=below.dtype, device=below.device)[:, None] * total
        points = torch.minimum(points, torch.nextafter(total, torch.zeros_like(total)))
        tokens = (below <= points).sum(-1)
    chosen = logprobs.gather(1, tokens.clamp(max=logprobs.shape[1] - 1)[:, None])[:, 0]
    return tokens.tolist(), chosen.tolist()


def advance(requests: Sequence[Request], logits: torch.Tensor, sampling: Sampling) -> list[bool]:
    """Draw one token for each request; returns which of them go on.

    Raises:
        EngineError: The network's outputs are no numbers.
    """
    uniforms = [uniform(request.seed, len(request.tokens)) for request in requests]
    tokens, logprobs = draw(logits, sampling.temperature, uniforms)
    if not all(-1e30 < logprob <= 1e-6 for logprob in logprobs):
        raise EngineError(
            "the model's outputs are not finite: its numbers do not fit the format; try "
            "dtype='bfloat16' or 'float32'"
        )
    drawn = zip(requests, tokens, logprobs, strict=True)
    return [one.accept(token, logprob, sampling.max_tokens) for one, token, logprob in drawn]


def write(requests: Sequence[Request], steps: Steps, head: Head, sampling: Sampling) -> None:
    """Write requests that have their first token to their ends.

    Args:
        requests: One for each lane of ``steps``.
        steps: Reads their tokens.
        head: Gives logits.
        sampling: The law.
    """
    active = list(requests)
    while active:
        hidden = steps.step([request.tokens[-1] for request in active])
        going = advance(active, head(hidden), sampling)
        ended = [lane for lane, on in enumerate(going) if not on]
        if ended:
            steps.leave(ended, [active[lane].read for lane in ended])
            active = [request for request, on in zip(active, going, strict=True) if on]
