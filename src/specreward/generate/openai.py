"""A language model behind a server that speaks OpenAI's protocol.

    complete   equal prompts of one call -> one request for n samples, where the server takes n
               each request: attempts (retry.py) -> reply (replies.py) -> completions
    logprobs   one request for each text: the server rates it, nothing is sampled; or one for each
               token, where the server rates only what it writes (scoring.py)
    token_logprobs   the same for given token ids, where the server takes them (token_scoring.py)

Requests of one call are made at once, as many as ``concurrency`` lets through; the server merges
them into its own batches. What came in before another request of the same call failed for good is
in the error (``EngineError.done``): it is paid for, and the store keeps it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, final
from urllib.parse import urlsplit

from specreward.checks import number, positive, whole
from specreward.engines import ChatPrompt, Completion, Sampling, Scored, Usage
from specreward.errors import EngineError, InputError
from specreward.generate.connection import Connection, Server, connected
from specreward.generate.dialects import Dialect, Fields, OpenAIAPI, TokenDialect
from specreward.generate.replies import Reading
from specreward.generate.retry import Backoff, GivenUp, Retry
from specreward.generate.routes import Chat, Completions, Route
from specreward.generate.scoring import Forced, Rated
from specreward.generate.token_ids import check_ids
from specreward.generate.token_law import bent
from specreward.generate.token_scoring import Given
from specreward.generate.work import Request, Work
from specreward.spec import name_of

__all__ = ["OpenAI"]

SEEDS = 2**31
"""Seeds are sent modulo this: every server takes so many bits."""

OWN = frozenset(
    {"model", "messages", "prompt", "n", "seed", "stop", "temperature", "logprobs", "stream"}
    | {"max_tokens", "max_completion_tokens"}
)
"""Fields that say what was asked for: with another value the answer would be to something else."""

T = TypeVar("T", Completion, Scored)


@final
@dataclass(frozen=True, kw_only=True)
class OpenAI:
    """A :class:`~specreward.engines.LanguageModel` behind a URL.

    Log-probabilities are under the law sampled from, or None where the server gives those of
    another (``dialect.logprobs``); algorithms that need them then say so, and
    ``speculative(proposal=sample_frequency())`` does without. Whether a seed gives the same text
    again is the server's affair; ``docs/engines.md`` says what each does.

    Args:
        model: Its name at the server. It stands for the weights in the store: give different
            weights different names.
        url: Of the API, as a rule ending in ``/v1``.
        dialect: What the server takes and gives.
        route: Conversations or plain text.
        samples: Most samples of one request, at least 1. They share one seed: with 1 each sample
            is asked for alone, by its own.
        concurrency: Most requests under way at once, at least 1.
        timeout: Longest time of one request, seconds.
        retry: When to try again.
        key_env: The environment variable that holds the key. It is read when it is needed, and
            kept nowhere.
        extra: A JSON object: more fields of each request, as the server documents them, but for
            those that say what is asked (``temperature``, ``max_tokens``, ...), such as
            ``'{"chat_template_kwargs": {"enable_thinking": false}}'``.
        parameters: Number of parameters, for FLOPs; 0 if unknown.

    Raises:
        InputError: A field is out of its range.
    """

    model: str = field(kw_only=False)
    url: str = "https://api.openai.com/v1"
    dialect: Dialect = OpenAIAPI()
    route: Route = Chat()
    samples: int = 128
    concurrency: int = 32
    timeout: float = 300.0
    retry: Retry = Backoff()
    key_env: str = "OPENAI_API_KEY"
    extra: str = "{}"
    parameters: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.model, str) or not self.model.strip():
            raise InputError(f"openai: expected the name of a model, got {self.model!r}")
        parts = urlsplit(self.url) if isinstance(self.url, str) else None
        if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(
                f"openai url: expected one such as http://localhost:8000/v1, got {self.url!r}"
            )
        if parts.username or parts.password or parts.query:
            raise InputError("openai url: expected no credentials in it: the key is in key_env")
        whole("openai samples", self.samples, 1)
        whole("openai concurrency", self.concurrency, 1)
        whole("openai parameters", self.parameters, 0)
        positive("openai timeout", self.timeout)
        if not isinstance(self.key_env, str) or not self.key_env:
            raise InputError(
                f"openai key_env: expected the name of an environment variable, got "
                f"{self.key_env!r}"
            )
        self._more()

    @property
    def name(self) -> str:
        """The model's, and after a space whatever else an answer depends on."""
        plain = OpenAI(self.model)
        how = [
            name_of(part)
            for part, default in ((self.dialect, plain.dialect), (self.route, plain.route))
            if part != default
        ]
        if self._more():
            how.append(self.extra)
        return " ".join([self.model, *how])

    @property
    def rereads(self) -> bool:
        """Whether a given text is read again for each token that is scored."""
        return self.dialect.forces

    async def complete(
        self, prompts: Sequence[str], seeds: Sequence[int], sampling: Sampling
    ) -> list[Completion]:
        """One completion for each prompt, ``[P]``, in order.

        Raises:
            InputError: The server does not take such a call; the message says what it takes.
            MissingExtra: The ``openai`` library is not installed.
            EngineError: A request failed for good. ``wasted`` has the attempts that failed,
                ``done`` the completions that came in.
        """
        self._check(prompts, seeds, sampling)
        more, lists = self._more(), self._lists()
        fits = self.dialect.logprobs.fits(float(sampling.temperature))
        logprobs = fits and bent(more) is None  # else they are not of the law sampled from
        read = Reading(
            dialect=self.dialect,
            route=self.route,
            sampling=sampling,
            logprobs=logprobs,
            ids=lists is not None,
        )
        requests = []
        for places in self._groups(prompts, sampling):
            prompt, n = prompts[places[0]], len(places)
            fields: Fields = {
                **self.route.question(prompt, self.dialect),
                **self.route.settings(self.dialect, sampling.max_tokens, logprobs=logprobs),
                "temperature": sampling.temperature,
                "seed": seeds[places[0]] % SEEDS,
                **({"stop": list(sampling.stop)} if sampling.stop else {}),
                **({"n": n} if n > 1 else {}),
                **self.dialect.fields(sampling, logprobs=logprobs),
                **({} if lists is None else lists.listing()),
                **more,
            }
            requests.append(self._request(places, prompt, fields, read))
        return await self._ask(requests)

    async def logprobs(self, texts: Sequence[tuple[str, str]]) -> list[Scored]:
        """Log-probability (temperature 1) of each (prompt, continuation), ``[P]``, in order.

        A continuation begins where a token does; else the call fails and says so. A token that a
        server must write to answer at all is counted among ``prompt_tokens``; so is what it reads
        again where it rates one token at a time.

        Raises:
            InputError: The server gives no log-probabilities of given texts, or one is empty.
            MissingExtra: The ``openai`` library is not installed.
            EngineError: As for ``complete``.
        """
        for pair in texts:
            if not all(pair):
                raise InputError(f"expected a prompt and a continuation, got {pair!r:.200}")
        rate = self._forced if self.dialect.forces else self._rated
        return await self._ask([rate(place, *pair) for place, pair in enumerate(texts)])

    def tokenizer(self) -> str:
        """The table of token ids, as the dialect names it; see ``TokenModel``.

        Raises:
            InputError: The engine gives no token ids.
        """
        return self._token_dialect().tokenizer

    async def token_logprobs(
        self, prompts: Sequence[str], ids: Sequence[tuple[int, ...]], temperature: float
    ) -> list[Scored]:
        """Log-probability of the tokens after each prompt, ``[P]``; see ``TokenModel``.

        At temperature 1 only: servers rate given tokens by the model's own law, whatever they do
        with those they write.

        Raises:
            InputError: The engine gives no token ids, the law is another one, or an id cannot be.
            MissingExtra: The ``openai`` library is not installed.
            EngineError: As for ``complete``.
        """
        dialect, more = self._token_dialect(), self._more()
        check_ids(self.name, prompts, ids, temperature)
        if temperature != 1:
            raise InputError(
                f"expected temperature 1, got {temperature:g}: {name_of(dialect)} rates given "
                "tokens by the model's own law, without the temperature, and a ratio of it to what "
                "was sampled at another converges to a wrong law; sample at 1, or take "
                "transformers(...)"
            )
        if (field := bent(more)) is not None:
            raise InputError(
                f"expected no {field!r} in extra: what is sampled under it has another law than "
                "what the server rates; leave it out where ratios are asked for"
            )
        return await self._ask(
            [
                Given(
                    places=(place,),
                    prompt=str(prompt),
                    ids=own,
                    rating=dialect.rating(),
                    extra=more,
                )
                for place, (prompt, own) in enumerate(zip(prompts, ids, strict=True))
            ]
        )

    # ------------------------------------------------------------------------------ requests

    def _lists(self) -> TokenDialect | None:
        """The dialect, where token ids can be had."""
        dialect = self.dialect
        if not isinstance(dialect, TokenDialect) or not dialect.tokenizer:
            return None
        return dialect if isinstance(self.route, Completions) else None

    def _token_dialect(self) -> TokenDialect:
        """The same, or an error."""
        dialect = self._lists()
        if dialect is not None:
            return dialect
        raise InputError(
            f"expected an engine that gives token ids and scores them, got {self.name!r}: of the "
            "servers only vLLM does, on plain text and with a name for its tokeniser: "
            "openai(..., dialect=vllm(tokenizer='NAME'), route=completions()); transformers(...) "
            "does by itself"
        )

    def _request(
        self,
        places: tuple[int, ...],
        prompt: str,
        fields: Fields,
        read: Callable[[Mapping[str, Any], int, float], list[T]],
    ) -> Request[T]:
        return Request(places=places, prompt=prompt, fields=fields, read=read, route=self.route)

    def _rated(self, place: int, prompt: str, text: str) -> Work[Scored]:
        """One request that has the text rated."""
        asked = self.route.scoring(prompt, text, self.dialect)
        fields = {**asked, "temperature": 0.0, **self._more()}
        return self._request((place,), prompt, fields, Rated(text=text))

    def _forced(self, place: int, prompt: str, text: str) -> Work[Scored]:
        """Requests for one token after another."""
        return Forced(
            places=(place,),
            prompt=prompt,
            text=text,
            question=self.route.question(prompt, self.dialect),
            extra=self._more(),
            rates=self.dialect.rates(messages=False),
        )

    def _groups(self, prompts: Sequence[str], sampling: Sampling) -> list[tuple[int, ...]]:
        """The places of the call that go into one request each."""
        most = self.samples if self.dialect.many and sampling.temperature > 0 else 1
        equal: dict[object, list[int]] = {}
        for place, prompt in enumerate(prompts):
            same = prompt.messages if isinstance(prompt, ChatPrompt) else prompt
            equal.setdefault(same, []).append(place)
        return [
            tuple(places[i : i + most])
            for places in equal.values()
            for i in range(0, len(places), most)
        ]

    async def _ask(self, requests: Sequence[Work[T]]) -> list[T]:
        """All answers in their places; if a request fails, an error with those of the others."""
        if not requests:
            return []
        connection = await connected(self._server)
        outcomes = await asyncio.gather(
            *[self._answers(connection, one) for one in requests], return_exceptions=True
        )
        done: dict[int, T] = {}
        failed: list[EngineError] = []
        for one, outcome in zip(requests, outcomes, strict=True):
            if isinstance(outcome, EngineError):
                failed.append(outcome)
            elif isinstance(outcome, BaseException):
                raise outcome
            else:
                done.update(zip(one.places, outcome, strict=True))
        if failed:
            more = f" (and {len(failed) - 1} more requests of this call)" if failed[1:] else ""
            wasted = sum([one.wasted for one in failed if isinstance(one.wasted, Usage)], Usage())
            first = failed[0]
            raise EngineError(f"{first}{more}", first.retryable, wasted, done) from first
        return [done[place] for place in range(len(done))]

    async def _answers(self, connection: Connection, one: Work[T]) -> list[T]:
        """The answers of one piece of work, after as many attempts as it takes."""
        try:
            return await one.answers(connection, self.model, self.retry)
        except GivenUp as error:
            tries = f"{error.attempts} attempt{'s' if error.attempts > 1 else ''}"
            odd = "" if self.url.rstrip("/").endswith("/v1") else "; most URLs end in /v1, not this"
            raise EngineError(
                f"{self.model} at {self.url}: {connection.hidden(str(error))}{odd} ({tries}; the "
                f"prompt ends with {one.prompt[-60:]!r})",
                error.failure.retryable,
                error.wasted,
            ) from error

    @property
    def _server(self) -> Server:
        return Server(
            url=self.url,
            key_env=self.key_env,
            timeout=self.timeout,
            concurrency=self.concurrency,
        )

    def _more(self) -> Fields:
        """The fields of ``extra``."""
        try:
            more = json.loads(self.extra, parse_constant=_no_number)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"openai extra: expected a JSON object, got {self.extra!r}: {error}"
            ) from error
        if not isinstance(more, dict):
            raise InputError(f"openai extra: expected a JSON object, got {self.extra!r}")
        own = sorted(OWN & more.keys())
        if own:
            raise InputError(
                f"openai extra: expected fields that the engine does not set itself, got {own[0]!r}"
            )
        return more

    def _check(self, prompts: Sequence[str], seeds: Sequence[int], sampling: Sampling) -> None:
        """Refuse what the server does not take, before anything is paid for."""
        if len(prompts) != len(seeds):
            raise InputError(
                f"expected a seed for each of {len(prompts)} prompts, got {len(seeds)}"
            )
        number("temperature", sampling.temperature, 0)
        whole("max_tokens", sampling.max_tokens, 1)
        most, kind = self.dialect.most_stops, name_of(self.dialect)
        if most is not None and len(sampling.stop) > most:
            raise InputError(
                f"expected at most {most} stop texts, which is what {kind} takes, got "
                f"{len(sampling.stop)}: {sampling.stop!r}"
            )
        if sampling.stop and sampling.keep_stop and not self.dialect.names_stop:
            raise InputError(
                "expected keep_stop=False: a server of the dialect "
                f"{kind} takes the stop text away and does not say whether there was one; vllm(), "
                "sglang() and llama_cpp() do"
            )


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is no number in JSON")
