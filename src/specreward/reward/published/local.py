"""What the reward models that run here have in common: template in, readings out, head on top.

    solution -> pieces (the family's template) -> ids and places      template.py
             -> hidden states at these places                         generate/hf/readers.py
             -> logits (the family's head) -> numbers in [0, 1]

A decoder reads a solution up to its last place and no further: what comes after cannot change a
number. Texts that begin alike (siblings, a growing path) are read once. A solution that is longer
than the model reads is refused, never cut. Numbers depend on the solution alone, up to the rounding
of the batch that it was read in (1e-5 in float32).
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar

from specreward.checks import whole
from specreward.errors import RewardError
from specreward.generate.hf.weights import AutoClass, Weights, check_settings, load
from specreward.reward.aggregate import Aggregate
from specreward.reward.published.template import Encoded
from specreward.reward.solutions import Graded, Solution
from specreward.spec import name_of

if TYPE_CHECKING:
    from torch import Tensor

    from specreward.generate.hf.readers import Reader

__all__ = ["LocalReward", "Opened", "check_fits"]

_LOADING = ("device", "dtype", "quantisation", "trust_remote_code", "cache_tokens", "batch_tokens")
"""Fields that are part of the weights' own name, or change no number."""

_opening = Lock()


@dataclass(frozen=True, kw_only=True, eq=False)
class Opened:
    """A model that is ready to be asked.

    Args:
        weights: The model and its tokenizer.
        reader: Gives hidden states.
        head: From hidden states ``[n, width]`` to logits ``[n, labels]``.
    """

    weights: Weights
    reader: Reader
    head: Callable[[Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class LocalReward(ABC):
    """A family of reward models on transformers.

    Args:
        model: A folder, or a name on the hub with ``@revision`` where it matters.
        device: As torch names it; ``auto`` is the first accelerator, or else the processor.
        dtype: As torch names it; ``auto`` is the checkpoint's own.
        quantisation: Settings of a quantisation of transformers; none loads the weights as they
            are.
        trust_remote_code: Whether Python files that come with the checkpoint may run; no family
            here needs them.
        cache_tokens: Tokens of read prefixes that are remembered.
        batch_tokens: Most tokens in one pass.

    Raises:
        InputError: A setting is out of range.
    """

    model: str = field(kw_only=False)
    device: str = "auto"
    dtype: str = "auto"
    quantisation: tuple[tuple[str, Any], ...] = ()
    trust_remote_code: bool = False
    cache_tokens: int = 32768
    batch_tokens: int = 16384

    KIND: ClassVar[AutoClass] = "AutoModel"

    def __post_init__(self) -> None:
        check_settings(self.model, self.quantisation)
        whole("cache_tokens", self.cache_tokens, 0)
        whole("batch_tokens", self.batch_tokens, 1)

    # ------------------------------------------------------------------ of a solution model

    @property
    def name(self) -> str:
        """Weights, revision, number format, family, and settings that change a number.

        How step scores are combined is not among them: it changes no number of the model.
        """
        plain: dict[str, Any]
        plain = {one.name: one.default for one in fields(self) if one.name in _LOADING}
        own = type(self).__dataclass_fields__
        if "combine" in own:
            plain["combine"] = own["combine"].default
        return name_of(replace(self, model=self._opened().weights.name, **plain))

    @property
    def parameters(self) -> int:
        """Parameters that take part in every token's products, for FLOPs."""
        return self._opened().weights.parameters

    @property
    @abstractmethod
    def per_step(self) -> bool:
        """Whether it gives a number for each step."""

    @property
    @abstractmethod
    def combine(self) -> Aggregate:
        """How the numbers of the steps become that of a solution."""

    @property
    def most_tokens(self) -> int:
        """It only reads."""
        return 0

    async def grade(self, solutions: Sequence[Solution]) -> list[Graded]:
        """The numbers for each solution, ``[P]``, in order.

        Raises:
            MissingExtra: torch or transformers is not installed.
            InputError: The model cannot be loaded, or it or its tokenizer is of another family.
            RewardError: A step is empty, a solution is longer than the model reads, or the
                template cannot hold it.
        """
        if not solutions:
            return []
        opened = await asyncio.to_thread(self._opened)
        return await opened.weights.run(self._grade, opened, list(solutions))

    # ------------------------------------------------------------------------- of a family

    @abstractmethod
    def _encode(self, weights: Weights, solution: Solution) -> Encoded:
        """The solution in the family's template; one place for each number."""

    @classmethod
    @abstractmethod
    def _head(cls, weights: Weights) -> Callable[[Tensor], Tensor]:
        """The family's head: hidden states ``[n, width]`` to logits ``[n, labels]``."""

    @abstractmethod
    def _value(self, logits: Tensor) -> Tensor:
        """Numbers in [0, 1], ``[n]``, of logits ``[n, labels]``."""

    @classmethod
    def _kind(cls) -> AutoClass:
        """The class of transformers that loads the weights."""
        return cls.KIND

    @classmethod
    def _reader(cls, weights: Weights, cache_tokens: int, batch_tokens: int) -> Reader:
        from specreward.generate.hf.readers import DecoderReader  # needs torch

        return DecoderReader(weights.body, cache_tokens=cache_tokens, batch_tokens=batch_tokens)

    # ------------------------------------------------------------------------------ inside

    def _opened(self) -> Opened:
        with _opening:
            return _open(
                type(self),
                self.model,
                self.device,
                self.dtype,
                self.quantisation,
                self.trust_remote_code,
                self.cache_tokens,
                self.batch_tokens,
            )

    def _grade(self, opened: Opened, solutions: Sequence[Solution]) -> list[Graded]:
        begun = time.perf_counter()
        encoded = [self._encode(opened.weights, solution) for solution in solutions]
        rows = [self._row(opened.weights, one) for one in encoded]
        readings = opened.reader.read(rows, [one.at for one in encoded])
        values = [tuple(self._value(opened.head(reading.hidden)).tolist()) for reading in readings]
        seconds = (time.perf_counter() - begun) / len(solutions)
        return [
            Graded(value, reading.tokens, reading.cached, seconds=seconds)
            for value, reading in zip(values, readings, strict=True)
        ]

    def _row(self, weights: Weights, encoded: Encoded) -> tuple[int, ...]:
        """What is read: nothing behind the last place, where nothing can see it."""
        row = encoded.ids[: encoded.at[-1] + 1]
        check_fits(weights, len(row))
        return row


@cache
def _open(
    family: type[LocalReward],
    model: str,
    device: str,
    dtype: str,
    quantisation: tuple[tuple[str, Any], ...],
    trust_remote_code: bool,
    cache_tokens: int,
    batch_tokens: int,
) -> Opened:
    weights = load(
        model,
        family._kind(),
        device=device,
        dtype=dtype,
        quantisation=quantisation,
        trust_remote_code=trust_remote_code,
    )
    return Opened(
        weights=weights,
        reader=family._reader(weights, cache_tokens, batch_tokens),
        head=family._head(weights),
    )


def check_fits(weights: Weights, tokens: int) -> None:
    """Refuse what is longer than the model reads.

    Raises:
        RewardError: It has more than ``weights.context`` tokens.
    """
    if weights.context is not None and tokens > weights.context:
        raise RewardError(
            f"{weights.name}: expected at most {weights.context} tokens of template, question and "
            f"steps, got {tokens}: nothing is cut off silently; shorten the steps, or take a "
            "reward model that reads more"
        )
