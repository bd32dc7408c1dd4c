"""The nouns of the package and the protocols that users implement.

    Problem -> Strategy -> Policy.extend -> LanguageModel.complete      (propose)
                        -> Verifier -> RewardModel.score                (judge and prune)
                        -> Result -> Task.check -> Store -> report

Everything here is plain data or a protocol: no engine, no I/O. What engines take and give is in
``engines.py``; its names can be had from here as well. Shapes in docstrings use P for
prompts, paths or parents, and n for samples of one of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from specreward.engines import Completion, LanguageModel, Sampling, Scored, Usage, ValueModel

__all__ = [
    "Candidate",
    "Completion",
    "Judgement",
    "LanguageModel",
    "Models",
    "Path",
    "Policy",
    "Problem",
    "Result",
    "RewardModel",
    "Sampling",
    "Scored",
    "Siblings",
    "Step",
    "Strategy",
    "Task",
    "Trace",
    "Usage",
    "ValueModel",
    "Verifier",
]


@dataclass(frozen=True, slots=True)
class Problem:
    """A question with its reference answer, where there is one.

    Args:
        id: Unique within a run.
        question: What is asked, in the task's own text form.
        answer: The reference answer, or None.
        meta: Whatever the task wants to keep (a reference length, a source file); not compared.
    """

    id: str
    question: str
    answer: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict, compare=False, hash=False)


@dataclass(frozen=True, slots=True)
class Step:
    """One action of the policy.

    Args:
        text: The action as written, without its delimiter.
        tokens: Tokens that the policy generated for it.
        logprob: Sum of its token log-probabilities in nats, under the law it was sampled from
            (temperature included); None where the engine gives none.
        final: The path is an answer now.
        dead: The step broke the rules of the task or cannot lead on: the path ends, no answer.
        ids: The tokens generated, where the engine says; not compared.
    """

    text: str
    tokens: int = 0
    logprob: float | None = None
    final: bool = False
    dead: bool = False
    ids: tuple[int, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Path:
    """A problem and the steps taken so far; immutable and hashable."""

    problem: Problem
    steps: tuple[Step, ...] = ()

    @property
    def depth(self) -> int:
        """Number of steps."""
        return len(self.steps)

    @property
    def finished(self) -> bool:
        """Whether the last step made the path an answer."""
        return bool(self.steps) and self.steps[-1].final

    @property
    def dead(self) -> bool:
        """Whether the last step ended the path without an answer."""
        return bool(self.steps) and self.steps[-1].dead

    @property
    def open(self) -> bool:
        """Whether the path can be extended."""
        return not self.steps or not (self.steps[-1].final or self.steps[-1].dead)

    @property
    def key(self) -> tuple[str, ...]:
        """Problem id and step texts: what tells this path from another."""
        return (self.problem.id, *[step.text for step in self.steps])

    def then(self, step: Step) -> Path:
        """The path with one more step."""
        return Path(self.problem, (*self.steps, step))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A path with its score; higher is better."""

    path: Path
    score: float


@dataclass(frozen=True, slots=True)
class Siblings:
    """The open or finished children drawn for one parent, repeats included, in drawing order."""

    parent: Path
    children: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a verifier says of one distinct child.

    Args:
        path: The child.
        score: Higher is better; comparable among all children that the same verifier judged.
        kept: False where the search must not go on from here.
        count: How often the child was drawn.
        details: Evidence by name (``sr``, ``rc``, ``p``, ``q``, ``reward``, ``value``, ...).
    """

    path: Path
    score: float
    kept: bool = True
    count: int = 1
    details: Mapping[str, float] = field(default_factory=dict, compare=False, hash=False)

    @property
    def rank(self) -> tuple[float, ...]:
        """What to order siblings by, best largest: the score, then ``q``, then the count."""
        return (self.score, self.details.get("q", 0.0), self.count)


class Trace:
    """What happened in one search: each expansion's judgements and the candidates found.

    ``run`` makes one per problem. Strategies read ``found``; the tree view reads ``expansions``.
    ``values`` is the memory of verifiers that ask nothing twice in one search: what was found out,
    by (verifier, prompt). ``counts`` is what else a strategy counts, by name.
    """

    __slots__ = ("counts", "expansions", "found", "values")

    def __init__(self) -> None:
        self.expansions: list[tuple[Path, tuple[Judgement, ...]]] = []
        self.found: list[Candidate] = []
        self.values: dict[tuple[object, str], Mapping[str, float]] = {}
        self.counts: dict[str, int] = {}

    def count(self, name: str, times: int = 1) -> None:
        """Add to what is counted under a name."""
        self.counts[name] = self.counts.get(name, 0) + times

    def record(self, parent: Path, judgements: Sequence[Judgement]) -> None:
        """Keep one expansion."""
        self.expansions.append((parent, tuple(judgements)))


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one search.

    Args:
        problem: What was asked.
        best: The chosen finished candidate, or None where nothing finished.
        candidates: All finished candidates in the order found.
        ended: ``done`` (the strategy's own stop), ``exhausted`` (nothing left to expand),
            ``budget`` (a cap was reached) or ``failed`` (see ``error``).
        usage: Cost by role and phase.
        expansions: The search tree: parent and judged children, in order.
        error: What failed, in one line.
        counts: What else the ledger and the strategy counted, by name: how often a cascade asked
            its large model, how many drafted steps were accepted.
    """

    problem: Problem
    best: Candidate | None
    candidates: tuple[Candidate, ...] = ()
    ended: Literal["done", "exhausted", "budget", "failed"] = "done"
    usage: Mapping[tuple[str, str], Usage] = field(default_factory=dict)
    expansions: tuple[tuple[Path, tuple[Judgement, ...]], ...] = ()
    error: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)


