"""How fast a reward model is trained: tokens a second, and the share of the machine's own peak.

One step is what ``specreward train`` does at each: examples as trees of tokens, forward, loss,
backward, clipping, AdamW. Data are siblings of Game of 24 problems and chains of arithmetic steps,
as the labellers write them.

    flops of a token   6 x the parameters in its products (forward 2, backward 4)
                       + 12 x layers x width x tokens that it attends to, on the mean
    peak               the best of 20 products of two square matrices in the same precision, on the
                       same threads, before the steps and after them
    share              flops of the tokens read, padding not counted / (seconds x peak)

``step`` has everything, ``network`` leaves out the reading of texts. Medians of the steps after
the first three, which are not counted. Seconds are those of the processor on one thread of it, so
that others on the machine count little, and of the clock elsewhere.

Run:   pip install 'specreward[train]'
       python benchmarks/training.py --out benchmarks/results/training.jsonl
Time:  about three minutes on one thread.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch

from specreward.embedded import EmbeddedSRM
from specreward.label.labelled import Labelled
from specreward.tasks import game24_text
from specreward.tasks.arithmetic import Arithmetic
from specreward.tasks.countdown import moves, solvable
from specreward.tasks.game24 import Game24, state_of
from specreward.train.fitting import Settings, _Fitting
from specreward.train.networks import SmallDecoder
from specreward.train.objectives import PRM, SRMPlus
from specreward.types import Path as Steps

WARM = 3
MATRIX = {"cpu": 2048, "cuda": 8192}


def siblings(problems: int) -> list[Labelled]:
    """Up to ten first steps of each problem with their exact labels."""
    task, rng, found = Game24(), random.Random(0), []
    for problem in task.generate(problems, "train", 0):
        target, numbers = state_of(Steps(problem))
        steps = [m for m in moves(numbers) if m[3].denominator == 1 and 0 <= m[3] <= 200]
        for move in rng.sample(steps, min(10, len(steps))):
            label = float(solvable(move[4], target))
            text = game24_text.step(*move)
            found.append(Labelled(problem=problem, steps=(text,), labels=(label,), kind="prefix"))
    return found


def chains(problems: int) -> list[Labelled]:
    """Right solutions of arithmetic problems of eight steps."""
    task = Arithmetic(steps=(8, 8))
    return [
        Labelled(problem=problem, steps=tuple(steps), labels=(1.0,) * len(steps), kind="step")
        for problem in task.generate(problems, "train", 0)
        if (steps := task.gold_steps(problem))
    ]


CASES = {
    "embedded size, siblings": (
        SmallDecoder(Game24(), start=EmbeddedSRM("game24")),
        SRMPlus(),
        siblings,
        16,
    ),
    "width 256, siblings": (
        SmallDecoder(Game24(), width=256, layers=8, heads=4),
        SRMPlus(),
        siblings,
        16,
    ),
    "width 256, chains": (
        SmallDecoder(Arithmetic(), width=256, layers=8, heads=4, longest=512),
        PRM(),
        chains,
        8,
    ),
}


def clock(device: torch.device) -> float:
    """Seconds, once the device is done; see the module."""
    if device.type == "cpu" and torch.get_num_threads() == 1:
        return time.process_time()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def peak(device: torch.device, precision: str, rounds: int) -> float:
    """Most floating-point operations a second in a product of two matrices."""
    size = MATRIX["cuda" if device.type == "cuda" else "cpu"]
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    best = 0.0
    for _ in range(rounds):
        begun = clock(device)
        torch.matmul(a, b)
        best = max(best, 2 * size**3 / (clock(device) - begun))
    return best


def attended(inputs: dict[str, torch.Tensor]) -> float:
    """Tokens that a token attends to, on the mean; padding attends to itself alone."""
    seen = inputs["mask"].sum(dim=(1, 2, 3)).double()
    return float(seen.sum() / inputs["tokens"].numel())


def measured(name: str, steps: int, precision: str) -> dict[str, object]:
    """One network on one kind of data."""
    network, objective, data, batch = CASES[name]
    examples = objective.examples(data(120))
    module = network.build()
    settings = Settings(batch=batch, precision=precision)
    fitting = _Fitting(module, objective, examples, examples[:1], settings)
    device = fitting.accelerator.device
    model, optimizer = fitting.accelerator.prepare(
        module, torch.optim.AdamW(module.parameters(), lr=1e-4)
    )
    shape, product = module.decoder.shape, module.decoder.flops_parameters
    tops, rows = peak(device, precision, 10), []
    for index in range(WARM + steps):
        begun = clock(device)
        read = fitting.batch(index)
        middle = clock(device)
        optimizer.zero_grad(set_to_none=True)
        loss = fitting.loss(model, (index, read))
        fitting.accelerator.backward(loss)
        fitting.accelerator.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        ended = clock(device)
        flops = 6 * product + 12 * shape.layers * shape.width * attended(dict(read.inputs))
        padded = read.inputs["tokens"].numel()
        rows.append((read.tokens, ended - begun, ended - middle, flops, read.tokens / padded))
    tops = max(tops, peak(device, precision, 10))
    rows = rows[WARM:]
    step = statistics.median([tokens / seconds for tokens, seconds, *_ in rows])
    inner = statistics.median([tokens / seconds for tokens, _, seconds, *_ in rows])
    flops = statistics.median([row[3] for row in rows])
    return {
        "case": name,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "seconds": "processor"
        if device.type == "cpu" and torch.get_num_threads() == 1
        else "clock",
        "precision": precision,
        "parameters": sum(p.numel() for p in module.parameters()),
        "product_parameters": product,
        "batch": batch,
        "tokens_per_step": round(statistics.median([row[0] for row in rows])),
        "not_padding": round(statistics.median([row[4] for row in rows]), 3),
        "tokens_per_second": round(step),
        "tokens_per_second_network": round(inner),
        "gigaflops_per_second": round(inner * flops / 1e9, 2),
        "peak_gigaflops_per_second": round(tops / 1e9, 2),
        "share_of_peak_step": round(step * flops / tops, 3),
        "share_of_peak_network": round(inner * flops / tops, 3),
        "steps": steps,
    }


def commit() -> str:
    words = ["git", "rev-parse", "--short", "HEAD"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=Path(__file__).parent)
    return done.stdout.strip() or "unknown"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precision", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--out", type=Path, default=None)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    lines = []
    for name in CASES:
        row = measured(name, args.steps, args.precision) | {
            "torch": torch.__version__,
            "load": round(os.getloadavg()[0], 1),
            "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
            "commit": commit(),
            "command": " ".join(["python", *sys.argv]),
        }
        print(json.dumps(row), flush=True)
        lines.append(json.dumps(row) + "\n")
    if args.out is not None:
        args.out.write_text("".join(lines), "utf-8")


if __name__ == "__main__":
    main()
