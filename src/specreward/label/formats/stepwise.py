"""Stepwise supervision as TRL has it: a prompt, its steps and their labels.

    {"prompt": str, "completions": [str], "labels": [bool or float]}

Written records have more columns, all of one type in every record, so that nothing is lost and a
table can be made of them: ``label_kind``, ``outcome``, ``id``, ``answer``, and ``meta`` and
``source`` as JSON text. TRL's own trainer turned float labels into whole numbers; ours does not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast, final, get_args

from specreward.checks import flag
from specreward.errors import InputError
from specreward.label.formats.fields import (
    hard_label,
    items,
    number,
    optional_number,
    optional_text,
    problem_of,
    text,
    texts,
)
from specreward.label.labelled import LabelKind, Labelled

__all__ = ["StepwiseFormat"]


@final
@dataclass(frozen=True, kw_only=True)
class StepwiseFormat:
    """Labels of any kind; every step needs one.

    Args:
        kind: What the labels are where a record does not say: ``step``, ``prefix`` or ``value``.
        floats: Write labels as numbers; else as True and False, and soft ones are refused.
        cut: Write a solution up to its last labelled step; else a step without a label is refused.
    """

    kind: LabelKind = "step"
    floats: bool = False
    cut: bool = False

    joins: ClassVar[bool] = False
    __cite__: ClassVar[str] = """@software{vonwerra2020trl,
  title = {TRL: Transformers Reinforcement Learning},
  author = {von Werra, Leandro and Belkada, Younes and Tunstall, Lewis and Beeching, Edward and
            Thrush, Tristan and Lambert, Nathan and Huang, Shengyi and Rasul, Kashif and
            Gallouedec, Quentin},
  url = {https://github.com/huggingface/trl},
  year = {2020}
}"""

    def __post_init__(self) -> None:
        if self.kind not in get_args(LabelKind):
            raise InputError(
                f"kind: expected one of {', '.join(get_args(LabelKind))}, got {self.kind!r}"
            )
        flag("floats", self.floats)
        flag("cut", self.cut)

    def fits(self, row: Mapping[str, Any]) -> bool:
        """Whether there are completions with labels."""
        return {"prompt", "completions", "labels"} <= row.keys()

    def read(self, row: Mapping[str, Any], where: str) -> list[Labelled]:
        """One solution.

        Raises:
            InputError: A field is missing, or not plain text: a conversation is not read.
        """
        labels = [
            float(one) if isinstance(one, bool) else number(one, "labels")
            for one in items(row, "labels")
        ]
        kind = optional_text(row, "label_kind") or self.kind
        problem = problem_of(
            text(row, "prompt"),
            optional_text(row, "answer"),
            optional_text(row, "id"),
            _kept(row, "meta"),
        )
        return [
            Labelled(
                problem=problem,
                steps=texts(row, "completions"),
                labels=tuple(labels),
                kind=cast(LabelKind, kind),
                outcome=optional_number(row, "outcome"),
                source=_kept(row, "source") or {"format": "stepwise", "place": where},
            )
        ]

    def write(self, solutions: Sequence[Labelled]) -> list[dict[str, Any]]:
        """One record for each solution.

        Raises:
            InputError: A step has no label, or a label is soft and ``floats`` is not asked for.
        """
        return [self._row(one) for one in solutions]

    def _row(self, one: Labelled) -> dict[str, Any]:
        name, labels = one.problem.id, list(one.labels)
        while self.cut and len(labels) > 1 and labels[-1] is None:
            labels.pop()
        known = [label for label in labels if label is not None]
        if len(known) < len(labels):
            raise InputError(
                f"problem {name!r}: stepwise_format holds a label for every step, got none for "
                f"step {labels.index(None)}: with cut=True the steps after the last labelled one "
                "are left out; alternatives are read with their prefix labelled by repeat=True"
            )
        if not self.floats and any(label not in (0.0, 1.0) for label in known):
            raise InputError(
                f"problem {name!r}: stepwise_format without floats=True holds labels that are 0 or "
                f"1, got {known!r:.80}"
            )
        return {
            "prompt": one.problem.question,
            "completions": list(one.steps[: len(labels)]),
            "labels": known
            if self.floats
            else [hard_label(label, "stepwise_format", name) for label in known],
            "label_kind": one.kind,
            "outcome": one.outcome if len(labels) == len(one.steps) else None,
            "id": name,
            "answer": one.problem.answer,
            "meta": _as_text(one.problem.meta, name),
            "source": _as_text(one.source, name),
        }


def _kept(row: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What was written as JSON text; nothing where it is not there or somebody else's."""
    value = row.get(name)
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    return dict(value) if isinstance(value, dict) else {}


def _as_text(value: Mapping[str, Any], problem: str) -> str:
    try:
        return json.dumps(dict(value), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"problem {problem!r}: expected meta and source of numbers, strings, lists and "
            f"mappings, got {error}"
        ) from error
