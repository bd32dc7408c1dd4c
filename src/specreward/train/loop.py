"""A plain training loop: AdamW, warm-up and cosine, checkpoints written whole, resumable.

    for step in steps:
        for part in parts:  loss = loss_of(model, batches(step * parts + part)) ;  backward
        clip ;  step the optimiser
        every so often:  look at held-out data ;  keep the best weights ;  checkpoint ;  log

Data order and torch's random numbers are functions of the step, so a run that was stopped goes on
along the same loss curve. The device and the precision are accelerate's business. One process.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, Generic, TypeVar, final

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor, nn

from specreward.checks import whole
from specreward.errors import InputError
from specreward.report.files import write_whole
from specreward.seeds import derive
from specreward.train.checkpoint import State, resume, save_state, save_whole
from specreward.train.monitor import Moment, Watch
from specreward.train.packing import Batch

__all__ = [
    "Loop",
    "NotFinite",
    "Schedule",
    "accelerated",
    "binary_loss",
    "check_precision",
    "save_whole",
    "token_loss",
    "train",
]

B = TypeVar("B")

PRECISIONS = {"float32": "no", "bfloat16": "bf16"}
"""Names of a precision, here and in Accelerate."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Learning rate over time.

    Args:
        steps: Optimiser steps in all.
        rate: Peak learning rate, above 0, at most 1.
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
        if not (min(self.steps, self.warmup) >= 1 and self.minutes > 0 and 0 < self.rate <= 1):
            raise InputError(
                f"expected steps, warmup, rate and minutes above 0, a rate of at most 1, got {self}"
            )
        if not 0 <= self.floor <= 1:
            raise InputError(f"floor: expected a share from 0 to 1, got {self.floor!r}")

    def at(self, step: int, minutes: float) -> float:
        """Learning rate at a step, some minutes into training."""
        done = min(1.0, max(step / self.steps, minutes / self.minutes))
        cosine = self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * done))
        return self.rate * min(1.0, (step + 1) / self.warmup) * cosine


class NotFinite(FloatingPointError):
    """A loss or a gradient was NaN or infinite.

    Args:
        message: What happened.
        batches: Numbers of the batches, of which one did it.
    """

    def __init__(self, message: str, batches: Sequence[int]) -> None:
        super().__init__(message, batches)
        self.batches = batches

    def __str__(self) -> str:
        return str(self.args[0])


def check_precision(precision: str) -> None:
    """Refuse a precision that there is not."""
    if precision not in PRECISIONS:
        raise InputError(f"precision: expected {' or '.join(PRECISIONS)}, got {precision!r}")


def accelerated(precision: str = "float32", *, cpu: bool = False) -> Accelerator:
    """Device and precision of a run.

    Args:
        precision: ``float32`` or ``bfloat16`` (products in 16 bits, weights and moments in 32).
        cpu: Stay on the CPU where there is something faster.

    Raises:
        InputError: Another precision, or several processes.
    """
    check_precision(precision)
    AcceleratorState._reset_state(reset_partial_state=True)  # that of the run before, if any
    found = Accelerator(cpu=cpu, mixed_precision=PRECISIONS[precision])
    if found.num_processes != 1:
        raise InputError(
            f"expected one process, got {found.num_processes}: start it without a launcher"
        )
    return found


def token_loss(model: nn.Module, batch: Batch) -> Tensor:
    """Mean cross-entropy of the tokens to be predicted (packing.Row.write)."""
    logits = model(batch.tokens, batch.positions, batch.mask)[batch.rows, batch.places]
    return nn.functional.cross_entropy(logits, batch.targets.long())


