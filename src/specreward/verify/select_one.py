"""Speculative sampling over the candidates: one survives, and its law is exactly q.

Y. Leviathan, M. Kalman, Y. Matias (2023), "Fast Inference from Transformers via Speculative
Decoding", arXiv 2211.17192; also C. Chen et al. (2023), arXiv 2302.01318.

    draw i ~ p
    with probability min(1, SR_i): keep i
    otherwise: keep j ~ (q - p)+ / sum (q - p)+

Differs from the paper: the laws are over whole candidate steps; i is drawn again from p given the
candidates, as the order of the draws says nothing of p once they are merged. The law is q where
SR = q / p and both are normalized. Without the residual, trying again until one is accepted gives
min(p, q) normalized, which is not q. Where q exceeds p nowhere (not normalized), none is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

from specreward.seeds import choose, uniform
from specreward.verify.accept import Decision, Weighed

__all__ = ["SelectOne", "chances"]


def residual(family: Sequence[Weighed]) -> list[float]:
    """(q - p)+ of each candidate, not normalized."""
    return [max(item.q - item.p, 0.0) for item in family]


def chances(family: Sequence[Weighed]) -> list[float]:
    """The probability that each candidate is the one, ``[C]``."""
    total = sum([item.p for item in family])
    kept = [item.p / total * min(1.0, item.sr) for item in family]
    rest = residual(family)
    mass = sum(rest)
    rejected = max(1.0 - sum(kept), 0.0) / mass if mass > 0 else 0.0
    return [share + rejected * weight for share, weight in zip(kept, rest, strict=True)]


@final
@dataclass(frozen=True, kw_only=True)
class SelectOne:
    """One survivor, for chains (greedy, best-first)."""

    __cite__: ClassVar[str] = """@inproceedings{leviathan2023fast,
  title = {Fast Inference from Transformers via Speculative Decoding},
  author = {Leviathan, Yaniv and Kalman, Matan and Matias, Yossi},
  booktitle = {International Conference on Machine Learning},
  year = {2023},
  note = {arXiv:2211.17192}
}"""

    def __call__(self, family: Sequence[Weighed], seed: int) -> list[Decision]:
        """At most one kept; the probabilities are q where SR = q / p is normalized."""
        keys = [item.path.key for item in family]
        name = [part for key in keys for part in key]
        one = choose([item.p for item in family], seed, "draw", *name)
        if uniform(seed, "accept", *keys[one]) >= family[one].sr:
            rest = residual(family)
            one = choose(rest, seed, "residual", *name) if any(rest) else -1
        return [Decision(chance, i == one) for i, chance in enumerate(chances(family))]
