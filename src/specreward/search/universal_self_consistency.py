"""Universal self-consistency: many sampled paths, a language model says which agrees with the most.

X. Chen, R. Aksitov, U. Alon, J. Ren, K. Xiao, P. Yin, S. Prakash, C. Sutton, X. Wang, D. Zhou
(2023), "Universal Self-Consistency for Large Language Model Generation", arXiv 2311.17311.

    path_1..path_n ~ policy(root), sampled, until their ends
    k ~ judge(question, path_1, .., path_n)       which one is the most consistent?
    answer with path_k

Differs from the paper: the prompt is ours, and asks for its choice in a line of its own. A choice
that cannot be read (none, several, no response of this number, or a text that was cut off) is
counted, and the answer is the majority's, as in ``SelfConsistency``. Responses that all give the
same answer are not shown to the judge; neither are paths that did not finish.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, final

from specreward.checks import number, whole
from specreward.errors import InputError
from specreward.search.expand import conclude
from specreward.search.pick import MajorityVote
from specreward.search.self_consistency import sample
from specreward.search.stopping import Never
from specreward.search.votes import votes
from specreward.seeds import derive
from specreward.types import Candidate, Completion, Models, Path, Problem, Result, Sampling

__all__ = ["UniversalSelfConsistency", "choice", "question"]

_CHOICE = re.compile(
    r"\bchoice\b(?:[\s*:#(\[{$]|\\boxed|response)*(\d+)\b"
    r"(\.\d|[^\S\n]*(?:and|or|[,/&])[^\S\n]*(?:response)?[\s#]*\d)?",  # more than one number
    re.IGNORECASE,
)

_ASK = (
    "Above are a problem and several responses to it. Find the answer on which most of the "
    "responses agree, and the response that is most consistent with the others. End with a line "
    "of the form\nChoice: N\nwhere N is the number of that response."
)


def question(problem: Problem, paths: Sequence[Path]) -> str:
    """What the judge reads: the problem and all responses, numbered from 1."""
    texts = ["\n".join([step.text for step in path.steps]) for path in paths]
    responses = [f"Response {i}:\n{text}" for i, text in enumerate(texts, 1)]
    return "\n\n".join([f"Problem:\n{problem.question}", *responses, _ASK])


def choice(completion: Completion, responses: int) -> int | None:
    """The place of the response chosen, from 0; None where none can be read.

    The last choice that is written counts; a choice of several is none, nor has a text one that
    was cut off at its limit.
    """
    found = _CHOICE.findall(completion.text)
    if not found or completion.finish == "length":
        return None
    number, more = found[-1]
    return int(number) - 1 if not more and 1 <= int(number) <= responses else None


@final
@dataclass(frozen=True, kw_only=True)
class UniversalSelfConsistency:
    """A vote by reading, for answers that are right in many wordings.

    Counted: ``choices``, ``unreadable choices``.

    Args:
        n: Paths drawn, at least 1; all that finished have to fit into the judge's context.
        temperature: Of the policy; at 0 all paths are the same.
        max_tokens: Cap on the judge's text, at least 1; it is drawn at temperature 0.

    Raises:
        InputError: A field is out of its range.
    """

    n: int = field(default=8, kw_only=False)
    temperature: float = 0.7
    max_tokens: int = 512

    __cite__: ClassVar[str] = """@misc{chen2023universal,
  title = {Universal Self-Consistency for Large Language Model Generation},
  author = {Chen, Xinyun and Aksitov, Renat and Alon, Uri and Ren, Jie and Xiao, Kefan and
            Yin, Pengcheng and Prakash, Sushant and Sutton, Charles and Wang, Xuezhi and
            Zhou, Denny},
  year = {2023},
  note = {arXiv:2311.17311}
}"""

    def __post_init__(self) -> None:
        whole("universal_self_consistency n", self.n, 1)
        number("universal_self_consistency temperature", self.temperature, 0)
        whole("universal_self_consistency max_tokens", self.max_tokens, 1)

    async def __call__(self, problem: Problem, models: Models) -> Result:
        """Draw all paths in one call, then ask the judge once.

        Raises:
            InputError: There is no judge.
        """
        if models.judge is None:
            raise InputError(
                "expected a judge for universal_self_consistency(), got none: pass --judge, or "
                "judge=... with the models (any language model that follows instructions)"
            )
        await sample(problem, models, self.n, self.temperature, Never())
        found = models.trace.found
        if len(set(votes([candidate.path for candidate in found], models.task))) > 1:
            prompt = question(problem, [candidate.path for candidate in found])
            [completion] = await models.judge.complete(
                [prompt],
                [derive(models.seed, "universal_self_consistency", prompt)],
                Sampling(temperature=0.0, max_tokens=self.max_tokens),
            )
            place = choice(completion, len(found))
            models.trace.count("choices")
            if place is None:
                models.trace.count("unreadable choices")
            else:
                models.trace.values[self, prompt] = {"choice": float(place)}
        return conclude(self, problem, models, "done")

    def select(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """The one that the judge chose among exactly these; without a choice, the majority's."""
        if not candidates:
            return None
        prompt = question(candidates[0].path.problem, [c.path for c in candidates])
        chosen = models.trace.values.get((self, prompt))
        if chosen is not None:
            return candidates[int(chosen["choice"])]
        return MajorityVote()(candidates, models)
