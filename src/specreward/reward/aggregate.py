"""How the scores of a path's steps become the score of the path: objects for a reward model.

    Last         r_T                the value of where the path stands
    Minimum      min_t r_t          a path is as good as its worst step
    Product      prod_t r_t         the probability that no step is wrong, if they were independent
    Geometric    (prod_t r_t)^1/T   the same for each step, whatever the length
    Mean         mean_t r_t         how good its steps are on the whole
    HighestStep  max_t r_t          a path is as good as its best step

Minimum and product: H. Lightman et al. (2023), "Let's Verify Step by Step", arXiv 2305.20050, where
they do about equally well. Last: C. Snell, J. Lee, K. Xu, A. Kumar (2024), "Scaling LLM Test-Time
Compute Optimally can be More Effective than Scaling Model Parameters", arXiv 2408.03314.

Last fits scores that are values of states, as those of the embedded reward models are. Minimum and
product fit scores that judge each step by itself; a product falls with every step, which a
geometric mean does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log, prod
from typing import ClassVar, Protocol, final

from specreward.verify.citations import LETS_VERIFY, TEST_TIME_COMPUTE

__all__ = ["Aggregate", "Geometric", "HighestStep", "Last", "Mean", "Minimum", "Product"]


class Aggregate(Protocol):
    """From step scores to one score; all in [0, 1], higher is better."""

    def needed(self, depth: int) -> Sequence[int]:
        """The steps whose scores are needed for a path of ``depth`` steps, counted from 0."""
        ...

    def __call__(self, scores: Sequence[float]) -> float:
        """The score of a path from those of its needed steps, at least one."""
        ...


@final
@dataclass(frozen=True, kw_only=True)
class Last:
    """The score after the last step; asks for no other."""

    __cite__: ClassVar[str] = TEST_TIME_COMPUTE

    def needed(self, depth: int) -> Sequence[int]:
        """The last step."""
        return [depth - 1]

    def __call__(self, scores: Sequence[float]) -> float:
        """The last of ``scores``."""
        return scores[-1]


@final
@dataclass(frozen=True, kw_only=True)
class Minimum:
    """The score of the worst step."""

    __cite__: ClassVar[str] = LETS_VERIFY

    def needed(self, depth: int) -> Sequence[int]:
        """All steps."""
        return range(depth)

    def __call__(self, scores: Sequence[float]) -> float:
        """The smallest of ``scores``."""
        return min(scores)


@final
@dataclass(frozen=True, kw_only=True)
class Product:
    """The product of the scores of all steps."""

    __cite__: ClassVar[str] = LETS_VERIFY

    def needed(self, depth: int) -> Sequence[int]:
        """All steps."""
        return range(depth)

    def __call__(self, scores: Sequence[float]) -> float:
        """The product of ``scores``."""
        return prod(scores)


@final
@dataclass(frozen=True, kw_only=True)
class Mean:
    """The mean of the scores of all steps, as ReasonFlux-PRM takes it (arXiv 2506.18896)."""

    __cite__: ClassVar[str] = """@article{zou2025reasonflux,
  title = {ReasonFlux-PRM: Trajectory-Aware PRMs for Long Chain-of-Thought Reasoning in LLMs},
  author = {Zou, Jiaru and Yang, Ling and Gu, Jingwen and Qiu, Jiahao and Shen, Ke and He, Jingrui
            and Wang, Mengdi},
  journal = {arXiv preprint arXiv:2506.18896},
  year = {2025}
}"""

    def needed(self, depth: int) -> Sequence[int]:
        """All steps."""
        return range(depth)

    def __call__(self, scores: Sequence[float]) -> float:
        """The mean of ``scores``."""
        return sum(scores) / len(scores)


@final
@dataclass(frozen=True, kw_only=True)
class Geometric:
    """The geometric mean of the scores of all steps, as MetaStone-S1 takes it (arXiv 2507.01951).

    A score below 1e-10 counts as 1e-10, as in the paper's code: one step that is surely wrong
    makes a path bad, and two make it worse.
    """

    __cite__: ClassVar[str] = """@article{wang2025reflective,
  title = {Test-Time Scaling with Reflective Generative Model},
  author = {Wang, Zixiao and Wang, Yuxin and Wang, Xiaorui and Xing, Mengting and Gao, Jie and
            Xu, Jianjun and Liu, Guangcan and Jin, Chenhui and Wang, Zhuo and Zhang, Shengzhuo and
            Xie, Hongtao},
  journal = {arXiv preprint arXiv:2507.01951},
  year = {2025}
}"""

    def needed(self, depth: int) -> Sequence[int]:
        """All steps."""
        return range(depth)

    def __call__(self, scores: Sequence[float]) -> float:
        """The geometric mean of ``scores``."""
        return exp(sum([log(max(score, 1e-10)) for score in scores]) / len(scores))


@final
@dataclass(frozen=True, kw_only=True)
class HighestStep:
    """The score of the best step, one of the ways to aggregate surveyed in arXiv 2510.01925.

    It forgives every mistake beside one good step.
    """

    __cite__: ClassVar[str] = """@article{liu2025enhancing,
  title = {Enhancing Large Language Model Reasoning with Reward Models: An Analytical Survey},
  author = {Liu, Qiyuan and Xu, Hao and Chen, Xuhong and Chen, Wei and Teh, Yee Whye and
            Miao, Ning},
  journal = {arXiv preprint arXiv:2510.01925},
  year = {2025}
}"""

    def needed(self, depth: int) -> Sequence[int]:
        """All steps."""
        return range(depth)

    def __call__(self, scores: Sequence[float]) -> float:
        """The largest of ``scores``."""
        return max(scores)
