"""The language model judges each state itself: sure, likely or impossible.

S. Yao et al. (2023), "Tree of Thoughts: Deliberate Problem Solving with Large Language Models",
arXiv 2305.10601 (the values of its Game of 24).

    for each distinct child c of the parent:
        prompt = value_prompt(c)
        if prompt was not asked before in this search:
            verdicts = last words of ``samples`` completions of prompt
            value[prompt] = sum over verdicts of {sure: 20, likely: 1, impossible: 0.001}
        judge c: score value[prompt], kept if it is at least ``minimum``

Differs from the paper: equal siblings are merged, where the authors' program gives the later ones
the value 0 (neither asks about them, neither goes on from both); case and punctuation around a
verdict are ignored; a word that is no verdict counts 0, as in that program, and is reported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import ClassVar, final

from specreward.checks import number, whole
from specreward.errors import InputError
from specreward.seeds import derive
from specreward.types import Judgement, LanguageModel, Models, Siblings
from specreward.verify.citations import TREE_OF_THOUGHTS
from specreward.verify.families import distinct, regroup

__all__ = ["SelfEvaluation", "verdict"]

PUNCTUATION = ".,;:!?*()[]'\"`"


def verdict(text: str) -> str:
    """The last word of an evaluation, in lower case, without punctuation; empty if none."""
    words = text.split()
    return words[-1].strip(PUNCTUATION).lower() if words else ""


@final
@dataclass(frozen=True, kw_only=True)
class SelfEvaluation:
    """Scores are sums of verdicts, in [0, 20 x samples] at the published values.

    Args:
        samples: Completions for each value prompt.
        temperature: Of these completions; 0 is greedy.
        sure: Value of one verdict ``sure``.
        likely: Value of one verdict ``likely``.
        impossible: Value of one verdict ``impossible``.
        minimum: Lowest score that is kept. The default prunes nothing, as breadth-first search only
            ranks; for depth-first search 1 asks for one ``likely`` at least. May prune all.
    """

    samples: int = 3
    temperature: float = 0.7
    sure: float = 20.0
    likely: float = 1.0
    impossible: float = 0.001
    minimum: float = 0.0

    __cite__: ClassVar[str] = TREE_OF_THOUGHTS

    def __post_init__(self) -> None:
        whole("self_evaluation samples", self.samples, 1)
        number("self_evaluation temperature", self.temperature, 0)
        number("self_evaluation sure", self.sure, 0)
        number("self_evaluation likely", self.likely, 0)
        number("self_evaluation impossible", self.impossible, 0)
        number("self_evaluation minimum", self.minimum, 0)

    async def __call__(self, families: Sequence[Siblings], models: Models) -> list[list[Judgement]]:
        """Judgements with details ``value`` and the count of each verdict.

        Equal prompts are asked once in a search: the answers live in ``models.trace.values``.

        Raises:
            InputError: There is no judge.
        """
        if models.judge is None:
            raise InputError(
                "expected a judge for self_evaluation(), got none: pass judge=... (any language "
                "model, the policy's own for one) with the models"
            )
        drawn = [distinct(family) for family in families]
        prompts = [[models.task.value_prompt(path) for path, _ in children] for children in drawn]
        known = models.trace.values
        new = [p for p in dict.fromkeys(chain.from_iterable(prompts)) if (self, p) not in known]
        if new:
            for prompt, texts in zip(new, await self.ask(new, models.judge, models), strict=True):
                known[self, prompt] = self.tally(texts)
        judged: list[list[Judgement]] = []
        for children, asked in zip(drawn, prompts, strict=True):
            judged.append([])
            for (path, count), prompt in zip(children, asked, strict=True):
                found = known[self, prompt]
                value = found["value"]
                judged[-1].append(Judgement(path, value, value >= self.minimum, count, found))
        return judged

    async def ask(
        self, prompts: Sequence[str], judge: LanguageModel, models: Models
    ) -> list[list[str]]:
        """The judge's answers to each prompt, ``[P][samples]``."""
        draws = [(prompt, i) for prompt in prompts for i in range(self.samples)]
        completions = await judge.complete(
            [prompt for prompt, _ in draws],
            [derive(models.seed, "value", prompt, i) for prompt, i in draws],
            replace(models.task.value_sampling, temperature=self.temperature),
        )
        texts = [completion.text for completion in completions]
        return regroup(texts, [range(self.samples)] * len(prompts))

    def tally(self, texts: Sequence[str]) -> Mapping[str, float]:
        """The value of one prompt's answers, and how often each verdict was given."""
        words = [verdict(text) for text in texts]
        sure, likely, impossible = map(words.count, ("sure", "likely", "impossible"))
        return {
            "value": sure * self.sure + likely * self.likely + impossible * self.impossible,
            "sure": sure,
            "likely": likely,
            "impossible": impossible,
            "unknown": len(words) - sure - likely - impossible,
        }
