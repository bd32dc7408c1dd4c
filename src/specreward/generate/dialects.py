"""Where servers that speak OpenAI's protocol differ; an object to pass to ``openai(...)``.

    openai_api()   n; raw log-probabilities; 4 stops; an assistant's turn cannot be continued
    vllm()         n; raw or processed; scoring; says which stop text ended a completion
    sglang()       n; processed; scoring; says which stop text ended a completion
    llama_cpp()    processed; scoring token by token; its seeds are exact; says what ended a
                   completion
    ollama()       no log-probabilities under a known law; its seeds are exact

A dialect says what a request must hold beside the fields that all servers share, and what it means
where it is left out. All but the temperature is switched off where a server lets a request do so
(nucleus, top-k, penalties), also where the model's own file asks for it: the law sampled from is
the model's at the temperature, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, final, runtime_checkable

from specreward.engines import Message, Sampling
from specreward.errors import InputError
from specreward.generate.retry import Failure
from specreward.generate.token_law import NotGiven, Processed, Raw, TokenLaw

__all__ = ["VLLM", "Dialect", "LlamaCpp", "Ollama", "OpenAIAPI", "SGLang", "TokenDialect"]

Fields = dict[str, Any]
"""Part of a request's JSON."""


class Dialect(Protocol):
    """What a server takes and gives.

    It has more than one method because a server differs in more than one place, and these must fit
    together.
    """

    @property
    def logprobs(self) -> TokenLaw:
        """The law of its log-probabilities."""
        ...

    @property
    def most_stops(self) -> int | None:
        """Most stop texts of one request; None is no limit."""
        ...

    @property
    def many(self) -> bool:
        """Whether one request may ask for ``n`` samples and its usage counts them all."""
        ...

    @property
    def length(self) -> str:
        """The field for the most tokens of a completion in chat."""
        ...

    @property
    def names_stop(self) -> bool:
        """Whether a completion says which stop text ended it."""
        ...

    def fields(self, sampling: Sampling, *, logprobs: bool) -> Fields:
        """What a sampling request holds beside the common fields.

        Args:
            sampling: How to sample.
            logprobs: Whether log-probabilities are asked for.
        """
        ...

    def continued(self, messages: Sequence[Message]) -> tuple[Sequence[Message], Fields]:
        """Messages whose last is an unfinished one of the assistant, as this server takes them."""
        ...

    def stop_text(self, choice: Mapping[str, Any]) -> str | None:
        """The stop text that ended a completion, if it was one; asked where ``names_stop``.

        Raises:
            Failure: The choice does not say.
        """
        ...

    @property
    def forces(self) -> bool:
        """Whether a given text is rated token by token, each forced (scoring.py)."""
        ...

    def rates(self, *, messages: bool) -> Fields:
        """What a request holds to get the log-probabilities of its own text.

        Where ``forces``, that of the one token which it writes.

        Args:
            messages: Of its messages instead.

        Raises:
            InputError: The server gives none.
        """
        ...


@runtime_checkable
class TokenDialect(Protocol):
    """A dialect of a server that lists the ids of the tokens it writes, and rates given ones."""

    @property
    def tokenizer(self) -> str:
        """Names the table of token ids; empty where ids are not to be asked for."""
        ...

    def listing(self) -> Fields:
        """What a sampling request holds to have token ids listed."""
        ...

    def rating(self) -> Fields:
        """What a request holds to have the tokens of its prompt rated."""
        ...


_ECHO: Fields = {"echo": True, "logprobs": 1}

_TEXT_ONLY = (
    "expected prompts in text, to score what follows them: {} gives no log-probabilities of "
    "messages: use openai(..., route=completions())"
)

_NO_SCORES = (
    "expected a server that gives log-probabilities of a given text; {} gives none: use vllm(), "
    "sglang() or llama_cpp() to serve the model, or transformers(...)"
)


