"""From labelled solutions to a folder with a trained reward model.

    check the data ;  examples = objective.examples(data) ;  network = settings.build()
    loop: batch i = examples at places i*B ... of epoch after epoch, each shuffled by its number
    the weights with the best held-out number are what is saved

    folder/   weights and model.json    what ``trained('folder')`` reads
              card.md log.jsonl loss.html
              checkpoint/               where a run that was stopped goes on
              bad_batch.jsonl           what gave a loss that is no number, if any did

Everything but the wall clock is a function of data, settings and seed: a run that was stopped and
goes on ends with the same bytes.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from math import inf
from pathlib import Path
from typing import Any, Literal, Protocol, final

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from specreward.checks import whole
from specreward.errors import InputError
from specreward.label.labelled import Labelled, dump_labelled
from specreward.report.files import write_whole
from specreward.seeds import derive
from specreward.spec import name_of, parse
from specreward.train.card import HELD_OUT, Run, held_out_of, write_run
from specreward.train.checkpoint import State
from specreward.train.checks import check_data, check_examples
from specreward.train.examples import Batch, Delayed, Example, Guarded, Marks, Network, Objective
from specreward.train.loop import Loop, NotFinite, Schedule, accelerated, check_precision
from specreward.train.monitor import Moment, Watch

__all__ = ["Fitted", "NetworkSettings", "Settings", "fit", "measured"]


class NetworkSettings(Protocol):
    """A registered network: a frozen dataclass."""

    def build(self) -> Network:
        """The network with its first weights; what is drawn is drawn from torch's generator."""
        ...


@final
@dataclass(frozen=True, kw_only=True)
class Settings:
    """How long, how fast, and in what portions.

    Args:
        steps: Optimiser steps, at least 1.
        rate: Peak learning rate, above 0, at most 1.
        warmup: Steps of linear warm-up, at least 1.
        floor: Last rate as a share of the peak, in [0, 1].
        minutes: Wall-clock limit; with one, what comes out depends on the speed of the machine.
        batch: Examples that go through the network at once, at least 1.
        accumulate: Batches to an optimiser step, at least 1; their losses are averaged.
        every: Steps between looks at held-out data, each with a checkpoint, at least 1.
        patience: Looks without a better number after which training ends; 0 goes on to the end.
        seed: Of data order, first weights and dropout.
        precision: ``bfloat16`` for the products of large networks; weights stay in ``float32``.

    Raises:
        InputError: A number is out of range.
    """

    steps: int = 1000
    rate: float = 1e-3
    warmup: int = 50
    floor: float = 0.05
    minutes: float = inf
    batch: int = 16
    accumulate: int = 1
    every: int = 50
    patience: int = 0
    seed: int = 0
    precision: Literal["float32", "bfloat16"] = "float32"

    def __post_init__(self) -> None:
        whole("batch", self.batch, 1)
        whole("accumulate", self.accumulate, 1)
        whole("every", self.every, 1)
        whole("patience", self.patience, 0)
        check_precision(self.precision)
        assert self.schedule  # checks the rest

    @property
    def schedule(self) -> Schedule:
        """Of the learning rate."""
        return Schedule(
            steps=self.steps,
            rate=self.rate,
            warmup=self.warmup,
            floor=self.floor,
            minutes=self.minutes,
        )


@final
@dataclass(frozen=True, kw_only=True)
class Fitted:
    """What came of it.

    Args:
        folder: The trained model.
        steps: Optimiser steps done.
        best_step: Whose weights were kept.
        before: Held-out numbers of the first weights.
        after: Those of the weights that were kept.
        stopped: Whether it ended because nothing got better.
        left_out: Steps that the network had no room for (networks with ``cut=True``).
    """

    folder: Path
    steps: int
    best_step: int
    before: Mapping[str, float | None]
    after: Mapping[str, float | None]
    stopped: bool
    left_out: int

    @classmethod
    def of(cls, state: State, folder: Path, left_out: int) -> Fitted:
        """What came of a run that is over."""
        rows = {int(row["step"]): held_out_of(row) for row in state.rows}
        return cls(
            folder=folder,
            steps=state.step,
            best_step=state.best_step,
            before=rows[0],
            after=rows[state.best_step],
            stopped=state.stopped,
            left_out=left_out,
        )


