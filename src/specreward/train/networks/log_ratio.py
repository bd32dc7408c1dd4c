"""Implicit process rewards: a language model that is trained against a frozen copy of itself.

    q_t = beta * (log pi(steps 1..t | question) - log pi_ref(steps 1..t | question))

    orm()             cross-entropy of sigmoid(q_T) and the outcome       (CE in the paper)
    pairwise_orm()    -log sigmoid(q_T of the better - q_T of the worse)  (DPO)

L. Yuan et al. (2024), "Free Process Rewards without Process Labels", arXiv 2412.01981. The reward
of step t is q_t - q_{t-1}, learned from outcomes alone. ``reward/judges/implicit_prm.py`` reads
what was trained; the beta is the same, so that the numbers stay probabilities.

Differs from the paper: the end of text is not scored, as a path may go on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, final

from specreward.checks import positive
from specreward.embedded import EmbeddedDraft, EmbeddedPolicy
from specreward.engines import LanguageModel
from specreward.errors import InputError
from specreward.generate.hf.engine import Transformers
from specreward.reward.judges.implicit_prm import ImplicitPRM
from specreward.types import Task

if TYPE_CHECKING:
    from specreward.train.examples import Network

__all__ = ["LogRatio"]


@final
@dataclass(frozen=True, kw_only=True)
class LogRatio:
    """The log-ratio of a language model that is trained to what it was at the start.

    Args:
        start: ``embedded_policy(...)``, ``embedded_draft(...)`` or ``transformers(...)``: where the
            training begins, and the reference, which stays as it is.
        task: Each step is read after the task's own prompt, as the policy wrote it; for models that
            were trained on these prompts. Without one, all steps are read after the question.
        beta: Weight of the log-ratio, above 0.
        delimiter: What stands between two steps, where there is no task.

    Raises:
        InputError: A setting is out of range, or ``start`` cannot be trained.
    """

    start: LanguageModel = field(kw_only=False)
    task: Task | None = None
    beta: float = 0.05
    delimiter: str = "\n\n"

    __cite__: ClassVar[str] = ImplicitPRM.__cite__

    def __post_init__(self) -> None:
        positive("log_ratio beta", self.beta)
        if not isinstance(self.start, EmbeddedPolicy | EmbeddedDraft | Transformers):
            raise InputError(
                "log_ratio start: expected embedded_policy(...), embedded_draft(...) or "
                f"transformers(...), whose weights are at hand, got {self.start!r}"
            )
        if isinstance(self.start, Transformers) and self.start.quantisation:
            raise InputError(
                "log_ratio start: expected weights as they are, got quantised ones: they cannot be "
                "trained"
            )

    def build(self) -> Network:
        """The network, at its start: all its outputs are 0.

        Raises:
            MissingExtra: torch, or what reads the weights, is not installed.
            InputError: The weights cannot be loaded.
        """
        from specreward.train.modules.log_ratio import log_ratio  # needs torch

        return log_ratio(self)
