"""A cascade between its two ends: what the large model adds, and how little of it is needed.

    PYTHONPATH=src python benchmarks/cascade.py [--problems 80] [--tune 60]

Game of 24, breadth-first search at the settings of Tree of Thoughts with the embedded policy. The
small reward model is the embedded SRM. The large one is the exact solver, which stands for a judge
that is always right and reads the same tokens: what it is asked for is measured, not what it costs
elsewhere. Thresholds come from the SRM's scores on generated ``tune`` problems, for several target
errors; all rows are on the same ``test`` problems. One line for each row is appended to
benchmarks/results/cascade.jsonl.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path as File
from tempfile import TemporaryDirectory

from specreward.assemble import Engines, engines_for, wire
from specreward.engines import Scored
from specreward.reward import Between, Cascade, calibrate, cascade_report
from specreward.run import run
from specreward.spec import name_of, parse
from specreward.stats import accuracy_difference, wilson
from specreward.store import Store
from specreward.tasks import Game24
from specreward.tasks.countdown import canonical_numbers, solvable
from specreward.tasks.game24 import state_of
from specreward.types import Path, Result

RESULTS = File(__file__).parent / "results" / "cascade.jsonl"
TASK = Game24()
STRATEGY = "bfs(5, n=8, temperature=0.7, verify=scored())"
ERRORS = (0.2, 0.1, 0.05, 0.02)


def truth(path: Path) -> float:
    """Whether 24 can still be made."""
    target, numbers = state_of(path)
    return float(solvable(numbers, target))


class Solver:
    """The truth about each path, at the tokens that the SRM reads."""

    def __init__(self, counter) -> None:
        self._counter = counter
        self.name, self.parameters = "solver", 0
        self.known: dict[str, float] = {}

    async def values(self, texts: Sequence[str]) -> list[Scored]:
        tokens = self._counter.count(texts)
        return [Scored(self._value(text), n) for text, n in zip(texts, tokens, strict=True)]

    def _value(self, text: str) -> float:
        # target 24 ; 4 9 10 13 ; 13 - 9 = 4 (left: 4 4 10) ;
        left = text.partition("(left: ")[2].partition(")")[0]
        numbers = canonical_numbers([Fraction(word) for word in left.split()])
        return float(solvable(numbers, Fraction(text.split()[1])))


def searched(engines: Engines, reward, problems, store: Store) -> list[Result]:
    """The searches; what the policy was asked before is replayed, and counted all the same."""
    found = Engines(policy=engines.policy, reward=reward, counter=engines.counter)
    models = wire(TASK, found, store=store)
    return run(parse(STRATEGY, "strategy"), problems, models)


def solved(results: Sequence[Result]) -> list[bool]:
    return [r.best is not None and TASK.check(r.problem, TASK.answer(r.best.path)) for r in results]


def row(name: str, results: Sequence[Result], first: Sequence[Result] | None) -> dict[str, object]:
    right = solved(results)
    report = cascade_report(results)
    share = wilson(sum(right), len(right))
    found: dict[str, object] = {
        "reward": name,
        "accuracy": round(share.estimate, 4),
        "interval": [round(share.low, 4), round(share.high, 4)],
        "scored": report.scored,
        "acceptance": report.acceptance,
        "agreement": report.agreement,
        "large_calls": report.large.calls,
        "large_tokens": report.large.tokens,
        "saved_tokens": report.saved.tokens,
    }
    if first is not None:
        gain = accuracy_difference(solved(first), right)
        found["against_small"] = [round(gain.estimate, 4), round(gain.low, 4), round(gain.high, 4)]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", type=int, default=80)
    parser.add_argument("--tune", type=int, default=60)
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder, Store(File(folder) / "calls.db") as store:
        measure(arguments.problems, arguments.tune, store)


def measure(test: int, tune: int, store: Store) -> None:
    engines = engines_for(TASK)
    small, large = engines.reward, Solver(engines.counter)

    tuned = searched(engines, small, TASK.generate(tune, "tune", 0), store)
    judged = {one.path.key: one for r in tuned for _, family in r.expansions for one in family}
    paths = [one for one in judged.values() if one.path.open]
    scores, truths = [one.score for one in paths], [truth(one.path) for one in paths]

    problems = TASK.generate(test, "test", 0)
    rules = {"small": None}
    rules |= {f"cascade, error {e}": calibrate(scores, truths, error=e) for e in ERRORS}
    rules["large"] = Between(0.0, 1.0)
    first = None
    for name, rule in rules.items():
        reward = small if rule is None else Cascade(small, large, unsure=rule)
        results = searched(engines, reward, problems, store)
        line = {
            "date": datetime.now(UTC).date().isoformat(),
            "commit": subprocess.run(
                ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
            ).stdout.strip(),
            "command": "PYTHONPATH=src python benchmarks/cascade.py",
            "strategy": STRATEGY,
            "problems": len(problems),
            "tuning_paths": len(paths),
            "unsure": None if rule is None else name_of(rule),
            **row(name, results, first),
        }
        first = first or results
        print(json.dumps(line))
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
