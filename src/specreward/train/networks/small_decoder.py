"""A small decoder on a CPU: reads what the task shows the reward model in the package.

    text_t = task.reward_text(first t + 1 steps)       z_t = the output at its last word

It starts from a reward model of the embedded engine, the package's own or one trained before, or
from nothing. Texts of one example that begin alike are read once (``train/packing.py``). What is
saved is a folder of the embedded engine, which needs no torch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, final

from specreward.checks import whole
from specreward.embedded import EmbeddedSRM
from specreward.errors import InputError, MissingExtra
from specreward.reward.composed import Scorer
from specreward.reward.trained import Trained
from specreward.types import Task
from specreward.verify.citations import SPECULATIVE_REWARD_MODEL

if TYPE_CHECKING:
    from specreward.train.modules.small_decoder import SmallDecoderModule

__all__ = ["SmallDecoder"]


@final
@dataclass(frozen=True, kw_only=True)
class SmallDecoder:
    """Settings of the network; sizes count where it starts from nothing.

    Args:
        task: Says what is read of a path.
        start: ``embedded_srm('game24')``, ``trained('folder')`` of an embedded kind, or None.
        width: Of the stream; ``heads`` of an even size share it.
        layers: How many.
        heads: Of attention.
        words: All words of the texts, where the task has no list of its own.
        longest: Most words of a text; a longer one is refused.

    Raises:
        InputError: A size is no whole number above 0, the heads cannot share the width, or the
            start is another kind of model.
    """

    task: Task = field(kw_only=False)
    start: Scorer | None = None
    width: int = 64
    layers: int = 4
    heads: int = 4
    words: tuple[str, ...] = ()
    longest: int = 256

    __cite__: ClassVar[str] = SPECULATIVE_REWARD_MODEL

    def __post_init__(self) -> None:
        for name, value in (("width", self.width), ("layers", self.layers), ("heads", self.heads)):
            whole(name, value, 1)
        whole("longest", self.longest, 8)
        if self.width % (2 * self.heads):
            raise InputError(
                f"expected a width that {self.heads} heads of even size share, got {self.width}"
            )
        if not (isinstance(self.words, tuple) and all(isinstance(w, str) for w in self.words)):
            raise InputError(f"words: expected a tuple of words, got {self.words!r}")
        if self.start is not None and not isinstance(self.start, EmbeddedSRM | Trained):
            raise InputError(
                "start: expected embedded_srm('task'), trained('folder') or None, got "
                f"{self.start!r}: only these have weights that this network can start from"
            )

    def build(self) -> SmallDecoderModule:
        """The network, with its first weights.

        Raises:
            InputError: The start cannot be read, or nobody knows the task's words.
            MissingExtra: torch or onnx is not installed.
        """
        try:
            from specreward.train.modules.small_decoder import built
        except ModuleNotFoundError as error:
            raise MissingExtra(
                f"training needs {error.name}: pip install 'specreward[train]'"
            ) from error
        return built(self)
