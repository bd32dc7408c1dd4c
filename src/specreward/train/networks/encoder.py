r"""An encoder that is trained to score steps: the speculative reward model of the paper.

    pair     [CLS] [QUES]question \n s_1 ... s_{t-1} [SEP] s_t<|endoftext|> [SEP]    read at [CLS]
    whole    [CLS] question [SEP] s_1 <step> ... s_T <step> [SEP]          read at each <step>

J. Gu and S. Liang (2025), "Speculative Reward Model Boosts Decision Making Ability of LLMs
Cost-Effectively", arXiv 2506.00396: DeBERTa-v3-large on pairs, one number at the first place, 512
tokens. A model trained in this form is one that ``encoder_srm`` reads as well. The other form is
ours: one row for a solution in place of one for each step, as many times cheaper as it has steps;
but each step is judged in sight of those after it.

Where a file of labelled solutions is given in place of a checkpoint, the encoder is a small DeBERTa
with random weights, and its words are trained on the texts in the file
(``train/modules/words.py``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, final

from specreward.checks import flag, number
from specreward.checks import whole as integer
from specreward.errors import InputError
from specreward.verify.citations import SPECULATIVE_REWARD_MODEL

if TYPE_CHECKING:
    from specreward.train.examples import Network

__all__ = ["Encoder"]


@final
@dataclass(frozen=True, kw_only=True)
class Encoder:
    """An encoder with one number for each token, read at the first place or at step tokens.

    Args:
        model: A folder, or a name on the hub with ``@revision`` where it matters; or a file of
            labelled solutions, on whose texts the words of a new one are trained.
        whole: Read a solution in one row, at its step tokens; else one row for each step.
        step_token: The token behind each step of a whole solution.
        add_tokens: Give a tokeniser the tokens that it lacks; without it they are an error. One
            that is trained here has them.
        longest: Most tokens of a row, at least 8, and at most what the model reads.
        cut: Leave steps out where a row is longer, in place of refusing it.
        dropout: Share of activations that training drops, from 0 to 0.9.
        seed: Of weights that are drawn.
        vocabulary: Of a new one: most tokens of a tokeniser that is trained.
        width: Of a new one: of a hidden state; a multiple of ``heads``.
        layers: Of a new one: how many.
        heads: Of a new one: how many in each layer.

    Raises:
        InputError: A setting is out of range.
    """

    model: str = field(kw_only=False)
    whole: bool = False
    step_token: str = "[STEP]"
    add_tokens: bool = False
    longest: int = 512
    cut: bool = False
    dropout: float = 0.0
    seed: int = 0
    vocabulary: int = 8192
    width: int = 128
    layers: int = 4
    heads: int = 4

    __cite__: ClassVar[str] = SPECULATIVE_REWARD_MODEL

    def __post_init__(self) -> None:
        for name in ("whole", "add_tokens", "cut"):
            flag(name, vars(self)[name])
        integer("longest", self.longest, 8)
        number("dropout", self.dropout, 0.0, 0.9)
        integer("seed", self.seed, 0)
        if not isinstance(self.step_token, str) or not self.step_token.strip():
            raise InputError(
                f"step_token: expected the text of a token such as '[STEP]', got "
                f"{self.step_token!r}"
            )
        if not isinstance(self.model, str) or not self.model.strip():
            raise InputError(
                "model: expected a folder, a name on the hub such as 'owner/name@revision', or a "
                f"file of labelled solutions, got {self.model!r}"
            )
        for name in ("vocabulary", "width", "layers", "heads"):
            integer(name, vars(self)[name], 1)
        if self.width % self.heads:
            raise InputError(
                f"width: expected a multiple of heads, got {self.width} and {self.heads}"
            )

    @property
    def shape(self) -> tuple[str, ...]:
        """The fields that give a new encoder another shape than the usual."""
        own = type(self).__dataclass_fields__
        names = ("vocabulary", "width", "layers", "heads")
        return tuple([name for name in names if vars(self)[name] != own[name].default])

    def build(self) -> Network:
        """The network, ready to be trained.

        Raises:
            MissingExtra: torch or transformers is not installed.
            InputError: The checkpoint or the file cannot be read, the model reads less than
                ``longest``, its tokeniser lacks a token, or a shape is given that the checkpoint
                settles.
        """
        from specreward.train.modules.encoder import build  # needs torch

        return build(self)
