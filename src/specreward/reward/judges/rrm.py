r"""A reasoning model that names the better of two solutions, after thinking as long as it likes.

J. Guo, Z. Chi, L. Dong, Q. Dong, X. Wu, S. Huang, F. Wei (2025), "Reward Reasoning Model",
arXiv 2505.14674.

    text ~ lm(question, Assistant 1, Assistant 2) ends in \boxed{Assistant 1} or \boxed{Assistant 2}
    result of a pair = majority of ``votes`` texts, half of them in each order
    score = tournament(results)                  round robin, Elo or knockout

Differs from the paper: the system prompt is in our own words, with the published verdict; by
default two votes, one in each order, so that a judge that prefers a position says nothing (the
paper's single vote is ``votes=1``, in an order drawn from the content). For the scores see
``tournament.py``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, final

from specreward.checks import rule, whole
from specreward.engines import ChatPrompt, LanguageModel, Message
from specreward.reward.composed import Wiring
from specreward.reward.judges.asking import Asker, check_drawing
from specreward.reward.judges.llm_judge import two_solutions
from specreward.reward.judges.tournament import (
    REWARD_REASONING,
    PairReward,
    RoundRobin,
    Tournament,
)
from specreward.reward.solutions import Solution
from specreward.seeds import derive
from specreward.types import RewardModel

__all__ = ["RRM"]

SYSTEM = (
    "You compare the answers of two assistants to a question. Judge how well each follows the "
    "instructions, how helpful, accurate, harmless and detailed it is; what is wrong cannot be "
    "made good by anything else. Neither the order of the answers, nor their length, nor the names "
    "count. Think it through first, then name the better one, without ties, as the last thing that "
    "you write: \\boxed{Assistant 1} or \\boxed{Assistant 2}."
)

_BOXED = re.compile(r"\\boxed\s*\{\s*(?:\\text\s*\{)?\s*Assistant\s*([12])\s*\}")


@final
@dataclass(frozen=True, kw_only=True)
class RRM:
    """Comparisons by a reasoning model, and a tournament over the solutions of a call.

    Args:
        lm: The engine that judges, such as one that serves RRM-7B.
        votes: Texts for each pair, at least 1; an even number stands half in each order.
        tournament: Who is compared with whom: ``round_robin()``, ``elo()`` or ``knockout()``.
        temperature: Of the texts.
        max_tokens: Cap on one text, thinking included.
        tries: Most texts for one vote.
        seed: Root of the draws.
    """

    lm: LanguageModel = field(kw_only=False)
    votes: int = 2
    tournament: Tournament = RoundRobin()
    temperature: float = 0.6
    max_tokens: int = 4096
    tries: int = 3
    seed: int = 0

    __cite__: ClassVar[str] = REWARD_REASONING

    def __post_init__(self) -> None:
        whole("rrm votes", self.votes, 1)
        rule("rrm tournament", self.tournament, "round_robin()")
        check_drawing("rrm", self.temperature, self.max_tokens, self.tries)

    @property
    def names(self) -> list[str]:
        """The engine's."""
        return [self.lm.name]

    def wired(self, wiring: Wiring) -> RewardModel:
        """The reward model: phase ``critique``, as every call writes one."""
        ask = Asker(
            wiring.language_model(self.lm, phase="critique"),
            name="rrm",
            temperature=self.temperature,
            max_tokens=self.max_tokens,
            tries=self.tries,
            seed=self.seed,
        )
        return PairReward(_Votes(ask=ask, votes=self.votes), tournament=self.tournament)


@final
@dataclass(frozen=True, kw_only=True)
class _Votes:
    """Compares two solutions by a majority of votes in both orders."""

    ask: Asker
    votes: int

    async def __call__(self, pairs: Sequence[tuple[Solution, Solution]]) -> list[float]:
        """As ``Duel``."""
        draws: list[tuple[str, int]] = []
        swapped: list[bool] = []
        for one, other in pairs:
            # Which of the two stands first in the odd vote is drawn from what they say.
            turn = derive(self.ask.seed, "order", one.question, one.steps, other.steps) % 2
            for vote in range(self.votes):
                swap = (vote + turn) % 2 == 1
                swapped.append(swap)
                draws.append((_request(other, one) if swap else _request(one, other), vote))
        named = await self.ask(draws, _boxed, "\\boxed{Assistant 1} or \\boxed{Assistant 2}")
        won = [float((name == 1) != swap) for name, swap in zip(named, swapped, strict=True)]
        shares = [sum(won[i : i + self.votes]) / self.votes for i in range(0, len(won), self.votes)]
        return [0.5 if share == 0.5 else float(share > 0.5) for share in shares]


def _request(one: Solution, other: Solution) -> ChatPrompt:
    text = two_solutions(one, other, ("Assistant 1", "Assistant 2"))
    return ChatPrompt([Message("system", SYSTEM), Message("user", text)])


def _boxed(text: str) -> int | None:
    """The last named assistant, 1 or 2."""
    found = _BOXED.findall(text)
    return int(found[-1]) if found else None
