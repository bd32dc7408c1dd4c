"""What every recipe begins with: the same four arguments, one thread, a seed, ``run.json``."""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import torch

__all__ = ["arguments", "begin", "draws"]


def arguments(about: str, *, minutes: float, steps: int) -> argparse.ArgumentParser:
    """A parser of ``--out``, ``--minutes``, ``--steps`` and ``--seed``, with these defaults."""
    parser = argparse.ArgumentParser(description=about.partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of checkpoint and log")
    parser.add_argument("--minutes", type=float, default=minutes, help="limit on the clock")
    parser.add_argument("--steps", type=int, default=steps, help="most optimizer steps")
    parser.add_argument("--seed", type=int, default=0)
    return parser


def begin(args: argparse.Namespace) -> None:
    """Compute on one thread, seed torch, keep the numbers among the arguments in ``run.json``."""
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    settings = {name: value for name, value in vars(args).items() if isinstance(value, int | float)}
    (args.out / "run.json").write_text(json.dumps(settings, sort_keys=True) + "\n", "utf-8")


def draws(seed: int, step: int) -> random.Random:
    """The random numbers of a step."""
    return random.Random(seed * 1_000_003 + step)
