r"""A decoder that is trained to score steps: a number, or a verdict, at a token behind each step.

    [first token] question \n s_1 <step> s_2 <step> ...                    read at each <step>
    numbers     w h + b                                     token classifier, one label (or two)
    verdicts    logit of the good token - logit of the bad one    language model, at the same place

Numbers: H. Lightman et al. (2023), "Let's Verify Step by Step", arXiv 2305.20050, in the form of a
scalar head. Verdicts: P. Wang et al. (2024), "Math-Shepherd: Verify and Reinforce LLMs
Step-by-step without Human Annotations", arXiv 2312.08935, whose model writes "+" or "-" there. The
sigmoid of the difference of two logits is the share of the first in a softmax over the two, so that
both kinds take the same losses and soft labels are kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, final

from specreward.checks import flag, number, whole
from specreward.errors import InputError
from specreward.verify.citations import LETS_VERIFY

if TYPE_CHECKING:
    from specreward.train.examples import Network

__all__ = ["Causal"]


@final
@dataclass(frozen=True, kw_only=True)
class Causal:
    """A decoder with outputs at step tokens.

    Args:
        model: A folder, or a name on the hub with ``@revision`` where it matters.
        step_token: The token behind each step.
        add_tokens: Give the tokeniser the step token where it lacks it; without it that is an
            error.
        verdict: Texts of the good and the bad token, such as ``("+", "-")``; none for a layer of
            its own.
        outputs: Numbers at each place, 1 or 2; two are for ``birm``, and go with no verdict.
        longest: Most tokens of a row; 0 for what the model reads.
        cut: Leave steps out where a row is longer, in place of refusing it.
        dropout: Share of activations that training drops, from 0 to 0.9.
        seed: Of weights that are drawn.

    Raises:
        InputError: A setting is out of range.
    """

    model: str = field(kw_only=False)
    step_token: str = "<|step|>"
    add_tokens: bool = False
    verdict: tuple[str, ...] = ()
    outputs: int = 1
    longest: int = 0
    cut: bool = False
    dropout: float = 0.0
    seed: int = 0

    __cite__: ClassVar[str] = LETS_VERIFY

    def __post_init__(self) -> None:
        for name in ("add_tokens", "cut"):
            flag(name, vars(self)[name])
        whole("outputs", self.outputs, 1, 2)
        whole("longest", self.longest, 0)
        number("dropout", self.dropout, 0.0, 0.9)
        whole("seed", self.seed, 0)
        if not isinstance(self.model, str) or not self.model.strip():
            raise InputError(
                "model: expected a folder or a name on the hub such as 'owner/name@revision', got "
                f"{self.model!r}"
            )
        if not isinstance(self.step_token, str) or not self.step_token:
            raise InputError(
                f"step_token: expected the text of a token such as '<|step|>', got "
                f"{self.step_token!r}"
            )
        if self.verdict and (len(set(self.verdict)) != 2 or len(self.verdict) != 2):
            raise InputError(
                "verdict: expected none, or the texts of two tokens such as ('+', '-'), got "
                f"{self.verdict!r}"
            )
        if self.verdict and self.outputs != 1:
            raise InputError(
                f"outputs: expected 1 together with a verdict, whose tokens make one number, got "
                f"{self.outputs}"
            )

    def build(self) -> Network:
        """The network, ready to be trained.

        Raises:
            MissingExtra: torch or transformers is not installed.
            InputError: The checkpoint cannot be read, the model reads less than ``longest``, or
                its tokeniser lacks a token.
        """
        from specreward.train.modules.causal import build  # needs torch

        return build(self)
