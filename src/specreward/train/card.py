"""What a training leaves for people and for readers: ``model.json``, the card and the loss plot."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import blake2b
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from specreward.label.labelled import Labelled, dump_labelled
from specreward.report.files import as_json, write_whole
from specreward.report.loss import loss_page
from specreward.reward.calibrated import CALIBRATION
from specreward.reward.trained import CARD, FORMAT

if TYPE_CHECKING:
    from specreward.train.checkpoint import State
    from specreward.train.examples import Network
    from specreward.train.fitting import Settings

__all__ = ["HELD_OUT", "Run", "held_out_of", "write_run"]

HELD_OUT = "held_out_"
"""Begins the names of held-out numbers in the log."""


def held_out_of(row: Mapping[str, float | None]) -> dict[str, float | None]:
    """The held-out numbers of a row of the log, by the names that the objective gives them."""
    return {
        key.removeprefix(HELD_OUT): value for key, value in row.items() if key.startswith(HELD_OUT)
    }


@final
@dataclass(kw_only=True, eq=False)
class Run:
    """What was trained on what.

    Args:
        network: As text.
        objective: As text.
        settings: How long and how fast.
        train: To learn from.
        held_out: To measure on.
        examples: Examples that the objective made of ``train``.
        combine: Text of the aggregate, or None for the usual one.
        watch: Name of the number by which the best weights are known.
        about: What the card is to say besides.
    """

    network: str
    objective: str
    settings: Settings
    train: Sequence[Labelled]
    held_out: Sequence[Labelled]
    examples: int
    combine: str | None
    watch: str
    about: Mapping[str, Any]

    @cached_property
    def fingerprint(self) -> dict[str, str]:
        """What settles the result, by name: a checkpoint of another run differs in one of them."""
        numbers = {key: value for key, value in asdict(self.settings).items() if key != "patience"}
        return {
            "network": self.network,
            "objective": self.objective,
            "settings": ", ".join([f"{key}={value!r}" for key, value in numbers.items()]),
            "training data": _hash(self.train),
            "held-out data": _hash(self.held_out),
        }

    def combined(self, entries: Mapping[str, Any]) -> str:
        """How step scores become one: as asked for, as the network has it, or by the labels."""
        if self.combine is not None:
            return self.combine
        usual = "minimum()" if self.train[0].kind == "step" else "last()"
        return str(entries.get("combine", usual))


def _hash(data: Sequence[Labelled]) -> str:
    found = blake2b(digest_size=8)
    for one in data:
        found.update(dump_labelled(one).encode())
    return found.hexdigest()


def write_run(run: Run, state: State, network: Network, out: Path) -> None:
    """Save the network and write ``model.json``, ``card.md`` and ``loss.html``.

    The files of the network are written beside the folder's and moved there; ``model.json`` comes
    last, so that a folder with one is whole.
    """
    part = out / ".part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    entries = dict(network.save(part))
    found = blake2b(digest_size=6)
    files = sorted(file for file in part.rglob("*") if file.is_file())
    for file in files:
        found.update(str(file.relative_to(part)).encode() + b"\0" + file.read_bytes())
    if not _same_weights(out / CARD, found.hexdigest()):
        (out / CALIBRATION).unlink(missing_ok=True)  # that of others, if there is one
    for file in files:
        place = out / file.relative_to(part)
        place.parent.mkdir(parents=True, exist_ok=True)
        os.replace(file, place)
    shutil.rmtree(part)
    card = {
        "format": FORMAT,
        **entries,
        "network": run.network,
        "objective": run.objective,
        "combine": run.combined(entries),
        "label_kind": run.train[0].kind,
        "revision": found.hexdigest(),
    }
    write_whole(out / "loss.html", loss_page(state.rows, HELD_OUT + run.watch, f"{out.name}: loss"))
    write_whole(out / "card.md", _card(run, state, card))
    write_whole(out / CARD, as_json(card))


def _same_weights(card: Path, revision: str) -> bool:
    return card.is_file() and json.loads(card.read_text("utf-8")).get("revision") == revision


def _card(run: Run, state: State, card: Mapping[str, Any]) -> str:
    """The model card."""
    rows = {int(row["step"]): held_out_of(row) for row in state.rows}
    settings = [
        f"{key} {value}"
        for key, value in asdict(run.settings).items()
        if not (isinstance(value, float) and not isfinite(value))
    ]
    lines = [
        "# A reward model trained by specreward",
        "",
        f"- network: `{run.network}`",
        f"- objective: `{run.objective}`",
        f"- kind: {card['kind']}; revision {card['revision']}",
        f"- score of a path: `{card['combine']}` of the scores of its steps",
        f"- settings: {', '.join(settings)}",
        f"- ended after step {state.step} ({state.minutes:.1f} minutes)"
        + (": nothing got better any more" if state.stopped else ""),
        f"- weights of step {state.best_step}, the best held-out {run.watch}",
        *[f"- {key}: {value}" for key, value in run.about.items()],
        "",
        "## Data",
        "",
        *_data_table(run),
        "",
        f"Labels are of the kind *{run.train[0].kind}*; the objective made {run.examples} examples "
        "of the training data. No problem is on both sides.",
        "",
        "## Held-out numbers",
        "",
        "| | first weights | these |",
        "|---|---:|---:|",
        *[
            f"| {key} | {_number(rows[0][key])} | {_number(value)} |"
            for key, value in rows[state.best_step].items()
        ],
        "",
        "The held-out problems chose the step whose weights were kept, so these numbers are "
        "favourable: measure on others before you rely on them.",
        "",
    ]
    return "\n".join(lines)


def _data_table(run: Run) -> list[str]:
    lines = [
        "| | problems | solutions | labelled steps | mean label | sources |",
        "|---|---:|---:|---:|---:|---|",
    ]
    for name, data in (("training", run.train), ("held out", run.held_out)):
        labels = [label for one in data for label in one.labels if label is not None]
        mean = f"{sum(labels) / len(labels):.3f}" if labels else "none"
        sources = Counter(str(one.source.get("labeller", "not said")) for one in data)
        problems = len({one.problem.question for one in data})
        said = ", ".join([f"{source} ({count})" for source, count in sources.most_common(5)])
        lines.append(f"| {name} | {problems} | {len(data)} | {len(labels)} | {mean} | {said} |")
    return lines


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"