@final
@dataclass(frozen=True, kw_only=True)
class OpenAIAPI:
    """OpenAI's own service, and whatever keeps to its documentation.

    Log-probabilities leave out the token that ended the completion. Seeds are sent, and kept by the
    service as far as it can. An unfinished turn of the assistant cannot be continued: a last
    message of the user asks for it, and models mostly comply.

    Args:
        logprobs: ``not_given()`` for models that refuse the field, as reasoning models do.
        length: The field that caps the tokens of a completion in chat: ``max_tokens`` for servers
            that keep to older documentation, which know no other.

    Raises:
        InputError: ``length`` is neither of the two.
    """

    logprobs: TokenLaw = Raw()
    length: str = "max_completion_tokens"

    most_stops: ClassVar[int | None] = 4
    many: ClassVar[bool] = True
    names_stop: ClassVar[bool] = False
    forces: ClassVar[bool] = False

    def __post_init__(self) -> None:
        known = ("max_completion_tokens", "max_tokens")
        if self.length not in known:
            raise InputError(f"openai_api length: expected one of {known}, got {self.length!r}")

    def fields(self, sampling: Sampling, *, logprobs: bool) -> Fields:
        """Nothing: nucleus sampling and penalties are off by default."""
        return {}

    def continued(self, messages: Sequence[Message]) -> tuple[Sequence[Message], Fields]:
        """The messages, and a last one of the user that asks to go on."""
        ask = (
            "Your last message was cut off. Write what comes next in it, from the exact place "
            "where it ends. Repeat nothing of it and add no remark."
        )
        return (*messages, Message("user", ask)), {}

    def stop_text(self, choice: Mapping[str, Any]) -> str | None:
        """Not said."""
        return None

    def rates(self, *, messages: bool) -> Fields:
        """Refused."""
        raise InputError(_NO_SCORES.format("OpenAI's service"))


