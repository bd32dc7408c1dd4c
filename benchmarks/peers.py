"""Time that a search adds per node, ours and that of other packages, on the same instant model.

    python -m venv peers && peers/bin/pip install -e . 'treequest[abmcts-m]' llm-reasoners
    peers/bin/python benchmarks/peers.py

None of the other packages is a dependency of this one; what is not installed is skipped, and the
row says why. Workload: as in ``benchmarks/overhead.py``, unique step texts (a counter in a fixed
sentence), a score that is a checksum of the whole text so far, in [0, 1); a path ends after 8
steps, where a package knows ends. Each arm draws about the same number of nodes:

    ab_mcts     200 and 800 nodes, one at a time      treequest ABMCTSA (Gaussian)
    mcts        about 200 nodes, 2 children a node    treequest StandardMCTS, llm-reasoners MCTS
    beam        116 nodes: width 4, 4 children        treequest TreeOfThoughtsBFS, llm-reasoners
    ab_mcts_m   50 nodes                              nobody else: it would take minutes
                4 nodes, one at a time                treequest ABMCTSM (some 7 s a node)

TreeQuest runs with ``inplace=True``, which it needs for speed; the arm "copied" is its default.
Rounds are interleaved: every arm once, then every arm again, garbage collected before each; one
warm-up round. Time is the processor's, of this process, all threads; a row has the median over
rounds in microseconds a node, and the median of the rounds' ratios to our own search with a
bootstrap interval. All of it takes some four minutes. When all is measured the rows, one per arm,
take the place of those of the same searches in benchmarks/results/peers.jsonl.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib.metadata
import json
import os
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
from overhead import DEPTH, RESULTS, InstantPolicy, InstantReward, grade, sentence

from specreward.search import ABMCTS, ABMCTSM, MCTS, Beam
from specreward.testing import ToyTask
from specreward.types import Models, Problem, Strategy

FILE = RESULTS.parent / "peers.jsonl"

Work = Callable[[], int]
"""Runs a search once, from nothing, and gives the number of nodes that were scored."""


def ours(strategy: Strategy) -> Work:
    loop = asyncio.new_event_loop()

    def work() -> int:
        policy = InstantPolicy()
        models = Models(task=ToyTask(depth=DEPTH), policy=policy, reward=InstantReward())
        loop.run_until_complete(strategy(Problem("1", "?"), models))
        return policy.nodes

    return work


# ---------------------------------------------------------------------------------- treequest


def generator() -> Callable[[str | None], tuple[str, float]]:
    count = 0

    def generate(parent: str | None) -> tuple[str, float]:
        nonlocal count
        count += 1
        text = (parent or "") + sentence(count)
        return text, grade(text)

    return generate


def treequest(name: str, nodes: int, *, inplace: bool = True, **settings: object) -> Work:
    import treequest as peer

    def work() -> int:
        search = vars(peer)[name](**settings)
        tree, generate = search.init_tree(), generator()
        for _ in range(nodes):
            tree = search.step(tree, {"model": generate}, inplace=inplace)
        return nodes

    return work


# ---------------------------------------------------------------------------------- llm-reasoners


def reasoners(search: Callable[[], object], n: int) -> Work:
    from reasoners import SearchConfig, WorldModel

    class Texts(WorldModel):
        def init_state(self) -> tuple[str, int]:
            return "", 0

        def step(self, state: tuple[str, int], action: str) -> tuple[tuple[str, int], dict]:
            return (state[0] + action, state[1] + 1), {}

        def is_terminal(self, state: tuple[str, int]) -> bool:
            return state[1] >= DEPTH

    class Instant(SearchConfig):
        """Scores an action where it is proposed; a reward that was computed is not again."""

        def __init__(self) -> None:
            super().__init__()
            self.nodes = 0

        def get_actions(self, state: tuple[str, int]) -> list[str]:
            self.nodes += n
            return [sentence(self.nodes - i) for i in range(n)]

        def fast_reward(self, state: tuple[str, int], action: str) -> tuple[float, dict]:
            score = grade(state[0] + action)
            return score, {"score": score}

        def reward(
            self, state: tuple[str, int], action: str, score: float | None = None, **_: object
        ) -> tuple[float, dict]:
            return grade(state[0] + action) if score is None else score, {}

    def work() -> int:
        config = Instant()
        search()(Texts(), config)
        return config.nodes

    return work


def reasoners_mcts(iterations: int) -> Work:
    from reasoners.algorithm import MCTS as Peer

    mean = lambda rewards: sum(rewards) / len(rewards)  # noqa: E731
    return reasoners(
        lambda: Peer(w_exp=1.0, depth_limit=DEPTH, n_iters=iterations, cum_reward=mean, calc_q=max),
        2,
    )


def reasoners_beam() -> Work:
    from reasoners.algorithm import BeamSearch

    return reasoners(lambda: BeamSearch(beam_size=4, max_depth=DEPTH), 4)


# ---------------------------------------------------------------------------------- the arms


def fewest(make: Callable[[int], Work], nodes: int) -> Work:
    """The search with the fewest iterations that draws this many nodes."""
    iterations = 1
    while make(iterations)() < nodes:
        iterations += 1
    return make(iterations)


ARMS: dict[str, dict[str, Callable[[], Work]]] = {
    "ab_mcts, 200 nodes": {
        "specreward": lambda: ours(ABMCTS(200)),
        "treequest": lambda: treequest("ABMCTSA", 200),
        "treequest, copied": lambda: treequest("ABMCTSA", 200, inplace=False),
    },
    "ab_mcts, 800 nodes": {
        "specreward": lambda: ours(ABMCTS(800)),
        "treequest": lambda: treequest("ABMCTSA", 800),
    },
    "mcts, 200 nodes": {
        "specreward": lambda: fewest(lambda k: ours(MCTS(k, n=2)), 200),
        "treequest": lambda: treequest("StandardMCTS", 200),
        "treequest, copied": lambda: treequest("StandardMCTS", 200, inplace=False),
        "llm-reasoners": lambda: fewest(reasoners_mcts, 200),
    },
    "beam, 116 nodes": {
        "specreward": lambda: ours(Beam(4, n=4)),
        "treequest": lambda: treequest("TreeOfThoughtsBFSAlgo", 116, breadth_limit=4, size_limit=4),
        "llm-reasoners": reasoners_beam,
    },
    "ab_mcts_m, 50 nodes": {"specreward": lambda: ours(ABMCTSM(50))},
    "ab_mcts_m, 4 nodes": {
        "specreward": lambda: ours(ABMCTSM(4)),
        "treequest": lambda: treequest("ABMCTSM", 4),
    },
}
"""The first of each search is what the others are divided by."""

SLOW = "ab_mcts_m, 4 nodes"


def available(arms: dict[str, Callable[[], Work]]) -> tuple[dict[str, Work], dict[str, str]]:
    """What can be run, and why the rest cannot."""
    found, skipped = {}, {}
    for name, make in arms.items():
        try:
            found[name] = make()
        except (ImportError, KeyError) as error:
            skipped[name] = f"{type(error).__name__}: {error}"
    return found, skipped


def measure(works: dict[str, Work], rounds: int) -> tuple[dict[str, int], dict[str, list[float]]]:
    """Nodes, and microseconds a node, ``[rounds]``, by arm; the arms in turn."""
    nodes = {name: work() for name, work in works.items()}
    gc.collect()
    gc.freeze()  # what was imported is not gone through again
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            gc.collect()
            before = time.process_time()
            work()
            times[name].append(1e6 * (time.process_time() - before) / nodes[name])
    return nodes, times


def median_with_interval(values: list[float]) -> tuple[float, float, float]:
    """The median and its 95 % bootstrap interval."""
    numbers, rng = np.asarray(values), np.random.default_rng(0)
    drawn = np.median(rng.choice(numbers, (10_000, len(numbers))), axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(np.median(numbers)), float(low), float(high)


def rounded(values: tuple[float, float, float]) -> list[float]:
    return [float(f"{value:.4g}") for value in values]


def version(arm: str) -> str:
    return importlib.metadata.version(arm.partition(",")[0])


def about() -> dict[str, object]:
    """What every row says of the run it comes from."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
        cwd=FILE.parent,
    ).stdout.strip()
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "command": shlex.join(["python", "benchmarks/peers.py", *sys.argv[1:]]),
    }


