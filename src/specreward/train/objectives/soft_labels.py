"""Losses and numbers of outputs against soft labels; marks without a label do not count."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from specreward.train.quality import auc

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["binary_cross_entropy", "mean_squared_error", "quality"]


def binary_cross_entropy(outputs: Tensor, labels: Tensor) -> Tensor:
    """Mean of ``-y log r - (1 - y) log(1 - r)``, r the sigmoid of the output, y not rounded.

    Args:
        outputs: ``[M]`` logits.
        labels: ``[M]`` in [0, 1] or NaN.
    """
    import torch

    known = ~labels.isnan()
    if not known.any():
        return outputs.sum() * 0.0
    function = torch.nn.functional.binary_cross_entropy_with_logits
    return function(outputs[known], labels[known])


def mean_squared_error(outputs: Tensor, labels: Tensor) -> Tensor:
    """Mean of ``(sigmoid(z) - y)^2``; arguments as for ``binary_cross_entropy``."""
    known = ~labels.isnan()
    if not known.any():
        return outputs.sum() * 0.0
    return ((outputs[known].sigmoid() - labels[known]) ** 2).mean()


def quality(outputs: Tensor, labels: Tensor) -> dict[str, float]:
    """``n``, ``log_loss``, ``mse``, and ``auc`` (labels above 0.5 are the good ones).

    ``auc`` is NaN where all labels are on one side, all but ``n`` where there is none.
    """
    known = ~labels.isnan()
    if not known.any():
        return {"n": 0, "log_loss": math.nan, "mse": math.nan, "auc": math.nan}
    return {
        "n": int(known.sum()),
        "log_loss": float(binary_cross_entropy(outputs, labels)),
        "mse": float(mean_squared_error(outputs, labels)),
        "auc": auc(outputs[known].float().numpy(), labels[known].float().numpy()),
    }
