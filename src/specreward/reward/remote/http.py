"""Any reward model behind a URL that answers this JSON.

    POST url  {"solutions": [{"question": "...", "steps": ["...", "..."]}, ...]}
    ->        {"scores": [[0.9, 0.2], ...]}        a list for each solution, in order

Each list has a number in [0, 1] for each step, higher is better; or a single one for the whole
solution (``per_step=False``). ``"usage": {"prompt_tokens": n, "completion_tokens": m}`` of the
request may be added, and is counted; without it the calls cost no tokens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

from specreward.checks import rule, whole
from specreward.generate.dialects import Fields
from specreward.reward.aggregate import Aggregate, Minimum
from specreward.reward.remote.client import Remote, Target, Unusable, number_in, shape
from specreward.reward.solutions import Solution

__all__ = ["HTTPReward"]

HINT = "a score is a number in [0, 1], higher is better"


@final
@dataclass(frozen=True, kw_only=True)
class HTTPReward(Remote):
    """Scores of any server that answers the JSON above, in [0, 1]; a ``SolutionModel``.

    Args:
        url: Where solutions are posted to; it stands for the weights in the store and in messages,
            so that no secret belongs into it.
        key_env: The environment variable that holds the key, where the server wants one.
        timeout: Longest time of one request, seconds.
        concurrency: Most requests under way at once, at least 1.
        retry: When to try again.
        parameters: Number of parameters, for FLOPs; 0 if unknown.
        per_step: Whether there is a number for each step, or one for a solution.
        batch: Most solutions of one request, at least 1.
        combine: How step scores become the score of a solution.
    """

    url: str = field(kw_only=False)
    per_step: bool = True
    batch: int = 32
    combine: Aggregate = Minimum()

    def __post_init__(self) -> None:
        Remote.__post_init__(self)
        whole("http_reward batch", self.batch, 1)
        rule("http_reward combine", self.combine, "minimum()")

    @property
    def name(self) -> str:
        """The URL, and what else changes a number."""
        return f"{self.url} http_reward(per_step={self.per_step})"

    @property
    def _batch(self) -> int:
        return self.batch

    def _target(self) -> Target:
        return Target(self.url, self.url, self.url, "url is the very address that takes solutions")

    def _fields(self, solutions: Sequence[Solution]) -> Fields:
        rows = [{"question": one.question, "steps": list(one.steps)} for one in solutions]
        return {"solutions": rows}

    def _read(
        self, reply: Mapping[str, Any], solutions: Sequence[Solution]
    ) -> list[tuple[float, ...]]:
        rows = reply.get("scores")
        if not isinstance(rows, list) or len(rows) != len(solutions):
            raise Unusable(
                f"expected scores of {len(solutions)} solution(s), got {shape(rows)}: the answer "
                'is {"scores": [[0.9, 0.2], ...]}, a list for each solution',
                retryable=False,
            )
        return [self._numbers(row, one) for row, one in zip(rows, solutions, strict=True)]

    def _numbers(self, row: object, solution: Solution) -> tuple[float, ...]:
        expected = len(solution.steps) if self.per_step else 1
        if not isinstance(row, list) or len(row) != expected:
            other = "per_step=False" if self.per_step else "per_step=True"
            raise Unusable(
                f"expected {expected} number(s) for a solution of {len(solution.steps)} step(s), "
                f"got {shape(row)}: mend the server, or write {other}",
                retryable=False,
            )
        return tuple([number_in(value, HINT) for value in row])
