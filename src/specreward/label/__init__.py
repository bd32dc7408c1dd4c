"""Labelled steps: the schema, the formats of others, and the labellers, one file each."""

from specreward.label.labelled import LabelKind, Labelled, dump_labelled, load_labelled
from specreward.label.labeller import Labeller

__all__ = ["LabelKind", "Labelled", "Labeller", "dump_labelled", "load_labelled"]
