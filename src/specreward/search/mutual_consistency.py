"""Mutual consistency as in rStar: a second model completes cut traces; it should end alike.

Z. Qi, M. Ma, J. Xu, L. L. Zhang, F. Yang, M. Yang (2024), "Mutual Reasoning Makes Smaller LLMs
Stronger Problem-Solvers", arXiv 2408.06195.

    candidates <- search(problem), any inner strategy
    for each distinct candidate path of T steps, where answers differ:
        for ``cuts`` shares r, evenly from ``shortest`` to ``longest``:
            completion ~ second policy(the first ceil(r T) steps), until its end
        the path survives if at least ``agreement`` of the completions give its answer
    score(a) = survivors with a / survivors  +  survivors with a / candidates with a
    answer argmax_a score(a);  where none survived, the most frequent answer of the candidates

The second policy is the draft, or the policy itself where there is none. No reference answer is
used; the authors' program needs one to choose its winner.

Differs from the paper: the generator is any strategy, with one kind of step (there five kinds of
actions of a search of its own, whose terminal reward also weighs: paper and program disagree how,
the score here is the program's); a trace is cut between steps, before the last one at the latest
(there between words); paths that begin alike share the completions of what they have in common;
candidates with one answer among them are not put to the test.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, final

from specreward.checks import number, rule, whole
from specreward.errors import InputError
from specreward.search.expand import conclude
from specreward.search.mcts import MCTS
from specreward.search.pick import Highest
from specreward.search.votes import votes
from specreward.types import (
    Candidate,
    Judgement,
    Models,
    Path,
    Problem,
    Result,
    Strategy,
    Task,
)
from specreward.voting import majority, totals

__all__ = ["MutualConsistency"]

Ended = Literal["done", "exhausted"]

FRESH = 1_000_000
"""Index of the first completion: no search draws that many samples of one path."""


def mutual_score(answers: Sequence[str], survived: Sequence[bool]) -> dict[str, float]:
    """Confidence plus survival rate of each answer, in (0, 2]; empty where none survived.

    Args:
        answers: Of the candidates, ``[n]``; empty ones are dropped.
        survived: Whether each candidate's path did, ``[n]``.
    """
    votes = totals(answers, [1.0] * len(answers))
    alive = totals(answers, [float(one) for one in survived])
    total = sum(alive.values())
    return {a: n / total + n / votes[a] for a, n in alive.items() if n}


def _same(path: Path, ends: Sequence[Path], task: Task) -> int:
    """How many of the ends give the answer of the path."""
    answer, *others = votes([path, *ends], task)
    return others.count(answer) if answer else 0


@final
@dataclass(frozen=True, kw_only=True)
class MutualConsistency:
    """Any search, whose answer is chosen by what a second policy makes of its traces.

    Args:
        search: Finds the candidates.
        cuts: Completions of each path, at least 1.  # num_masked_solution_traces
        shortest: Share of the steps left by the deepest cut, in [0, 1].  # mask_left_boundary
        longest: Share left by the last cut, in [0, 1], at least ``shortest``.
        agreement: Least share of completions with the path's own answer, in [0, 1].
        temperature: Of the second policy; 0 makes equal completions.  # rc_temperature

    Raises:
        InputError: A field is out of its range.
    """

    search: Strategy = field(default=MCTS(), kw_only=False)
    cuts: int = 4
    shortest: float = 0.2
    longest: float = 0.5
    agreement: float = 0.5
    temperature: float = 1.0

    __cite__: ClassVar[str] = """@misc{qi2024mutual,
  title = {Mutual Reasoning Makes Smaller {LLM}s Stronger Problem-Solvers},
  author = {Qi, Zhenting and Ma, Mingyuan and Xu, Jiahang and Zhang, Li Lyna and Yang, Fan and
            Yang, Mao},
  year = {2024},
  note = {arXiv:2408.06195}
}"""

    def __post_init__(self) -> None:
        rule("mutual_consistency search", self.search, "mcts()")
        whole("mutual_consistency cuts", self.cuts, 1)
        number("mutual_consistency shortest", self.shortest, 0, 1)
        number("mutual_consistency longest", self.longest, 0, 1)
        if self.shortest > self.longest:
            raise InputError(
                f"mutual_consistency longest: expected at least the value of shortest "
                f"({self.shortest!r}), got {self.longest!r}: swap the two"
            )
        number("mutual_consistency agreement", self.agreement, 0, 1)
        number("mutual_consistency temperature", self.temperature, 0)

    async def __call__(self, problem: Problem, models: Models) -> Result:
        """Search, then put the candidates' paths to the test."""
        inner = await self.search(problem, models)
        ended: Ended = "exhausted" if inner.ended == "exhausted" else "done"
        paths = {candidate.path.key: candidate.path for candidate in models.trace.found}
        answers = set(votes(list(paths.values()), models.task)) - {""}
        if len(answers) < 2:
            models.trace.count("undisputed answers", len(answers))
            return conclude(self, problem, models, ended)
        agreed = await self._agreed(list(paths.values()), models)
        self._record(paths, agreed, models)
        survived = sum([share >= self.agreement for share in agreed.values()])
        models.trace.count("traces tested", len(agreed))
        models.trace.count("traces survived", survived)
        if not survived:
            models.trace.count("no trace survived")
        return conclude(self, problem, models, ended)

    def prefixes(self, path: Path) -> list[Path]:
        """The path cut at each share, ``[cuts]``; short paths are cut at one place repeatedly."""
        gap = (self.longest - self.shortest) / max(1, self.cuts - 1)
        shares = [self.shortest + i * gap for i in range(self.cuts)]
        left = [math.ceil(share * path.depth - 1e-9) for share in shares]
        return [Path(path.problem, path.steps[: min(k, path.depth - 1)]) for k in left]

    async def _agreed(self, paths: Sequence[Path], models: Models) -> dict[tuple[str, ...], float]:
        """By each path's key, the share of its completions that give its answer."""
        cut = [Counter(self.prefixes(path)) for path in paths]
        needed: Counter[Path] = Counter()
        for counts in cut:
            needed |= counts
        second = models.policy if models.draft is None else models.draft
        ends: dict[Path, list[Path]] = {}
        for times in sorted(set(needed.values())):
            alike = [prefix for prefix in needed if needed[prefix] == times]
            drawn = await second.extend(
                alike, times, until="end", temperature=self.temperature, start=FRESH
            )
            for prefix, completions in zip(alike, drawn, strict=True):
                ends[prefix] = completions
        models.trace.count("completions", sum(needed.values()))
        return {
            path.key: _same(
                path,
                [end for prefix, times in counts.items() for end in ends[prefix][:times]],
                models.task,
            )
            / self.cuts
            for path, counts in zip(paths, cut, strict=True)
        }

    def _record(
        self,
        paths: Mapping[tuple[str, ...], Path],
        agreed: Mapping[tuple[str, ...], float],
        models: Models,
    ) -> None:
        """Judge each path once more, at its place in the tree: kept if it survived."""
        found = {
            item.path.key: (parent, item)
            for parent, judged in models.trace.expansions
            for item in judged
        }
        for key, share in agreed.items():
            parent, item = found.get(key, (Path(paths[key].problem), Judgement(paths[key], share)))
            details = {**item.details, "agreement": share}
            kept = share >= self.agreement
            models.trace.record(parent, [replace(item, kept=kept, details=details)])

    def select(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """Of the answer with the highest score, the survivor that the search scored highest."""
        answers = votes([candidate.path for candidate in candidates], models.task)
        kept = {
            item.path.key
            for _, judged in models.trace.expansions
            for item in judged
            if item.kept and "agreement" in item.details
        }
        survived = [candidate.path.key in kept for candidate in candidates]
        scores = mutual_score(answers, survived)
        winner = max(scores, key=scores.__getitem__) if scores else majority(answers)
        able = [
            candidate
            for candidate, answer, one in zip(candidates, answers, survived, strict=True)
            if answer and answer == winner and (one or not scores)
        ]
        return Highest()(able, models)
