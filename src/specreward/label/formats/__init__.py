"""Published formats of step labels, one file each: read into the schema of the package, written."""

from specreward.label.formats.format import Format
from specreward.label.formats.math_shepherd import MathShepherdFormat
from specreward.label.formats.omega import OmegaFormat
from specreward.label.formats.own import OwnFormat
from specreward.label.formats.preference import PreferenceFormat
from specreward.label.formats.prm800k import PRM800KFormat
from specreward.label.formats.prmbench import PRMBenchFormat
from specreward.label.formats.processbench import ProcessBenchFormat
from specreward.label.formats.stepwise import StepwiseFormat

__all__ = [
    "Format",
    "MathShepherdFormat",
    "OmegaFormat",
    "OwnFormat",
    "PRM800KFormat",
    "PRMBenchFormat",
    "PreferenceFormat",
    "ProcessBenchFormat",
    "StepwiseFormat",
]
