"""Labelled steps for a reward model: from a policy's own rollouts, or from a generator.

    for each problem: draw rollouts of the policy ; for each prefix: its next steps, labelled by an
    exact judge ; equal prefixes are merged

A reward model that only ever saw good prefixes is fooled by the policy that it is to judge; these
prefixes are the policy's own.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path as File

import torch
from torch import nn

from specreward.generate.vocabulary import Vocabulary
from specreward.train.packing import Batch, Row, collate
from specreward.train.quality import measure, sigmoid
from specreward.types import Path, Policy, Problem, Task

__all__ = [
    "Labelled",
    "batch_of",
    "collect",
    "drawn_once",
    "logits_of",
    "quality_of",
    "read_pool",
    "write_pool",
]


@dataclass(frozen=True)
class Labelled:
    """One prefix as the reward model reads it, and labelled next steps.

    Args:
        prefix: Everything before the step.
        steps: (text of the step with its delimiter, label in [0, 1]).
    """

    prefix: str
    steps: tuple[tuple[str, float], ...]


def collect(
    task: Task,
    policy: Policy,
    problems: Sequence[Problem],
    samples: int,
    label: Callable[[Path], float],
    temperature: float = 1.0,
) -> list[Labelled]:
    """Rollouts of the policy, cut into labelled steps.

    Args:
        task: Renders paths for the reward model.
        policy: Whose rollouts.
        problems: Where they start.
        samples: Rollouts for each problem.
        label: Judges the last step of a path; only paths that obey the task's rules are given.
        temperature: Of the rollouts.
    """
    roots = [Path(problem) for problem in problems]
    drawn = asyncio.run(policy.extend(roots, samples, until="end", temperature=temperature))
    steps: dict[str, dict[str, float]] = {}
    for path in (path for paths in drawn for path in paths):
        for depth in range(1, path.depth + 1):
            part = Path(path.problem, path.steps[:depth])
            text = task.reward_text(part)
            step = f"{part.steps[-1].text} ;"
            if not text.endswith(step):
                raise ValueError(
                    f"expected the reward text to end with the step {step!r}, got {text!r}"
                )
            siblings = steps.setdefault(text.removesuffix(step), {})
            if step not in siblings and _legal(task, part):
                siblings[step] = label(part)
    return [Labelled(prefix, tuple(kids.items())) for prefix, kids in steps.items() if kids]


def _legal(task: Task, path: Path) -> bool:
    """Whether the last step obeys the rules (a path out of steps is dead, its step is legal)."""
    try:
        task.value_prompt(path)
    except ValueError:
        return False
    return True


def write_pool(pool: Iterable[Labelled], file: File) -> None:
    """One JSON line each, written whole."""
    part = file.with_suffix(".part")
    with part.open("w") as lines:
        for item in pool:
            lines.write(json.dumps({"prefix": item.prefix, "steps": item.steps}) + "\n")
    os.replace(part, file)


def read_pool(file: File) -> list[Labelled]:
    """What ``write_pool`` wrote."""
    records = map(json.loads, file.read_text().splitlines())
    return [Labelled(r["prefix"], tuple((s, float(y)) for s, y in r["steps"])) for r in records]


def drawn_once(file: File, draw: Callable[[], Iterable[Labelled]]) -> list[Labelled]:
    """The pool in a file; drawn and written there first where there is no such file."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        write_pool(draw(), file)
    return read_pool(file)


def batch_of(
    items: Sequence[Labelled], words: Vocabulary, per_row: int, rng: random.Random, most: int = 8
) -> Batch:
    """Items packed ``per_row`` to a row, at most ``most`` steps of each."""
    rows = []
    for start in range(0, len(items), per_row):
        row = Row()
        for item in items[start : start + per_row]:
            prefix = row.add(words.encode(item.prefix))
            for step, value in rng.sample(item.steps, min(most, len(item.steps))):
                row.label(row.add(words.encode(step), prefix), value)
        rows.append(row)
    return collate(rows)


@torch.no_grad()
def logits_of(
    model: nn.Module, words: Vocabulary, items: Sequence[Labelled]
) -> tuple[list[float], list[float]]:
    """Raw logits and labels of every step of the items, the two in the same order."""
    logits: list[float] = []
    labels: list[float] = []
    rng = random.Random(0)
    for start in range(0, len(items), 64):
        batch = batch_of(items[start : start + 64], words, 1, rng, most=1 << 30)
        out = model(batch.tokens, batch.positions, batch.mask)[batch.rows, batch.places, 0]
        logits += out.tolist()
        labels += batch.targets.tolist()
    return logits, labels


def quality_of(model: nn.Module, words: Vocabulary, items: Sequence[Labelled]) -> dict[str, float]:
    """The model's quality on items that it was not trained on, as entries for the log."""
    logits, labels = logits_of(model, words, items)
    found = asdict(measure(sigmoid(logits).tolist(), labels))
    return {f"held_out_{name}": value for name, value in found.items()}
