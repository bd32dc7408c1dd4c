"""A judge whose accuracy and bias are known, for tests of reward models that a judge plays."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

from specreward.checks import number
from specreward.errors import EngineError
from specreward.seeds import uniform
from specreward.types import Completion, Sampling, Scored

__all__ = ["KnownJudge"]

_STEP = re.compile(r"^Step \d+: (.*)$", re.MULTILINE)
_BLOCK = re.compile(r"^\[(Assistant [AB12])\]$(.*?)^\[End of \1\]$", re.MULTILINE | re.DOTALL)
_SCALE = re.compile(r"from (-?\d+) \(worthless\) to (-?\d+) \(flawless\)")
_ASK = re.compile(r"Is the \w+ correct \(Yes/No\)\?")


@final
@dataclass(frozen=True, kw_only=True)
class KnownJudge:
    """A language model that answers the prompts of this package's judges by known qualities.

    A solution is as good as its last step. Each text is drawn from its prompt and seed alone.

    Args:
        quality: Quality of each step in [0, 1] by its text; good from 1/2 on.
        accuracy: Probability of a true Yes or No, and of naming the better of two, in [0, 1].
        first: Probability that a comparison names the one that stands first, whatever they are.
        mute: Probability of a text without a verdict.
        name: See ``LanguageModel``.
        parameters: See ``LanguageModel``.
        calls: Prompts, seeds and sampling of each call of ``complete``.
        scored: Texts of each call of ``logprobs``.
    """

    quality: Mapping[str, float] = field(kw_only=False)
    accuracy: float = 1.0
    first: float = 0.0
    mute: float = 0.0
    name: str = "known-judge"
    parameters: int = 1000
    calls: list[tuple[tuple[str, ...], tuple[int, ...], Sampling]] = field(
        default_factory=list, compare=False, repr=False
    )
    scored: list[tuple[tuple[str, str], ...]] = field(
        default_factory=list, compare=False, repr=False
    )

    def __post_init__(self) -> None:
        number("known judge accuracy", self.accuracy, 0, 1)
        number("known judge first", self.first, 0, 1)
        number("known judge mute", self.mute, 0, 1)

    async def complete(
        self, prompts: Sequence[str], seeds: Sequence[int], sampling: Sampling
    ) -> list[Completion]:
        """A critique with its verdict for each prompt; a word is a token.

        Raises:
            EngineError: A prompt holds no known step.
        """
        self.calls.append((tuple(prompts), tuple(seeds), sampling))
        done = []
        for prompt, seed in zip(prompts, seeds, strict=True):
            text = f"I looked at it. {self._verdict(prompt, seed)}"
            if uniform(seed, "mute", prompt) < self.mute:
                text = "I cannot say."
            cut = min([text.find(stop) for stop in sampling.stop if stop in text], default=None)
            text = text[:cut]
            done.append(Completion(text, len(text.split()), None, len(prompt.split())))
        return done

    async def logprobs(self, texts: Sequence[tuple[str, str]]) -> list[Scored]:
        """Of `` Yes`` the logarithm of ``accuracy`` where it is true; of `` No`` that of the rest.

        Raises:
            EngineError: A prompt holds no known step.
        """
        self.scored.append(tuple(texts))
        scored = []
        for prompt, word in texts:
            true = (word == " Yes") == self._good(prompt)
            share = self.accuracy if true else 1 - self.accuracy
            value = math.log(share) if share else -math.inf
            scored.append(Scored(value, len(prompt.split()) + 1))
        return scored

    def _verdict(self, prompt: str, seed: int) -> str:
        """What a text ends with."""
        honest = uniform(seed, "honest", prompt) < self.accuracy
        blocks = _BLOCK.findall(prompt)
        if len(blocks) == 2:
            one, other = [self._quality(text) for _, text in blocks]
            if uniform(seed, "first", prompt) < self.first:
                honest, one, other = True, 1.0, 0.0
            if one == other and blocks[0][0].endswith("A"):
                return "[[C]]"
            name = blocks[0 if (one >= other) == honest else 1][0]
            return f"[[{name[-1]}]]" if name[-1].isalpha() else f"\\boxed{{{name}}}"
        scale = _SCALE.search(prompt)
        if scale is not None:
            low, high = int(scale[1]), int(scale[2])
            return f"Rating: [[{round(low + self._quality(prompt) * (high - low))}]]"
        asked = _ASK.search(prompt)
        if asked is None:
            raise EngineError(f"expected a judge's prompt, got {prompt[:200]!r}")
        return f"Verification: {asked[0]} {'Yes' if self._good(prompt) == honest else 'No'}"

    def _good(self, text: str) -> bool:
        return self._quality(text) >= 0.5

    def _quality(self, text: str) -> float:
        steps = [step for step in _STEP.findall(text) if step in self.quality]
        if not steps:
            raise EngineError(f"expected a known step at the end, got {text[-200:]!r}: add it")
        return self.quality[steps[-1]]
