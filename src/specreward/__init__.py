"""Cheap search over language-model reasoning.

A language model (the policy) proposes steps, a small reward model judges them, a speculative rule
prunes, and a search goes on with what is left:

    from specreward import parse
    strategy = parse("bfs(width=5, verify=speculative(alpha=0.5))")

Algorithms are in ``specreward.search``, rules that judge and prune in ``specreward.verify``,
problems in ``specreward.tasks``, engines in ``specreward.generate``.
"""

from specreward.cite import cite
from specreward.errors import (
    BudgetExhausted,
    EngineError,
    InputError,
    MissingExtra,
    RewardError,
    SpecRewardError,
    StoreError,
    UnknownName,
)
from specreward.registry import registered
from specreward.spec import name_of, parse
from specreward.types import (
    Candidate,
    Completion,
    Judgement,
    LanguageModel,
    Models,
    Path,
    Policy,
    Problem,
    Result,
    RewardModel,
    Sampling,
    Scored,
    Siblings,
    Step,
    StepScorer,
    Strategy,
    Task,
    Trace,
    Usage,
    ValueModel,
    Verifier,
)

__all__ = [
    "BudgetExhausted",
    "Candidate",
    "Completion",
    "EngineError",
    "InputError",
    "Judgement",
    "LanguageModel",
    "MissingExtra",
    "Models",
    "Path",
    "Policy",
    "Problem",
    "Result",
    "RewardError",
    "RewardModel",
    "Sampling",
    "Scored",
    "Siblings",
    "SpecRewardError",
    "Step",
    "StepScorer",
    "StoreError",
    "Strategy",
    "Task",
    "Trace",
    "UnknownName",
    "Usage",
    "ValueModel",
    "Verifier",
    "cite",
    "name_of",
    "parse",
    "registered",
]
