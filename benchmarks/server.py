"""What the server adds: to one search, and to many at once.

    PYTHONPATH=src python benchmarks/server.py

latency       the same problems one after another, each by `run_async` in this process and by a POST
              of /v1/chat/completions over one connection to a server in another process, in turns
              first and second. `added` is the median of the paired differences, with a 95 %
              bootstrap interval.
throughput    64 clients, each with a connection of its own, post one problem after another to a
              server with an instant model; beside it, the same problems by `run_async` with 64 in
              flight. Requests in a second are the median of 5 rounds, with the least and the most.

Models: `toy` draws from a known law and is instant, so that what is measured is the framework;
`game24` are the embedded ones. The client is a few lines on asyncio streams and shares the machine
with the server; `load` is what it was busy with before. One row for each measurement is appended to
benchmarks/results/server.jsonl.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from specreward import assemble, parse, run_async, wire
from specreward.assemble import Engines, engines_for
from specreward.serve.app import Application
from specreward.serve.process import listen, run_server
from specreward.serve.service import Service
from specreward.testing import OracleReward, ToyLanguageModel, ToyTask
from specreward.types import Models, Problem, Strategy, Task

RESULTS = Path(__file__).parent / "results" / "server.jsonl"
CLIENTS = 64
ROUNDS = 5
CHEAP, FULL = "cot()", "bfs(verify=speculative())"


def task_of(name: str) -> Task:
    return ToyTask() if name == "toy" else parse(name, "task")


def engines_of(name: str) -> Engines:
    if name == "toy":
        task = ToyTask()
        return Engines(policy=ToyLanguageModel(task=task), reward=OracleReward(task=task))
    return engines_for(task_of(name))


def models_of(name: str) -> Models:
    return wire(task_of(name), engines_of(name)) if name == "toy" else assemble(task_of(name))


# ---------------------------------------------------------------------------------- server, client


def serve(name: str) -> None:
    strategies = {text: parse(text, "strategy") for text in (CHEAP, FULL)}
    service = Service(task=task_of(name), engines=engines_of(name), strategies=strategies)
    listening = listen("127.0.0.1", 0)
    run_server(Application(service), listening, 0.0, lambda: print(listening.url, flush=True))


@contextmanager
def server(name: str):
    command = [sys.executable, __file__, "--serve", name]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        host, port = process.stdout.readline().strip().removeprefix("http://").split(":")
        yield host, int(port)
    finally:
        process.terminate()
        process.wait()


class Client:
    """One connection that is kept open."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, strategy: str, question: str) -> dict[str, object]:
        body = {"model": strategy, "messages": [{"role": "user", "content": question}]}
        data = json.dumps(body).encode()
        head = (
            "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        self.writer.write(head.encode() + data)
        answer = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(answer.partition("content-length:")[2].partition("\r\n")[0])
        reply = json.loads(await self.reader.readexactly(length))
        assert answer.startswith("http/1.1 200 "), reply
        return reply


async def connect(place: tuple[str, int]) -> Client:
    return Client(*await asyncio.open_connection(*place))


# ---------------------------------------------------------------------------------- measurements


async def one_by_one(
    name: str, strategy: Strategy, text: str, problems: Sequence[Problem], place: tuple[str, int]
) -> tuple[list[float], list[float]]:
    """Milliseconds of each problem, directly and by the server; the first tenth warms up."""
    models, client = models_of(name), await connect(place)
    direct, served = [], []
    gc.collect()
    for number, problem in enumerate(problems):
        for times in (direct, served) if number % 2 else (served, direct):
            start = time.perf_counter()
            if times is direct:
                [result] = await run_async(strategy, [problem], models)
            else:
                reply = await client.ask(text, problem.question)
            times.append(1000 * (time.perf_counter() - start))
        found = result.best.score if result.best else None
        assert reply["specreward"]["score"] == found, "the server found something else"
    client.writer.close()
    cut = len(problems) // 10
    return direct[cut:], served[cut:]


def latency(name: str, text: str, count: int) -> dict[str, object]:
    task = task_of(name)
    problems = task.generate(count, "test", 0)
    with server(name) as place:
        strategy = parse(text, "strategy")
        direct, served = asyncio.run(one_by_one(name, strategy, text, problems, place))
    added = np.subtract(served, direct)
    draws = np.random.default_rng(0).choice(added, (2000, len(added)))
    low, high = np.percentile(np.median(draws, axis=1), [2.5, 97.5])
    alone = statistics.median(direct)
    return {
        "what": "latency",
        "models": name,
        "strategy": text,
        "problems": len(direct),
        "direct_ms": round(alone, 3),
        "server_ms": round(statistics.median(served), 3),
        "added_ms": round(float(np.median(added)), 3),
        "added_ms_interval": [round(float(low), 3), round(float(high), 3)],
        "ratio": round(statistics.median(served) / alone, 3),
    }


async def at_once(text: str, problems: Sequence[Problem], place: tuple[str, int]) -> float:
    """Requests in a second of all clients together."""
    clients = [await connect(place) for _ in range(CLIENTS)]
    shares = [problems[i::CLIENTS] for i in range(CLIENTS)]

    async def work(client: Client, share: Sequence[Problem]) -> None:
        for problem in share:
            await client.ask(text, problem.question)

    start = time.perf_counter()
    await asyncio.gather(*map(work, clients, shares))
    seconds = time.perf_counter() - start
    for client in clients:
        client.writer.close()
    return len(problems) / seconds


async def directly(strategy: Strategy, problems: Sequence[Problem]) -> float:
    models = models_of("toy")
    start = time.perf_counter()
    await run_async(strategy, problems, models, concurrency=CLIENTS)
    return len(problems) / (time.perf_counter() - start)


def throughput(text: str, count: int) -> dict[str, object]:
    strategy = parse(text, "strategy")
    asked, alone = [], []
    with server("toy") as place:
        for number in range(ROUNDS + 1):
            problems = ToyTask().generate(count, f"round {number}", 0)
            asked.append(asyncio.run(at_once(text, problems, place)))
            alone.append(asyncio.run(directly(strategy, problems)))
    asked, alone = asked[1:], alone[1:]  # the first warms up
    return {
        "what": "throughput",
        "models": "toy",
        "strategy": text,
        "clients": CLIENTS,
        "requests": count,
        "requests_per_second": round(statistics.median(asked), 1),
        "range": [round(min(asked), 1), round(max(asked), 1)],
        "direct_per_second": round(statistics.median(alone), 1),
        "direct_range": [round(min(alone), 1), round(max(alone), 1)],
        "ratio": round(statistics.median(asked) / statistics.median(alone), 3),
    }


def main() -> None:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    about = {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "command": "PYTHONPATH=src python benchmarks/server.py",
    }
    measurements = (
        lambda: latency("toy", CHEAP, 400),
        lambda: latency("toy", FULL, 200),
        lambda: latency("game24", FULL, 60),
        lambda: throughput(CHEAP, 640),
        lambda: throughput(FULL, 320),
    )
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        for measure in measurements:
            row = about | {"load": round(os.getloadavg()[0], 1)} | measure()
            line = json.dumps(row)
            print(line, flush=True)
            file.write(line + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2])
    else:
        main()
