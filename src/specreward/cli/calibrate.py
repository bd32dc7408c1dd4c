"""``specreward calibrate``: make the scores of a reward model probabilities, and set thresholds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, is_dataclass, replace
from pathlib import Path
from typing import Annotated, Any, cast, final

import typer
from rich.table import Table

from specreward.cli.folder import made, write
from specreward.cli.inputs import labelled
from specreward.cli.options import Concurrency, Seed
from specreward.cli.screen import notes, progress, results, say, warn
from specreward.errors import InputError
from specreward.label.formats import Format
from specreward.label.labelled import Labelled
from specreward.report.files import as_json
from specreward.report.reliability import Diagram, reliability
from specreward.reward.calibrated import CALIBRATION, TemperatureMap
from specreward.reward.catalogue import read_reward
from specreward.reward.composed import Scorer, names_of
from specreward.reward.trained import Trained
from specreward.spec import name_of, parse
from specreward.stats import Interval
from specreward.store import Store
from specreward.train.calibration import Calibration, compared
from specreward.train.quality import Quality, bins_of, measure
from specreward.train.scored_steps import Scores, piled, score_steps
from specreward.train.splitting import split_by_problem
from specreward.train.thresholds import Threshold, by_acceptance, by_error, by_loss, raw_of, tried

__all__ = ["calibrate"]

PAGE = "reliability.html"
CALLS = "calibration.db"
REJECTED = "calibration.rejected.jsonl"

Map = Callable[[float], float]


def calibrate(
    model: Annotated[str, typer.Argument(help="A folder of specreward train, or a reward model.")],
    labels: Annotated[Path, typer.Argument(help="Labelled steps that it was not trained on.")],
    method: Annotated[str, typer.Option(help="temperature() or isotonic().")] = "temperature()",
    task: Annotated[
        str | None, typer.Option(help="The task of the steps; by default the model's, or qa().")
    ] = None,
    format_: Annotated[
        str | None, typer.Option("--format", help="Of the labels; by default told from them.")
    ] = None,
    accept: Annotated[
        list[float] | None, typer.Option(help="A threshold that accepts this share of steps.")
    ] = None,
    error: Annotated[
        list[float] | None,
        typer.Option(help="One with at most this share of bad steps among those accepted."),
    ] = None,
    loss: Annotated[
        list[float] | None,
        typer.Option(help="One with at most this share of good steps among those rejected."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder; by default the model's own.")
    ] = None,
    bins: Annotated[int, typer.Option(min=1, help="Of the calibration error and the page.")] = 15,
    seed: Seed = 0,
    concurrency: Concurrency = 16,
) -> None:
    """Fit a calibration on half of the problems and measure it on the others."""
    work = _Work(
        family=cast(Calibration, parse(method, "calibration")),
        reward=_raw(read_reward(model)),
        task=task,
        output=output,
        bins=bins,
        seed=seed,
        concurrency=concurrency,
    )
    asked = [("accept", one) for one in accept or ()]
    asked += [("error", one) for one in error or ()]
    asked += [("loss", one) for one in loss or ()]
    for name, share in asked:  # a share that cannot be is refused before any work
        if not 0 <= share <= 1 or (name == "accept" and not share):
            raise InputError(
                f"--{name}: expected a share in [0, 1], above 0 to accept, got {share}"
            )
    work.run(labels, None if format_ is None else cast(Format, parse(format_, "format")), asked)


def _raw(reward: Scorer) -> Scorer:
    """The model without the calibration that it may have."""
    return replace(reward, calibrated=False) if isinstance(reward, Trained) else reward


@final
@dataclass(frozen=True, kw_only=True)
class _Work:
    """What is to be calibrated, as the command line says it."""

    family: Calibration
    reward: Scorer
    task: str | None
    output: Path | None
    bins: int
    seed: int
    concurrency: int

    def run(self, labels: Path, layout: Format | None, asked: Sequence[tuple[str, float]]) -> None:
        """Read, score, fit, measure, write."""
        folder = self._folder()
        [data] = labelled([labels], folder / REJECTED, layout=layout)
        measured, fitted = split_by_problem(data, 0.5, self.seed)
        if data and not (measured and fitted):
            raise InputError(
                f"expected labels of problems to fit on and of others to measure on, got all "
                f"{len(data)} solutions on one side: label more problems"
            )
        fit, held = self._scores(piled(fitted), piled(measured), folder)
        found = self.family.fit(fit.scores, fit.labels)
        before = measure(held.scores, held.labels, self.bins)
        calibrated = [found(score) for score in held.scores]
        after = measure(calibrated, held.labels, self.bins)
        thresholds = [
            _tried(_chosen(name, share, fit, found), held, found) for name, share in asked
        ]
        about = {
            "model": self._name(),
            "labels": str(labels),
            "kind": data[0].kind,
            "seed": self.seed,
            "problems_fitted": fit.problems,
            "problems_measured": held.problems,
            "steps_fitted": len(fit.scores),
            "steps_measured": len(held.scores),
        }
        entries: dict[str, object] = {
            **self.family.entries(found),
            **compared(before, after),
            "bins": self.bins,
            "data": about,
            "thresholds": thresholds,
        }
        page = reliability(
            f"Calibration of {self._name()}",
            [
                _diagram("raw score", held.scores, held, before, self.bins),
                _diagram("calibrated score", calibrated, held, after, self.bins),
            ],
            {name: value for name, value in about.items() if name != "model"},
        )
        write(folder / PAGE, page)
        write(folder / CALIBRATION, as_json(entries))
        _show(before, after, found, thresholds, self.family, folder)

    def _folder(self) -> Path:
        """Where the calibration goes."""
        if self.output is None and not isinstance(self.reward, Trained):
            raise InputError(
                f"expected --output for {self._name()}, which is no folder of specreward train: "
                "what is found is kept there"
            )
        assert self.output is not None or isinstance(self.reward, Trained)
        folder = self.output
        if folder is None:
            folder = Path(cast(Trained, self.reward).folder).expanduser()
        return made(folder)

    def _name(self) -> str:
        return (
            name_of(self.reward) if is_dataclass(self.reward) else ", ".join(names_of(self.reward))
        )

    def _scores(
        self, fitted: list[list[Labelled]], measured: list[list[Labelled]], folder: Path
    ) -> tuple[Scores, Scores]:
        """Scores of both halves, with progress on the screen; every call is kept."""
        own = self.reward.task if isinstance(self.reward, Trained) else None
        task = parse(self.task or own or "qa()", "task")
        with Store(folder / CALLS) as store, progress() as bars:
            bar = bars.add_task("problems scored", total=len(fitted) + len(measured))
            both = [
                score_steps(
                    piles,
                    self.reward,
                    task,
                    store=store,
                    concurrency=self.concurrency,
                    on_result=lambda _: bars.advance(bar),
                )
                for piles in (fitted, measured)
            ]
        for one in both:
            if one.failed:
                warn(f"{one.failed} problems could not be scored; the first: {one.reason}")
        return both[0], both[1]


def _chosen(name: str, share: float, fit: Scores, found: Map) -> Threshold:
    """A threshold on the calibrated scores of the fitted half."""
    scores = [found(score) for score in fit.scores]
    if name == "accept":
        return by_acceptance(scores, share)
    return (by_error if name == "error" else by_loss)(scores, fit.labels, share)


def _tried(chosen: Threshold, held: Scores, found: Map) -> dict[str, Any]:
    """A threshold and what it gives on the other half, as it is written."""
    given = tried(
        [found(score) for score in held.scores], held.labels, held.places, chosen.threshold
    )
    return {
        "rule": chosen.rule,
        "asked": chosen.asked,
        "threshold": chosen.threshold,
        "raw": raw_of(chosen.threshold, found),
        "fitted": chosen.reached,
        **{
            name: None if value is None else asdict(value)
            for name, value in (
                ("accepted", given.accepted),
                ("error", given.error),
                ("loss", given.loss),
            )
        },
        "n": given.n,
    }


def _diagram(
    name: str, scores: Sequence[float], held: Scores, found: Quality, bins: int
) -> Diagram:
    facts = {
        "ECE": f"{found.ece:.4f}",
        "ECE, equal mass": f"{found.ece_mass:.4f}",
        "Brier": f"{found.brier:.4f}",
        "log loss": f"{found.loss:.4f}",
        "AUC": f"{found.auc:.4f}",
        "steps": f"{found.n:,}",
    }
    return Diagram(name=name, bins=bins_of(scores, held.labels, bins), facts=facts)


def _show(
    before: Quality,
    after: Quality,
    found: Map,
    thresholds: Sequence[dict[str, Any]],
    family: Calibration,
    folder: Path,
) -> None:
    table = Table(title=f"{after.n:,} steps that it was not fitted on", title_justify="left")
    for name in ("score", "ECE", "ECE, equal mass", "Brier", "log loss", "AUC"):
        table.add_column(name, justify="left" if name == "score" else "right")
    for name, one in (("raw", before), ("calibrated", after)):
        numbers = (one.ece, one.ece_mass, one.brier, one.loss, one.auc)
        table.add_row(name, *[f"{number:.4f}" for number in numbers])
    results().print(table)
    if isinstance(found, TemperatureMap):
        say(f"temperature {found.temperature:.4g}")
        if not 0.06 < found.temperature < 19:
            warn("the temperature is at the end of its range: the scores say next to nothing")
    if after.loss > before.loss:
        warn(f"{name_of(family)} made the log loss worse: there are too few labels for it")
    for row in thresholds:
        say(
            f"{row['rule']} {row['asked']:g}: threshold {row['threshold']:.4g} (raw "
            f"{row['raw']:.4g}): accepted {_share(row['accepted'])}, bad among accepted "
            f"{_share(row['error'])}, good among rejected {_share(row['loss'])}"
        )
    notes().print(f"written: {folder / CALIBRATION}, {folder / PAGE}", markup=False)


def _share(found: dict[str, float] | None) -> str:
    if found is None:
        return "-"
    one = Interval(**found)
    return f"{one.estimate:.1%} [{one.low:.1%}, {one.high:.1%}]"