def binary_loss(model: nn.Module, batch: Batch) -> Tensor:
    """Mean soft binary cross-entropy of the labels (packing.Row.label)."""
    logits = model(batch.tokens, batch.positions, batch.mask)[batch.rows, batch.places, 0]
    return nn.functional.binary_cross_entropy_with_logits(logits, batch.targets)


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
        NotFinite: The loss or its gradient is not finite; the last checkpoint stays.
    """
    loop = Loop(
        batches=batches,
        loss_of=loss_of,
        schedule=schedule,
        tokens_of=lambda batch: batch.tokens.numel(),
        every=every,
        report=report,
        accelerator=accelerated(cpu=True),
    )
    loop.run(model, out)


@final
@dataclass(frozen=True, kw_only=True)
class Loop(Generic[B]):
    """The loop with everything that can be set.

    Args:
        batches: The batch of an index; steps take ``parts`` of them each, one after another.
        loss_of: Loss of a model on a batch.
        schedule: Rates and limits.
        tokens_of: Tokens of a batch.
        accelerator: Device and precision.
        parts: Batches to an optimiser step; their losses are averaged.
        every: Steps between checkpoints.
        report: Held-out numbers to log at every checkpoint, and before the first step where one of
            them is watched.
        watch: Which of them decides.
        seed: Of torch's random numbers in each step.
        about: What the run is of, by name; a checkpoint with others is refused.
        halt: Says from the rows of the log what has gone wrong for good, if anything has.
        on_step: Called after each step.
    """

    batches: Callable[[int], B]
    loss_of: Callable[[nn.Module, B], Tensor]
    schedule: Schedule
    tokens_of: Callable[[B], int]
    accelerator: Accelerator
    parts: int = 1
    every: int = 200
    report: Callable[[int], dict[str, float]] | None = None
    watch: Watch | None = None
    seed: int = 0
    about: Mapping[str, str] = field(default_factory=dict)
    halt: Callable[[Sequence[Mapping[str, Any]]], str | None] | None = None
    on_step: Callable[[Moment], None] | None = None

    def __post_init__(self) -> None:
        whole("parts", self.parts, 1)
        whole("every", self.every, 1)

    def run(self, model: nn.Module, out: Path, log: Path | None = None) -> State:
        """Train in place, from the checkpoint in a folder on where there is one.

        Args:
            model: Changed in place.
            out: Folder of checkpoint and weights; made if it is not there.
            log: File of the log, by default ``log.jsonl`` in ``out``.

        Returns:
            How far it came.

        Raises:
            NotFinite: A loss or its gradient is not finite; the last checkpoint stays.
            InputError: The checkpoint is of another run, or ``halt`` found something.
        """
        out.mkdir(parents=True, exist_ok=True)
        wanted = [parameter for parameter in model.parameters() if parameter.requires_grad]
        adam = torch.optim.AdamW(
            wanted, lr=self.schedule.rate, betas=(0.9, 0.98), weight_decay=0.01
        )
        model, optimizer = self.accelerator.prepare(model, adam)
        state = resume(model, optimizer, out, self.about)
        if self.watch is not None:  # a run that lost its patience goes on with more of it
            state.stopped = 0 < self.watch.patience <= state.since
        run = _Run(self, model, optimizer, out, log or out / "log.jsonl", state)
        model.train()
        if not state.rows and self.watch is not None:
            run.look({})
        run.check()  # what went wrong for good stays wrong
        begun = time.monotonic() - 60 * state.minutes
        while not run.over:
            run.update()
            state.step += 1
            state.minutes = (time.monotonic() - begun) / 60
            run.told()
            if state.step % self.every == 0 or run.over:
                run.look(run.since_last())
        return state


class _Run:
    """One run of a loop: model, optimiser and how far they are."""

    def __init__(
        self,
        loop: Loop[Any],
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        out: Path,
        log: Path,
        state: State,
    ) -> None:
        self.loop, self.model, self.optimizer = loop, model, optimizer
        self.out, self.log, self.state = out, log, state
        self._losses: list[float] = []
        self._tokens = 0
        self._speed = (0, 0.0)  # tokens and seconds of all steps

    @property
    def over(self) -> bool:
        """Whether steps or minutes are used up, or nothing gets better."""
        schedule, state = self.loop.schedule, self.state
        return state.stopped or state.step >= schedule.steps or state.minutes >= schedule.minutes

    def update(self) -> None:
        """One step down losses that are finite."""
        loop, state, begun = self.loop, self.state, perf_counter()
        torch.manual_seed(derive(loop.seed, "step", state.step))
        self.optimizer.zero_grad(set_to_none=True)
        losses, tokens = [], 0
        parts = range(state.step * loop.parts, (state.step + 1) * loop.parts)
        for index in parts:
            batch = loop.batches(index)
            loss = loop.loss_of(self.model, batch)
            losses.append(loss.item())
            self._finite("loss", losses[-1], [index])
            loop.accelerator.backward(loss / loop.parts)
            tokens += loop.tokens_of(batch)
        norm = loop.accelerator.clip_grad_norm_(self.model.parameters(), 1.0)
        self._finite("gradient", float(norm), parts)
        for group in self.optimizer.param_groups:
            group["lr"] = loop.schedule.at(state.step, state.minutes)
        self.optimizer.step()
        self._losses.append(sum(losses) / len(losses))
        self._tokens += tokens
        read, seconds = self._speed
        self._speed = (read + tokens, seconds + perf_counter() - begun)

    def _finite(self, what: str, value: float, batches: Sequence[int]) -> None:
        if not math.isfinite(value):
            raise NotFinite(
                f"{what} is {value} at step {self.state.step}; checkpoint in {self.out}", batches
            )

    def told(self) -> None:
        """Say where the run stands to who wants to know."""
        if self.loop.on_step is not None:
            watch, (tokens, seconds) = self.loop.watch, self._speed
            moment = Moment(
                step=self.state.step,
                steps=self.loop.schedule.steps,
                loss=self._losses[-1],
                speed=tokens / max(seconds, 1e-9),
                watch="" if watch is None else watch.name,
                watched=None if watch is None else self.state.rows[-1].get(watch.name),
            )
            self.loop.on_step(moment)

    def since_last(self) -> dict[str, float]:
        """Mean loss and tokens since the row before; counted anew from now on."""
        row = {"loss": sum(self._losses) / len(self._losses), "tokens": self._tokens}
        self._losses, self._tokens = [], 0
        return row

    def look(self, since: Mapping[str, float]) -> None:
        """Held-out numbers, the best weights, a checkpoint and a row of the log."""
        loop, state = self.loop, self.state
        row: dict[str, Any] = {
            "step": state.step,
            "minutes": round(state.minutes, 2),
            **since,
        }
        if loop.report is not None:
            self.model.eval()
            found = loop.report(state.step)
            row |= {k: v if math.isfinite(v) else None for k, v in found.items()}
            self.model.train()
        plain = loop.accelerator.unwrap_model(self.model)
        if loop.watch is None:
            save_whole(plain.state_dict(), self.out / "model.safetensors")
        else:
            self._judge(loop.watch, row, plain)
        state.rows.append(row)
        trouble = None if loop.halt is None else loop.halt(state.rows)
        if trouble is not None:
            row["trouble"] = trouble
        save_state(plain, self.optimizer, state, self.out, loop.about)
        write_whole(self.log, "".join([json.dumps(one) + "\n" for one in state.rows]))
        self.check()

    def check(self) -> None:
        """Stop where the last look found trouble, now or before a stop.

        Raises:
            InputError: It did.
        """
        if self.state.rows and "trouble" in self.state.rows[-1]:
            raise InputError(str(self.state.rows[-1]["trouble"]))

    def _judge(self, watch: Watch, row: Mapping[str, float | None], plain: nn.Module) -> None:
        """Keep the weights if they are the best; end the run if none were for too long."""
        state, value = self.state, watch.read(row)
        if state.step < watch.begin:  # what counts comes later: the best there is until then
            state.best_step = state.step
            save_whole(plain.state_dict(), self.out / "best.safetensors")
        elif watch.better(value, state.best):
            state.best, state.best_step, state.since = value, state.step, 0
            save_whole(plain.state_dict(), self.out / "best.safetensors")
        else:
            state.since += 1
            state.stopped = 0 < watch.patience <= state.since
