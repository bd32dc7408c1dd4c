"""What engines take and give, and the protocols that they satisfy.

    LanguageModel.complete(prompts, seeds, sampling) -> [P] Completion       samples
    LanguageModel.logprobs([(prompt, continuation)]) -> [P] Scored           scores what is given
    TokenModel.token_logprobs(prompts, ids, temperature) -> [P] Scored       the same, in token ids
    ValueModel.values(texts)                         -> [P] Scored           one number for a text

An engine knows tokens and weights, and nothing of tasks, paths or searches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, Self, runtime_checkable

from specreward.errors import InputError

__all__ = [
    "ChatPrompt",
    "Completion",
    "Concurrent",
    "LanguageModel",
    "Message",
    "Rereading",
    "Sampling",
    "Scored",
    "TokenModel",
    "Usage",
    "ValueModel",
    "token_model",
]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation.

    Args:
        role: Who speaks.
        text: What is said.
    """

    role: Literal["system", "user", "assistant"]
    text: str


class ChatPrompt(str):
    """A prompt that knows its messages.

    As a ``str`` it is their texts with an empty line between them: an engine without chat reads it
    like any other prompt. A last message of the assistant is unfinished: the completion goes on
    where it ends, without anything in between. A chat route of a
    server reads a plain ``str`` as one message of the user.

    Args:
        messages: In order, at least one.
    """

    __slots__ = ("messages",)

    messages: tuple[Message, ...]

    def __new__(cls, messages: Sequence[Message]) -> Self:
        """The prompt of these messages."""
        prompt = super().__new__(cls, "\n\n".join([message.text for message in messages]))
        prompt.messages = tuple(messages)
        return prompt


@dataclass(frozen=True, slots=True)
class Usage:
    """What model calls cost; adds up with ``+``.

    Args:
        calls: Completions drawn or texts scored, failed ones included.
        prompt_tokens: Tokens read, every sample's prompt counted in full; by an engine elsewhere,
            those that it says it was paid for.
        cached_tokens: Those of ``prompt_tokens`` that the engine did not compute again.
        completion_tokens: Tokens written.
        seconds: Engine time; calls served in one batch share the time of the batch.
        flops: Floating-point operations.
        dollars: By the price table.
        failed: Those of ``calls`` that failed.
    """

    calls: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    flops: float = 0.0
    dollars: float = 0.0
    failed: int = 0

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens, no discount for cached ones."""
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.calls + other.calls,
            self.prompt_tokens + other.prompt_tokens,
            self.cached_tokens + other.cached_tokens,
            self.completion_tokens + other.completion_tokens,
            self.seconds + other.seconds,
            self.flops + other.flops,
            self.dollars + other.dollars,
            self.failed + other.failed,
        )


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to sample.

    Args:
        temperature: 0 is greedy.
        max_tokens: Cap on the tokens of one completion, at least 1.
        stop: Texts that end a completion.
        keep_stop: Whether the stop text that ended a completion is part of its text.
    """

    temperature: float = 0.8
    max_tokens: int = 64
    stop: tuple[str, ...] = ()
    keep_stop: bool = False


@dataclass(frozen=True, slots=True)
class Completion:
    """One sampled continuation.

    Args:
        text: Without the stop text, unless ``Sampling.keep_stop`` asks for it.
        tokens: Tokens generated, the stop token included.
        logprob: Sum over these tokens in nats, under the law they were sampled from, or None.
        prompt_tokens: Length of the prompt.
        cached_tokens: Of these, not computed for this completion.
        finish: ``stop`` (a stop text or end of text) or ``length``.
        seconds: This completion's share of the engine's time.
        wasted: What attempts that failed before this one cost; ``calls`` and ``failed`` count them.
        ids: The tokens generated, the stop token included; empty where the engine does not say.
    """

    text: str
    tokens: int
    logprob: float | None
    prompt_tokens: int
    cached_tokens: int = 0
    finish: Literal["stop", "length"] = "stop"
    seconds: float = 0.0
    wasted: Usage = Usage()
    ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Scored:
    """One number for one given text: a log-probability in nats or a reward in [0, 1].

    Args:
        value: The number.
        prompt_tokens: Tokens of the text.
        cached_tokens: Of these, not computed for this score.
        seconds: This text's share of the engine's time.
        wasted: What attempts that failed before this one cost; ``calls`` and ``failed`` count them.
    """

    value: float
    prompt_tokens: int
    cached_tokens: int = 0
    seconds: float = 0.0
    wasted: Usage = Usage()


class LanguageModel(Protocol):
    """An engine with a causal language model. Two verbs: one samples, one scores what is given."""

    @property
    def name(self) -> str:
        """Identifies weights and revision; part of the key under which calls are stored."""
        ...

    @property
    def parameters(self) -> int:
        """Number of parameters, for FLOPs; 0 if unknown."""
        ...

    async def complete(
        self, prompts: Sequence[str], seeds: Sequence[int], sampling: Sampling
    ) -> list[Completion]:
        """One completion for each prompt, ``[P]``, in order; the same prompt may come repeatedly.

        Each depends on its own prompt, seed and ``sampling`` alone, whatever else is in the call.
        """
        ...

    async def logprobs(self, texts: Sequence[tuple[str, str]]) -> list[Scored]:
        """Log-probability (temperature 1) of each (prompt, continuation), ``[P]``, in order."""
        ...


@runtime_checkable
class TokenModel(Protocol):
    """A language model that says which tokens it wrote, and scores tokens that another one wrote.

    What the ratio of two models' probabilities is made of: a text that is cut into tokens again may
    be cut elsewhere, and a probability at temperature 1 is not that of the law sampled from.
    """

    def tokenizer(self) -> str:
        """Identifies the table of token ids: equal where equal ids stand for equal tokens."""
        ...

    async def token_logprobs(
        self, prompts: Sequence[str], ids: Sequence[tuple[int, ...]], temperature: float
    ) -> list[Scored]:
        """Log-probability of the tokens after each prompt, ``[P]``, in order.

        Args:
            prompts: As for ``complete``, ``[P]``.
            ids: The tokens of each completion, at least one, the stop token included, ``[P]``.
            temperature: Of the law that is asked for, above 0: that of ``complete``.
        """
        ...


def token_model(lm: object) -> TokenModel:
    """The same engine, where it is a ``TokenModel``.

    Raises:
        InputError: It is none.
    """
    if isinstance(lm, TokenModel):
        return lm
    raise InputError(
        f"expected an engine that gives token ids and scores them, got {lm!r}: ratios of two "
        "models' probabilities need one, such as embedded_policy(...) or transformers(...)"
    )


@runtime_checkable
class ValueModel(Protocol):
    """An engine with a scalar head: reads a text, gives one number in [0, 1]."""

    @property
    def name(self) -> str:
        """Identifies weights and revision."""
        ...

    @property
    def parameters(self) -> int:
        """Number of parameters, for FLOPs; 0 if unknown."""
        ...

    async def values(self, texts: Sequence[str]) -> list[Scored]:
        """The value of each text, ``[P]``, in order."""
        ...


@runtime_checkable
class Concurrent(Protocol):
    """An engine elsewhere that takes many calls at once: what waits for it need not be merged."""

    @property
    def concurrency(self) -> int:
        """Most requests under way at once, at least 1."""
        ...


@runtime_checkable
class Rereading(Protocol):
    """An engine that may read a given text again for each token that it scores, and count that."""

    @property
    def rereads(self) -> bool:
        """Whether it does."""
        ...
