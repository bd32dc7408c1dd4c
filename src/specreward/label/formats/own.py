"""The package's own format: one line of JSON for a solution, nothing lost; see ``labelled.py``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

from specreward.label.labelled import Labelled, dump_labelled, load_labelled

__all__ = ["OwnFormat"]


@final
@dataclass(frozen=True, kw_only=True)
class OwnFormat:
    """Reads and writes the schema of the package."""

    joins: ClassVar[bool] = False

    def fits(self, row: Mapping[str, Any]) -> bool:
        """Whether there are steps with labels and their kind."""
        return {"steps", "labels", "label_kind"} <= row.keys()

    def read(self, row: Mapping[str, Any], where: str) -> list[Labelled]:
        """The solution of a record; its provenance is its own."""
        return [load_labelled(row)]

    def write(self, solutions: Sequence[Labelled]) -> list[dict[str, Any]]:
        """One record for each solution."""
        return [json.loads(dump_labelled(one)) for one in solutions]
