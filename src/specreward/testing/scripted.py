"""A policy and a language model that say what they are told to and remember who asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, final

from specreward.errors import EngineError
from specreward.types import Completion, Path, Sampling, Scored, Step

__all__ = ["Asked", "Extension", "ScriptedLanguageModel", "ScriptedPolicy"]


class Asked(NamedTuple):
    """One call of ``complete``."""

    prompts: tuple[str, ...]
    seeds: tuple[int, ...]
    sampling: Sampling


class Extension(NamedTuple):
    """One call of ``extend``; ``paths`` are the texts of their steps."""

    paths: tuple[tuple[str, ...], ...]
    n: int
    until: str
    temperature: float
    start: int


@final
@dataclass(frozen=True, kw_only=True)
class ScriptedLanguageModel:
    """Gives written replies to known prompts.

    Args:
        replies: The replies to each prompt; the seed modulo their number says which is given.
        known: Log-probabilities in nats by (prompt, continuation).
        name: See ``LanguageModel``.
        parameters: See ``LanguageModel``.
        calls: Every call of ``complete``, in order.
        scored: Every call of ``logprobs``, in order.
    """

    replies: Mapping[str, Sequence[str]] = field(kw_only=False)
    known: Mapping[tuple[str, str], float] = field(default_factory=dict)
    name: str = "scripted"
    parameters: int = 0
    calls: list[Asked] = field(default_factory=list, compare=False)
    scored: list[tuple[tuple[str, str], ...]] = field(default_factory=list, compare=False)

    async def complete(
        self, prompts: Sequence[str], seeds: Sequence[int], sampling: Sampling
    ) -> list[Completion]:
        """One written reply for each prompt; a word is a token.

        Raises:
            EngineError: A prompt is not in the script.
        """
        self.calls.append(Asked(tuple(prompts), tuple(seeds), sampling))
        done = []
        for prompt, seed in zip(prompts, seeds, strict=True):
            if not self.replies.get(prompt):
                raise EngineError(f"expected a prompt of the script, got {prompt!r}: add a reply")
            texts = self.replies[prompt]
            text = texts[seed % len(texts)]
            logprob = self.known.get((prompt, text))
            done.append(Completion(text, len(text.split()), logprob, len(prompt.split())))
        return done

    async def logprobs(self, texts: Sequence[tuple[str, str]]) -> list[Scored]:
        """The written log-probability of each.

        Raises:
            EngineError: A text is not in the script.
        """
        self.scored.append(tuple(texts))
        for text in texts:
            if text not in self.known:
                raise EngineError(f"expected a text of the script, got {text!r}: add its value")
        return [Scored(self.known[text], len(" ".join(text).split())) for text in texts]


@final
@dataclass(frozen=True, kw_only=True)
class ScriptedPolicy:
    """Extends known paths by written steps.

    Args:
        steps: The steps that may follow, by the texts of the steps so far; sample i is the i-th of
            them, and the first follows the last.
        calls: Every call, in order.
    """

    steps: Mapping[tuple[str, ...], Sequence[Step]] = field(kw_only=False)
    calls: list[Extension] = field(default_factory=list, compare=False)

    async def extend(
        self,
        paths: Sequence[Path],
        n: int,
        *,
        until: Literal["step", "end"] = "step",
        temperature: float = 0.8,
        start: int = 0,
    ) -> list[list[Path]]:
        """``n`` continuations of each path, ``[P][n]``; after the first step, the script's first.

        Raises:
            EngineError: A path is not in the script.
        """
        texts = tuple([tuple([step.text for step in path.steps]) for path in paths])
        self.calls.append(Extension(texts, n, until, temperature, start))
        return [[self._grow(path, start + i, until) for i in range(n)] for path in paths]

    def _grow(self, path: Path, index: int, until: Literal["step", "end"]) -> Path:
        grown = path.then(self._next(path, index))
        while until == "end" and grown.open:
            grown = grown.then(self._next(grown, 0))
        return grown

    def _next(self, path: Path, index: int) -> Step:
        texts = tuple([step.text for step in path.steps])
        if not self.steps.get(texts):
            raise EngineError(f"expected a path of the script, got {texts!r}: add its steps")
        return self.steps[texts][index % len(self.steps[texts])]
