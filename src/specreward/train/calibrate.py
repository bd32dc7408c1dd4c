"""Moved to ``quality.py`` and ``calibration.py``."""

from specreward.train.calibration import fit_temperature, write_calibration
from specreward.train.quality import Quality, auc, measure

__all__ = ["Quality", "auc", "fit_temperature", "measure", "write_calibration"]
