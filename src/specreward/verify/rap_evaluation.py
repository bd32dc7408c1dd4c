"""The language model judges each action twice: how likely it is, and whether it is called good.

S. Hao et al. (2023), "Reasoning with Language Model is Planning with World Model", arXiv
2305.14992 (its rewards for Blocksworld), with the form of the authors' second program,
llm-reasoners (2024), arXiv 2404.05221.

    for each distinct child c = parent + a:
        l_c = log P(a | prompt(parent))
        g_c = P(good) / (P(good) + P(bad)) after good_prompt(c)
    pi = softmax over the children of l
    judge c: score pi_c^(1 - alpha) * g_c^alpha, kept

Differs from the paper: llm-reasoners adds .5 * (log P(a) + log P("good")), which lies below 0 and
falls with the length of the action, and a reward for reached goals; here both parts are
probabilities over the alternatives at hand, so that the score is in [0, 1] and the back-up of
a tree search may mix depths, and no check of the goal enters. At alpha = 1/2 siblings whose prompts
share P(good) + P(bad) are ordered as in llm-reasoners. Log-likelihoods come from a scoring pass at
temperature 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp, isfinite
from typing import ClassVar, final

from specreward.checks import number
from specreward.errors import EngineError, InputError
from specreward.types import Judgement, Models, Path, Scored, Siblings, Task
from specreward.verify.citations import RAP
from specreward.verify.families import Drawn, added, distinct
from specreward.verify.softmax import log_softmax

__all__ = ["RapEvaluation", "questions"]


def questions(parent: Path, child: Path, task: Task) -> list[tuple[str, str]]:
    """What is scored for one child: each step below the parent, then ``good`` and ``bad``."""
    before = [Path(child.problem, child.steps[:i]) for i in range(parent.depth, child.depth)]
    asked = [
        continued(task.prompt(path), step.text)
        for path, step in zip(before, added(parent, child), strict=True)
    ]
    good = task.good_prompt(child)
    return [*asked, continued(good, "good"), continued(good, "bad")]


def continued(prompt: str, text: str) -> tuple[str, str]:
    """A prompt and a text as a model would write it there: a word of its own after a word."""
    return prompt, text if not prompt or prompt[-1].isspace() else f" {text}"


def take(answers: Iterator[Scored]) -> float:
    """The next log-probability."""
    value = next(answers).value
    if not isfinite(value):
        raise EngineError(f"judge: expected a finite log-probability, got {value!r}")
    return value


@final
@dataclass(frozen=True, kw_only=True)
class RapEvaluation:
    """Scores in [0, 1]; all children are kept.

    Args:
        alpha: Weight of P(good) against the likelihood of the action, in [0, 1].
    """

    alpha: float = 0.5

    __cite__: ClassVar[str] = RAP

    def __post_init__(self) -> None:
        number("rap_evaluation alpha", self.alpha, 0, 1)

    async def __call__(self, families: Sequence[Siblings], models: Models) -> list[list[Judgement]]:
        """Judgements with details ``likelihood``, ``good`` and ``logprob`` (of the action, nats).

        Raises:
            InputError: There is no judge.
            EngineError: The judge gives a log-probability that is not finite.
        """
        if models.judge is None:
            raise InputError(
                "expected a judge for rap_evaluation(), got none: pass judge=... (a language model "
                "that scores given texts, the policy's own for one) with the models"
            )
        drawn = [(family.parent, distinct(family)) for family in families]
        asked = [
            question
            for parent, children in drawn
            for path, _ in children
            for question in questions(parent, path, models.task)
        ]
        answers = iter(await models.judge.logprobs(asked) if asked else ())
        return [self.weigh(parent, children, answers) for parent, children in drawn]

    def weigh(self, parent: Path, children: Drawn, answers: Iterator[Scored]) -> list[Judgement]:
        """Judgements of one family from the next answers."""
        if not children:
            return []
        logprobs, goods = [], []
        for path, _ in children:
            logprobs.append(sum([take(answers) for _ in added(parent, path)]))
            goods.append(log_softmax([take(answers), take(answers)])[0])
        judged = []
        shares = log_softmax(logprobs)
        for (path, count), logprob, share, good in zip(
            children, logprobs, shares, goods, strict=True
        ):
            details = {"likelihood": exp(share), "good": exp(good), "logprob": logprob}
            score = exp((1 - self.alpha) * share + self.alpha * good)
            judged.append(Judgement(path, score, True, count, details))
        return judged
