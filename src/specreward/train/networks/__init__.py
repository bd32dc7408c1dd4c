"""The networks that can be trained: settings here, torch modules in ``train/modules``."""

from specreward.train.networks.causal import Causal
from specreward.train.networks.encoder import Encoder
from specreward.train.networks.log_ratio import LogRatio
from specreward.train.networks.reflective import Reflective
from specreward.train.networks.small_decoder import SmallDecoder

__all__ = ["Causal", "Encoder", "LogRatio", "Reflective", "SmallDecoder"]
