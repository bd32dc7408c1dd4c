"""What another package brings: a task, and models for it that can be stopped in the middle."""

import os
import signal

from specreward.assemble import Engines
from specreward.testing import ToyLanguageModel
from specreward.types import Path, Scored, Step

FUSE = {"calls": 0, "interrupt": None, "kill": int(os.environ.get("TOY_KILL_AFTER", "0")) or None}
"""Calls made to the language model, and after how many the process is stopped."""


class Fused:
    """The toy language model, until the fuse blows."""

    def __init__(self, lm):
        self._lm = lm
        self.name = "toy-lm"
        self.parameters = lm.parameters

    async def complete(self, prompts, seeds, sampling):
        FUSE["calls"] += 1
        if FUSE["calls"] == FUSE["interrupt"]:
            raise KeyboardInterrupt
        if FUSE["calls"] == FUSE["kill"]:
            os.kill(os.getpid(), signal.SIGKILL)
        return await self._lm.complete(prompts, seeds, sampling)

    async def logprobs(self, texts):
        return await self._lm.logprobs(texts)


class Values:
    """The truth about a word, with a model's name and size."""

    name = "toy-srm"
    parameters = 100

    def __init__(self, task):
        self._task = task

    async def values(self, texts):
        return [Scored(self._value(text), len(text)) for text in texts]

    def _value(self, text):
        question, _, word = text.removeprefix("reward ").rpartition("|")
        problem = self._task.parse(question)
        return self._task.value(Path(problem, tuple(Step(letter) for letter in word)))


def engines(task):
    """Toy models with a reward model.

    Further lines are not shown.
    """
    return Engines(policy=Fused(ToyLanguageModel(task=task)), reward=Values(task))


def blind(task):
    """A policy without a reward model."""
    return Engines(policy=Fused(ToyLanguageModel(task=task)))


def broken(task):
    """Models that cannot be loaded."""
    raise RuntimeError("no such weights")