# ---------------------------------------------------------------------------------- roles


class Task(Protocol):
    """Problems of one kind: data, prompt, rules and check. One file each under ``tasks/``.

    It has more than one method because a task *is* the meeting place of these: what the policy
    reads, how its text becomes a step, when a path ends, what is right, and how a model is asked to
    evaluate.
    """

    @property
    def name(self) -> str:
        """Registered name."""
        ...

    @property
    def sampling(self) -> Sampling:
        """Stops and token cap of one step; the strategy brings the temperature."""
        ...

    def generate(self, n: int, split: str, seed: int) -> list[Problem]:
        """``n`` fresh problems of a split (``train``, ``tune``, ``test``); splits never overlap."""
        ...

    def parse(self, line: str) -> Problem:
        """A problem from one line as a user writes it; InputError says what was expected."""
        ...

    def prompt(self, path: Path) -> str:
        """What the policy reads to propose the next step."""
        ...

    def step(self, path: Path, completion: Completion) -> Step:
        """The step that a completion of ``prompt(path)`` stands for, ``final`` and ``dead`` set."""
        ...

    def max_steps(self, problem: Problem) -> int:
        """The most steps that a path may have."""
        ...

    def answer(self, path: Path) -> str:
        """The answer that a finished path gives, in canonical form (equal answers, equal text)."""
        ...

    def check(self, problem: Problem, answer: str) -> bool:
        """Whether the answer is right."""
        ...

    def value_prompt(self, path: Path) -> str:
        """Asks for the verdict on the state a path leads to: sure, likely or impossible (ToT)."""
        ...

    @property
    def value_sampling(self) -> Sampling:
        """Stops and token cap of an evaluation; its last word is the verdict."""
        ...

    def good_prompt(self, path: Path) -> str:
        """Asks whether the last step is good; the answers are the words ``good`` and ``bad``."""
        ...

    def reward_text(self, path: Path) -> str:
        """What the embedded reward model reads; its score stands at the end."""
        ...

    def validate(self) -> None:
        """Gold answers are accepted and wrong ones rejected, else AssertionError."""
        ...


class Policy(Protocol):
    """A language model on a task."""

    async def extend(
        self,
        paths: Sequence[Path],
        n: int,
        *,
        until: Literal["step", "end"] = "step",
        temperature: float = 0.8,
        start: int = 0,
    ) -> list[list[Path]]:
        """``n`` continuations of each path, ``[P][n]``.

        Args:
            paths: Open paths, ``[P]``.
            n: Samples for each, at least 1.
            until: One step, or on to the end of the path (finished, dead or out of steps).
            temperature: 0 is greedy.
            start: Index of the first sample: 0..n-1 were drawn before if ``start`` is n, and the
                same index always gives the same sample.
        """
        ...


@runtime_checkable
class RewardModel(Protocol):
    """Scores paths: [0, 1], higher is better."""

    async def score(self, paths: Sequence[Path]) -> list[float]:
        """One score for each path, ``[P]``."""
        ...


class Verifier(Protocol):
    """Judges the children of each parent and prunes them."""

    async def __call__(self, families: Sequence[Siblings], models: Models) -> list[list[Judgement]]:
        """Judgements of the distinct children of each family, in order of first drawing.

        Equal children (same step text) are merged and counted. Stateless: any cache lives in
        ``models``. At least one child of a non-empty family is kept unless the rule says otherwise.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """The roles handed to a strategy.

    Args:
        task: The kind of problem.
        policy: Proposes steps.
        reward: Scores paths; None where no strategy in use needs one.
        judge: The language model that answers evaluation prompts; by default the policy's own.
        draft: A cheaper policy, for speculative decoding.
        seed: Root of all draws.
        trace: Of the one search under way.
    """

    task: Task
    policy: Policy
    reward: RewardModel | None = None
    judge: LanguageModel | None = None
    draft: Policy | None = None
    seed: int = 0
    trace: Trace = field(default_factory=Trace, compare=False)


class Strategy(Protocol):
    """A search algorithm: a frozen dataclass whose fields are its settings.

    Two methods, because a search that runs out of budget must still choose among what it found.
    """

    async def __call__(self, problem: Problem, models: Models) -> Result:
        """Search; each finished candidate joins ``models.trace.found`` as soon as it is judged."""
        ...

    def select(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """The candidate to answer with, or None where there is none."""
        ...
