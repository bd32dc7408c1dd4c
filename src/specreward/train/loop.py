"""A plain training loop: AdamW, warm-up and cosine, checkpoints written whole, resumable.

    for step in steps:  batch = rows(step) ;  loss = loss_of(model, batch) ;  step the optimiser

Data order is a function of the step, so a run that was stopped goes on along the same loss curve.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from specreward.errors import InputError
from specreward.train.packing import Batch

__all__ = ["Schedule", "binary_loss", "save_whole", "token_loss", "train"]


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Learning rate over time.

    Args:
        steps: Optimiser steps in all.
        rate: Peak learning rate.
        warmup: Steps of linear warm-up.
        floor: Last rate as a share of the peak.
        minutes: Wall-clock limit; the rate falls with steps or time, whichever is ahead.
    """

    steps: int
    rate: float = 2e-3
    warmup: int = 200
    floor: float = 0.05
    minutes: float = math.inf

    def __post_init__(self) -> None:
        if min(self.steps, self.warmup) < 1 or min(self.rate, self.minutes) <= 0:
            raise InputError(f"expected steps, warmup, rate and minutes above 0, got {self}")
        if not 0 <= self.floor <= 1:
            raise InputError(f"floor: expected a share from 0 to 1, got {self.floor!r}")

    def at(self, step: int, minutes: float) -> float:
        """Learning rate at a step, some minutes into training."""
        done = min(1.0, max(step / self.steps, minutes / self.minutes))
        cosine = self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * done))
        return self.rate * min(1.0, (step + 1) / self.warmup) * cosine


def token_loss(model: nn.Module, batch: Batch) -> Tensor:
    """Mean cross-entropy of the tokens to be predicted (packing.Row.write)."""
    logits = model(batch.tokens, batch.positions, batch.mask)[batch.rows, batch.places]
    return nn.functional.cross_entropy(logits, batch.targets.long())


def binary_loss(model: nn.Module, batch: Batch) -> Tensor:
    """Mean soft binary cross-entropy of the labels (packing.Row.label)."""
    logits = model(batch.tokens, batch.positions, batch.mask)[batch.rows, batch.places, 0]
    return nn.functional.binary_cross_entropy_with_logits(logits, batch.targets)


def save_whole(tensors: dict[str, Tensor], path: Path) -> None:
    """Write a safetensors file whole or not at all."""
    part = path.with_suffix(".part")
    save_file({name: tensor.detach().clone() for name, tensor in tensors.items()}, part)
    os.replace(part, path)


def train(
    model: nn.Module,
    batches: Callable[[int], Batch],
    loss_of: Callable[[nn.Module, Batch], Tensor],
    schedule: Schedule,
    out: Path,
    *,
    every: int = 200,
    report: Callable[[int], dict[str, float]] | None = None,
) -> None:
    """Train in place and leave ``model.safetensors`` and ``log.jsonl`` in ``out``.

    A row of the log has the step and the minutes so far, and the mean loss and the tokens since the
    row before. Where the steps or the minutes are used up already, nothing is done.

    Args:
        model: Changed in place; continues from a checkpoint in ``out`` where one is there.
        batches: Batch of a step.
        loss_of: Loss of a model on a batch.
        schedule: Rates and limits.
        out: Folder of checkpoint and log.
        every: Steps between checkpoints.
        report: Held-out numbers to log at every checkpoint.

    Raises:
        FloatingPointError: The loss is not finite; the last checkpoint stays.
    """
    out.mkdir(parents=True, exist_ok=True)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=schedule.rate, betas=(0.9, 0.98), weight_decay=0.01
    )
    first, minutes = _resume(model, optimizer, out)
    begun, tokens = time.monotonic() - 60 * minutes, 0
    losses: list[float] = []
    for step in range(first, schedule.steps):
        if minutes >= schedule.minutes:
            return
        batch = batches(step)
        losses.append(_update(model, optimizer, loss_of(model, batch), schedule.at(step, minutes)))
        if not math.isfinite(losses[-1]):
            raise FloatingPointError(f"loss is {losses[-1]} at step {step}; checkpoint in {out}")
        tokens += batch.tokens.numel()
        minutes = (time.monotonic() - begun) / 60
        last = minutes >= schedule.minutes or step + 1 == schedule.steps
        if (step + 1) % every == 0 or last:
            _checkpoint(model, optimizer, out, step + 1, minutes)
            mean = sum(losses) / len(losses)
            row = {"step": step + 1, "minutes": round(minutes, 2), "loss": mean, "tokens": tokens}
            _log(model, row, report, out)
            losses, tokens = [], 0


def _update(model: nn.Module, optimizer: torch.optim.Optimizer, loss: Tensor, rate: float) -> float:
    """One step down a loss that is finite; returns the loss."""
    if torch.isfinite(loss):
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return loss.item()


def _log(
    model: nn.Module,
    row: dict[str, float],
    report: Callable[[int], dict[str, float]] | None,
    out: Path,
) -> None:
    if report is not None:
        model.eval()
        row |= report(int(row["step"]))
        model.train()
    with (out / "log.jsonl").open("a") as log:
        log.write(json.dumps(row) + "\n")


def _checkpoint(
    model: nn.Module, optimizer: torch.optim.Optimizer, out: Path, step: int, minutes: float
) -> None:
    state = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    for index, moments in optimizer.state_dict()["state"].items():
        state |= {f"optimizer.{index}.{name}": tensor for name, tensor in moments.items()}
    state["step"] = torch.tensor([float(step), minutes])
    save_whole(state, out / "checkpoint.safetensors")
    save_whole(dict(model.state_dict()), out / "model.safetensors")


def _resume(model: nn.Module, optimizer: torch.optim.Optimizer, out: Path) -> tuple[int, float]:
    path = out / "checkpoint.safetensors"
    if not path.exists():
        return 0, 0.0
    state = load_file(path)
    step, minutes = state.pop("step").tolist()
    model.load_state_dict({k[6:]: v for k, v in state.items() if k.startswith("model.")})
    full = optimizer.state_dict()
    for key, tensor in state.items():
        if key.startswith("optimizer."):
            _, index, name = key.split(".")
            full["state"].setdefault(int(index), {})[name] = tensor
    optimizer.load_state_dict(full)
    return int(step), minutes
