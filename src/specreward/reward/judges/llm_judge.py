"""A language model that grades solutions, or compares two of them.

L. Zheng, W. Chiang, Y. Sheng, S. Zhuang, Z. Wu, Y. Zhuang, Z. Lin, Z. Li, D. Li, E. Xing, H. Zhang,
J. Gonzalez, I. Stoica (2023), "Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena",
arXiv 2306.05685.

    rating     text ~ lm(question, solution) ends in [[n]]
               score = (mean of n over samples - low) / (high - low)
    pairwise   text ~ lm(question, A, B) ends in [[A]], [[B]] or [[C]] (tie), in both orders
               i beats j if it wins both; a tie where they disagree
               score = tournament(results)

Differs from the paper: prompts are our own around the published verdicts; nothing is graded against
a reference answer, which a search does not have; a verdict that cannot be read is asked for again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, final

from specreward.checks import rule, whole
from specreward.engines import LanguageModel
from specreward.errors import InputError
from specreward.reward.composed import Wiring
from specreward.reward.judges.asking import (
    Asker,
    check_drawing,
    numbered,
    prompt,
    question_and_steps,
)
from specreward.reward.judges.pointwise import PointReward
from specreward.reward.judges.tournament import PairReward, RoundRobin, Tournament
from specreward.reward.solutions import Solution
from specreward.types import RewardModel

__all__ = ["Grading", "LLMJudge", "Pairwise", "Rating", "two_solutions"]

JUDGING = """@inproceedings{zheng2023judging,
  title = {Judging {LLM}-as-a-Judge with {MT}-Bench and {Chatbot} {Arena}},
  author = {Zheng, Lianmin and Chiang, Wei-Lin and Sheng, Ying and Zhuang, Siyuan and
            Wu, Zhanghao and Zhuang, Yonghao and Lin, Zi and Li, Zhuohan and Li, Dacheng and
            Xing, Eric P. and Zhang, Hao and Gonzalez, Joseph E. and Stoica, Ion},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2023},
  note = {arXiv:2306.05685}
}"""

_NUMBER = re.compile(r"\[\[\s*(-?\d+(?:\.\d+)?)\s*\]\]")
_LETTER = re.compile(r"\[\[\s*([ABC])\s*\]\]")
_RESULTS = {"A": 1.0, "B": 0.0, "C": 0.5}


class Grading(Protocol):
    """What the judge is asked for."""

    def reward(self, ask: Asker, samples: int) -> RewardModel:
        """The reward model.

        Args:
            ask: Draws verdicts.
            samples: Judgements of each solution, or of each order of a pair.
        """
        ...


@final
@dataclass(frozen=True, kw_only=True)
class Rating:
    """A number for each solution by itself.

    Args:
        low: The worst on the scale.
        high: The best on the scale, above ``low``.
    """

    low: int = 1
    high: int = 10

    __cite__: ClassVar[str] = JUDGING

    def __post_init__(self) -> None:
        whole("rating low", self.low, -1000, 1000)
        whole("rating high", self.high, self.low + 1, 1000)

    def reward(self, ask: Asker, samples: int) -> RewardModel:
        """As the protocol; it scores steps too, each as the end of a solution."""
        return PointReward(_Ratings(scale=self, ask=ask, samples=samples))

    def request(self, solution: Solution) -> str:
        """What the judge reads."""
        return (
            f"{question_and_steps(solution)}\n\nGrade the solution: is it right, does each step "
            "follow, does it answer the question? Where it is unfinished, grade what is there. "
            "First explain your grade in a few sentences; neither length nor style counts. Then "
            f"end with a whole number from {self.low} (worthless) to {self.high} (flawless) in "
            f'double brackets, like this: "Rating: [[{(self.low + self.high) // 2}]]".'
        )

    def read(self, text: str) -> float | None:
        """The last grade of a text, in [0, 1]; None if there is none on the scale."""
        found = _NUMBER.findall(text)
        if not found or not self.low <= float(found[-1]) <= self.high:
            return None
        return (float(found[-1]) - self.low) / (self.high - self.low)


@final
@dataclass(frozen=True, kw_only=True)
class _Ratings:
    """Grades beginnings one by one."""

    scale: Rating
    ask: Asker
    samples: int

    async def grade(self, beginnings: Sequence[Solution]) -> list[float]:
        """As ``Pointwise``."""
        k = self.samples
        draws = [(prompt(self.scale.request(one)), i) for one in beginnings for i in range(k)]
        expected = f"a grade from [[{self.scale.low}]] to [[{self.scale.high}]]"
        grades = await self.ask(draws, self.scale.read, expected)
        return [sum(grades[i : i + k]) / k for i in range(0, len(grades), k)]


@final
@dataclass(frozen=True, kw_only=True)
class Pairwise:
    """Comparisons of two solutions, in both orders, and a tournament over those of a call.

    Args:
        tournament: Who is compared with whom.
    """

    tournament: Tournament = RoundRobin()

    __cite__: ClassVar[str] = JUDGING

    def __post_init__(self) -> None:
        rule("pairwise tournament", self.tournament, "round_robin()")

    def reward(self, ask: Asker, samples: int) -> RewardModel:
        """As the protocol; its scores hold within one call, see ``tournament.py``."""
        return PairReward(_Swapped(ask=ask, samples=samples), tournament=self.tournament)


@final
@dataclass(frozen=True, kw_only=True)
class _Swapped:
    """Compares two solutions in both orders; disagreement is a tie."""

    ask: Asker
    samples: int

    async def __call__(self, pairs: Sequence[tuple[Solution, Solution]]) -> list[float]:
        """As ``Duel``."""
        draws = [
            (prompt(_comparison(*order)), i)
            for one, other in pairs
            for order in ((one, other), (other, one))
            for i in range(self.samples)
        ]
        said = await self.ask(draws, _letter, "[[A]], [[B]] or [[C]]")
        k = self.samples
        means = [sum(said[i : i + k]) / k for i in range(0, len(said), k)]
        orders = zip(map(_won, means[::2]), map(_won, means[1::2]), strict=True)
        return [first if first == 1 - second else 0.5 for first, second in orders]


def _won(mean: float) -> float:
    """The majority of one order's verdicts."""
    return 0.5 if mean == 0.5 else float(mean > 0.5)


