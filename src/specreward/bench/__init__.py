"""Benchmarks of reward models, one benchmark one file, with the metrics as published."""

from specreward.bench.acemath_rewardbench import AceMathRewardBench
from specreward.bench.benchmark import (
    Answer,
    Benchmark,
    Item,
    Judged,
    OnTask,
    Recorded,
    Settled,
)
from specreward.bench.bigbench_mistake import BIGBenchMistake
from specreward.bench.evalbiasbench import EvalBiasBench
from specreward.bench.intervals import intervals
from specreward.bench.jetts import JETTS
from specreward.bench.judgebench import JudgeBench
from specreward.bench.llmbar import LLMBar
from specreward.bench.mr_ben import MRBen
from specreward.bench.mt_bench import MTBench
from specreward.bench.own_labels import OwnLabels
from specreward.bench.pandalm import PandaLM
from specreward.bench.ppe import PPE
from specreward.bench.prmbench import PRMBench
from specreward.bench.processbench import ProcessBench
from specreward.bench.rag_rewardbench import RAGRewardBench
from specreward.bench.recorded_pool import RecordedPool
from specreward.bench.rewardbench import RewardBench
from specreward.bench.rewardmath import RewardMATH
from specreward.bench.rm_bench import RMBench
from specreward.bench.rmb import RMB
from specreward.bench.scoring import judge, judged_of

__all__ = [
    "JETTS",
    "PPE",
    "RMB",
    "AceMathRewardBench",
    "Answer",
    "BIGBenchMistake",
    "Benchmark",
    "EvalBiasBench",
    "Item",
    "JudgeBench",
    "Judged",
    "LLMBar",
    "MRBen",
    "MTBench",
    "OnTask",
    "OwnLabels",
    "PRMBench",
    "PandaLM",
    "ProcessBench",
    "RAGRewardBench",
    "RMBench",
    "Recorded",
    "RecordedPool",
    "RewardBench",
    "RewardMATH",
    "Settled",
    "intervals",
    "judge",
    "judged_of",
]
