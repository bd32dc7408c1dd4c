"""What a comparison says: records, tables, criteria and a page, from results alone.

Results become outcomes, outcomes rows, and rows ``summary.json``, ``results.jsonl`` and
``report.html``.
"""

from specreward.report.page import page
from specreward.report.record import Arm, Outcome, line, outcome
from specreward.report.rows import Ratios, Row, rows
from specreward.report.summary import summary
from specreward.report.three_e import Criteria, Extended, three_e
from specreward.report.tree import Node, tree

__all__ = [
    "Arm",
    "Criteria",
    "Extended",
    "Node",
    "Outcome",
    "Ratios",
    "Row",
    "line",
    "outcome",
    "page",
    "rows",
    "summary",
    "three_e",
    "tree",
]
