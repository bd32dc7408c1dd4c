"""A policy and a language model that follow the law of the toy task."""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal, final

from specreward.errors import EngineError
from specreward.seeds import uniform
from specreward.testing.toy_task import ToyTask
from specreward.types import Completion, Path, Sampling, Scored

__all__ = ["ToyLanguageModel", "ToyPolicy"]

_RESPONSE = re.compile(r"^Response \d+:\n(.*?)\n\n", re.MULTILINE | re.DOTALL)


def _draw(law: Mapping[str, float], temperature: float, at: float) -> tuple[str, float]:
    """The letter at quantile ``at`` of the tempered law, and its log-probability there."""
    if temperature == 0:
        return max(law, key=law.__getitem__), 0.0
    weights = {letter: p ** (1 / temperature) for letter, p in law.items()}
    sums = list(accumulate(weights.values()))
    letter = list(weights)[bisect_right(sums, at * sums[-1])]
    return letter, math.log(weights[letter] / sums[-1])


@final
@dataclass(frozen=True, kw_only=True)
class ToyPolicy:
    """Walks the toy tree under its known law; sample i of a path depends on seed, path and i.

    Args:
        task: The tree.
        seed: Root of the draws.
    """

    task: ToyTask
    seed: int = 0

    async def extend(
        self,
        paths: Sequence[Path],
        n: int,
        *,
        until: Literal["step", "end"] = "step",
        temperature: float = 0.8,
        start: int = 0,
    ) -> list[list[Path]]:
        """``n`` continuations of each path, ``[P][n]``."""
        grown = []
        for path in paths:
            most = path.depth + 1 if until == "step" else self.task.depth
            grown.append([self._walk(path, i, most, temperature) for i in range(start, start + n)])
        return grown

    def _walk(self, path: Path, index: int, most: int, temperature: float) -> Path:
        root = path.key
        while path.open and path.depth < most:
            law = self.task.law(path.problem.question, self.task.word(path))
            at = uniform(self.seed, *root, index, path.depth)
            letter, logprob = _draw(law, temperature, at)
            path = path.then(self.task.step(path, Completion(letter, 1, logprob, 1)))
        return path

    def tokenizer(self) -> str:
        """The letters: a letter is a token."""
        return f"toy-{self.task.branch}"

    async def likelihood(self, paths: Sequence[Path], *, temperature: float) -> list[float]:
        """Log-probability of the last letters under the law of ``extend``, ``[P]``."""
        return [self._known(path, temperature) for path in paths]

    def _known(self, path: Path, temperature: float) -> float:
        word = self.task.word(path)
        law = self.task.law(path.problem.question, word[:-1])
        weights = {letter: p ** (1 / temperature) for letter, p in law.items()}
        return math.log(weights[word[-1]] / sum(weights.values()))


@final
@dataclass(frozen=True, kw_only=True)
class ToyLanguageModel:
    """Answers the prompts of the toy task: letters, verdicts, and log-probabilities of both.

    Shown numbered responses, it chooses among them as universal self-consistency asks.

    Args:
        task: The tree.
        honesty: Probability of a true verdict, in (0, 1).
    """

    task: ToyTask
    honesty: float = 0.8

    @property
    def name(self) -> str:
        """Its settings in words."""
        return repr(self)

    @property
    def parameters(self) -> int:
        """1000, so that FLOPs are not 0."""
        return 1000

    async def complete(
        self, prompts: Sequence[str], seeds: Sequence[int], sampling: Sampling
    ) -> list[Completion]:
        """One letter, verdict or choice for each prompt."""
        done = []
        for prompt, seed in zip(prompts, seeds, strict=True):
            at = uniform(seed, prompt)
            text, logprob = _draw(self._law(prompt), sampling.temperature, at)
            words = text.split()[: sampling.max_tokens]
            finish: Literal["stop", "length"] = "stop" if " ".join(words) == text else "length"
            done.append(
                Completion(" ".join(words), len(words), logprob, len(prompt), finish=finish)
            )
        return done

    async def logprobs(self, texts: Sequence[tuple[str, str]]) -> list[Scored]:
        """Log-probabilities at temperature 1."""
        laws = [(self._law(prompt), prompt, text.strip()) for prompt, text in texts]
        return [
            Scored(math.log(law[text]) if text in law else -30.0, len(prompt) + len(text))
            for law, prompt, text in laws
        ]

    def _law(self, prompt: str) -> dict[str, float]:
        responses = _RESPONSE.findall(prompt)
        if responses:
            return self._choices(responses)
        verb, _, rest = prompt.partition(" ")
        question, bar, word = rest.rpartition("|")
        if not bar or verb not in ("spell", "value", "good"):
            raise EngineError(f"expected a prompt of the toy task, got {prompt[:80]!r}")
        if verb == "spell":
            return self.task.law(question, word)
        right = self.task.target(question).startswith(word)
        yes = self.honesty if right else 1 - self.honesty
        if verb == "good":
            return {"good": yes, "bad": 1 - yes}
        return {"sure": yes * 0.7, "likely": yes * 0.3, "impossible": 1 - yes}

    def _choices(self, responses: Sequence[str]) -> dict[str, float]:
        """Which of several responses agrees with the most others, the last of equal ones."""
        agreed = max(range(len(responses)), key=lambda i: (responses.count(responses[i]), i))
        other = (1 - self.honesty) / max(1, len(responses) - 1)
        return {
            f"Choice: {i + 1}": self.honesty if i == agreed else other
            for i in range(len(responses))
        }
