"""Sharing out whole things in proportion to weights, by the largest remainder (Hamilton's method).

    quota_j = total * weight_j / sum of weights
    each gets floor(quota_j);  what is left goes, one each, to the largest quota_j - floor(quota_j)

The shares sum to the total, and a larger weight never gets less. Rounding each quota by itself, as
in Y. Wu et al. (2024), arXiv 2408.00724, has neither property: five equal weights and a total of 2
give five times 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from specreward.checks import whole
from specreward.errors import InputError

__all__ = ["apportion"]


def apportion(weights: Sequence[float], total: int) -> list[int]:
    """The share of each weight, ``[C]``, at least 0; they sum to ``total``.

    Equal remainders are served in the order of the larger weight, then of the first.

    Args:
        weights: At least 0 and finite, one above 0, ``[C]``.
        total: What is shared out, at least 0.

    Raises:
        InputError: A weight is negative, infinite or NaN, none is above 0, or the total is no
            whole number of at least 0.
    """
    whole("apportion total", total, 0)
    top = max(weights, default=0.0)
    if not top > 0 or not all(w >= 0 and math.isfinite(w) for w in weights):
        raise InputError(f"expected finite weights of at least 0, not all 0, got {list(weights)!r}")
    scaled = [weight / top for weight in weights]  # the sum of what is large may be infinite
    size = math.fsum(scaled)
    quotas = [total * weight / size for weight in scaled]
    shares = [math.floor(quota) for quota in quotas]
    order = sorted(
        range(len(quotas)), key=lambda j: (quotas[j] - shares[j], weights[j]), reverse=True
    )
    for j in order[: total - sum(shares)]:
        shares[j] += 1
    return shares
