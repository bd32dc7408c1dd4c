"""Step by step with a draft and a target: published methods, and the parts they are made of."""

from specreward.search.speculative.acceptance import (
    Acceptance,
    Clipped,
    Constant,
    Logistic,
    Odds,
    StepAt,
)
from specreward.search.speculative.calibrate import (
    Calibration,
    Gated,
    calibrate,
    quantile,
    statistics,
)
from specreward.search.speculative.gates import (
    CandidateGate,
    Gate,
    OpenGate,
    PoolGate,
    PrefixGate,
    RewardGate,
)
from specreward.search.speculative.gsi import GSI
from specreward.search.speculative.memory import Chains, KeepBest, Memory
from specreward.search.speculative.pool import Pool
from specreward.search.speculative.rsd import RSD
from specreward.search.speculative.selectors import (
    ByMargin,
    ByRejection,
    InProportion,
    PoissonRejection,
    Selector,
    TheBest,
)
from specreward.search.speculative.specs import SPECS
from specreward.search.speculative.srm_steps import SRMSteps
from specreward.search.speculative.stepwise import Stepwise
from specreward.search.speculative.weights import ByPower, ByReward, ByTiltedReward, Weight
from specreward.search.speculative.writing import Block

__all__ = [
    "GSI",
    "RSD",
    "SPECS",
    "Acceptance",
    "Block",
    "ByMargin",
    "ByPower",
    "ByRejection",
    "ByReward",
    "ByTiltedReward",
    "Calibration",
    "CandidateGate",
    "Chains",
    "Clipped",
    "Constant",
    "Gate",
    "Gated",
    "InProportion",
    "KeepBest",
    "Logistic",
    "Memory",
    "Odds",
    "OpenGate",
    "PoissonRejection",
    "Pool",
    "PoolGate",
    "PrefixGate",
    "RewardGate",
    "SRMSteps",
    "Selector",
    "StepAt",
    "Stepwise",
    "TheBest",
    "Weight",
    "calibrate",
    "quantile",
    "statistics",
]
