"""``transformers(...)``: any causal language model from a folder or from the hub.

Prompts are read once for all their samples, and what they share with earlier prompts, or with what
was written after them, is not read again (readers.py). Importing this module needs no torch; the
model is loaded when it is first asked for something.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any, final

from specreward.checks import whole
from specreward.engines import Completion, Sampling, Scored
from specreward.errors import InputError
from specreward.generate.hf.weights import check_settings, load

if TYPE_CHECKING:
    from specreward.generate.hf.decoder import Decoder

__all__ = ["Transformers"]

_opening = Lock()


@final
@dataclass(frozen=True, kw_only=True)
class Transformers:
    """A causal language model of transformers, in this process.

    A ``ChatPrompt`` goes through the tokeniser's chat template, where it has one; its unfinished
    answer is continued as it stands. A plain text is read as it stands.

    Same prompt, seed and law give the same completion, whatever else is in the call, unless a draw
    falls on the edge of two tokens to within the rounding of the number format: some 1e-6 of draws
    in float32; in bfloat16 a text can differ where the batch does.

    Log-probabilities are those of the law sampled from; at temperature 0, the model's own at
    temperature 1. A token that reaches over the end of a stop counts whole; its text is cut.

    Args:
        model: A folder, or a name on the hub, with ``@revision`` where it matters.
        device: As torch names it (``cpu``, ``cuda``, ``cuda:1``, ``mps``); ``auto`` is the first
            accelerator, or else the processor. One device holds the whole model.
        dtype: ``float32``, ``bfloat16``, ``float16``; ``auto`` is the checkpoint's own.
        quantisation: Settings of a quantisation of transformers as pairs, such as
            ``(("load_in_4bit", True),)``, lists as tuples; none loads the weights as they are.
        trust_remote_code: Run the Python files that come with the checkpoint.
        cache_tokens: Tokens whose keys and values are remembered between calls, at least 0.
        batch_tokens: Most tokens computed side by side, at least 1.

    Raises:
        InputError: A setting is out of range; or, at first use, the model cannot be loaded.
        MissingExtra: At first use, torch or transformers is not installed.
    """

    model: str = field(kw_only=False)
    device: str = "auto"
    dtype: str = "auto"
    quantisation: tuple[tuple[str, Any], ...] = ()
    trust_remote_code: bool = False
    cache_tokens: int = 32_768
    batch_tokens: int = 16_384

    def __post_init__(self) -> None:
        check_settings(self.model, self.quantisation)
        whole("cache_tokens", self.cache_tokens, 0)
        whole("batch_tokens", self.batch_tokens, 1)

    @property
    def name(self) -> str:
        """Name, revision and number format of the weights."""
        return _opened(self).weights.name

    @property
    def parameters(self) -> int:
        """Parameters that take part in every token's products, for FLOPs."""
        return _opened(self).weights.parameters

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text as a prompt, ``[P]``: exact, so that a budget is used to its end."""
        decoder = _opened(self)
        return [len(decoder.texts.ids(text)) for text in texts]

    async def complete(
        self, prompts: Sequence[str], seeds: Sequence[int], sampling: Sampling
    ) -> list[Completion]:
        """One completion for each prompt, ``[P]``, in order.

        Raises:
            InputError: A prompt without tokens, one that leaves no room for ``max_tokens``, a
                conversation that the chat template refuses, or a setting out of range.
            EngineError: The device has no memory left, or the outputs are not finite.
        """
        if len(prompts) != len(seeds):
            raise InputError(
                f"expected a seed for each of {len(prompts)} prompts, got {len(seeds)}"
            )
        decoder = await asyncio.to_thread(_opened, self)

        def work() -> list[Completion]:
            return decoder.complete(prompts, seeds, sampling)

        return await decoder.weights.run(work)

    async def logprobs(self, texts: Sequence[tuple[str, str]]) -> list[Scored]:
        """Log-probability (temperature 1) of each (prompt, continuation), ``[P]``, in order.

        Prompt and continuation are read as one text; where a token would reach over the joint, the
        prompt keeps its own tokens, as it does in sampling.

        Raises:
            InputError: A text without tokens, or one too long.
            EngineError: The device has no memory left, or the outputs are not finite.
        """
        decoder = await asyncio.to_thread(_opened, self)
        return await decoder.weights.run(decoder.logprobs, texts)

    def tokenizer(self) -> str:
        """Identifies the table of tokens, special ones included; see ``TokenModel``.

        Models of one family have the same, also where their weights are padded differently.
        """
        return _opened(self).texts.fingerprint

    async def token_logprobs(
        self, prompts: Sequence[str], ids: Sequence[tuple[int, ...]], temperature: float
    ) -> list[Scored]:
        """Log-probability of the tokens after each prompt, ``[P]``; see ``TokenModel``.

        Raises:
            InputError: No ids, one that the model does not know, a text without tokens or one too
                long, or a temperature that is not above 0.
            EngineError: The device has no memory left, or the outputs are not finite.
        """
        decoder = await asyncio.to_thread(_opened, self)
        return await decoder.weights.run(decoder.token_logprobs, prompts, ids, temperature)


def _opened(config: Transformers) -> Decoder:
    """The model behind a configuration, loaded once for all that have the same."""
    with _opening:
        return _open(config)


@cache
def _open(config: Transformers) -> Decoder:
    weights = load(
        config.model,
        "AutoModelForCausalLM",
        device=config.device,
        dtype=config.dtype,
        quantisation=config.quantisation,
        trust_remote_code=config.trust_remote_code,
    )
    from specreward.generate.hf.decoder import Decoder  # needs torch

    return Decoder(weights, cache_tokens=config.cache_tokens, batch_tokens=config.batch_tokens)
