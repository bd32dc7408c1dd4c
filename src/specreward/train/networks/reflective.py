"""A reward head on a language model: MetaStone-S1's SPRM.

    h_t     output of the second-to-last layer, at the token before the t-th step token
    x_t     Linear(2c, 1) of dropout of ReLU of Linear(c, 2c) of h_t         c the hidden size
    r_t     sigmoid(x_t);   score = (r_1 ... r_T)^(1/T)

Z. Wang et al. (2025), "Test-Time Scaling with Reflective Generative Model" (MetaStone-S1), arXiv
2507.01951. Place, layer and head are those of the released code. The head has 2c^2 + 4c + 1
weights: 52.4 million at c = 5120. The gradient into the language model is scaled down to almost
nothing (``backbone_grad_scale``), so that it stays the policy that it was; a small model, which
knows nothing of right and wrong, must be trained along with the head, at 1.

Differs from the paper: the language model is not trained as a policy at the same time, and one
learning rate serves all weights. The released code takes any token with a line break or a Chinese
full stop as step token in Chinese text; here there is one step token.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, final

from specreward.checks import number, whole
from specreward.errors import InputError
from specreward.train.objectives.spr import SPR

if TYPE_CHECKING:
    from specreward.train.examples import Network

__all__ = ["Reflective"]


@final
@dataclass(frozen=True, kw_only=True)
class Reflective:
    """A causal language model of transformers with a head at its step tokens.

    Args:
        model: A folder, or a name on the hub with ``@revision`` where it matters.
        step_token: The text of the token that ends a step.
        backbone_grad_scale: What the gradient into the language model is multiplied with, in
            [0, 1]; 0 leaves it as it is.
        dropout: Share of the head's inner numbers that training drops, in [0, 1).
        seed: Of the head's first weights.

    Raises:
        InputError: A setting is out of range.
    """

    model: str = field(kw_only=False)
    step_token: str = ".\n\n"
    backbone_grad_scale: float = 1e-4
    dropout: float = 0.5
    seed: int = 0

    __cite__: ClassVar[str] = SPR.__cite__

    def __post_init__(self) -> None:
        if not self.step_token:
            raise InputError("reflective step_token: expected the text of a token, got none")
        number("reflective backbone_grad_scale", self.backbone_grad_scale, 0, 1)
        number("reflective dropout", self.dropout, 0, 0.999)
        whole("reflective seed", self.seed, 0)

    def build(self) -> Network:
        """The network, its language model loaded and its head new.

        Raises:
            MissingExtra: torch or transformers is not installed.
            InputError: The model cannot be loaded, or its tokeniser lacks the step token.
        """
        from specreward.train.modules.reflective import reflective  # needs torch

        return reflective(self)
