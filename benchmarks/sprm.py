"""Outcome-only process rewards: which losses tell right steps from wrong ones, and which collapse.

    PYTHONPATH=src:benchmarks python benchmarks/sprm.py [--seeds 2] [--only spr_cold ...]

Running sums modulo 10 of five steps with a slip in 0.12 of the steps. A network that reads one step
at a time is trained on the outcomes of 20,000 solutions, one of each problem; no objective reads a
step label. Measured on other problems: the AUC of steps against the truth, and best of k by the
geometric mean of the steps among the different solutions of a problem, equal scores sharing the
choice. Each run that is expected to collapse is made twice: with the detector, whose verdict is
kept, and to its end without it, which shows that it does not come back. Numbers are of the last
weights. One line for each run goes to benchmarks/results/sprm.jsonl.
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from chain_network import ChainSettings, sample, solutions
from safetensors.torch import load_file

from specreward.errors import InputError
from specreward.label.labelled import Labelled
from specreward.spec import name_of
from specreward.stats import mean
from specreward.testing.chains import ChainPolicy, RunningSum
from specreward.train.fitting import Settings, fit, measured
from specreward.train.objectives import SPR
from specreward.train.objectives.outcomes import by_solution

RESULTS = Path(__file__).parent / "results" / "sprm.jsonl"
TASK = RunningSum(modulus=10, length=5)
POLICY = ChainPolicy(TASK, slip=0.12)
STEPS, WARMUP, MOST = 1500, 700, 32
EFFORTS = {"low": 2, "medium": 8, "high": 32}
NEVER = 10**6  # warm-up that never ends; patience that never does

VARIANTS = {
    "bce": (SPR(warmup=NEVER), 0.0),
    "spr_cold": (SPR(), 0.0),
    "spr_after_warmup": (SPR(warmup=WARMUP), 0.0),
    "released_cold": (SPR(released=True), 0.0),
    "released_cold_bias_3": (SPR(released=True), 3.0),
    "released_after_warmup": (SPR(released=True, warmup=WARMUP), 0.0),
}
"""Objective, and what the head's bias is at the start."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--problems", type=int, default=500, help="held out, and again to test")
    parser.add_argument("--only", nargs="*", choices=sorted(VARIANTS))
    args = parser.parse_args()
    torch.set_num_threads(1)
    train, held_out, test = data(args.problems)
    baselines(test)
    for name in args.only or VARIANTS:
        for seed in range(args.seeds):
            write(run(name, seed, train, held_out, test))


def data(problems: int) -> tuple[list[Labelled], list[Labelled], list[list[Labelled]]]:
    """Solutions to train on, to watch, and to test on, the last by problem; no question twice."""
    train = solutions(TASK, sample(POLICY, 20_000, 1, "train"))
    seen = {one.problem.question for one in train}
    parts = []
    for name, n in (("held out", 2), ("test", MOST)):
        drawn = [
            paths
            for paths in sample(POLICY, problems + 50, n, name)
            if paths[0].problem.question not in seen
        ][:problems]
        seen |= {paths[0].problem.question for paths in drawn}
        parts.append([solutions(TASK, [paths]) for paths in drawn])
    return train, [one for group in parts[0] for one in group], parts[1]


def run(
    name: str,
    seed: int,
    train: Sequence[Labelled],
    held_out: Sequence[Labelled],
    test: Sequence[Sequence[Labelled]],
) -> dict[str, object]:
    """A variant trained to its end, and what the detector says of it."""
    objective, bias = VARIANTS[name]
    settings = Settings(steps=STEPS, rate=2e-3, warmup=1, floor=1.0, batch=256, every=50, seed=seed)
    network = ChainSettings(task=TASK, bias=bias)
    verdict: str | None = None
    with tempfile.TemporaryDirectory() as folder:
        try:
            fit(network, objective, train, held_out, settings, Path(folder) / "watched")
        except InputError as error:
            verdict = str(error)
        out = Path(folder) / ("watched" if verdict is None else "unwatched")
        if verdict is not None:
            unwatched = replace(objective, patience=NEVER)
            fit(network, unwatched, train, held_out, settings, out)
        weights = load_file(out / "checkpoint" / "checkpoint.safetensors")
    module = network.build()
    module.load_state_dict(
        {key.removeprefix("model."): one for key, one in weights.items() if "model." in key}
    )
    flat = [one for group in test for one in group]
    numbers = measured(module.eval(), objective, objective.examples(flat), 1024)
    scores = iter(geometric(module, flat))
    scored = [[(one, next(scores)) for one in group] for group in test]
    found = {effort: best_of(scored, k) for effort, k in EFFORTS.items()}
    return {
        "variant": name,
        "objective": name_of(objective),
        "bias": bias,
        "seed": seed,
        "steps": STEPS,
        "step_auc": round(numbers["step_auc"], 4),
        "solution_auc": round(numbers["auc"], 4),
        **means(module, flat),
        **{f"best_of_{k}": interval(found[effort]) for effort, k in EFFORTS.items()},
        "collapsed": bool(numbers["collapsed"]),
        "detector": verdict,
    }


