"""POST /v1/score: the reward model alone.

    text_1, text_2    as vLLM's score API: problem and solution; one and one, one and many, or as
                      many of each. The steps of a solution are its paragraphs, or its lines where
                      it has one paragraph
    solutions         problem and steps, one by one; with ``per_step`` the score of each step

A reward model that reads a question and its steps gets them as they are. Any other reads paths of
the task: the problem is parsed and each step must be a legal one.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from time import time
from typing import Any, final
from uuid import uuid4

from fastapi import APIRouter, Request, Response

from specreward.abilities import StepScorer
from specreward.errors import BudgetExhausted, InputError, SpecRewardError
from specreward.ledger import Ledger
from specreward.reward.solutions import SolutionReward
from specreward.serve.answering import ERRORS, unless_gone
from specreward.serve.limits import Gate
from specreward.serve.metrics import Metrics
from specreward.serve.refusals import Refusal, reading
from specreward.serve.replies import ErrorReply, ScoreReply, ScoreRow, usage_reply
from specreward.serve.schemas import ScoreRequest, SolutionBody
from specreward.serve.searches import Searches
from specreward.serve.service import Service
from specreward.types import Completion, Path, Problem, RewardModel, Step, Task

__all__ = ["REWARD", "score_router"]

REWARD = "reward"
"""Name of the reward model among the models."""

RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"model": ScoreReply, "description": "One score for each solution, in order."},
    **ERRORS,
    504: {"model": ErrorReply, "description": "The reward model took too long."},
}


@final
class _Scoring:
    """Scores solutions within the limits of the server."""

    def __init__(self, service: Service, searches: Searches, gate: Gate, metrics: Metrics) -> None:
        self._service = service
        self._searches = searches
        self._gate = gate
        self._metrics = metrics

    async def __call__(self, asked: ScoreRequest) -> ScoreReply:
        """The scores that a request asks for."""
        reward = self._searches.models(None).reward
        if reward is None:
            raise Refusal(
                404,
                "this server has no reward model: start it with --reward",
                code="model_not_found",
                param="model",
            )
        name = self._service.reward_name
        if asked.model not in (None, REWARD, name):
            raise Refusal(
                404,
                f"unknown reward model {asked.model[:200]!r}: known: {REWARD}, {name}",
                code="model_not_found",
                param="model",
            )
        if asked.per_step and not isinstance(reward, StepScorer):
            raise Refusal(
                400,
                "per_step: expected a reward model that scores steps; this one scores solutions as "
                "a whole: leave it out",
            )
        task = self._service.task
        with reading():
            solutions = _solutions(asked)
            paths = await asyncio.to_thread(_paths, solutions, task, reward)
        self._searches.check_open()
        self._gate.enter()
        try:
            async with self._gate.turn():
                return await self._score(reward, paths, per_step=asked.per_step)
        finally:
            self._gate.leave()

    async def _score(
        self, reward: RewardModel, paths: Sequence[Path], *, per_step: bool
    ) -> ScoreReply:
        ledger = Ledger(self._service.budget)
        seconds = self._service.limits.seconds
        steps: list[list[float]] | None = None
        try:
            with ledger.active():
                async with asyncio.timeout(seconds):
                    scores = await reward.score(paths)
                    if per_step and isinstance(reward, StepScorer):
                        steps = await reward.steps(paths)
        except TimeoutError:
            raise Refusal(
                504,
                f"the reward model took more than {seconds:g} s: send fewer solutions, or start "
                "the server with a larger --timeout",
                headers={"x-should-retry": "false"},
            ) from None
        except BudgetExhausted as error:
            raise Refusal(400, f"{error}", code="budget") from error
        except SpecRewardError as error:
            raise Refusal(502, str(error), headers={"x-should-retry": "false"}) from error
        finally:
            self._metrics.spent(ledger.usage)
        return ScoreReply(
            id=f"score-{uuid4().hex}",
            created=int(time()),
            model=self._service.reward_name,
            data=[
                ScoreRow(index=index, score=score, steps=None if steps is None else steps[index])
                for index, score in enumerate(scores)
            ],
            usage=usage_reply(ledger.usage),
        )


def _solutions(asked: ScoreRequest) -> list[SolutionBody]:
    """The solutions of either form of request.

    Raises:
        InputError: There is neither form or both, or the texts do not go together.
    """
    pair = asked.text_1 is not None and asked.text_2 is not None
    if asked.solutions is not None and asked.text_1 is None and asked.text_2 is None:
        return asked.solutions
    if asked.solutions is not None or not pair:
        raise InputError("expected either text_1 and text_2, or solutions")
    firsts = [asked.text_1] if isinstance(asked.text_1, str) else list(asked.text_1 or [])
    seconds = [asked.text_2] if isinstance(asked.text_2, str) else list(asked.text_2 or [])
    if len(firsts) == 1:
        firsts = firsts * len(seconds)
    if len(firsts) != len(seconds):
        raise InputError(
            f"expected one text_1, or as many as text_2, got {len(firsts)} and {len(seconds)}"
        )
    return [
        SolutionBody(question=first, steps=_split(second))
        for first, second in zip(firsts, seconds, strict=True)
    ]


def _split(text: str) -> list[str]:
    parts = [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]
    if len(parts) == 1:
        parts = [line.strip() for line in parts[0].splitlines() if line.strip()]
    if not parts:
        raise InputError("text_2: expected a solution of at least one step, got an empty text")
    return parts


def _paths(solutions: Sequence[SolutionBody], task: Task, reward: RewardModel) -> list[Path]:
    """Solutions as the reward model reads them.

    Raises:
        InputError: One cannot be read; the message says which, from 0 on as in the response.
    """
    paths = []
    for index, one in enumerate(solutions):
        try:
            paths.append(_path(one, task, reward))
        except InputError as error:
            raise InputError(f"solution {index}: {error}") from error
    return paths


def _path(solution: SolutionBody, task: Task, reward: RewardModel) -> Path:
    """A solution as the reward model reads it.

    Raises:
        InputError: A step is not possible where it stands.
    """
    if isinstance(reward, SolutionReward):
        return Path(Problem("score", solution.question), tuple(map(Step, solution.steps)))
    path = Path(task.parse(solution.question))
    for number, text in enumerate(solution.steps, 1):
        step = task.step(path, Completion(text, 0, None, 0)) if path.open else None
        if step is None or step.dead:
            why = "it comes after the end" if step is None else "it breaks the rules of the task"
            raise InputError(f"step {number}, {text[:200]!r}: {why}")
        path = path.then(step)
    return path


def score_router(service: Service, searches: Searches, gate: Gate, metrics: Metrics) -> APIRouter:
    """The route, and vLLM's other name of it."""
    router = APIRouter()
    scoring = _Scoring(service, searches, gate, metrics)

    @router.post("/score", response_model=None, include_in_schema=False)
    @router.post("/v1/score", response_model=None, responses=RESPONSES)
    async def score(asked: ScoreRequest, request: Request) -> Response:
        """Score solutions, or the steps taken so far."""
        work = asyncio.create_task(scoring(asked))
        try:
            await unless_gone(request, work)
            reply = work.result()
        finally:
            work.cancel()
        return Response(reply.model_dump_json(exclude_none=True), media_type="application/json")

    return router
