"""The tasks: one kind of problem, one file."""

from specreward.tasks.aqua import AQuA
from specreward.tasks.arithmetic import Arithmetic
from specreward.tasks.blocksworld import Blocksworld
from specreward.tasks.checkers import Choice, Exact, Maths, Numeric, PythonFile
from specreward.tasks.few_shot import FewShot
from specreward.tasks.finqa import FinQA
from specreward.tasks.finqa_program import Program
from specreward.tasks.forms import StepByStep, Subquestions
from specreward.tasks.game24 import Game24
from specreward.tasks.gsm8k import GSM8K
from specreward.tasks.math import Math
from specreward.tasks.prontoqa import ProntoQA
from specreward.tasks.qa import QA
from specreward.tasks.strategyqa import StrategyQA

__all__ = [
    "GSM8K",
    "QA",
    "AQuA",
    "Arithmetic",
    "Blocksworld",
    "Choice",
    "Exact",
    "FewShot",
    "FinQA",
    "Game24",
    "Math",
    "Maths",
    "Numeric",
    "Program",
    "ProntoQA",
    "PythonFile",
    "StepByStep",
    "StrategyQA",
    "Subquestions",
]
