"""A language model's own log-ratio as a reward: best of 8, trained on outcomes alone.

    PYTHONPATH=src:benchmarks python benchmarks/implicit_prm.py [--problems 400] [--steps 200]

Running sums modulo 10 of five steps. A decoder of two layers learns to write them with a slip in
0.12 of the steps (its own data, no problem of what follows is kept out of its way: it is the
policy). It solves 1,500 problems four times; whether the answers are right is all that is learned
from. The policy is trained on that against its frozen copy, by cross-entropy and by pairs (DPO).
Best of 8 on other problems, among the different solutions of each, equal scores sharing the choice;
beside it what needs no training. The last row of scores is one for all: it falls below a single
sample, as right solutions are drawn repeatedly and count once. One line for each row goes to
benchmarks/results/implicit_prm.jsonl. A run that was stopped goes on from the folder ``--work``.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import json
import random
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from math import log
from pathlib import Path as Folder

import torch
from chain_network import solutions

from specreward.assemble import Engines, wire
from specreward.engines import Sampling
from specreward.generate.embedded import EmbeddedLanguageModel
from specreward.generate.hf.engine import Transformers
from specreward.generate.vocabulary import Vocabulary
from specreward.label.labelled import Labelled
from specreward.reward.published.trained_log_ratio import TaskRatio, step_texts
from specreward.seeds import derive
from specreward.spec import name_of
from specreward.stats import mean, paired_difference
from specreward.testing.chains import ChainPolicy, RunningSum
from specreward.train.decoder import Decoder, Shape
from specreward.train.examples import Objective
from specreward.train.export import export, read_checkpoint
from specreward.train.fitting import Settings, fit
from specreward.train.hf import export_hf
from specreward.train.loop import Schedule, token_loss, train
from specreward.train.networks import LogRatio
from specreward.train.objectives import ORM, PairwiseORM
from specreward.train.packing import Batch, Row, collate
from specreward.train.quality import auc
from specreward.types import Path

RESULTS = Folder(__file__).parent / "results" / "implicit_prm.jsonl"
TASK = RunningSum(modulus=10, length=5)
LAW = ChainPolicy(TASK, slip=0.12)
WORDS = Vocabulary(("<pad>", *map(str, range(TASK.modulus)), "+", "="))
SHAPE = Shape(vocabulary=len(WORDS), outputs=len(WORDS), width=64, layers=2, heads=4, hidden=176)
BETA, N = 0.5, 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--problems", type=int, default=400, help="to test on, at least 300")
    parser.add_argument("--steps", type=int, default=200, help="of each training of the policy")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Folder, default=Folder("runs/implicit_prm"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    measure(args.work, args.problems, args.steps, args.seed)


def measure(work: Folder, problems: int, steps: int, seed: int) -> None:
    """Policy, samples, two trainings, and a line for each way to choose."""
    policy = pretrained(work / "lm", 500, seed)
    seen: set[str] = set()
    learn = sampled(policy, 1500, 4, "train", seen)
    watch = sampled(policy, 60, 4, "held out", seen)
    test = sampled(policy, problems, N, "test", seen)
    rows = baselines(policy, test)
    about: dict[str, dict[str, object]] = {name: {} for name in rows}
    for name, objective in (("cross_entropy", ORM()), ("dpo", PairwiseORM())):
        rows[name], about[name] = implicit(work, objective, steps, seed, (learn, watch, test))
    for name, values in rows.items():
        found = {"chooses": name, "problems": len(values), "best_of_8": interval(values)}
        for other in ("pass_at_1", "majority"):
            gain = paired_difference(rows[other], values, seed=0)
            found[f"over_{other}"] = [round(x, 4) for x in (gain.estimate, gain.low, gain.high)]
        write(found | about[name])


# ------------------------------------------------------------------------------ the policy


def pretrained(out: Folder, steps: int, seed: int) -> Folder:
    """A decoder that writes running sums with slips; the folder of the embedded engine."""
    torch.manual_seed(seed)
    law = ChainPolicy(TASK, slip=0.12, seed=seed + 1)

    def batches(step: int) -> Batch:
        rng = random.Random(f"{seed} {step}")
        numbers = [[str(rng.randrange(TASK.modulus)) for _ in range(6)] for _ in range(64)]
        roots = [Path(TASK.parse(" + ".join(one))) for one in numbers]
        rows = []
        for (path,) in asyncio.run(law.extend(roots, 1, until="end")):
            row = Row()  # each sum is written after a prompt of the task, "question = sum = sum"
            at = row.add(WORDS.encode(path.problem.question))
            for step in path.steps:
                row.write(WORDS.encode(step.text), at)
                at = row.add(WORDS.encode(f"= {step.text}"), at)
            rows.append(row)
        return collate(rows)

    schedule = Schedule(steps=steps, rate=3e-3, warmup=50)
    train(Decoder(SHAPE), batches, token_loss, schedule, out, every=steps)
    weights = read_checkpoint(out / "model.safetensors")
    about = {"name": "running-sum", "task": TASK.name, "heads": SHAPE.heads, "context": 64}
    export(weights, WORDS.words, out / "embedded", **about)
    export_hf(out / "embedded", out / "hf")
    return out


def sampled(
    folder: Folder, problems: int, n: int, name: str, seen: set[str]
) -> list[list[Labelled]]:
    """Solutions of new problems by the policy, with their outcomes."""
    lm = EmbeddedLanguageModel.load(folder / "embedded", threads=1)
    fresh = []
    for problem in TASK.generate(2 * problems, name, 1):
        if problem.question not in seen and len(fresh) < problems:
            seen.add(problem.question)
            fresh.append(Path(problem))
    grown = [path for path in fresh for _ in range(n)]
    for depth in range(TASK.length):  # the engine has no word for the task's stop, a line break
        left, tries = list(range(len(grown))), 0
        while left:  # what is no number is drawn again
            seeds = [derive(1, name, index, depth, tries) for index in left]
            asked = [TASK.prompt(grown[index]) for index in left]
            written = asyncio.run(lm.complete(asked, seeds, Sampling(1.0, 1)))
            steps = [TASK.step(grown[i], one) for i, one in zip(left, written, strict=True)]
            for index, step in zip(left, steps, strict=True):
                grown[index] = grown[index] if step.dead else grown[index].then(step)
            left, tries = [i for i in left if grown[i].depth == depth], tries + 1
    drawn = [grown[place : place + n] for place in range(0, len(grown), n)]
    return [solutions(TASK, [paths]) for paths in drawn]


# ------------------------------------------------------------------------------ ways to choose


def implicit(
    work: Folder,
    objective: Objective,
    steps: int,
    seed: int,
    data: tuple[list[list[Labelled]], list[list[Labelled]], list[list[Labelled]]],
) -> tuple[list[float], dict[str, object]]:
    """How often the log-ratio chooses right, and what it knows of steps."""
    learn, watch, test = data
    start = Transformers(str(work / "lm" / "hf"), device="cpu", dtype="float32")
    network = LogRatio(start, task=TASK, beta=BETA)
    settings = Settings(steps=steps, rate=1e-3, warmup=20, batch=32, every=100, seed=seed)
    out = work / str(name_of(objective))
    fit(network, objective, unlabelled(learn), unlabelled(watch), settings, out)
    ratio = TaskRatio(replace(start, model=str(out / "policy")), start, task=TASK, beta=BETA)
    reward = wire(TASK, Engines(policy=start, reward=ratio)).reward
    flat = [one for group in test for one in group]
    values = asyncio.run(reward.steps([one.path() for one in flat]))
    gains = [[odds(b) - odds(a) for a, b in zip([0.5, *v], v, strict=False)] for v in values]
    truth = [label for one in flat for label in one.labels]
    ends = iter([v[-1] for v in values])
    about = {
        "network": f"log_ratio(the policy, beta={BETA})",
        "objective": name_of(objective),
        "trained_on": f"outcomes of {sum(map(len, learn))} solutions of {len(learn)} problems",
        "steps": steps,
        "step_auc": round(auc([one for g in gains for one in g], truth), 4),
        "outcome_auc": round(auc([v[-1] for v in values], [one.outcome for one in flat]), 4),
    }
    return best_of([[(one, next(ends)) for one in group] for group in test]), about


def unlabelled(data: Sequence[Sequence[Labelled]]) -> list[Labelled]:
    """Without the truth of the steps, so that nothing can be learned of it."""
    return [replace(one, labels=(None,) * len(one.steps)) for group in data for one in group]


def odds(value: float) -> float:
    """What the sigmoid was taken of."""
    value = min(max(value, 1e-12), 1 - 1e-12)
    return log(value / (1 - value))


def baselines(folder: Folder, test: Sequence[Sequence[Labelled]]) -> dict[str, list[float]]:
    """What needs no training."""
    lm = EmbeddedLanguageModel.load(folder / "embedded", threads=1)
    flat = [one for group in test for one in group]
    texts = [pair for one in flat for pair in step_texts(TASK, one.path())]
    scored = iter([one.value for one in asyncio.run(lm.logprobs(texts))])
    likely = iter([sum(next(scored) for _ in one.steps) for one in flat])
    return {
        "pass_at_1": [sum(one.outcome for one in group) / N for group in test],
        "majority": [majority(group) for group in test],
        "oracle": [max(one.outcome for one in group) for group in test],
        "likeliest": best_of([[(one, next(likely)) for one in group] for group in test]),
        "one_score_for_all": best_of([[(one, 0.5) for one in group] for group in test]),
    }


def best_of(scored: Sequence[Sequence[tuple[Labelled, float]]]) -> list[float]:
    """For each problem how often the choice among its different solutions is right."""
    found = []
    for group in scored:
        different = {one.steps: (score, one.outcome) for one, score in group}
        best = max(score for score, _ in different.values())
        right = [outcome for score, outcome in different.values() if score == best]
        found.append(sum(right) / len(right))
    return found


def majority(group: Sequence[Labelled]) -> float:
    """How often the most frequent answer is right; ties share the choice."""
    votes = Counter(one.steps[-1] for one in group)
    top = [answer for answer, count in votes.items() if count == max(votes.values())]
    right = {one.steps[-1] for one in group if one.outcome}
    return sum(answer in right for answer in top) / len(top)


def interval(values: Sequence[float]) -> list[float]:
    """Mean and its interval."""
    found = mean(values, seed=0)
    return [round(found.estimate, 4), round(found.low, 4), round(found.high, 4)]


def write(row: dict[str, object]) -> None:
    """Append a line; one of the same name from before is replaced."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    )
    about = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "commit": commit.stdout.strip(),
        "command": "PYTHONPATH=src:benchmarks python benchmarks/implicit_prm.py",
        "task": "running sum modulo 10, 5 steps; policy: a decoder of 2 layers",
    }
    kept = []
    if RESULTS.exists():
        kept = [json.loads(line) for line in RESULTS.read_text("utf-8").splitlines()]
    kept = [one for one in kept if one["chooses"] != row["chooses"]]
    lines = [json.dumps(one) for one in [*kept, about | row]]
    RESULTS.write_text("\n".join(lines) + "\n", "utf-8")
    print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