def two_solutions(one: Solution, other: Solution, names: tuple[str, str]) -> str:
    """A question and two solutions under names."""
    return (
        f"Question:\n{one.question}\n\n[{names[0]}]\n{numbered(one.steps)}\n[End of {names[0]}]"
        f"\n\n[{names[1]}]\n{numbered(other.steps)}\n[End of {names[1]}]"
    )


def _comparison(one: Solution, other: Solution) -> str:
    return (
        f"{two_solutions(one, other, ('Assistant A', 'Assistant B'))}\n\nWhich of the two is the "
        "better solution of the question? Correctness counts first, then whether each step "
        "follows. Either may be unfinished: then judge what is there. The order in which they "
        "stand, their length and their names count nothing. First compare them in a few "
        'sentences, then end with your verdict in exactly this form: "[[A]]" if Assistant A is '
        'better, "[[B]]" if Assistant B is better, "[[C]]" for a tie.'
    )


def _letter(text: str) -> float | None:
    """The last verdict of a text as the result of A."""
    found = _LETTER.findall(text)
    return _RESULTS[found[-1]] if found else None


@final
@dataclass(frozen=True, kw_only=True)
class LLMJudge:
    """Grades of a language model, in [0, 1].

    Args:
        lm: The engine that judges.
        grading: ``rating(low=1, high=10)`` grades each solution, ``pairwise()`` compares them.
        samples: Judgements of each solution, whose mean counts, or of each order of a pair, whose
            majority does; more than one needs a temperature.
        temperature: Of the judgements; a repeat of an unreadable one has at least 0.7.
        max_tokens: Cap on one judgement.
        tries: Most texts for one judgement.
        seed: Root of the draws.
    """

    lm: LanguageModel = field(kw_only=False)
    grading: Grading = Rating()
    samples: int = 1
    temperature: float = 0.0
    max_tokens: int = 1024
    tries: int = 3
    seed: int = 0

    __cite__: ClassVar[str] = JUDGING

    def __post_init__(self) -> None:
        whole("llm_judge samples", self.samples, 1)
        check_drawing("llm_judge", self.temperature, self.max_tokens, self.tries)
        if self.samples > 1 and self.temperature == 0:
            raise InputError(
                f"llm_judge: {self.samples} samples at temperature 0 are {self.samples} times the "
                "same: give a temperature above 0, or one sample"
            )

    @property
    def names(self) -> list[str]:
        """The engine's."""
        return [self.lm.name]

    def wired(self, wiring: Wiring) -> RewardModel:
        """The reward model: phase ``critique``, as every call writes one."""
        ask = Asker(
            wiring.language_model(self.lm, phase="critique"),
            name="llm_judge",
            temperature=self.temperature,
            max_tokens=self.max_tokens,
            tries=self.tries,
            seed=self.seed,
        )
        return self.grading.reward(ask, self.samples)
