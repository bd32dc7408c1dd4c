"""What labelling gave and what it took, as one JSON object; ``docs/labelling.md`` has its keys."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from specreward.errors import InputError
from specreward.label.labelled import Labelled
from specreward.label.work import Done
from specreward.report.rows import spent
from specreward.report.summary import usage_by_role
from specreward.types import Usage

__all__ = ["different_rows", "label_summary"]

GOOD = 0.5
"""From here on a label counts as good."""

BINS = 10


def different_rows(done: Sequence[Done]) -> list[Labelled]:
    """The labelled solutions in order; equal ones with equal labels once.

    Raises:
        InputError: The labels are of more than one kind.
    """
    rows = list(dict.fromkeys([row for one in done for row in one.rows]))
    kinds = sorted({row.kind for row in rows})
    if len(kinds) > 1:
        raise InputError(
            f"expected labels of one kind from a labeller, got {' and '.join(kinds)}: mend it"
        )
    return rows


def label_summary(
    done: Sequence[Done], rows: Sequence[Labelled], besides: Mapping[tuple[str, str], Usage]
) -> dict[str, object]:
    """Counts and costs.

    Args:
        done: What came of each problem.
        rows: As ``different_rows`` gives them.
        besides: What was spent before the problems had their turn, on splitting texts.
    """
    usage = spent([besides, *[one.usage for one in done]])
    counts: Counter[str] = Counter()
    for one in done:
        counts.update(one.counts)
    labels = [label for row in rows for label in row.labels if label is not None]
    steps = sum([len(row.steps) for row in rows])
    asked = counts["rollouts"]
    return {
        "kind": rows[0].kind if rows else None,
        "problems": len(done),
        "set_aside": len([one for one in done if one.reason is not None]),
        "unlabelled_problems": len([one for one in done if one.reason is None and not one.rows]),
        "solutions_given": sum([one.solutions for one in done]),
        "solutions": len(rows),
        "outcomes": _outcomes(rows),
        "steps": steps,
        "labels": len(labels),
        "unlabelled_steps": steps - len(labels),
        "share_good": _share(len([label for label in labels if label >= GOOD]), len(labels)),
        "mean": _share(math.fsum(labels), len(labels)),
        "histogram": _histogram(labels),
        "usage": usage_by_role(usage),
        "tokens": sum([one.tokens for one in usage.values()]),
        "counts": dict(sorted(counts.items())),
        "rollouts_per_label": _share(asked, len(labels)) if asked else None,
    }


def _outcomes(rows: Sequence[Labelled]) -> dict[str, int]:
    known = [row.outcome for row in rows if row.outcome is not None]
    right = len([outcome for outcome in known if outcome >= GOOD])
    return {"right": right, "wrong": len(known) - right, "unknown": len(rows) - len(known)}


def _share(part: float, whole: int) -> float | None:
    return part / whole if whole else None


def _histogram(labels: Sequence[float]) -> list[int]:
    """Labels in ten equal parts of [0, 1]; 1 is in the last."""
    places = Counter([min(int(label * BINS), BINS - 1) for label in labels])
    return [places[place] for place in range(BINS)]