def compared(search: str, rounds: int) -> list[dict[str, object]]:
    """One row for each arm of a search, printed as well."""
    works, skipped = available(ARMS[search])
    load = os.getloadavg()[0]
    nodes, times = measure(works, rounds)
    first = next(iter(times.values()))
    rows: list[dict[str, object]] = []
    for name, own in times.items():
        cost = rounded(median_with_interval(own))
        ratio = rounded(median_with_interval([b / a for a, b in zip(first, own, strict=True)]))
        rows.append(
            {
                "search": search,
                "package": name,
                "version": version(name),
                "nodes": nodes[name],
                "rounds": rounds,
                "load": round(load, 1),
                "microseconds_per_node": cost,
                "ratio_to_specreward": ratio,
            }
        )
        print(f"{search} | {name} | {cost[0]:g} | {ratio[0]:g} ({ratio[1]:g} to {ratio[2]:g})")
    for name, why in skipped.items():
        rows.append({"search": search, "package": name, "skipped": why})
        print(f"{search} | {name} | skipped: {why}")
    return rows


def keep(rows: list[dict[str, object]]) -> None:
    """Put rows into the file in place of those of the same searches, in the order of the arms."""
    done = {row["search"] for row in rows}
    lines = FILE.read_text(encoding="utf-8").splitlines() if FILE.exists() else []
    rows = rows + [row for row in map(json.loads, lines) if row["search"] not in done]
    text = [json.dumps(row) + "\n" for search in ARMS for row in rows if row["search"] == search]
    FILE.write_text("".join(text), encoding="utf-8")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--rounds", type=int, default=15)
    options.add_argument("--slow-rounds", type=int, default=3, help=f"of {SLOW}")
    options.add_argument("--only", choices=list(ARMS), action="append")
    chosen = options.parse_args()
    run = about()
    rows = []
    for search in chosen.only or ARMS:
        rounds = chosen.slow_rounds if search == SLOW else chosen.rounds
        rows += [run | row for row in compared(search, rounds)]
    keep(rows)


if __name__ == "__main__":
    main()
