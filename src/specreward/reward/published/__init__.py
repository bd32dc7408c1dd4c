"""Published reward models that run here, on transformers: one family, one file."""

from specreward.reward.published.athena_prm import AthenaPRM
from specreward.reward.published.cloud import CLoud
from specreward.reward.published.encoder_srm import EncoderSRM
from specreward.reward.published.math_shepherd import MathShepherd
from specreward.reward.published.qwen_prm import QwenPRM
from specreward.reward.published.reasonflux_prm import ReasonFluxPRM
from specreward.reward.published.rlhflow_prm import RLHFlowPRM
from specreward.reward.published.sequence_classifier import SequenceClassifier
from specreward.reward.published.skywork_prm import SkyworkPRM

__all__ = [
    "AthenaPRM",
    "CLoud",
    "EncoderSRM",
    "MathShepherd",
    "QwenPRM",
    "RLHFlowPRM",
    "ReasonFluxPRM",
    "SequenceClassifier",
    "SkyworkPRM",
]
