"""Whether a search must branch at a path: objects to pass to ``chain_in_tree``.

X. Li (2025), "Chain-in-Tree: Back to Sequential Reasoning in LLM Tree Search", arXiv 2509.25835.

    SamplesAgree   (BN-SC)  share of the most frequent of ``probes`` samples >= ``minimum``
    JudgeAgrees    (BN-DP)  the judge's P(good) of a single sample >= ``minimum``

Where it holds, the search goes on with that step alone.

The authors' program has two forms of BN-SC, both on three samples. The first chains at 1 - entropy
(in units of the log of the number of groups) of at least 0.13, which 2 + 1 (0.082) and 1 + 1 + 1
(0) do not reach: all must agree, as by default here. The second chains at a share of 0.49: two of
three.

Differs from the paper: equal steps are equal texts (there a language model groups them, except
where actions are texts of a closed form, as here); the judge answers the task's own question
whether a step is good (there it writes how necessary the step is, from 1 to 4, and 3 is enough).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from math import exp
from typing import ClassVar, Protocol, final

from specreward.checks import number, whole
from specreward.errors import InputError
from specreward.types import Judgement, Models, Path, Siblings
from specreward.verify.families import distinct
from specreward.verify.rap_evaluation import continued, take
from specreward.verify.softmax import log_softmax

__all__ = ["CHAIN_IN_TREE", "Branching", "JudgeAgrees", "SamplesAgree"]

CHAIN_IN_TREE = """@misc{li2025chain,
  title = {Chain-in-Tree: Back to Sequential Reasoning in {LLM} Tree Search},
  author = {Li, Xinzhe},
  year = {2025},
  note = {arXiv:2509.25835}
}"""


class Branching(Protocol):
    """Tells where a search may go on with one step instead of branching."""

    @property
    def probes(self) -> int:
        """Samples of the next step that it wants to see."""
        ...

    async def __call__(
        self, families: Sequence[Siblings], models: Models
    ) -> list[Judgement | None]:
        """For each family the child to go on with and why, or None where to branch.

        A child that broke the rules of the task is never gone on with.
        """
        ...


def _most_frequent(family: Siblings) -> tuple[Path, int]:
    """The child drawn most often, the first of equal ones, and how often."""
    return max(distinct(family), key=lambda drawn: drawn[1])


@final
@dataclass(frozen=True)
class SamplesAgree:
    """No branching where the policy agrees with itself.

    Args:
        minimum: Share of the most frequent sample, in [0, 1]; 0 never branches, 1 branches unless
            all agree.  # reward_gamma
        probes: Samples drawn, at least 1; with 1 it never branches.  # n_actions_for_bne

    Raises:
        InputError: A field is out of its range.
    """

    minimum: float = 1.0
    _: KW_ONLY
    probes: int = 3

    __cite__: ClassVar[str] = CHAIN_IN_TREE

    def __post_init__(self) -> None:
        number("samples_agree minimum", self.minimum, 0, 1)
        whole("samples_agree probes", self.probes, 1)

    async def __call__(
        self, families: Sequence[Siblings], models: Models
    ) -> list[Judgement | None]:
        """The most frequent child, details ``agreement``."""
        return [self.decide(family) for family in families]

    def decide(self, family: Siblings) -> Judgement | None:
        """The most frequent child of one family, or None."""
        top, count = _most_frequent(family)
        share = count / len(family.children)
        if top.dead or share < self.minimum:
            return None
        return Judgement(top, share, True, count, {"agreement": share})


@final
@dataclass(frozen=True)
class JudgeAgrees:
    """No branching where the judge calls the only step drawn good.

    Args:
        minimum: P(good) / (P(good) + P(bad)), in [0, 1]; 0 never branches.

    Raises:
        InputError: A field is out of its range.
    """

    minimum: float = 0.7

    __cite__: ClassVar[str] = CHAIN_IN_TREE

    def __post_init__(self) -> None:
        number("judge_agrees minimum", self.minimum, 0, 1)

    @property
    def probes(self) -> int:
        """One."""
        return 1

    async def __call__(
        self, families: Sequence[Siblings], models: Models
    ) -> list[Judgement | None]:
        """The child drawn, details ``good``; one call for all families.

        Raises:
            InputError: There is no judge.
            EngineError: The judge gives a log-probability that is not finite.
        """
        if models.judge is None:
            raise InputError(
                "expected a judge for judge_agrees(), got none: pass judge=... (a language model "
                "that scores given texts, the policy's own for one) with the models"
            )
        drawn = [family.children[0] for family in families]
        prompts = [models.task.good_prompt(path) for path in drawn if not path.dead]
        asked = [continued(prompt, word) for prompt in prompts for word in ("good", "bad")]
        answers = iter(await models.judge.logprobs(asked) if asked else ())
        found: list[Judgement | None] = []
        for path in drawn:
            good = 0.0 if path.dead else exp(log_softmax([take(answers), take(answers)])[0])
            go = good >= self.minimum and not path.dead
            found.append(Judgement(path, good, True, 1, {"good": good}) if go else None)
        return found
