"""From one kind of labels to another, where the one tells the other.

    step   -> prefix    wrong from the first wrong step on; the smallest label so far
    prefix -> step      right before the first error, wrong at it; after it nobody knows, nor at it
                        where the prefix before it has no label

A value is neither: how likely a policy gets there says nothing of a step for certain.
"""

from __future__ import annotations

from typing import cast, get_args

from specreward.errors import InputError
from specreward.label.labelled import LabelKind, Labelled

__all__ = ["as_kind"]


def as_kind(one: Labelled, kind: str) -> Labelled:
    """The same solution with labels of another kind.

    Args:
        one: Labels of kind ``step`` or ``prefix``, unless the kinds are equal.
        kind: ``step`` or ``prefix``.

    Raises:
        InputError: There is no such kind, or one of the two is ``value``.
    """
    if kind not in get_args(LabelKind):
        raise InputError(f"kind: expected one of {', '.join(get_args(LabelKind))}, got {kind!r}")
    if kind == one.kind:
        return one
    if "value" in (kind, one.kind):
        raise InputError(
            f"problem {one.problem.id!r}: expected labels of kind {kind}, got {one.kind}: values "
            "do not become labels of steps, nor the other way round; label the solutions anew"
        )
    return Labelled(
        problem=one.problem,
        steps=one.steps,
        labels=_prefixes(one) if kind == "prefix" else _steps(one),
        kind=cast(LabelKind, kind),
        outcome=one.outcome,
        source={**one.source, "from_kind": one.kind},
    )


def _prefixes(one: Labelled) -> tuple[float | None, ...]:
    """The smallest label so far; none after a step without a label, but after a wrong one 0."""
    least: float | None = 1.0
    found: list[float | None] = []
    for label in one.labels:
        if least == 0.0 or label == 0.0:
            least = 0.0
        else:
            least = None if least is None or label is None else min(least, label)
        found.append(least)
    return tuple(found)


def _steps(one: Labelled) -> tuple[float | None, ...]:
    at = one.first_error
    if at is None:
        return one.labels
    sure = at == 0 or one.labels[at - 1] is not None
    known = at + sure
    return (*one.labels[:known], *[None] * (len(one.labels) - known))
