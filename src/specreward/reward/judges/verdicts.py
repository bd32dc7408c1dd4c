"""How a judge's Yes becomes a probability: objects for judges that are asked Yes or No.

    Direct      p = P(" Yes") / (P(" Yes") + P(" No"))  after the question
    Critiques   p = mean over k critiques v_i ~ lm of the same after v_i and the question
    Votes       p = share of Yes among k written judgements

Direct and Critiques: L. Zhang, A. Hosseini, H. Bansal, M. Kazemi, A. Kumar, R. Agarwal (2024),
"Generative Verifiers: Reward Modeling as Next-Token Prediction", arXiv 2408.15240 (GenRM and
GenRM-CoT).

Differs from the paper: Yes and No share the whole mass, as in R-PRM (arXiv 2503.21295); a critique
that was cut off before its end, or says nothing, is drawn again. Votes needs no log-probabilities
from the engine, and knows only k + 1 different scores.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import exp, isfinite, isnan
from typing import ClassVar, Protocol, final

from specreward.checks import whole
from specreward.engines import ChatPrompt, LanguageModel
from specreward.errors import EngineError, InputError, RewardError
from specreward.reward.judges.asking import Asker, check_drawing, prompt

__all__ = ["GENRM", "Case", "Critiques", "Direct", "Verdict", "Votes"]

GENRM = """@misc{zhang2024generative,
  title = {Generative Verifiers: Reward Modeling as Next-Token Prediction},
  author = {Zhang, Lunjun and Hosseini, Arian and Bansal, Hritik and Kazemi, Mehran and
            Kumar, Aviral and Agarwal, Rishabh},
  year = {2024},
  note = {arXiv:2408.15240}
}"""

YES, NO = " Yes", " No"

_READ = re.compile(r"\(Yes/No\)\?[\s*]*(Yes|No)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Case:
    """What a judge is asked about.

    Args:
        text: Question and solution.
        about: What is to be judged, in words.
        ask: The published question; ends in ``(Yes/No)?``.
    """

    text: str
    about: str
    ask: str

    def at_once(self) -> str:
        """Asks for the verdict alone."""
        return f"{self.text}\n\nJudge {self.about}. Answer with Yes or No, nothing else."

    def thinking(self) -> str:
        """Asks for a critique that ends in the verdict."""
        return (
            f"{self.text}\n\nJudge {self.about}. Check each claim and each calculation on your "
            "own first, and say what is wrong where something is. Then end with a line of exactly "
            f"this form:\nVerification: {self.ask} Yes\nor\nVerification: {self.ask} No"
        )


class Verdict(Protocol):
    """From a language model and cases to probabilities."""

    async def __call__(
        self, cases: Sequence[Case], name: str, scorer: LanguageModel, critic: LanguageModel
    ) -> list[float]:
        """The probability that the answer to each case is Yes, ``[C]``.

        Args:
            cases: What is asked about.
            name: The judge's, for messages.
            scorer: The engine, for log-probabilities.
            critic: The same engine, for what is written.

        Raises:
            RewardError: A verdict cannot be had.
        """
        ...


async def _probabilities(
    prompts: Sequence[ChatPrompt], name: str, lm: LanguageModel
) -> list[float]:
    """P(Yes) against P(No) after each prompt."""
    texts = [(one, word) for one in prompts for word in (YES, NO)]
    try:
        scored = await lm.logprobs(texts)
    except InputError as error:
        error.add_note(
            f"{name} reads log-probabilities: for an engine without them write verdict=votes()"
        )
        raise
    if len(scored) != len(texts):
        raise EngineError(
            f"{lm.name}: expected {len(texts)} log-probabilities, got {len(scored)}: an engine "
            "must give one for each text, in order"
        )
    values = [one.value for one in scored]
    return [_share(yes, no, name, lm) for yes, no in zip(values[::2], values[1::2], strict=True)]


def _share(yes: float, no: float, name: str, lm: LanguageModel) -> float:
    """exp(yes) / (exp(yes) + exp(no)); one of the two may be -inf."""
    if isnan(yes) or isnan(no) or not (isfinite(yes) or isfinite(no)) or max(yes, no) > 1e-6:
        raise RewardError(
            f"{name}: expected log-probabilities of{YES!r} and{NO!r} of at most 0, one of them "
            f"finite, got {yes!r} and {no!r} from {lm.name}: mend the engine"
        )
    top = max(yes, no)
    return exp(yes - top) / (exp(yes - top) + exp(no - top))


@final
@dataclass(frozen=True, kw_only=True)
class Direct:
    """P(Yes) right after the question; reads log-probabilities, writes nothing."""

    __cite__: ClassVar[str] = GENRM

    async def __call__(
        self, cases: Sequence[Case], name: str, scorer: LanguageModel, critic: LanguageModel
    ) -> list[float]:
        """As the protocol."""
        return await _probabilities([prompt(one.at_once(), one.ask) for one in cases], name, scorer)


@final
@dataclass(frozen=True, kw_only=True)
class Critiques:
    """The mean of P(Yes) after each of some critiques; writes, and reads log-probabilities.

    Args:
        k: Critiques for each case, at least 1.
        temperature: Of the critiques.
        max_tokens: Cap on one critique; a longer one is drawn again.
        tries: Most texts for one critique.
        seed: Root of the draws.
    """

    k: int = field(default=10, kw_only=False)
    temperature: float = 0.7
    max_tokens: int = 1024
    tries: int = 3
    seed: int = 0

    __cite__: ClassVar[str] = GENRM

    def __post_init__(self) -> None:
        whole("critiques k", self.k, 1)
        check_drawing("critiques", self.temperature, self.max_tokens, self.tries)

    async def __call__(
        self, cases: Sequence[Case], name: str, scorer: LanguageModel, critic: LanguageModel
    ) -> list[float]:
        """As the protocol."""
        ask = Asker(
            critic,
            name=name,
            temperature=self.temperature,
            max_tokens=self.max_tokens,
            tries=self.tries,
            seed=self.seed,
            # A critique stops where its verdict would stand: that is read off the probabilities.
            stop=tuple(sorted({one.ask for one in cases})),
        )
        asked = [(one, index) for one in cases for index in range(self.k)]
        written = await ask(
            [(prompt(one.thinking()), index) for one, index in asked], _critique, "a whole critique"
        )
        begun = [
            prompt(one.thinking(), f"{text}\nVerification: {one.ask}")
            for (one, _), text in zip(asked, written, strict=True)
        ]
        return _means(await _probabilities(begun, name, scorer), self.k)


@final
@dataclass(frozen=True, kw_only=True)
class Votes:
    """The share of Yes among written judgements; needs no log-probabilities.

    Args:
        k: Judgements for each case, at least 1.
        temperature: Of the judgements.
        max_tokens: Cap on one judgement.
        tries: Most texts for one judgement.
        seed: Root of the draws.
    """

    k: int = field(default=8, kw_only=False)
    temperature: float = 0.7
    max_tokens: int = 1024
    tries: int = 3
    seed: int = 0

    __cite__: ClassVar[str] = GENRM

    def __post_init__(self) -> None:
        whole("votes k", self.k, 1)
        check_drawing("votes", self.temperature, self.max_tokens, self.tries)

    async def __call__(
        self, cases: Sequence[Case], name: str, scorer: LanguageModel, critic: LanguageModel
    ) -> list[float]:
        """As the protocol."""
        ask = Asker(
            critic,
            name=name,
            temperature=self.temperature,
            max_tokens=self.max_tokens,
            tries=self.tries,
            seed=self.seed,
        )
        draws = [(prompt(one.thinking()), index) for one in cases for index in range(self.k)]
        return _means(await ask(draws, _vote, "'(Yes/No)? Yes' or '(Yes/No)? No'"), self.k)


def _critique(text: str) -> str | None:
    """A critique without the words that lead to its verdict; None if it says nothing."""
    return text.rstrip().removesuffix("Verification:").rstrip() or None


def _vote(text: str) -> float | None:
    """The last verdict of a judgement as 1 or 0."""
    found = _READ.findall(text)
    return float(found[-1].lower() == "yes") if found else None


def _means(values: Sequence[float], k: int) -> list[float]:
    """The mean of each k values in a row."""
    return [sum(values[i : i + k]) / k for i in range(0, len(values), k)]
