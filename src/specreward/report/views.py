"""What the viewer shows, as plain data: problems, and search trees that can grow.

    Result  -> ProblemView    one line of a run: verdict, answer, cost
    Trace or Result -> Growth -> NodeView    one judged step; parents come before their children

A growth is fed one expansion after another, so that a search under way and a finished one are the
same thing. Numbers that JSON has no words for (NaN, infinity) become None.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Literal, final

from specreward.report.reasons import Reason
from specreward.report.rows import LLM_ROLES, total
from specreward.types import Judgement, Path, Problem, Result, Step, Usage

__all__ = [
    "CostView",
    "Growth",
    "NodeView",
    "ProblemView",
    "TreeView",
    "UsageView",
    "Verdict",
    "costs",
    "problem_view",
    "tree_view",
    "usage_views",
]

Verdict = Literal["right", "wrong", "unchecked", "none", "failed"]
"""``unchecked``: an answer, and nothing to check it with; ``none``: no answer; ``failed``: see the
error."""


# ---------------------------------------------------------------------------------- cost


@final
@dataclass(frozen=True, kw_only=True)
class CostView:
    """What something cost, all roles together unless said otherwise.

    Args:
        llm_tokens: Prompt and completion tokens of language models, cached ones included.
        reward_tokens: Tokens that the reward model read.
        calls: Completions drawn and texts scored.
        flops: Floating-point operations.
        seconds: Engine time.
        dollars: By the price table.
    """

    llm_tokens: float
    reward_tokens: float
    calls: float
    flops: float
    seconds: float
    dollars: float


def costs(usage: Mapping[tuple[str, str], Usage], n: int = 1) -> CostView:
    """A usage by role and phase as a cost, divided by ``n`` problems."""
    everything = total(usage, None)
    return CostView(
        llm_tokens=total(usage, LLM_ROLES).tokens / n,
        reward_tokens=total(usage, ("reward",)).tokens / n,
        calls=everything.calls / n,
        flops=everything.flops / n,
        seconds=everything.seconds / n,
        dollars=everything.dollars / n,
    )


@final
@dataclass(frozen=True, kw_only=True)
class UsageView:
    """What one role spent in one phase; the fields of ``Usage``."""

    role: str
    phase: str
    calls: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    seconds: float
    flops: float
    dollars: float
    failed: int


def usage_views(usage: Mapping[tuple[str, str], Usage]) -> list[UsageView]:
    """One line for each role and phase, in alphabetic order."""
    return [
        UsageView(
            role=role,
            phase=phase,
            calls=own.calls,
            prompt_tokens=own.prompt_tokens,
            cached_tokens=own.cached_tokens,
            completion_tokens=own.completion_tokens,
            seconds=own.seconds,
            flops=own.flops,
            dollars=own.dollars,
            failed=own.failed,
        )
        for (role, phase), own in sorted(usage.items())
    ]


# ---------------------------------------------------------------------------------- problems


@final
@dataclass(frozen=True, kw_only=True)
class ProblemView:
    """One problem under one strategy.

    Args:
        id: Tells the problem from all others of the file.
        name: Its id as the user knows it.
        question: What was asked.
        reference: The reference answer, where there is one.
        answer: What was answered.
        verdict: What the answer is worth.
        score: Of the chosen path.
        depth: Steps of the chosen path.
        candidates: Finished paths found.
        ended: How the search ended.
        error: What failed, in one line.
        cost: Of the search.
    """

    id: str
    name: str
    question: str
    reference: str | None
    answer: str | None
    verdict: Verdict
    score: float | None
    depth: int | None
    candidates: int
    ended: str
    error: str | None
    cost: CostView


def problem_view(key: str, result: Result, answer: str | None, verdict: Verdict) -> ProblemView:
    """A result as a line of its run.

    Args:
        key: The problem's id in the viewer.
        result: The outcome; its tree is not looked at.
        answer: What it answers, or None.
        verdict: What that is worth.
    """
    best = result.best
    return ProblemView(
        id=key,
        name=result.problem.id,
        question=result.problem.question,
        reference=result.problem.answer,
        answer=answer,
        verdict=verdict,
        score=None if best is None else finite(best.score),
        depth=None if best is None else best.path.depth,
        candidates=len(result.candidates),
        ended=result.ended,
        error=result.error,
        cost=costs(result.usage),
    )


# ---------------------------------------------------------------------------------- trees


@final
@dataclass(frozen=True, kw_only=True)
class NodeView:
    """One node of a search tree; number 0 is the problem itself.

    Args:
        index: Its number; a parent's is smaller than those of its children.
        parent: Number of the node above; -1 for the problem.
        depth: Steps from the problem to here.
        text: The steps from the parent to here, several joined by arrows.
        score: By the verifier, higher is better; None where nothing judged it.
        kept: Whether the search may go on from here; None where nothing judged it.
        why: Why it was kept or pruned; empty where there is nothing to say.
        details: The verifier's evidence by name (``sr``, ``rc``, ``reward``, ``value``, ...).
        count: How often it was drawn.
        end: ``answer``, ``dead`` or ``open``.
        turn: The expansion that judged it last, from 1 on; 0 for the problem.
        tokens: Written by the policy for the steps from the parent to here, once.
        path_tokens: The same for the whole path from the problem.
        spent: Written by the policy in the whole search for all judged steps up to this turn,
            repeats included; what read, scored or evaluated is not in it.
    """

    index: int
    parent: int
    depth: int
    text: str
    score: float | None
    kept: bool | None
    why: str
    details: Mapping[str, float | None]
    count: int
    end: Literal["open", "answer", "dead"]
    turn: int
    tokens: int
    path_tokens: int
    spent: int


@final
@dataclass(frozen=True, kw_only=True)
class TreeView:
    """One search: the problem, what came out, what it cost and how it went.

    Args:
        strategy: As text.
        problem: The line of the run.
        usage: Cost by role and phase.
        chosen: Number of the node that the answer was taken from; None without one.
        nodes: In the order in which they were first judged.
    """

    strategy: str
    problem: ProblemView
    usage: Sequence[UsageView]
    chosen: int | None
    nodes: Sequence[NodeView]


def tree_view(strategy: str, problem: ProblemView, result: Result, reason: Reason) -> TreeView:
    """A finished search with its tree."""
    growth = Growth(result.problem, reason)
    for parent, judgements in result.expansions:
        growth.add(parent, judgements)
    return TreeView(
        strategy=strategy,
        problem=problem,
        usage=usage_views(result.usage),
        chosen=None if result.best is None else growth.find(result.best.path),
        nodes=growth.nodes,
    )


def finite(number: float) -> float | None:
    """The number, or None where JSON has no word for it."""
    return number if isfinite(number) else None


def _texts(path: Path) -> tuple[str, ...]:
    return tuple([step.text for step in path.steps])


def _written(steps: Sequence[Step]) -> int:
    return sum([step.tokens for step in steps])


def _end(path: Path) -> Literal["open", "answer", "dead"]:
    return "answer" if path.finished else "dead" if path.dead else "open"


@final
class Growth:
    """The nodes of one search, from its expansions in order.

    A child judged again keeps its number and takes the later judgement; equal children of one
    expansion are one node and add up. A parent that nothing judged is put below its nearest
    ancestor.

    Args:
        problem: What is searched.
        reason: Says why a judgement came out as it did.

    Attributes:
        nodes: All so far, by number.
    """

    def __init__(self, problem: Problem, reason: Reason) -> None:
        self._reason = reason
        self._numbers: dict[tuple[str, ...], int] = {(): 0}
        self._turn = 0
        self._spent = 0
        root = Path(problem)
        self.nodes: list[NodeView] = [self._new(root, -1, (), problem.question)]

    def add(self, parent: Path, judgements: Sequence[Judgement]) -> list[int]:
        """Take in one expansion; the numbers of the nodes that are new or changed."""
        self._turn += 1
        before = len(self.nodes)
        above = self._number(parent)
        changed = list(range(before, len(self.nodes)))
        drawn: dict[tuple[str, ...], int] = {}
        for item in judgements:
            texts = _texts(item.path)
            drawn[texts] = drawn.get(texts, 0) + item.count
            if texts not in self._numbers:
                self._append(item.path, above)
            if self._numbers[texts] >= before:
                self._spent += item.count * self.nodes[self._numbers[texts]].tokens
        for item in judgements:
            at = self._numbers[_texts(item.path)]
            self.nodes[at] = self._judged(self.nodes[at], item, drawn[_texts(item.path)])
            changed.append(at)
        return sorted(set(changed))

    def find(self, path: Path) -> int | None:
        """The number of a path or of its nearest ancestor; None if that is the problem itself."""
        texts = _texts(path)
        found = [texts[:end] for end in range(len(texts), 0, -1) if texts[:end] in self._numbers]
        return self._numbers[found[0]] if found else None

    def _number(self, path: Path) -> int:
        """The number of a path; one that nothing judged is appended."""
        texts = _texts(path)
        if texts not in self._numbers:
            depth = next(d for d in range(path.depth - 1, -1, -1) if texts[:d] in self._numbers)
            self._append(path, self._numbers[texts[:depth]])
        return self._numbers[texts]

    def _append(self, path: Path, parent: int) -> None:
        steps = path.steps[self.nodes[parent].depth :]
        text = " → ".join([step.text for step in steps])
        self._numbers[_texts(path)] = len(self.nodes)
        self.nodes.append(self._new(path, parent, steps, text))

    def _new(self, path: Path, parent: int, steps: Sequence[Step], text: str) -> NodeView:
        """A node that nothing has judged yet."""
        return NodeView(
            index=0 if parent < 0 else len(self.nodes),
            parent=parent,
            depth=path.depth,
            text=text,
            score=None,
            kept=None,
            why="",
            details={},
            count=1,
            end=_end(path),
            turn=self._turn,
            tokens=_written(steps),
            path_tokens=_written(path.steps),
            spent=self._spent,
        )

    def _judged(self, node: NodeView, item: Judgement, count: int) -> NodeView:
        return replace(
            node,
            score=finite(item.score),
            kept=item.kept,
            why=self._reason(item),
            details={name: finite(value) for name, value in item.details.items()},
            count=count,
            turn=self._turn,
            spent=self._spent,
        )
