"""Small stand-ins for the roles: each is scripted by step texts and counts what it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from specreward.types import (
    Completion,
    Judgement,
    Models,
    Path,
    Problem,
    Sampling,
    Scored,
    Siblings,
    Step,
    Verifier,
)

ROOT = Path(Problem("p1", "question"))


def children(
    texts: str | Sequence[str],
    logprobs: Sequence[float | None] | None = None,
    tokens: Sequence[int] | None = None,
    parent: Path = ROOT,
) -> Siblings:
    """A family of one-step children of ``parent``."""
    known = [None] * len(texts) if logprobs is None else logprobs
    sizes = [1] * len(texts) if tokens is None else tokens
    steps = [Step(t, n, lp) for t, n, lp in zip(texts, sizes, known, strict=True)]
    return Siblings(parent, tuple(parent.then(step) for step in steps))


@dataclass
class ToyTask:
    """Prompts spell the path out; ``state`` may send several paths to one value prompt."""

    state: Callable[[Path], str] = lambda path: "/".join(path.key)
    value_sampling: Sampling = Sampling(temperature=0.1, max_tokens=7, stop=("\n",))

    def prompt(self, path: Path) -> str:
        return "next " + "/".join(path.key)

    def value_prompt(self, path: Path) -> str:
        return "value " + self.state(path)

    def good_prompt(self, path: Path) -> str:
        return "good? " + "/".join(path.key)


@dataclass
class ToyRewards:
    """The reward of a path is that of its last step's text."""

    table: Mapping[str, float]
    asked: list[str] = field(default_factory=list)
    calls: int = 0

    async def score(self, paths: Sequence[Path]) -> list[float]:
        self.calls += 1
        self.asked += [path.steps[-1].text for path in paths]
        return [self.table[path.steps[-1].text] for path in paths]


@dataclass
class ToyJudge:
    """Answers value prompts by a function of prompt and index of the sample; scores by another."""

    answer: Callable[[str, int], str] = lambda prompt, i: "sure"
    logprob: Callable[[str, str], float] = lambda prompt, text: -1.0
    prompts: list[str] = field(default_factory=list)
    seeds: list[int] = field(default_factory=list)
    samplings: list[Sampling] = field(default_factory=list)
    scored: list[tuple[str, str]] = field(default_factory=list)
    name: str = "toy"
    parameters: int = 0

    async def complete(
        self, prompts: Sequence[str], seeds: Sequence[int], sampling: Sampling
    ) -> list[Completion]:
        seen: dict[str, int] = {}
        out = []
        for prompt in prompts:
            i = seen[prompt] = seen.get(prompt, -1) + 1
            out.append(Completion(self.answer(prompt, i), 1, None, 1))
        self.prompts += prompts
        self.seeds += seeds
        self.samplings.append(sampling)
        return out

    async def logprobs(self, texts: Sequence[tuple[str, str]]) -> list[Scored]:
        self.scored += texts
        return [Scored(self.logprob(*text), 1) for text in texts]


@dataclass
class ToyPolicy:
    """Further draws from a list of step texts; refuses to be asked where there are none."""

    script: Sequence[Step] = ()
    asked: list[tuple[int, float, int]] = field(default_factory=list)

    async def extend(
        self,
        paths: Sequence[Path],
        n: int,
        *,
        until: str = "step",
        temperature: float = 0.8,
        start: int = 0,
    ) -> list[list[Path]]:
        assert self.script, "the policy was asked for further children"
        first = sum(drawn for drawn, _, _ in self.asked)
        self.asked.append((n, temperature, start))
        steps = [self.script[(first + i) % len(self.script)] for i in range(n)]
        return [[path.then(step) for step in steps] for path in paths]


def roles(**given: Any) -> Models:
    """Models with toys for what is not given."""
    return Models(**{"task": ToyTask(), "policy": ToyPolicy(), **given})


def ask(verify: Verifier, models: Models, *families: Siblings) -> list[list[Judgement]]:
    """The verifier's judgements."""
    return asyncio.run(verify(families, models))


def one(verify: Verifier, models: Models, family: Siblings) -> list[Judgement]:
    """The verifier's judgements of one family."""
    return ask(verify, models, family)[0]
