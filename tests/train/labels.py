"""Labelled solutions for tests, and marks as a network gives them."""

from specreward.label.labelled import Labelled
from specreward.types import Problem

NAN = float("nan")


def solution(*labels, question="q", steps=None, kind="prefix", outcome=None):
    """A solution of steps ``a``, ``b``, ... with these labels."""
    texts = [chr(ord("a") + i) for i in range(len(labels))] if steps is None else steps
    return Labelled(
        problem=Problem(question, question),
        steps=tuple(texts),
        labels=labels,
        kind=kind,
        outcome=outcome,
    )


def children(question, prefix, labels):
    """Solutions that are siblings: steps after one beginning with their labels."""
    unlabelled = [None] * len(prefix)
    return [
        solution(*unlabelled, label, question=question, steps=(*prefix, step))
        for step, label in labels.items()
    ]
