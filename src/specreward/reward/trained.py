"""A reward model that ``specreward train`` made, from its folder.

    model.json          format, kind, network, objective, combine, and what reading needs
    calibration.json    where it was calibrated: raw score -> probability (reward/calibrated.py)

    kind         read by
    embedded     the embedded engine: a value model, which needs no torch
    classifier   reward/published/trained_classifier.py
    reflective   reward/published/trained_reflective.py
    log_ratio    reward/published/trained_log_ratio.py

The score of a path is ``combine`` of the calibrated scores of its steps. A folder is loaded at its
first use, and again when it was changed since.
"""

from __future__ import annotations

import importlib
import json
from abc import ABC
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import blake2b
from pathlib import Path as Folder
from typing import Any, ClassVar, Generic, TypeVar, cast, final

from specreward.abilities import StepScorer
from specreward.engines import Scored, ValueModel
from specreward.errors import InputError
from specreward.reward.aggregate import Aggregate
from specreward.reward.calibrated import CALIBRATION, read_map
from specreward.reward.composed import Composed, Scorer, Wiring, names_of
from specreward.reward.solutions import Graded, Solution, SolutionModel
from specreward.reward.task_reward import TaskReward
from specreward.spec import parse
from specreward.types import Path as Steps
from specreward.types import RewardModel
from specreward.verify.citations import SPECULATIVE_REWARD_MODEL

__all__ = ["CARD", "FORMAT", "Trained"]

FORMAT = 1
CARD = "model.json"
"""File that says what a folder holds."""

_READERS = {
    "embedded": "specreward.reward.embedded:trained_embedded",
    "classifier": "specreward.reward.published.trained_classifier:trained_classifier",
    "reflective": "specreward.reward.published.trained_reflective:trained_reflective",
    "log_ratio": "specreward.reward.published.trained_log_ratio:trained_log_ratio",
}
"""What reads a kind: ``function(folder, entries of model.json, combine)`` gives raw scores."""

Map = Callable[[float], float]


@final
@dataclass(frozen=True, kw_only=True)
class Trained:
    """The reward model in a folder that ``specreward train`` wrote.

    Args:
        folder: As given to ``--output``.
        calibrated: Whether its ``calibration.json`` is applied, where there is one.
    """

    folder: str = field(kw_only=False)
    calibrated: bool = True

    __cite__: ClassVar[str] = SPECULATIVE_REWARD_MODEL

    @property
    def names(self) -> list[str]:
        """Weights and revision, and the calibration if there is one.

        Raises:
            InputError: The folder holds no trained model, or a damaged one.
        """
        return names_of(self.scorer)

    @property
    def kind(self) -> str:
        """What is in the folder: ``embedded``, ``classifier``, ...

        Raises:
            InputError: The folder holds no trained model, or a damaged one.
        """
        return str(_card(Folder(self.folder).expanduser())["kind"])

    @property
    def task(self) -> str | None:
        """Text of the task whose problems it reads, where it reads those of one only.

        Raises:
            InputError: The folder holds no trained model, or a damaged one.
        """
        task = _card(Folder(self.folder).expanduser()).get("task")
        return task if isinstance(task, str) else None

    @property
    def scorer(self) -> Scorer:
        """What is in the folder, loaded now, its scores calibrated.

        Raises:
            InputError: The folder holds no trained model, or a damaged one.
            MissingExtra: What reads it is not installed.
        """
        place = str(Folder(self.folder).expanduser().resolve())
        return _loaded(place, _stamp(self.folder), self.calibrated)

    @property
    def _combine(self) -> Aggregate:
        return _combine(_card(Folder(self.folder).expanduser()))

    def wired(self, wiring: Wiring) -> RewardModel:
        """The reward model."""
        found = wiring.reward(self.scorer)
        return replace(found, combine=self._combine) if isinstance(found, TaskReward) else found


def _card(folder: Folder) -> dict[str, Any]:
    """What ``model.json`` says."""
    try:
        card = json.loads((folder / CARD).read_text("utf-8"))
    except OSError as error:
        raise InputError(
            f"expected a folder with {CARD}, written by specreward train, got {str(folder)!r}: "
            f"{error.strerror or error}"
        ) from None
    except ValueError as error:
        raise InputError(f"{folder / CARD} is damaged ({error}): train again") from None
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        there = card.get("format") if isinstance(card, dict) else card
        raise InputError(f"{folder / CARD}: expected format {FORMAT}, got {there!r}: train again")
    if card.get("kind") not in _READERS:
        raise InputError(
            f"{folder / CARD}: kind: expected one of {', '.join(_READERS)}, got "
            f"{card.get('kind')!r}"
        )
    return card


