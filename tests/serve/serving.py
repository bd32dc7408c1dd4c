"""Services of the toy task behind a server, and engines that can be slow, held, count or fail."""

import asyncio
import itertools
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache

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


def _set():
    event = threading.Event()
    event.set()
    return event


@dataclass
class Writer:
    """The toy language model; each call takes ``seconds``, the ones after ``most`` fail.

    None is answered before ``free`` is set.
    """

    seconds: float = 0.0
    most: int = 10**9
    name: str = "toy-writer"
    parameters: int = 1000
    calls: int = 0
    lm: ToyLanguageModel = field(default_factory=lambda: ToyLanguageModel(task=TASK))
    free: threading.Event = field(default_factory=_set)

    async def complete(self, prompts, seeds, sampling):
        self.calls += len(prompts)
        await asyncio.sleep(self.seconds)
        while not self.free.is_set():
            await asyncio.sleep(0.005)
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


class House:
    """One server in a thread for all services, each under a path of its own.

    To start and stop one for each takes longer than most tests.
    """

    def __init__(self):
        self._names = itertools.count()
        self._inside = {}
        self._listening = listen("127.0.0.1", 0)
        config = uvicorn.Config(self, log_config=None, access_log=False, lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        until(lambda: self._server.started)

    def _run(self):
        with asyncio.Runner() as runner:
            self._loop = runner.get_loop()
            runner.run(self._server.serve(sockets=[self._listening.socket]))

    async def __call__(self, scope, receive, send):
        name, _, path = scope["path"].removeprefix("/").partition("/")
        await self._inside[name](scope | {"path": f"/{path}"}, receive, send)

    @contextmanager
    def holding(self, app):
        """The application, from its startup to its shutdown; yields its URL."""
        name = f"s{next(self._names)}"
        self._inside[name] = app
        life = app.router.lifespan_context(app)
        self._wait(life.__aenter__())
        try:
            yield f"{self._listening.url}/{name}"
        finally:
            self._wait(life.__aexit__(None, None, None))

    def _wait(self, work):
        asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    def close(self):
        self._server.should_exit = True
        self._thread.join(timeout=20)
        assert not self._thread.is_alive()


house = cache(House)


@contextmanager
def serving(served):
    """The service, somewhere on the loopback; yields its URL."""
    with house().holding(Application(served).asgi) as url:
        yield url


def until(true, seconds=10.0):
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
