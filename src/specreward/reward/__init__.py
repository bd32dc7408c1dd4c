"""Reward models, and how they are put together."""

from specreward.reward.aggregate import Aggregate, Last, Mean, Minimum, Product
from specreward.reward.cascade import (
    Between,
    Cascade,
    CascadeReport,
    calibrate,
    cascade_report,
)

__all__ = [
    "Aggregate",
    "Between",
    "Cascade",
    "CascadeReport",
    "Last",
    "Mean",
    "Minimum",
    "Product",
    "calibrate",
    "cascade_report",
]