def fit(
    network: NetworkSettings,
    objective: Objective,
    train: Sequence[Labelled],
    held_out: Sequence[Labelled],
    settings: Settings,
    out: Path,
    *,
    combine: str | None = None,
    about: Mapping[str, Any] | None = None,
    on_step: Callable[[Moment], None] | None = None,
) -> Fitted:
    """Train a reward model into a folder; the same call goes on where one was stopped.

    Args:
        network: What is trained, and from where.
        objective: For what.
        train: Labelled solutions to learn from.
        held_out: Others, of other problems.
        settings: How long and how fast.
        out: Folder; made if it is not there.
        combine: Text of the aggregate of step scores; None is the network's own or by the labels.
        about: What the card is to say besides: files, the command.
        on_step: Called after each step.

    Raises:
        InputError: Data, settings and network do not go together, the folder is another run's, or
            a loss was not a number.
    """
    check_data(train, held_out)
    examples = objective.examples(train)
    apart = list(dict.fromkeys(objective.examples(held_out)))  # those seen more often count once
    check_examples(examples, apart, settings.batch)
    fitting = _Fitting(_built(network, settings.seed), objective, examples, apart, settings)
    left_out = fitting.read_all()
    run = Run(
        network=name_of(network),
        objective=name_of(objective),
        settings=settings,
        train=train,
        held_out=held_out,
        examples=len(examples),
        combine=None if combine is None else name_of(parse(combine, "aggregate")),
        watch=objective.watch,
        about={**(about or {}), "steps left out for their length": left_out},
    )
    state = fitting.run(out, run.fingerprint, on_step)
    fitting.module.load_state_dict(load_file(out / "checkpoint" / "best.safetensors"))
    write_run(run, state, fitting.module, out)
    return Fitted.of(state, out, left_out)


def _built(network: NetworkSettings, seed: int) -> Any:  # noqa: ANN401 - it is a torch module
    """The network with its first weights, which are a function of the seed."""
    torch.manual_seed(derive(seed, "weights"))
    module: Any = network.build()
    if not isinstance(module, nn.Module):
        raise InputError(f"expected build() to give a torch module, got {type(module).__name__}")
    return module


