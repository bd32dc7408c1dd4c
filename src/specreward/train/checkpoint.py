"""Checkpoints of a run: weights, moments of the optimiser and what happened so far, in one file.

    checkpoint.safetensors    model.*, optimizer.*, step = (steps, minutes); the rest as metadata
    model.safetensors         the weights of the last checkpoint; or, where a number is watched,
    best.safetensors          those with the best one

Every file is written beside its place and moved there: a run that is killed finds the one before.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from specreward.errors import InputError, StoreError

__all__ = ["CHECKPOINT", "State", "resume", "save_state", "save_whole"]

CHECKPOINT = "checkpoint.safetensors"


@dataclass
class State:
    """How far a run is.

    Args:
        step: Optimiser steps done.
        minutes: Wall-clock time so far.
        rows: The log.
        best: The best of the watched number, None before the first.
        best_step: When it was.
        since: Looks at it since then.
        stopped: Nothing got better for too long: the run is over.
    """

    step: int = 0
    minutes: float = 0.0
    rows: list[dict[str, Any]] = field(default_factory=list)
    best: float | None = None
    best_step: int = 0
    since: int = 0
    stopped: bool = False


def save_whole(
    tensors: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str] | None = None
) -> None:
    """Write a safetensors file whole or not at all.

    Raises:
        StoreError: It cannot be written; what was there before is untouched.
    """
    part = path.with_suffix(".part")
    copies = {name: tensor.detach().clone() for name, tensor in tensors.items()}
    try:
        save_file(copies, part, metadata=None if metadata is None else dict(metadata))
        os.replace(part, path)
    except (OSError, SafetensorError) as error:
        raise StoreError(
            f"expected a checkpoint that can be written to {path}, got {error}: make room and run "
            "the same again; the checkpoint before is still there"
        ) from error


def save_state(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    state: State,
    out: Path,
    about: Mapping[str, str],
) -> None:
    """Write the checkpoint of a run.

    Args:
        model: Its weights.
        optimizer: Its moments.
        state: How far it is.
        out: Folder.
        about: What the run is of; ``resume`` refuses another.
    """
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    for index, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": tensor for name, tensor in moments.items()}
    tensors["step"] = torch.tensor([float(state.step), state.minutes], dtype=torch.float64)
    kept = {
        "rows": state.rows,
        "best": state.best,
        "best_step": state.best_step,
        "since": state.since,
        "stopped": state.stopped,
    }
    metadata = {"state": json.dumps(kept), "about": json.dumps(dict(about), sort_keys=True)}
    save_whole(tensors, out / CHECKPOINT, metadata)


def resume(
    model: nn.Module, optimizer: torch.optim.Optimizer, out: Path, about: Mapping[str, str]
) -> State:
    """Bring model and optimiser to where the run in a folder is; a new run's where there is none.

    Raises:
        InputError: The checkpoint is of another run or another network, or damaged.
    """
    path = out / CHECKPOINT
    if not path.exists():
        return State()
    tensors, metadata = _read(path)
    _check_about(path, json.loads(metadata.get("about", "{}")), about)
    weights = {k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")}
    _check_shapes(path, weights, model)
    model.load_state_dict(weights)
    full = optimizer.state_dict()
    for key, tensor in tensors.items():
        if key.startswith("optimizer."):
            _, index, name = key.split(".")
            full["state"].setdefault(int(index), {})[name] = tensor
    optimizer.load_state_dict(full)
    step, minutes = tensors["step"].tolist()
    kept = json.loads(metadata.get("state", "{}"))
    return State(step=int(step), minutes=minutes, **kept)


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
        return load_file(path), metadata
    except SafetensorError as error:
        raise InputError(
            f"{path} is damaged ({error}): delete it to begin again, or give another folder"
        ) from error


def _check_about(path: Path, there: Mapping[str, str], now: Mapping[str, str]) -> None:
    for key in [*now, *[key for key in there if key not in now]]:
        if there.get(key) != now.get(key):
            raise InputError(
                f"{path} is the checkpoint of another run ({key}: there {there.get(key)!r}, now "
                f"{now.get(key)!r}): give another folder, or the same run to go on"
            )


def _check_shapes(path: Path, weights: Mapping[str, Tensor], model: nn.Module) -> None:
    there = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    now = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    for name in [*now, *[name for name in there if name not in now]]:
        if there.get(name) != now.get(name):
            raise InputError(
                f"{path} is the checkpoint of another network ({name}: there "
                f"{there.get(name, 'none')}, now {now.get(name, 'none')}): give another folder"
            )