_NEUTRAL: Fields = {"top_p": 1.0, "top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0}
"""Servers of safetensors models else take what the model's ``generation_config.json`` says."""


@final
@dataclass(frozen=True, kw_only=True)
class VLLM:
    """vLLM's server.

    Log-probabilities have one for each token, that which ended the completion included. Seeds are
    kept, as far as the server's own arithmetic keeps them. ``cached_tokens`` needs
    ``--enable-prompt-tokens-details``.

    Args:
        logprobs: ``processed()`` for a server started with ``--logprobs-mode processed_logprobs``.
        tokenizer: A name for the table of token ids, the same for all servers whose models share
            it (you say so: nobody checks). With it, and on ``completions()``, token ids are asked
            for, which takes vLLM 0.10.2 or newer.
    """

    logprobs: TokenLaw = Raw()
    tokenizer: str = ""

    most_stops: ClassVar[int | None] = None
    many: ClassVar[bool] = True
    length: ClassVar[str] = "max_tokens"
    names_stop: ClassVar[bool] = True
    forces: ClassVar[bool] = False

    def fields(self, sampling: Sampling, *, logprobs: bool) -> Fields:
        """Truncation and penalties off."""
        return dict(_NEUTRAL)

    def continued(self, messages: Sequence[Message]) -> tuple[Sequence[Message], Fields]:
        """The messages; the template leaves the last one open."""
        return messages, {"add_generation_prompt": False, "continue_final_message": True}

    def stop_text(self, choice: Mapping[str, Any]) -> str | None:
        """``stop_reason``; a number there is a token that ends a text."""
        reason = choice.get("stop_reason")
        return reason if isinstance(reason, str) else None

    def rates(self, *, messages: bool) -> Fields:
        """``echo``; of messages ``prompt_logprobs``."""
        return {"prompt_logprobs": 0} if messages else dict(_ECHO)

    def listing(self) -> Fields:
        """``return_token_ids``."""
        return {"return_token_ids": True}

    def rating(self) -> Fields:
        """``prompt_logprobs``, which are the model's own in each mode of the server."""
        return {"prompt_logprobs": 0}


@final
@dataclass(frozen=True, kw_only=True)
class SGLang:
    """SGLang's server.

    Log-probabilities have one for each token, that which ended the completion included. Seeds are
    kept by a server with ``--enable-deterministic-inference``. ``cached_tokens`` needs
    ``--enable-cache-report``.

    Args:
        logprobs: ``raw()`` for a server started with ``SGLANG_RETURN_ORIGINAL_LOGPROB=1``.
    """

    logprobs: TokenLaw = Processed()

    most_stops: ClassVar[int | None] = None
    many: ClassVar[bool] = True
    length: ClassVar[str] = "max_tokens"
    names_stop: ClassVar[bool] = True
    forces: ClassVar[bool] = False

    def fields(self, sampling: Sampling, *, logprobs: bool) -> Fields:
        """Truncation and penalties off."""
        return dict(_NEUTRAL)

    def continued(self, messages: Sequence[Message]) -> tuple[Sequence[Message], Fields]:
        """The messages; the template leaves the last one open."""
        return messages, {"continue_final_message": True}

    def stop_text(self, choice: Mapping[str, Any]) -> str | None:
        """``matched_stop``; a number there is a token that ends a text."""
        reason = choice.get("matched_stop")
        return reason if isinstance(reason, str) else None

    def rates(self, *, messages: bool) -> Fields:
        """``echo``; messages are refused."""
        if messages:
            raise InputError(_TEXT_ONLY.format("SGLang"))
        return dict(_ECHO)


@final
@dataclass(frozen=True, kw_only=True)
class LlamaCpp:
    """llama.cpp's server (``llama-server``, ``xllamacpp``), as of 2026.

    A request whose log-probabilities are wanted is streamed: only there does the server give those
    of the tokens that a stop text took away. Samples are asked for one by one: the server's usage
    counts but the first of several. They share their prompt in its cache all the same. The model's
    name is not looked at: one server has one model. A given text is scored token by token, with a
    request for each.
    """

    logprobs: ClassVar[TokenLaw] = Processed()
    most_stops: ClassVar[int | None] = None
    many: ClassVar[bool] = False
    length: ClassVar[str] = "max_tokens"
    names_stop: ClassVar[bool] = True
    forces: ClassVar[bool] = True

    def fields(self, sampling: Sampling, *, logprobs: bool) -> Fields:
        """Samplers other than the temperature off; which law is reported."""
        off: Fields = {
            "top_k": 0,
            "top_p": 1.0,
            "min_p": 0.0,
            "typical_p": 1.0,
            "repeat_penalty": 1.0,
        }
        if sampling.stop and sampling.keep_stop:
            off["verbose"] = True
        if not logprobs:
            return off
        # At 0 and 1 the model's own law, which the server has in more digits, is the one asked for.
        after = sampling.temperature not in (0.0, 1.0)
        stream = {"stream": True, "stream_options": {"include_usage": True}}
        return {**off, **stream, "post_sampling_probs": after, "top_logprobs": 1}

    def continued(self, messages: Sequence[Message]) -> tuple[Sequence[Message], Fields]:
        """The messages: the server leaves a last one of the assistant open."""
        return messages, {}

    def stop_text(self, choice: Mapping[str, Any]) -> str | None:
        """``stopping_word`` among what is said for debugging."""
        said = choice.get("__verbose")
        if not isinstance(said, dict) or "stop_type" not in said:
            raise Failure(
                "expected to be told what ended the completion, got nothing: keep_stop needs a "
                "llama-server that takes the field verbose in a request, or one with -lv 10",
                retryable=False,
            )
        return str(said.get("stopping_word")) if said["stop_type"] == "word" else None

    def rates(self, *, messages: bool) -> Fields:
        """Log-probability of the token written, the model's own: the bias is not in it."""
        return {"logprobs": 1, "post_sampling_probs": False, "cache_prompt": True}


@final
@dataclass(frozen=True, kw_only=True)
class Ollama:
    """Ollama's server.

    It samples from a truncated law (its top-k, and whatever the Modelfile says), which a request
    cannot change, so that no log-probability is one of the law sampled from: none are asked for.
    A prompt in text goes through the model's template like a message of the user. Samples are asked
    for one by one.
    """

    logprobs: ClassVar[TokenLaw] = NotGiven()
    most_stops: ClassVar[int | None] = None
    many: ClassVar[bool] = False
    length: ClassVar[str] = "max_tokens"
    names_stop: ClassVar[bool] = False
    forces: ClassVar[bool] = False

    def fields(self, sampling: Sampling, *, logprobs: bool) -> Fields:
        """Nucleus sampling off."""
        return {"top_p": 1.0}

    def continued(self, messages: Sequence[Message]) -> tuple[Sequence[Message], Fields]:
        """The messages: templates as a rule leave a last one of the assistant open."""
        return messages, {}

    def stop_text(self, choice: Mapping[str, Any]) -> str | None:
        """Not said."""
        return None

    def rates(self, *, messages: bool) -> Fields:
        """Refused."""
        raise InputError(_NO_SCORES.format("Ollama"))
