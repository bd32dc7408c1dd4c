"""Normalizing log-weights; equal weights give exactly equal, and a single one exactly 0."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log

from specreward.errors import EngineError

__all__ = ["log_softmax"]


def log_softmax(weights: Sequence[float]) -> list[float]:
    """Log of the normalized exponentials, ``[C]``, nats.

    Raises:
        EngineError: A weight is NaN, or none is above minus infinity.
    """
    top = max(weights)
    total = sum([exp(weight - top) for weight in weights])
    if not total >= 1.0:
        raise EngineError(
            f"expected log-weights with a finite maximum, got {list(weights)!r}: "
            "the model gives NaN or minus infinity where a log-probability is due"
        )
    shift = log(total)
    return [weight - top - shift for weight in weights]