class _Fitting:
    """A network with its examples and its objective, as the loop wants them."""

    def __init__(
        self,
        module: Any,  # noqa: ANN401
        objective: Objective,
        examples: Sequence[Example],
        held_out: Sequence[Example],
        settings: Settings,
    ) -> None:
        self.module, self.objective, self.settings = module, objective, settings
        self.examples, self.held_out = examples, held_out
        self.accelerator = accelerated(settings.precision)
        self._order: tuple[int, list[int]] = (-1, [])

    def run(
        self, out: Path, fingerprint: Mapping[str, str], on_step: Callable[[Moment], None] | None
    ) -> State:
        """The loop, from where the folder is."""
        settings, objective = self.settings, self.objective
        loop = Loop[tuple[int, Batch]](
            batches=lambda index: (index // settings.accumulate, self.batch(index)),
            loss_of=self.loss,
            schedule=settings.schedule,
            tokens_of=lambda batch: batch[1].tokens,
            accelerator=self.accelerator,
            parts=settings.accumulate,
            every=settings.every,
            report=lambda step: self.look(),
            watch=Watch(
                name=HELD_OUT + objective.watch,
                higher=objective.higher,
                patience=settings.patience,
                begin=objective.counts_from if isinstance(objective, Delayed) else 0,
            ),
            seed=settings.seed,
            about=fingerprint,
            halt=self.trouble,
            on_step=on_step,
        )
        try:
            return loop.run(self.module, out / "checkpoint", out / "log.jsonl")
        except NotFinite as error:
            file = out / "bad_batch.jsonl"
            chosen = [one for index in error.batches for one in self.chosen(index)]
            lines = [dump_labelled(one) for example in chosen for one in example.solutions]
            write_whole(file, "".join([f"{line}\n" for line in lines]))
            raise InputError(
                f"{error}; the batch is in {file}: look at it, or give another folder and a lower "
                "learning rate"
            ) from error

    def read_all(self) -> int:
        """Let the network read every example once: what it cannot read is said before step 1.

        Returns:
            Steps that it had no room for.

        Raises:
            InputError: A text cannot be read.
        """
        size, left_out = self.settings.batch, 0
        for examples in (self.examples, self.held_out):
            for start in range(0, len(examples), size):
                some = examples[start : start + size]
                asked = sum([len(places) for one in some for places in one.places])
                left_out += asked - len(self.module.encode(some).marks.step)
        return left_out

    def look(self) -> dict[str, float]:
        """Held-out numbers by their names in the log."""
        found = measured(
            self.module,
            self.objective,
            self.held_out,
            self.settings.batch,
            self.accelerator.device,
        )
        return {HELD_OUT + name: value for name, value in found.items()}

    def trouble(self, rows: Sequence[Mapping[str, Any]]) -> str | None:
        """What the objective finds wrong in the log, where it looks for anything."""
        if not isinstance(self.objective, Guarded):
            return None
        return self.objective.trouble([{"step": r["step"], **held_out_of(r)} for r in rows])

    def chosen(self, index: int) -> list[Example]:
        """The examples of a batch: epoch after epoch, each in an order of its own."""
        size, count = self.settings.batch, len(self.examples)
        places = range(index * size, (index + 1) * size)
        return [self.examples[self._shuffled(place // count)[place % count]] for place in places]

    def _shuffled(self, epoch: int) -> list[int]:
        if self._order[0] != epoch:
            order = list(range(len(self.examples)))
            random.Random(derive(self.settings.seed, "order", epoch)).shuffle(order)
            self._order = (epoch, order)
        return self._order[1]

    def batch(self, index: int) -> Batch:
        """A batch, where the network is."""
        return _moved(self.module.encode(self.chosen(index)), self.accelerator.device)

    def loss(self, model: nn.Module, batch: tuple[int, Batch]) -> Tensor:
        """Loss of a batch of a step."""
        step, read = batch
        return self.objective.loss(model(**read.inputs), read.marks, step)


def measured(
    module: Any,  # noqa: ANN401
    objective: Objective,
    examples: Sequence[Example],
    batch: int,
    device: Any = "cpu",  # noqa: ANN401
) -> dict[str, float]:
    """Numbers of an objective on examples, all of them together.

    Args:
        module: A network; the caller has set it to evaluation.
        objective: Whose numbers.
        examples: Read a batch at a time.
        batch: Examples in a batch.
        device: Where the network is.
    """
    outputs: list[Tensor] = []
    marks: list[Marks] = []
    solutions = 0
    with torch.no_grad():
        for start in range(0, len(examples), batch):
            read = module.encode(examples[start : start + batch])
            moved = _moved(read, device)
            outputs.append(module(**moved.inputs).float().cpu())
            own = read.marks
            marks.append(
                replace(own, example=own.example + start, solution=own.solution + solutions)
            )
            solutions += int(own.solution.max()) + 1
        return objective.measure(torch.cat(outputs), _joined(marks))


def _joined(marks: Sequence[Marks]) -> Marks:
    return Marks(
        **{
            name: torch.cat([getattr(one, name) for one in marks])
            for name in [field.name for field in fields(Marks)]
        }
    )


def _moved(batch: Batch, device: Any) -> Batch:  # noqa: ANN401
    marks = {field.name: getattr(batch.marks, field.name) for field in fields(Marks)}
    return Batch(
        {name: tensor.to(device) for name, tensor in batch.inputs.items()},
        Marks(**{name: tensor.to(device) for name, tensor in marks.items()}),
        batch.tokens,
    )
