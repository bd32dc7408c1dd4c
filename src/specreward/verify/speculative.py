"""Speculative verification: the policy's law and the reward model's law meet in one ratio.

J. Gu and S. Liang (2025), "Speculative Reward Model Boosts Decision Making Ability of LLMs
Cost-Effectively", arXiv 2506.00396.

    merge equal children; C are the distinct ones
    p = proposal(C)                     softmax of mean token log-probabilities
    q = target(rewards of C)            softmax of the rewards' log-odds
    for each c in C:
        SR = q / p;  RC = 1 / (1 + |SR - 1|);  S = SR^alpha RC^(1 - alpha)
        keep c with probability min(1, SR), drawn from (seed, path)
    judge c: score min(1, S), ordered by (S, q, count)

Differs from the paper: where it is not explicit, the normalization over the distinct candidates,
the direction of the ratio, the acceptance test and alpha = 1/2 are chosen to agree with its worked
example; each is an object or field here. Scores are capped at 1, so that a tree search can back
them up; the uncapped S is among the details. log SR is held to [-20, 20]. A single candidate has
SR = RC = S = 1, not normalized variants included. ``floor`` is an addition: q is relative to the
siblings, so that the best of a bad lot has SR >= 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp
from operator import attrgetter
from typing import ClassVar, final

from specreward.checks import number, rule
from specreward.types import Judgement, Models, Path, Siblings
from specreward.verify.accept import Accept, Thin, Weighed
from specreward.verify.citations import SPECULATIVE_REWARD_MODEL
from specreward.verify.consistency import Consistency, Reciprocal
from specreward.verify.families import Drawn, distinct
from specreward.verify.proposal import LogProbability, Proposal
from specreward.verify.ratio import Ratio, SrmOverLlm
from specreward.verify.redraw import Redraw
from specreward.verify.rewards import rewards
from specreward.verify.target import Luce, Target

__all__ = ["Speculative"]

WIDEST = 20.0
"""Bound on |log SR|."""


def best(judged: Sequence[Judgement]) -> Judgement:
    """The highest by (S, q, count); the first drawn of equals."""
    return max(judged, key=attrgetter("rank"))


def none_kept(judged: Sequence[Judgement]) -> bool:
    """Whether a family has children and all were rejected."""
    return bool(judged) and not any(item.kept for item in judged)


@final
@dataclass(frozen=True, kw_only=True)
class Speculative:
    """Children are scored by S and kept by chance; at least one of each family is kept.

    Args:
        alpha: Weight of SR against RC in S, in [0, 1]. At 1/2 every SR >= 1 scores 1; below, SR = 1
            scores best; above, S rises with SR up to the cap.
        proposal: Gives p.
        target: Gives q.
        ratio: Gives SR from p and q.
        consistency: Gives RC from SR.
        accept: Decides what is kept.
        floor: Kept children with a lower reward are pruned, but for the best of them; in [0, 1].
        redraw: What to do where ``accept`` keeps none.
    """

    alpha: float = 0.5
    proposal: Proposal = LogProbability()
    target: Target = Luce()
    ratio: Ratio = SrmOverLlm()
    consistency: Consistency = Reciprocal()
    accept: Accept = Thin()
    floor: float = 0.0
    redraw: Redraw = Redraw()

    __cite__: ClassVar[str] = SPECULATIVE_REWARD_MODEL

    def __post_init__(self) -> None:
        number("speculative alpha", self.alpha, 0, 1)
        rule("speculative proposal", self.proposal, "log_probability()")
        rule("speculative target", self.target, "luce()")
        rule("speculative ratio", self.ratio, "srm_over_llm()")
        rule("speculative consistency", self.consistency, "reciprocal()")
        rule("speculative accept", self.accept, "thin()")
        number("speculative floor", self.floor, 0, 1)
        rule("speculative redraw", self.redraw, "redraw(rounds=2)")

    async def __call__(self, families: Sequence[Siblings], models: Models) -> list[list[Judgement]]:
        """Judgements with details ``p``, ``q``, ``sr``, ``rc``, ``s``, ``reward``, ``accept``.

        Where ``accept`` rejects all children of a parent, further ones may be drawn and judged.

        Raises:
            InputError: There is no reward model, or the proposal needs log-probabilities and the
                engine gives none.
            RewardError: A reward is missing, NaN or outside [0, 1].
        """
        families = list(families)
        drawn = [distinct(family) for family in families]
        scored = await rewards(drawn, models)
        seed = models.seed
        judged = [
            self.judge(family.parent, children, values, seed)
            for family, children, values in zip(families, drawn, scored, strict=True)
        ]
        for turn in range(self.redraw.rounds):
            empty = [i for i, family in enumerate(judged) if none_kept(family)]
            if not empty:
                break
            wider = await self.redraw([families[i] for i in empty], turn, models)
            merged = [distinct(family) for family in wider]
            # Merging keeps the order of first drawing, so what is new stands behind what is known.
            new = [now[len(drawn[i]) :] for i, now in zip(empty, merged, strict=True)]
            more = await rewards(new, models)
            for i, family, children, values in zip(empty, wider, merged, more, strict=True):
                families[i], drawn[i] = family, children
                scored[i] += values
                judged[i] = self.judge(family.parent, children, scored[i], seed)
        return [self.settle(family) if family else [] for family in judged]

    def weigh(self, parent: Path, children: Drawn, values: Sequence[float]) -> list[Weighed]:
        """p, q, SR, RC and S of each candidate of one parent from their rewards."""
        log_p = self.proposal(parent, children)
        log_q = self.target(values, log_p)
        alone = len(children) == 1
        weighed = []
        for (path, count), reward, lp, lq in zip(children, values, log_p, log_q, strict=True):
            log_sr = 0.0 if alone else min(max(self.ratio(lp, lq), -WIDEST), WIDEST)
            log_rc = self.consistency(log_sr)
            s = exp(self.alpha * log_sr + (1 - self.alpha) * log_rc)
            weighed.append(
                Weighed(path, count, reward, exp(lp), exp(lq), exp(log_sr), exp(log_rc), s)
            )
        return weighed

    def judge(
        self, parent: Path, children: Drawn, values: Sequence[float], seed: int
    ) -> list[Judgement]:
        """Judgements of one family by ``accept`` alone; none may be kept."""
        if not children:
            return []
        weighed = self.weigh(parent, children, values)
        decisions = self.accept(weighed, seed)
        judged = []
        for (path, count, reward, p, q, sr, rc, s), (chance, kept) in zip(
            weighed, decisions, strict=True
        ):
            details = {
                "p": p,
                "q": q,
                "sr": sr,
                "rc": rc,
                "s": s,
                "reward": reward,
                "accept": chance,
            }
            judged.append(Judgement(path, min(s, 1.0), kept, count, details))
        return judged

    def settle(self, judged: list[Judgement]) -> list[Judgement]:
        """One family with the floor applied and at least one child kept."""
        kept = [item for item in judged if item.kept] or [best(judged)]
        left = [item for item in kept if item.details["reward"] >= self.floor] or [best(kept)]
        chosen = {id(item) for item in left}
        return [
            item if item.kept == (id(item) in chosen) else replace(item, kept=not item.kept)
            for item in judged
        ]
