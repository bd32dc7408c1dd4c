"""Time that the framework adds per generated node, with instant fake models.

    PYTHONPATH=src python benchmarks/overhead.py

Workload: unique step texts (a counter in a fixed sentence that ends with a blank line); a score is
a checksum of the whole text so far, in [0, 1). best_of_n: 8 paths. beam: width 4, 4 children, depth
8, so 4 + 7 x 16 = 116 nodes. mcts: 200 expansions of 4 children each. The floor does the same work
in plain Python loops (for mcts as in the comparison with other libraries: at most 2 children per
node, one node generated, scored and backed up per expansion), in the same run. One warm-up, then
the median of 5 with garbage collected before each; one row per strategy is appended to
benchmarks/results/overhead.jsonl.
"""

from __future__ import annotations

import asyncio
import gc
import json
import math
import platform
import statistics
import subprocess
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path as File
from zlib import crc32

from specreward.search import MCTS, Beam, BestOfN
from specreward.testing import ToyTask
from specreward.types import Models, Path, Problem, Result, Step, Strategy, Trace

DEPTH = 8
RESULTS = File(__file__).parent / "results" / "overhead.jsonl"


def sentence(count: int) -> str:
    return f"This is step number {count} of the work.\n\n"


def grade(text: str) -> float:
    return crc32(text.encode()) / 2**32


class InstantPolicy:
    """Counts; one step ends a path that is drawn whole, and so does the last of ``DEPTH``."""

    def __init__(self) -> None:
        self.nodes = 0
        self.expansions = 0

    async def extend(
        self,
        paths: Sequence[Path],
        n: int,
        *,
        until: str = "step",
        temperature: float = 0.8,
        start: int = 0,
    ) -> list[list[Path]]:
        self.expansions += len(paths)
        grown = []
        for path in paths:
            final = until == "end" or path.depth + 1 == DEPTH
            children = []
            for _ in range(n):
                self.nodes += 1
                children.append(path.then(Step(sentence(self.nodes), final=final)))
            grown.append(children)
        return grown


class InstantReward:
    async def score(self, paths: Sequence[Path]) -> list[float]:
        return [grade("".join([step.text for step in path.steps])) for path in paths]


def floor_best_of_n(n: int) -> int:
    texts = [sentence(i) for i in range(n)]
    max(texts, key=grade)
    return n


def floor_beam(width: int, n: int) -> int:
    beam, count = [""], 0
    for _ in range(DEPTH):
        scored = []
        for text in beam:
            for _ in range(n):
                count += 1
                child = text + sentence(count)
                scored.append((grade(child), child))
        beam = [text for _, text in sorted(scored, reverse=True)[:width]]
    return count


def floor_mcts(expansions: int) -> int:
    class Node:
        __slots__ = ("children", "text", "total", "visits")

        def __init__(self, text: str) -> None:
            self.text, self.total, self.visits = text, 0.0, 0
            self.children: list[Node] = []

    root = Node("")
    for count in range(expansions):
        way = [root]
        while len(children := way[-1].children) == 2:
            bonus = 2 * math.log(way[-1].visits)
            way.append(
                max(
                    [(c.total / c.visits + math.sqrt(bonus / c.visits), c) for c in children],
                    key=itemgetter(0),
                )[1]
            )
        node = Node(way[-1].text + sentence(count))
        way[-1].children.append(node)
        value = grade(node.text)
        for seen in [*way, node]:
            seen.visits += 1
            seen.total += value
    return expansions


async def median_of_five(
    prepare: Callable[[], Callable[[], Awaitable[object]]],
) -> tuple[float, float]:
    """Milliseconds of the work, by the clock and of the processor; preparing is not counted."""
    await prepare()()
    times, busy = [], []
    for _ in range(5):
        work = prepare()
        gc.collect()
        start, before = time.perf_counter(), time.process_time()
        await work()
        busy.append(1000 * (time.process_time() - before))
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times), statistics.median(busy)


async def measure(name: str, strategy: Strategy, floor: Callable[[], int]) -> dict[str, object]:
    counted = InstantPolicy()
    models = Models(task=ToyTask(depth=DEPTH), policy=counted, reward=InstantReward())

    def ours() -> Callable[[], Awaitable[Result]]:
        fresh = replace(models, policy=InstantPolicy(), trace=Trace())

        async def work() -> Result:
            return await strategy(Problem("1", "?"), fresh)

        return work

    def plain() -> Callable[[], Awaitable[int]]:
        async def work() -> int:
            return floor()

        return work

    await strategy(Problem("1", "?"), models)
    (milliseconds, busy), (least, _) = await median_of_five(ours), await median_of_five(plain)
    return {
        "strategy": name,
        "spec": repr(strategy),
        "nodes": counted.nodes,
        "expansions": counted.expansions,
        "milliseconds": round(milliseconds, 4),
        "cpu_milliseconds": round(busy, 4),
        "microseconds_per_node": round(1000 * milliseconds / counted.nodes, 2),
        "floor_nodes": floor(),
        "floor_milliseconds": round(least, 4),
        "floor_microseconds_per_node": round(1000 * least / floor(), 2),
    }


def simulations_for(expansions: int) -> int:
    """The fewest simulations of MCTS that extend this many paths."""

    async def spent(simulations: int) -> int:
        policy = InstantPolicy()
        models = Models(task=ToyTask(depth=DEPTH), policy=policy, reward=InstantReward())
        await MCTS(simulations)(Problem("1", "?"), models)
        return policy.expansions

    simulations = 1
    while asyncio.run(spent(simulations)) < expansions:
        simulations += 1
    return simulations


def main() -> None:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    about = {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit,
        "python": platform.python_version(),
        "command": "PYTHONPATH=src python benchmarks/overhead.py",
    }
    rows = [
        measure("best_of_n", BestOfN(8), lambda: floor_best_of_n(8)),
        measure("beam", Beam(4, n=4), lambda: floor_beam(4, 4)),
        measure("mcts", MCTS(simulations_for(200)), lambda: floor_mcts(200)),
    ]
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        for row in rows:
            line = json.dumps(about | asyncio.run(row))
            print(line)
            file.write(line + "\n")


if __name__ == "__main__":
    main()
