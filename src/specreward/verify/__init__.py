"""Verifiers: they judge the children of a parent and prune them; one rule, one file."""

from specreward.verify.accept import Accept, AtLeast, Decision, Everything, Thin, Weighed
from specreward.verify.consistency import Consistency, Reciprocal, Symmetric
from specreward.verify.diagnostics import DepthReport, by_depth
from specreward.verify.families import distinct
from specreward.verify.likelihood_and_reward import LikelihoodAndReward
from specreward.verify.lookahead import Lookahead
from specreward.verify.proposal import GeometricMean, LogProbability, Proposal, SampleFrequency
from specreward.verify.rap_evaluation import RapEvaluation
from specreward.verify.ratio import LlmOverSrm, Ratio, SrmOverLlm
from specreward.verify.redraw import Redraw
from specreward.verify.scored import RewardScores
from specreward.verify.select_one import SelectOne
from specreward.verify.self_evaluation import SelfEvaluation
from specreward.verify.speculative import Speculative
from specreward.verify.target import Luce, RawReward, RewardShare, RewardTilt, Target
from specreward.verify.threshold import Threshold
from specreward.verify.tilted import Tilted

__all__ = [
    "Accept",
    "AtLeast",
    "Consistency",
    "Decision",
    "DepthReport",
    "Everything",
    "GeometricMean",
    "LikelihoodAndReward",
    "LlmOverSrm",
    "LogProbability",
    "Lookahead",
    "Luce",
    "Proposal",
    "RapEvaluation",
    "Ratio",
    "RawReward",
    "Reciprocal",
    "Redraw",
    "RewardScores",
    "RewardShare",
    "RewardTilt",
    "SampleFrequency",
    "SelectOne",
    "SelfEvaluation",
    "Speculative",
    "SrmOverLlm",
    "Symmetric",
    "Target",
    "Thin",
    "Threshold",
    "Tilted",
    "Weighed",
    "by_depth",
    "distinct",
]
