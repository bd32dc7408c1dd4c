"""What a comparison says, from results alone: records, rows, criteria, a summary and a page."""

from specreward.report.chart import Point
from specreward.report.record import Arm, Outcome
from specreward.report.rows import Ratios, Row
from specreward.report.three_e import Criteria, Extended
from specreward.report.tree import Node

__all__ = ["Arm", "Criteria", "Extended", "Node", "Outcome", "Point", "Ratios", "Row"]
