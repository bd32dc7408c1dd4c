"""What comes in: the bodies of requests.

A parameter is read, ignored or refused. Ignored ones change how a language model is sampled or
billed, and have no meaning for a search; the response lists those that were given. Refused ones
ask for an answer of another form than a search gives. Unknown ones are refused with the nearest
name.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from specreward.errors import InputError, nearest
from specreward.ledger import Budget

__all__ = [
    "IGNORED",
    "Caps",
    "ChatMessage",
    "ChatRequest",
    "CompletionRequest",
    "ContentPart",
    "Options",
    "ScoreRequest",
    "SolutionBody",
    "StreamOptions",
]

IGNORED = (
    *("best_of", "frequency_penalty", "max_completion_tokens", "max_tokens", "metadata", "min_p"),
    *("parallel_tool_calls", "presence_penalty", "prompt_cache_key", "prompt_cache_retention"),
    *("reasoning_effort", "repetition_penalty", "safety_identifier", "service_tier", "store"),
    *("temperature", "tool_choice", "top_k", "top_p", "user", "verbosity"),
)
"""Parameters without an effect."""

_SEED = 2**63

Absent = Annotated[Any, Field(description="Without an effect; named in the response.")]
Unused = Annotated[Any, Field(description="Without an effect.")]
Refused = Annotated[Any, Field(description="Refused unless it asks for nothing.")]


def _encodable(text: str) -> str:
    """Refuse what no file and no response can hold: half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        got = text[max(0, error.start - 20) : error.end + 20]
        raise InputError(f"expected Unicode text, got half a surrogate pair in {got!r}") from error
    return text


Text = Annotated[str, AfterValidator(_encodable)]


class _Body(BaseModel):
    """A body with known parameters only; numbers are not read from strings."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _known(cls, body: object) -> object:
        if isinstance(body, dict):
            for name in body:
                if name not in cls.model_fields:
                    raise ValueError(str(nearest(str(name)[:80], cls.model_fields, "parameter")))
        return body


class Caps(_Body):
    """A budget; each cap may only be lower than the server's own."""

    tokens: int | None = Field(None, ge=1)
    calls: int | None = Field(None, ge=1)
    dollars: float | None = Field(None, gt=0, allow_inf_nan=False)
    seconds: float | None = Field(None, gt=0, allow_inf_nan=False)

    def budget(self) -> Budget:
        """As the ledger has it."""
        return Budget(**self.model_dump())


class Options(_Body):
    """What is asked of the search itself: ``extra_body={"specreward": {...}}``."""

    strategy: Text | None = None
    budget: Caps | None = None
    seed: int | None = Field(None, ge=-_SEED, lt=_SEED)


class StreamOptions(_Body):
    """Of a streamed response."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class ContentPart(BaseModel):
    """A part of a message; of type ``text`` in the last one of the user."""

    type: Text
    text: Text | None = None


class ChatMessage(BaseModel):
    """A message; only the last one, of the user, is read."""

    role: Literal["developer", "system", "user", "assistant", "tool", "function"]
    content: Text | list[ContentPart] | None = None

    def text(self) -> str:
        """What it says.

        Raises:
            InputError: A part is no text.
        """
        if not isinstance(self.content, list):
            return self.content or ""
        for part in self.content:
            if part.type != "text" or part.text is None:
                raise InputError(
                    f"messages: expected a text as the problem, got a part of type {part.type!r}"
                )
        return "\n".join([part.text or "" for part in self.content])


class _Asked(_Body):
    """What chat and text completions have in common."""

    model: Text
    n: int | None = Field(None, ge=1, le=128)
    seed: int | None = Field(None, ge=-_SEED, lt=_SEED)
    stop: Text | list[Text] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    specreward: Options | None = None

    frequency_penalty: Absent = None
    max_tokens: Absent = None
    min_p: Absent = None
    presence_penalty: Absent = None
    repetition_penalty: Absent = None
    temperature: Absent = None
    top_k: Absent = None
    top_p: Absent = None
    user: Absent = None
    logit_bias: Refused = None
    logprobs: Refused = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        """Refuse what a search cannot give; an empty value asks for nothing."""
        for name in ("logit_bias", "logprobs", *self._impossible()):
            if self.__dict__[name]:
                raise ValueError(
                    f"{name}: a search cannot give what this asks for; leave it out (see the list "
                    "of parameters in docs/server.md)"
                )
        return self

    def _impossible(self) -> tuple[str, ...]:
        """Further parameters that are refused."""
        return ()

    @property
    def options(self) -> Options:
        """What is asked of the search; the seed of OpenAI's own parameter where it has none."""
        options = Options() if self.specreward is None else self.specreward
        return options.model_copy(update={"seed": self.seed}) if options.seed is None else options

    @property
    def stops(self) -> list[str]:
        """Texts before which the answer is cut."""
        given = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return [text for text in given if text]

    @property
    def wants_usage(self) -> bool:
        """Whether a streamed response ends with the usage."""
        return self.stream_options is not None and bool(self.stream_options.include_usage)

    @property
    def ignored(self) -> list[str]:
        """What was given and has no effect."""
        return [name for name in sorted(self.model_fields_set) if name in IGNORED]


class ChatRequest(_Asked):
    """A body of /v1/chat/completions."""

    messages: list[ChatMessage] = Field(min_length=1)

    max_completion_tokens: Absent = None
    metadata: Absent = None
    parallel_tool_calls: Absent = None
    prompt_cache_key: Absent = None
    prompt_cache_retention: Absent = None
    reasoning_effort: Absent = None
    safety_identifier: Absent = None
    service_tier: Absent = None
    store: Absent = None
    tool_choice: Absent = None
    verbosity: Absent = None
    audio: Refused = None
    function_call: Refused = None
    functions: Refused = None
    modalities: list[Literal["text"]] | None = None
    prediction: Refused = None
    response_format: dict[Literal["type"], Literal["text"]] | None = None
    tools: Refused = None
    top_logprobs: Refused = None
    web_search_options: Refused = None

    def _impossible(self) -> tuple[str, ...]:
        return (
            *("audio", "function_call", "functions", "prediction", "tools", "top_logprobs"),
            "web_search_options",
        )

    @property
    def question(self) -> str:
        """The problem: the last message.

        Raises:
            InputError: It is not the user's, or holds more than text.
        """
        last = self.messages[-1]
        if last.role != "user":
            raise InputError(
                f"messages: expected the user's problem as the last message, got one of role "
                f"{last.role!r}"
            )
        return last.text()


class CompletionRequest(_Asked):
    """A body of /v1/completions."""

    prompt: Text | Annotated[list[Text], Field(min_length=1, max_length=1)]

    best_of: Absent = None
    echo: Refused = None
    suffix: Refused = None

    def _impossible(self) -> tuple[str, ...]:
        return ("echo", "suffix")

    @property
    def question(self) -> str:
        """The problem."""
        return self.prompt if isinstance(self.prompt, str) else self.prompt[0]


class SolutionBody(_Body):
    """A problem and the steps taken so far."""

    question: Text
    steps: list[Text] = Field(min_length=1)


class ScoreRequest(_Body):
    """A body of /v1/score: vLLM's texts, or solutions by their steps."""

    model: Text | None = None
    text_1: Text | list[Text] | None = None
    text_2: Text | list[Text] | None = None
    solutions: list[SolutionBody] | None = None
    per_step: bool = Field(False, description="With solutions: the score of each step as well.")

    encoding_format: Unused = None
    priority: Unused = None
    user: Unused = None
