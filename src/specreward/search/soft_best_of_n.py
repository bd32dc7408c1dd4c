"""Soft best-of-n: many sampled paths, one of them drawn, the better the likelier.

C. M. Verdun, A. Oesterling, H. Lakkaraju, F. P. Calmon (2025), "Soft Best-of-n Sampling for Model
Alignment", arXiv 2505.03156.

    path_1..path_n ~ policy(root), sampled, until their ends
    r_i = reward(path_i)                          over finished paths
    answer with path_i, i ~ softmax(beta_inv r)

As n grows the law tends to the policy tilted by exp(beta_inv r): the KL divergence from it is at
most log(1 + Var[e^(beta_inv r)] / (n E[e^(beta_inv r)]^2)). n = 1 and beta_inv = 0 are one sample,
a very large beta_inv is ``BestOfN``.

Differs from the paper: beta_inv multiplies (there the reward is divided by a temperature); its
default is that of the GSI paper (arXiv 2506.04118). A path that did not finish has weight 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, final

from specreward.checks import number, whole
from specreward.search.expand import conclude
from specreward.search.whole_paths import draw, keep, soft_pick
from specreward.types import Candidate, Models, Path, Problem, Result

__all__ = ["SoftBestOfN"]


@final
@dataclass(frozen=True, kw_only=True)
class SoftBestOfN:
    """Whole paths, rewarded once at the end, one drawn by the softmax of the rewards.

    Args:
        n: Paths drawn, at least 1.
        beta_inv: Inverse temperature, at least 0; multiplies rewards, which are in [0, 1].
        temperature: Of the policy.

    Raises:
        InputError: A field is out of its range.
    """

    n: int = field(default=16, kw_only=False)
    beta_inv: float = 20.0
    temperature: float = 0.8

    __cite__: ClassVar[str] = """@misc{verdun2025soft,
  title = {Soft Best-of-n Sampling for Model Alignment},
  author = {Verdun, Claudio Mayrink and Oesterling, Alex and Lakkaraju, Himabindu and
            Calmon, Flavio P.},
  year = {2025},
  note = {arXiv:2505.03156}
}"""

    def __post_init__(self) -> None:
        whole("soft_best_of_n n", self.n, 1)
        number("soft_best_of_n beta_inv", self.beta_inv, 0)
        number("soft_best_of_n temperature", self.temperature, 0)

    async def __call__(self, problem: Problem, models: Models) -> Result:
        """Draw all paths in one call, reward them in another.

        Raises:
            InputError: There is no reward model.
            RewardError: A reward is missing, NaN or outside [0, 1].
        """
        root = Path(problem)
        drawn = await draw(root, self.n, models, {}, start=0, temperature=self.temperature)
        keep(root, drawn, models, None)
        return conclude(self, problem, models, "done")

    def select(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """Drawn by the softmax; the same candidates give the same one."""
        return soft_pick(candidates, self.beta_inv, models, "soft_best_of_n")
