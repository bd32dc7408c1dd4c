"""What goes out: the bodies of responses.

content   the steps of a candidate, a line each, an empty line, ``Answer: `` and the answer
usage     all roles together
specreward    which search it was, how it ended, and what it cost by role and phase
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Literal

from pydantic import BaseModel, Field

from specreward.serve.searches import Search
from specreward.types import Candidate, Result, Task, Usage

__all__ = [
    "Answer",
    "ChatChoice",
    "ChatReply",
    "CompletionChoice",
    "CompletionReply",
    "Cost",
    "ErrorDetail",
    "ErrorReply",
    "Finding",
    "Message",
    "ModelCard",
    "ModelList",
    "PromptDetails",
    "Report",
    "ScoreReply",
    "ScoreRow",
    "UsageReply",
    "answers",
    "report",
    "usage_reply",
]

Finish = Literal["stop", "length"]


class PromptDetails(BaseModel):
    """Of the tokens read."""

    cached_tokens: int


class UsageReply(BaseModel):
    """Tokens of all roles together."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails


class Cost(BaseModel):
    """What one role spent in one phase."""

    calls: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    seconds: float
    flops: float
    dollars: float
    failed: int


class Report(BaseModel):
    """A search in short."""

    id: str = Field(description="Of the search and its tree.")
    task: str
    strategy: str
    problem: str
    answer: str | None = Field(description="In the task's canonical form; null without one.")
    score: float | None
    ended: str = Field(description="done, exhausted, budget, timeout, stopped or failed")
    error: str | None
    stored: bool = Field(description="Taken from the store: nothing was asked of a model.")
    candidates: int
    expansions: int
    calls: int
    tokens: int
    dollars: float | None = Field(description="Null where a model has no price.")
    seconds: float = Field(description="Engine time.")
    cost: dict[str, dict[str, Cost]] = Field(description="By role and phase.")
    ignored: list[str] = Field(description="Parameters given and without an effect.")


class Finding(BaseModel):
    """One candidate in short."""

    answer: str
    score: float | None


class Message(BaseModel):
    """The answer."""

    role: Literal["assistant"] = "assistant"
    content: str


class ChatChoice(BaseModel):
    """One answer."""

    index: int
    message: Message
    finish_reason: Finish
    logprobs: None = None
    specreward: Finding | None


class CompletionChoice(BaseModel):
    """One answer."""

    index: int
    text: str
    finish_reason: Finish
    logprobs: None = None
    specreward: Finding | None


class _Reply(BaseModel):
    id: str
    created: int
    model: str
    usage: UsageReply
    specreward: Report


class ChatReply(_Reply):
    """Of /v1/chat/completions."""

    object: Literal["chat.completion"] = "chat.completion"
    choices: list[ChatChoice]


class CompletionReply(_Reply):
    """Of /v1/completions."""

    object: Literal["text_completion"] = "text_completion"
    choices: list[CompletionChoice]


class ModelCard(BaseModel):
    """A model that may be asked."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: Literal["specreward"] = "specreward"
    strategy: str | None = Field(description="What it stands for; null for the reward model.")


class ModelList(BaseModel):
    """All of them."""

    object: Literal["list"] = "list"
    data: list[ModelCard]


class ScoreRow(BaseModel):
    """The score of one solution, in [0, 1], higher is better."""

    index: int
    object: Literal["score"] = "score"
    score: float
    steps: list[float] | None = None


class ScoreReply(BaseModel):
    """Of /v1/score."""

    id: str
    object: Literal["list"] = "list"
    created: int
    model: str
    data: list[ScoreRow]
    usage: UsageReply


class ErrorDetail(BaseModel):
    """What was expected, what came, what to do."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorReply(BaseModel):
    """Any error; one of a search that had begun says what it cost."""

    error: ErrorDetail
    specreward: Report | None = None


class Answer(BaseModel):
    """One choice before it has its form."""

    content: str
    finish: Finish
    finding: Finding | None


def answers(
    search: Search, result: Result, task: Task, n: int, stops: Sequence[str]
) -> list[Answer]:
    """The best candidate, then the others by their scores, different paths each, at most ``n``.

    Without any there is one empty answer. The finish is ``length`` where a cap ended the search.
    """
    finish: Finish = "length" if result.ended == "budget" or search.stopped else "stop"
    best = search.best(result)
    if best is None:
        return [Answer(content="", finish=finish, finding=None)]
    ranked = sorted(result.candidates, key=lambda one: one.score, reverse=True)
    different: dict[tuple[str, ...], Candidate] = {}
    for one in (best, *ranked):
        different.setdefault(one.path.key, one)
    return [_answer(one, task, finish, stops) for one in list(different.values())[:n]]


def _answer(one: Candidate, task: Task, finish: Finish, stops: Sequence[str]) -> Answer:
    answer = task.answer(one.path)
    steps = "\n".join([step.text for step in one.path.steps])
    content = f"{steps}\n\nAnswer: {answer}"
    for stop in stops:
        content = content.partition(stop)[0]
    finding = Finding(answer=answer, score=one.score)
    return Answer(content=content, finish=finish, finding=finding)


def usage_reply(usage: Mapping[tuple[str, str], Usage]) -> UsageReply:
    """All roles summed."""
    total = sum(usage.values(), Usage())
    return UsageReply(
        prompt_tokens=total.prompt_tokens,
        completion_tokens=total.completion_tokens,
        total_tokens=total.tokens,
        prompt_tokens_details=PromptDetails(cached_tokens=total.cached_tokens),
    )


def report(
    search: Search, result: Result, task: Task, *, priced: bool, ignored: Sequence[str]
) -> Report:
    """A search in short."""
    best = search.best(result)
    total = sum(result.usage.values(), Usage())
    cost: dict[str, dict[str, Cost]] = {}
    for (role, phase), spent in result.usage.items():
        cost.setdefault(role, {})[phase] = Cost(**asdict(spent))
    return Report(
        id=search.id,
        task=task.name,
        strategy=search.dish.text,
        problem=result.problem.id,
        answer=None if best is None else task.answer(best.path),
        score=None if best is None else best.score,
        ended=search.ended(result),
        error=result.error,
        stored=search.ledger is None,
        candidates=len(result.candidates),
        expansions=len(result.expansions),
        calls=total.calls,
        tokens=total.tokens,
        dollars=total.dollars if priced else None,
        seconds=total.seconds,
        cost=cost,
        ignored=list(ignored),
    )
