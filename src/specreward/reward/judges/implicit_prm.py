"""Process rewards from two language models: how much likelier did training make the steps?

L. Yuan, W. Li, H. Chen, G. Cui, N. Ding, K. Zhang, B. Zhou, Z. Liu, H. Peng (2024), "Free Process
Rewards without Process Labels", arXiv 2412.01981. Used as well in PRIME, arXiv 2502.01456.

    q_t = beta * (log pi(steps 1..t | question) - log pi_ref(steps 1..t | question)),   q_0 = 0
    r_t = sigmoid(q_t)              accumulated: the value of where the path stands
        = sigmoid(q_t - q_{t-1})    single: what the step added
    score = combine(r_1 .. r_T)

pi was trained from pi_ref as an outcome reward model: by the cross entropy of sigmoid(q_T), for
one. The log-probabilities are of texts, and each engine cuts a text into tokens by itself, so that
the sums need no tokens in common. The reward does: pi_ref is the model that the training of pi
began with, and has its tokeniser and template. Where the two count different tokens in the same
text they are no such pair, the ratio means nothing, and they are refused.

Differs from the paper: a step ends where its text ends, without the delimiter after it; the end of
text is not scored, as a path may go on; numbers pass through a sigmoid, which keeps their order.
The released evaluation has a beta of 0.001; here the default is 0.05, which PRIME trains with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import exp, isfinite
from typing import ClassVar, final

from specreward.checks import positive, rule
from specreward.engines import LanguageModel, Scored
from specreward.errors import EngineError, InputError, RewardError
from specreward.reward.aggregate import Aggregate, Last
from specreward.reward.composed import Wiring
from specreward.reward.judges.asking import prompt
from specreward.reward.judges.pointwise import PointReward
from specreward.reward.solutions import Solution
from specreward.types import RewardModel

__all__ = ["ImplicitPRM"]


@final
@dataclass(frozen=True, kw_only=True)
class ImplicitPRM:
    """The log-ratio of two language models over each step, through a sigmoid, in (0, 1).

    Args:
        lm: pi, trained as an outcome reward model; its engine gives log-probabilities.
        reference: pi_ref, the model that its training began with.
        beta: Weight of the log-ratio, above 0; the one of the training makes the numbers
            probabilities.
        accumulate: Whether r_t is of all steps up to t, or else of step t alone.
        combine: How the numbers of the steps become the score of a path. With accumulated numbers
            ``last()`` is the paper's outcome reward; single ones go with ``minimum()``.
        delimiter: What stands between two steps, as in the training.
    """

    lm: LanguageModel = field(kw_only=False)
    reference: LanguageModel = field(kw_only=False)
    beta: float = 0.05
    accumulate: bool = True
    combine: Aggregate = Last()
    delimiter: str = "\n\n"

    __cite__: ClassVar[str] = """@misc{yuan2024free,
  title = {Free Process Rewards without Process Labels},
  author = {Yuan, Lifan and Li, Wendi and Chen, Huayu and Cui, Ganqu and Ding, Ning and
            Zhang, Kaiyan and Zhou, Bowen and Liu, Zhiyuan and Peng, Hao},
  year = {2024},
  note = {arXiv:2412.01981}
}"""

    def __post_init__(self) -> None:
        positive("implicit_prm beta", self.beta)
        rule("implicit_prm combine", self.combine, "last()")

    @property
    def names(self) -> list[str]:
        """The engines'."""
        return [self.lm.name, self.reference.name]

    def wired(self, wiring: Wiring) -> RewardModel:
        """The reward model: phases ``score`` (of ``lm``) and ``reference``.

        Raises:
            InputError: The two are the same model.
        """
        if self.lm.name == self.reference.name:  # may load them: not before they are needed
            raise InputError(
                f"implicit_prm: expected two different models, got {self.lm.name!r} twice: the "
                "ratio of a model to itself is 1; reference= takes the model that lm was trained "
                "from"
            )
        judge = replace(
            self,
            lm=wiring.language_model(self.lm, role="reward"),
            reference=wiring.language_model(self.reference, role="reward", phase="reference"),
        )
        return PointReward(_Ratio(judge=judge), combine=self.combine)


@final
@dataclass(frozen=True, kw_only=True)
class _Ratio:
    """The judge with its engines wired."""

    judge: ImplicitPRM

    async def grade(self, beginnings: Sequence[Solution]) -> list[float]:
        """As ``Pointwise``."""
        accumulate = self.judge.accumulate
        before = {one: Solution(one.question, one.steps[:-1]) for one in beginnings}
        asked = [*beginnings] if accumulate else [*beginnings, *before.values()]
        known = await self._values(list(dict.fromkeys([one for one in asked if one.steps])))
        if accumulate:
            return [_sigmoid(known[one]) for one in beginnings]
        return [_sigmoid(known[one] - known.get(before[one], 0.0)) for one in beginnings]

    async def _values(self, beginnings: Sequence[Solution]) -> dict[Solution, float]:
        """The q of each."""
        judge = self.judge
        texts = [(prompt(one.question, ""), judge.delimiter.join(one.steps)) for one in beginnings]
        trained = await _logprobs(judge.lm, texts)
        base = await _logprobs(judge.reference, texts)
        values = {}
        for one, new, old in zip(beginnings, trained, base, strict=True):
            _check(one, judge, new, old)
            values[one] = judge.beta * (new.value - old.value)
        return values


async def _logprobs(lm: LanguageModel, texts: Sequence[tuple[str, str]]) -> list[Scored]:
    scored = await lm.logprobs(texts)
    if len(scored) != len(texts):
        raise EngineError(
            f"{lm.name}: expected {len(texts)} log-probabilities, got {len(scored)}: an engine "
            "must give one for each text, in order"
        )
    return scored


def _check(solution: Solution, judge: ImplicitPRM, new: Scored, old: Scored) -> None:
    """Refuse log-probabilities without a ratio, and a reference that is none."""
    if new.prompt_tokens != old.prompt_tokens:
        raise InputError(
            f"implicit_prm: {judge.lm.name} counts {new.prompt_tokens} tokens where "
            f"{judge.reference.name} counts {old.prompt_tokens} in the same text: they have "
            "different tokenisers or templates, so that one was not trained from the other and "
            "their ratio is no reward; reference= takes the model that lm was trained from"
        )
    for lm, scored in ((judge.lm, new), (judge.reference, old)):
        if not isfinite(scored.value) or scored.value > 1e-6:
            raise RewardError(
                f"implicit_prm: expected a finite log-probability of at most 0, got "
                f"{scored.value!r} from {lm.name} for {solution.steps[-1][-200:]!r}: mend the "
                "engine; no score is made up in its place"
            )


def _sigmoid(x: float) -> float:
    return 1.0 / (1.0 + exp(-x)) if x >= 0 else exp(x) / (1.0 + exp(x))
