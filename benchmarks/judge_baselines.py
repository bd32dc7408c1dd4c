"""What benchmarks of pairs and judges say of scorers that know nothing of the answers.

    python benchmarks/judge_baselines.py [--only rm_bench ...] [--resamples 1000]

One line for each benchmark and scorer goes to ``benchmarks/results/judge_baselines.jsonl``: every
number with its 95 % interval, and how many items of the benchmark were at hand. Scorers:

    length     the longer the better, in characters
    random     uniform in [0, 1], by the content
    constant   the same for all: what the benchmark gives for ties

No model is asked, so that the numbers are those that a real one must beat.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import sys
from collections.abc import Callable
from math import isnan
from pathlib import Path

from specreward.bench import (
    Answer,
    Benchmark,
    EvalBiasBench,
    Item,
    JudgeBench,
    Judged,
    LLMBar,
    PandaLM,
    RMBench,
    intervals,
)
from specreward.seeds import uniform
from specreward.spec import name_of

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("SPECREWARD_DATA", HERE.parent.parent / "shared" / "data"))
RESULTS = HERE / "results" / "judge_baselines.jsonl"

SCORERS: dict[str, Callable[[Item, Answer], float]] = {
    "length": lambda item, answer: float(sum([len(step) for step in answer.steps])),
    "random": lambda item, answer: uniform(0, item.id, *answer.steps),
    "constant": lambda item, answer: 0.5,
}
BENCHMARKS: tuple[Benchmark, ...] = (
    RMBench(),
    JudgeBench(),
    LLMBar(),
    PandaLM(),
    EvalBiasBench(),
)


def main() -> None:
    """Score what is at hand and replace the lines of the benchmarks asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=[], help="Names that begin so.")
    parser.add_argument("--resamples", type=int, default=1000)
    asked = parser.parse_args()
    if not DATA.is_dir():
        sys.exit(f"no folder {DATA}: set SPECREWARD_DATA to the public data sets")
    commit = ["git", "rev-parse", "--short", "HEAD"]
    about = {
        "commit": subprocess.run(commit, capture_output=True, text=True, cwd=HERE).stdout.strip(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "command": " ".join(["python", "benchmarks/judge_baselines.py", *sys.argv[1:]]),
    }
    old = RESULTS.read_text().splitlines() if RESULTS.exists() else []
    lines = {f"{row['benchmark']} {row['scorer']}": row for row in map(json.loads, old)}
    for benchmark in BENCHMARKS:
        name = name_of(benchmark)
        if asked.only and not any(name.startswith(prefix) for prefix in asked.only):
            continue
        items = benchmark.items(DATA / benchmark.folder)
        for label, scorer in SCORERS.items():
            judged = [
                Judged(item, tuple([scorer(item, answer) for answer in item.answers]))
                for item in items
            ]
            numbers = intervals(benchmark, judged, resamples=asked.resamples)
            lines[f"{name} {label}"] = {
                "benchmark": name,
                "scorer": label,
                "n": len(judged),
                **about,
                "numbers": {
                    key: [None if isnan(x) else round(x, 4) for x in (v.estimate, v.low, v.high)]
                    for key, v in numbers.items()
                },
            }
            key, value = next(iter(numbers.items()))
            print(f"{name} {label}: {key} {value.estimate:.4f} ({value.low:.4f}, {value.high:.4f})")
    RESULTS.write_text("".join([json.dumps(row) + "\n" for row in lines.values()]))


if __name__ == "__main__":
    main()
