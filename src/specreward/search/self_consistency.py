"""Self-consistency: many sampled paths, the most frequent answer.

X. Wang, J. Wei, D. Schuurmans, Q. Le, E. Chi, S. Narang, A. Chowdhery, D. Zhou (2022),
"Self-Consistency Improves Chain of Thought Reasoning in Language Models", arXiv 2203.11171.

    path_1..path_n ~ policy(root), sampled, until their ends
    votes(a) = |{i : answer(path_i) = a}|         over finished paths
    answer argmax_a votes(a)

Differs from the paper: ties go to the answer drawn first. The paper draws 40 paths; the default of
10 is that of the baseline in RAP (Hao et al. 2023, arXiv 2305.14992).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, final

from specreward.checks import number, whole
from specreward.search.expand import conclude
from specreward.types import Candidate, Judgement, Models, Path, Problem, Result
from specreward.voting import majority, shares

__all__ = ["SelfConsistency"]


async def sample(problem: Problem, models: Models, n: int, temperature: float) -> None:
    """Draw ``n`` whole paths into the trace; a path's score is the share of votes for its answer.

    A path that did not finish has score 0 and is not kept; repeats are candidates of their own.
    """
    root = Path(problem)
    [paths] = await models.policy.extend([root], n, until="end", temperature=temperature)
    answers = [models.task.answer(path) if path.finished else "" for path in paths]
    share = shares(answers)
    scores = [share.get(answer, 0.0) for answer in answers]
    models.trace.record(
        root, [Judgement(p, s, kept=p.finished) for p, s in zip(paths, scores, strict=True)]
    )
    models.trace.found += [
        Candidate(p, s) for p, s in zip(paths, scores, strict=True) if p.finished
    ]


@final
@dataclass(frozen=True, kw_only=True)
class SelfConsistency:
    """Majority vote over sampled paths, no verifier.

    Args:
        n: Paths drawn, at least 1.
        temperature: Of the policy; at 0 all paths are the same.

    Raises:
        InputError: A field is out of its range.
    """

    n: int = field(default=10, kw_only=False)
    temperature: float = 0.7

    __cite__: ClassVar[str] = """@inproceedings{wang2023selfconsistency,
  title = {Self-Consistency Improves Chain of Thought Reasoning in Language Models},
  author = {Wang, Xuezhi and Wei, Jason and Schuurmans, Dale and Le, Quoc and Chi, Ed and
            Narang, Sharan and Chowdhery, Aakanksha and Zhou, Denny},
  booktitle = {International Conference on Learning Representations},
  year = {2023},
  eprint = {2203.11171}
}"""

    def __post_init__(self) -> None:
        whole("self_consistency n", self.n, 1)
        number("self_consistency temperature", self.temperature, 0)

    async def __call__(self, problem: Problem, models: Models) -> Result:
        """Draw all paths in one call."""
        await sample(problem, models, self.n, self.temperature)
        return conclude(self, problem, models, "done")

    def select(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """The first candidate with the most frequent answer; None where nobody answered."""
        answers = [models.task.answer(candidate.path) for candidate in candidates]
        winner = majority(answers)
        return None if winner is None else candidates[answers.index(winner)]
