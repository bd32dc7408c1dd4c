"""Fakes with known answers, and the contract that every strategy keeps: for tests of plug-ins.

check_strategy(MyStrategy(width=3))     # AssertionError with the reason, or nothing
"""

from specreward.testing.chains import ChainPolicy, RunningSum
from specreward.testing.contract import CappedPolicy, RecordedPolicy, check_strategy, toy_models
from specreward.testing.exact import (
    ExactPolicy,
    ExactReward,
    ExactTask,
    law,
    total_variation,
)
from specreward.testing.judge import KnownJudge
from specreward.testing.rewards import NoisyReward, OracleReward, ScriptedReward
from specreward.testing.scripted import ScriptedLanguageModel, ScriptedPolicy
from specreward.testing.toy_models import ToyLanguageModel, ToyPolicy
from specreward.testing.toy_task import ToyTask

__all__ = [
    "CappedPolicy",
    "ChainPolicy",
    "ExactPolicy",
    "ExactReward",
    "ExactTask",
    "KnownJudge",
    "NoisyReward",
    "OracleReward",
    "RecordedPolicy",
    "RunningSum",
    "ScriptedLanguageModel",
    "ScriptedPolicy",
    "ScriptedReward",
    "ToyLanguageModel",
    "ToyPolicy",
    "ToyTask",
    "check_strategy",
    "law",
    "total_variation",
    "toy_models",
]