def _combine(card: Mapping[str, Any]) -> Aggregate:
    return cast(Aggregate, parse(str(card.get("combine", "last()")), "aggregate"))


def _stamp(folder: str) -> str:
    """Changes with what is in the folder: ``model.json`` has the revision of the weights."""
    place = Folder(folder).expanduser()
    parts = [json.dumps(_card(place), sort_keys=True).encode()]
    calibration = place / CALIBRATION
    if calibration.is_file():
        parts.append(calibration.read_bytes())
    return blake2b(b"\0".join(parts), digest_size=6).hexdigest()


@cache
def _loaded(folder: str, stamp: str, calibrated: bool) -> Scorer:
    """The model in a folder as it was at a stamp, loaded once for all that name it."""
    place = Folder(folder)
    card = _card(place)
    module, _, name = _READERS[str(card["kind"])].partition(":")
    read = vars(importlib.import_module(module))[name]
    raw = cast(Scorer, read(place, card, _combine(card)))
    calibrate = read_map(place) if calibrated else None
    if calibrate is None:
        return raw
    if isinstance(raw, ValueModel):
        return _CalibratedValues(raw, calibrate=calibrate, stamp=stamp)
    if isinstance(raw, SolutionModel):
        return _CalibratedSolutions(raw, calibrate=calibrate, stamp=stamp)
    assert isinstance(raw, Composed), raw
    return _CalibratedComposed(raw, calibrate=calibrate, combine=_combine(card), stamp=stamp)


M = TypeVar("M", ValueModel, SolutionModel)


@dataclass(frozen=True, kw_only=True)
class _Calibrated(ABC, Generic[M]):
    """An engine whose numbers are brought to another scale."""

    model: M = field(kw_only=False)
    calibrate: Map
    stamp: str

    @property
    def name(self) -> str:
        """That of the weights, and which calibration."""
        return f"{self.model.name}+{self.stamp}"

    @property
    def parameters(self) -> int:
        """Those of the weights."""
        return self.model.parameters


@final
class _CalibratedValues(_Calibrated[ValueModel]):
    """A value model."""

    async def values(self, texts: Sequence[str]) -> list[Scored]:
        """Calibrated values, ``[P]``, in order."""
        found = await self.model.values(texts)
        return [replace(one, value=self.calibrate(one.value)) for one in found]


@final
class _CalibratedSolutions(_Calibrated[SolutionModel]):
    """A solution model."""

    @property
    def per_step(self) -> bool:
        """As the model."""
        return self.model.per_step

    @property
    def combine(self) -> Aggregate:
        """As the model."""
        return self.model.combine

    @property
    def most_tokens(self) -> int:
        """As the model."""
        return self.model.most_tokens

    async def grade(self, solutions: Sequence[Solution]) -> list[Graded]:
        """Calibrated numbers, ``[P]``, in order."""
        found = await self.model.grade(solutions)
        return [
            replace(one, values=tuple([self.calibrate(value) for value in one.values]))
            for one in found
        ]


@final
@dataclass(frozen=True, kw_only=True)
class _CalibratedComposed:
    """A reward model made of others whose step scores are brought to another scale."""

    model: Composed = field(kw_only=False)
    calibrate: Map
    combine: Aggregate
    stamp: str

    @property
    def names(self) -> list[str]:
        """Those of the weights, and which calibration."""
        return [f"{name}+{self.stamp}" for name in self.model.names]

    def wired(self, wiring: Wiring) -> RewardModel:
        """The reward model."""
        found = self.model.wired(wiring)
        assert isinstance(found, StepScorer), found
        return _CalibratedSteps(found, calibrate=self.calibrate, combine=self.combine)


@final
@dataclass(frozen=True, kw_only=True)
class _CalibratedSteps:
    """The same wired."""

    model: StepScorer = field(kw_only=False)
    calibrate: Map
    combine: Aggregate

    async def score(self, paths: Sequence[Steps]) -> list[float]:
        """Calibrated step scores as one for each path, ``[P]``, in [0, 1], higher is better."""
        return [
            self.combine([row[step] for step in self.combine.needed(len(row))])
            for row in await self.steps(paths)
        ]

    async def steps(self, paths: Sequence[Steps]) -> list[list[float]]:
        """The calibrated score after each step, ``[P][T]``, T the depth of the path."""
        found = await self.model.steps(paths)
        return [[self.calibrate(value) for value in row] for row in found]
