"""A process reward model behind vLLM's ``/pooling``: a row of class probabilities for each step.

    POST /pooling  {"model", "messages", "encoding_format": "float"}
    ->             {"data": [{"index": 0, "data": rows}], "usage": ...}
    rows           T x classes, or T numbers: one for each separator
    r_t            rows[t][positive]
    score          combine(r_1 .. r_T)

The shape differs by model and by how it is served. vLLM gives a row for each step where it knows
the separator: Qwen2.5-Math-PRM brings it along, others need
``--pooler-config '{"pooling_type": "STEP", "step_tag_id": ..., "returned_token_ids": [...]}'``.
Served without, the answer has a row for each token, or hidden states: those are refused with their
shape, never read as scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

from specreward.checks import rule, whole
from specreward.generate.dialects import Fields
from specreward.reward.aggregate import Aggregate, Minimum
from specreward.reward.remote.client import Remote, Target, Unusable, data_of, probability, shape
from specreward.reward.remote.conversation import Conversation, Messages
from specreward.reward.solutions import Solution
from specreward.spec import name_of

__all__ = ["Pooling"]

HINT = (
    "serve the model with its activation on (softmax over classes, sigmoid for a single one) and a "
    "pooler that gives rows of class probabilities"
)


@final
@dataclass(frozen=True, kw_only=True)
class Pooling(Remote):
    """Step scores of a served process reward model, in [0, 1]; a ``SolutionModel``.

    Args:
        model: Its name at the server.
        url: Of the server, without ``/v1``.
        key_env: The environment variable that holds the key, where the server wants one.
        timeout: Longest time of one request, seconds.
        concurrency: Most requests under way at once, at least 1.
        retry: When to try again.
        parameters: Number of parameters, for FLOPs; 0 if unknown.
        conversation: How a solution is put; by default ``<extra_0>`` after each step, as
            Qwen2.5-Math-PRM reads it.
        positive: The class that means good, counted from 0, or from the end if below 0.
        combine: How step scores become the score of a solution.
    """

    model: str = field(kw_only=False)
    conversation: Conversation = Messages(between="", after="<extra_0>")
    positive: int = -1
    combine: Aggregate = Minimum()

    def __post_init__(self) -> None:
        Remote.__post_init__(self)
        whole("pooling positive", self.positive, -1000, 1000)
        rule("pooling combine", self.combine, "minimum()")

    @property
    def name(self) -> str:
        """The model's, and what else changes a number."""
        return f"{self.model} pooling({name_of(self.conversation)}, positive={self.positive})"

    @property
    def per_step(self) -> bool:
        """A number for each step."""
        return True

    def _target(self) -> Target:
        root = self.url.rstrip("/")
        return Target(f"{root}/pooling", f"{root}/v1", self.model)

    def _fields(self, solutions: Sequence[Solution]) -> Fields:
        [one] = solutions
        return {
            "model": self.model,
            **self.conversation.fields(one),
            "encoding_format": "float",
        }

    def _read(
        self, reply: Mapping[str, Any], solutions: Sequence[Solution]
    ) -> list[tuple[float, ...]]:
        [one] = solutions
        rows = data_of(reply, "data")
        if not isinstance(rows, list) or len(rows) != len(one.steps):
            raise Unusable(
                f"expected {len(one.steps)} row(s), one for each step, got {shape(rows)}: that is "
                "one for each token, or of another model; serve it with a pooler of the type STEP "
                "and its separator, and put that separator after each step (conversation)",
                retryable=False,
            )
        return [tuple([probability(row, self.positive, HINT) for row in rows])]
