"""Training of reward models, and of the embedded models; the loops need the extra ``train``."""

from specreward.train.calibration import Calibration, Isotonic, Temperature

__all__ = ["Calibration", "Isotonic", "Temperature"]
