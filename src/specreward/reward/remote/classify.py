"""An outcome reward model behind vLLM's or SGLang's ``/classify``.

    POST /classify  {"model", "messages" or "input"}
    ->              {"data": [{"index": 0, "label", "probs", "num_classes"}], "usage": ...}
    score           probs[positive]

A model with a single unbounded reward is served with one class, whose probability is the sigmoid of
the reward.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

from specreward.checks import whole
from specreward.generate.dialects import Fields
from specreward.reward.aggregate import Aggregate, Last
from specreward.reward.remote.client import Remote, Target, data_of, probability
from specreward.reward.remote.conversation import Conversation, Messages
from specreward.reward.solutions import Solution
from specreward.spec import name_of

__all__ = ["Classify"]

HINT = "serve the model with its activation on (softmax over classes, sigmoid for a single one)"


@final
@dataclass(frozen=True, kw_only=True)
class Classify(Remote):
    """Scores of a served classifier of solutions, in [0, 1]; a ``SolutionModel``.

    Args:
        model: Its name at the server.
        url: Of the server, without ``/v1``.
        key_env: The environment variable that holds the key, where the server wants one.
        timeout: Longest time of one request, seconds.
        concurrency: Most requests under way at once, at least 1.
        retry: When to try again.
        parameters: Number of parameters, for FLOPs; 0 if unknown.
        conversation: How a solution is put; ``plain_text()`` for models without a chat template,
            and for servers that take no messages here.
        positive: The class that means good, counted from 0, or from the end if below 0.
    """

    model: str = field(kw_only=False)
    conversation: Conversation = Messages(between="\n")
    positive: int = -1

    def __post_init__(self) -> None:
        Remote.__post_init__(self)
        whole("classify positive", self.positive, -1000, 1000)

    @property
    def name(self) -> str:
        """The model's, and what else changes a number."""
        return f"{self.model} classify({name_of(self.conversation)}, positive={self.positive})"

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
        return Target(f"{root}/classify", f"{root}/v1", self.model)

    def _fields(self, solutions: Sequence[Solution]) -> Fields:
        [one] = solutions
        return {"model": self.model, **self.conversation.fields(one)}

    def _read(
        self, reply: Mapping[str, Any], solutions: Sequence[Solution]
    ) -> list[tuple[float, ...]]:
        return [(probability(data_of(reply, "probs"), self.positive, HINT),)]
