"""Reward models, and how they are put together."""

from specreward.reward.aggregate import (
    Aggregate,
    Geometric,
    HighestStep,
    Last,
    Mean,
    Minimum,
    Product,
)
from specreward.reward.cascade import (
    Between,
    Cascade,
    CascadeReport,
    calibrate,
    cascade_report,
)
from specreward.reward.trained import Trained

__all__ = [
    "Aggregate",
    "Between",
    "Cascade",
    "CascadeReport",
    "Geometric",
    "HighestStep",
    "Last",
    "Mean",
    "Minimum",
    "Product",
    "Trained",
    "calibrate",
    "cascade_report",
]
