"""A cross-encoder behind vLLM's ``/score``: how well do the steps go with the question?

    POST /score  {"model", "text_1": question, "text_2": steps}
    ->           {"data": [{"index": 0, "score"}], "usage": ...}

Any reward model that was trained on pairs (question, solution) can be served so: an SRM on
DeBERTa-v3, for one, or this package's own server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

from specreward.generate.dialects import Fields
from specreward.reward.aggregate import Aggregate, Last
from specreward.reward.remote.client import Remote, Target, data_of, number_in
from specreward.reward.solutions import Solution

__all__ = ["Score"]

HINT = "serve a cross-encoder with its activation on (sigmoid), no embedding model"


@final
@dataclass(frozen=True, kw_only=True)
class Score(Remote):
    """Scores of a served cross-encoder, in [0, 1]; a ``SolutionModel``.

    Args:
        model: Its name at the server.
        url: Of the server, without ``/v1``.
        key_env: The environment variable that holds the key, where the server wants one.
        timeout: Longest time of one request, seconds.
        concurrency: Most requests under way at once, at least 1.
        retry: When to try again.
        parameters: Number of parameters, for FLOPs; 0 if unknown.
        between: Stands between two steps.
    """

    model: str = field(kw_only=False)
    between: str = "\n"

    @property
    def name(self) -> str:
        """The model's, and what else changes a number."""
        return f"{self.model} score(between={self.between!r})"

    @property
    def per_step(self) -> bool:
        """One number for a solution."""
        return False

    @property
    def combine(self) -> Aggregate:
        """Of one number: itself."""
        return Last()

    def _target(self) -> Target:
        root = self.url.rstrip("/")
        return Target(f"{root}/score", f"{root}/v1", self.model)

    def _fields(self, solutions: Sequence[Solution]) -> Fields:
        [one] = solutions
        return {
            "model": self.model,
            "text_1": one.question,
            "text_2": self.between.join(one.steps),
        }

    def _read(
        self, reply: Mapping[str, Any], solutions: Sequence[Solution]
    ) -> list[tuple[float, ...]]:
        return [(number_in(data_of(reply, "score"), HINT),)]
