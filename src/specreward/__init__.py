"""Cheap search over language-model reasoning.

A language model (the policy) proposes steps, a small reward model judges them, a speculative rule
prunes, and a search goes on with what is left:

    from specreward import assemble, parse, run
    task = parse("game24()", "task")
    strategy = parse("bfs(width=5, verify=speculative(alpha=0.5))", "strategy")
    results = run(strategy, task.generate(10, "test", seed=0), assemble(task))

Algorithms are in ``specreward.search``, rules that judge and prune in ``specreward.verify``,
problems in ``specreward.tasks``, engines in ``specreward.generate``, failures in
``specreward.errors``. ``assemble``, ``cite`` and ``run`` are the functions here, not the modules
that they come from.
"""

from specreward.abilities import StepScorer
from specreward.assemble import Engines, assemble, wire
from specreward.cite import cite
from specreward.embedded import EmbeddedDraft, EmbeddedPolicy, EmbeddedSRM
from specreward.engines import ChatPrompt, Message
from specreward.errors import SpecRewardError
from specreward.ledger import Budget
from specreward.registry import registered
from specreward.run import run, run_async
from specreward.spec import name_of, parse
from specreward.store import Store
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
    Strategy,
    Task,
    Trace,
    Usage,
    ValueModel,
    Verifier,
)

__all__ = [
    "Budget",
    "Candidate",
    "ChatPrompt",
    "Completion",
    "EmbeddedDraft",
    "EmbeddedPolicy",
    "EmbeddedSRM",
    "Engines",
    "Judgement",
    "LanguageModel",
    "Message",
    "Models",
    "Path",
    "Policy",
    "Problem",
    "Result",
    "RewardModel",
    "Sampling",
    "Scored",
    "Siblings",
    "SpecRewardError",
    "Step",
    "StepScorer",
    "Store",
    "Strategy",
    "Task",
    "Trace",
    "Usage",
    "ValueModel",
    "Verifier",
    "assemble",
    "cite",
    "name_of",
    "parse",
    "registered",
    "run",
    "run_async",
    "wire",
]
