"""A server of the toy task in a thread, and engines that can be slow, count, fail or be held."""

import asyncio
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn

from specreward import parse
from specreward.assemble import Engines
from specreward.errors import EngineError
from specreward.serve.app import Application
from specreward.serve.limits import Limits
from specreward.serve.process import listen
from specreward.serve.service import Service
from specreward.testing import ToyLanguageModel, ToyTask
from specreward.types import Path, Problem, Scored, Step

TASK = ToyTask()
BFS = "bfs(verify=speculative())"


@dataclass
class Values:
    """The truth about the toy task, as an engine; ``calls`` counts the texts."""

    name: str = "toy-values"
    parameters: int = 10
    calls: int = 0

    async def values(self, texts):
        self.calls += len(texts)
        return [Scored(self._value(text), len(text)) for text in texts]

    def _value(self, text):
        question, _, word = text.removeprefix("reward ").rpartition("|")
        return TASK.value(Path(Problem("", question), tuple(Step(letter) for letter in word)))


@dataclass
class Writer:
    """The toy language model; each call takes ``seconds``, the ones after ``most`` fail."""

    seconds: float = 0.0
    most: int = 10**9
    name: str = "toy-writer"
    parameters: int = 1000
    calls: int = 0
    lm: ToyLanguageModel = field(default_factory=lambda: ToyLanguageModel(task=TASK))

    async def complete(self, prompts, seeds, sampling):
        self.calls += len(prompts)
        await asyncio.sleep(self.seconds)
        if self.calls > self.most:
            raise EngineError("the engine\nis out of order: mend it")
        return await self.lm.complete(prompts, seeds, sampling)

    async def logprobs(self, texts):
        self.calls += len(texts)
        return await self.lm.logprobs(texts)


def service(*, policy=None, reward=None, strategies=None, limits=None, **more):
    """A service of the toy task."""
    engines = Engines(policy=policy or Writer(), reward=reward or Values())
    served = {name: parse(text, "strategy") for name, text in (strategies or {BFS: BFS}).items()}
    return Service(task=TASK, engines=engines, strategies=served, limits=limits or Limits(), **more)


@contextmanager
def serving(served):
    """The service on a free port of the loopback; yields its URL."""
    application = Application(served)
    listening = listen("127.0.0.1", 0)
    config = uvicorn.Config(application.asgi, log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: server.run(sockets=[listening.socket]))
    thread.start()
    try:
        until(lambda: server.started)
        yield listening.url
    finally:
        server.should_exit = True
        thread.join(timeout=20)
        assert not thread.is_alive()


def until(true, seconds=10.0):
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