def geometric(module: torch.nn.Module, data: Sequence[Labelled]) -> list[float]:
    """The geometric mean of each solution's steps."""
    with torch.no_grad():
        batch = module.encode(SPR().examples(data))
        logs = torch.nn.functional.logsigmoid(module(**batch.inputs)[:, 0])
    return by_solution(logs.double(), batch.marks.solution).exp().tolist()


def means(module: torch.nn.Module, data: Sequence[Labelled]) -> dict[str, float]:
    """The mean score of right and of wrong steps."""
    sides: dict[bool, list[float]] = {True: [], False: []}
    examples = SPR().examples(data)
    with torch.no_grad():
        batch = module.encode(examples)
        for score, label in zip(
            module(**batch.inputs)[:, 0].sigmoid().tolist(), batch.marks.label, strict=True
        ):
            sides[bool(label > 0.5)].append(score)
    return {
        f"mean_{name}": round(sum(sides[side]) / len(sides[side]), 4)
        for name, side in (("right", True), ("wrong", False))
    }


def best_of(scored: Sequence[Sequence[tuple[Labelled, float]]], k: int) -> list[float]:
    """For each problem how often the choice among the first k is right."""
    found = []
    for group in scored:
        different = {one.steps: (score, one.outcome) for one, score in group[:k]}
        best = max(score for score, _ in different.values())
        right = [outcome for score, outcome in different.values() if score == best]
        found.append(sum(right) / len(right))
    return found


def interval(values: Sequence[float]) -> list[float]:
    """Mean and its interval."""
    found = mean(values, seed=0)
    return [round(found.estimate, 4), round(found.low, 4), round(found.high, 4)]


def baselines(test: Sequence[Sequence[Labelled]]) -> None:
    """What there is without a reward model, of eight solutions."""
    eight = [group[:8] for group in test]
    lines = {
        "pass_at_1": [sum(one.outcome for one in group) / 8 for group in eight],
        "majority": [majority(group) for group in eight],
        "oracle": [max(one.outcome for one in group) for group in eight],
        "one_score_for_all": best_of([[(one, 0.5) for one in group] for group in test], 8),
    }
    for name, values in lines.items():
        write({"variant": name, "best_of_8": interval(values)})


def majority(group: Sequence[Labelled]) -> float:
    """Whether the most frequent answer is right; ties share the choice."""
    votes = Counter(one.steps[-1] for one in group)
    top = [answer for answer, count in votes.items() if count == max(votes.values())]
    right = {one.steps[-1] for one in group if one.outcome}
    return sum(answer in right for answer in top) / len(top)


def write(row: dict[str, object]) -> None:
    """Append a line; one of the same variant and seed from before is replaced."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    )
    about = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "commit": commit.stdout.strip(),
        "command": "PYTHONPATH=src:benchmarks python benchmarks/sprm.py",
        "task": "running sum modulo 10, 5 steps, slip 0.12",
    }
    kept = []
    if RESULTS.exists():
        kept = [json.loads(line) for line in RESULTS.read_text("utf-8").splitlines()]
    key = (row["variant"], row.get("seed"))
    kept = [one for one in kept if (one["variant"], one.get("seed")) != key]
    lines = [json.dumps(one) for one in [*kept, about | row]]
    RESULTS.write_text("\n".join(lines) + "\n", "utf-8")
    print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
