"""What benchmarks of reward models say of scorers that know nothing, and of recorded scores.

    python benchmarks/rewardbenches.py [--only processbench ...] [--resamples 1000]

One line for each benchmark and scorer goes to ``benchmarks/results/rewardbenches.jsonl``: every
number with its 95 % interval, and how many items of the benchmark were at hand. Scorers:

    always right   1 for every step or answer
    random         uniform in [0, 1], by the content
    short steps    1 / (1 + characters / 100) of a step
    recorded       the scores that a published file holds

No model is asked, so that the numbers are those that a real one must beat.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Sequence
from math import isnan
from pathlib import Path

from specreward.bench import (
    Benchmark,
    BIGBenchMistake,
    Item,
    Judged,
    MRBen,
    PRMBench,
    ProcessBench,
    RecordedPool,
    RewardMATH,
    intervals,
)
from specreward.seeds import uniform
from specreward.spec import name_of

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("SPECREWARD_DATA", HERE.parent.parent / "shared" / "data"))
RESULTS = HERE / "results" / "rewardbenches.jsonl"

Scorer = Callable[[Item, int, Sequence[str]], float]
"""The score of the last of some steps of an answer of an item."""

SCORERS: dict[str, Scorer] = {
    "always right": lambda item, which, steps: 1.0,
    "random": lambda item, which, steps: uniform(0, item.id, which, len(steps)),
    "short steps": lambda item, which, steps: 1 / (1 + len(steps[-1]) / 100),
}

STEPS: dict[str, Benchmark] = {
    "processbench": ProcessBench(),
    "prmbench": PRMBench(),
    "mr_ben": MRBen(),
    "bigbench_mistake": BIGBenchMistake(),
}
POOLS = {
    "gsm8k pool": "gsm8k/public/example_model_solutions.jsonl",
    "planbench pool": "blocksworld/public/planbench/candidate_plans.jsonl",
}
RECORDED = {
    "math_cot_100": (RecordedPool(), "math_cot_100_bon"),
    **{
        f"rewardmath {name}": (RewardMATH(), f"rewardmath/public/scores/{name}_reward.json")
        for name in ("Math_Shepherd", "ReasonEval_7B", "ArmoRM", "skywork_llama3", "gpt4")
    },
}


def scored(benchmark: Benchmark, items: Sequence[Item], scorer: Scorer) -> list[Judged]:
    """Items with the scores of a scorer."""
    found = []
    for item in items:
        steps = tuple(
            [
                tuple([scorer(item, i, one.steps[: t + 1]) for t in range(len(one.steps))])
                for i, one in enumerate(item.answers)
            ]
        )
        last = tuple([own[-1] for own in steps])
        found.append(Judged(item, (), steps) if benchmark.per_step else Judged(item, last))
    return found


def jobs() -> dict[str, tuple[str, Benchmark, Callable[[], list[Judged]]]]:
    """Name -> scorer, benchmark, and its judged items."""
    found: dict[str, tuple[str, Benchmark, Callable[[], list[Judged]]]] = {}
    sources = {name: (one, one.folder) for name, one in STEPS.items()}
    sources |= {name: (RecordedPool(n=4), place) for name, place in POOLS.items()}
    for name, (benchmark, place) in sources.items():
        for label, scorer in SCORERS.items():
            found[f"{name} {label}"] = (
                label,
                benchmark,
                lambda b=benchmark, p=place, s=scorer: scored(b, b.items(DATA / p), s),
            )
    for name, (benchmark, place) in RECORDED.items():
        found[name] = ("recorded", benchmark, lambda b=benchmark, p=place: b.recorded(DATA / p))
    return found


def main() -> None:
    """Run the jobs asked for and replace their lines."""
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
        "command": " ".join(["python", "benchmarks/rewardbenches.py", *sys.argv[1:]]),
    }
    old = (
        [json.loads(line) for line in RESULTS.read_text().splitlines()] if RESULTS.exists() else []
    )
    lines = {row["job"]: row for row in old}
    for name, (scorer, benchmark, judged) in jobs().items():
        if asked.only and not any(name.startswith(prefix) for prefix in asked.only):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # rows set aside, which the docs say
            own = judged()
        numbers = intervals(benchmark, own, resamples=asked.resamples)
        lines[name] = {
            "job": name,
            "benchmark": name_of(benchmark),
            "scorer": scorer,
            "n": len(own),
            **about,
            "numbers": {
                key: [None if isnan(x) else round(x, 4) for x in (v.estimate, v.low, v.high)]
                for key, v in numbers.items()
            },
        }
        key, value = next(iter(numbers.items()))
        print(f"{name}: {key} {value.estimate:.4f} ({value.low:.4f} to {value.high:.4f})")
        RESULTS.write_text("".join([json.dumps(row) + "\n" for row in lines.values()]))


if __name__ == "__main__":
    main()
