"""Calls that are answered from the store where it knows them: nothing is paid for twice.

    key(call) = hash(model, verb, prompt, sampling, seed)
    known  = store.calls(keys)                       one read for the whole batch
    answer = engine(calls not known, each once)
    store <- answer                                  one commit, before anybody sees it

The place of these wrappers is next to the engine, below ``Coalesce``: ``Metered(Coalesce(
Stored(engine, store)))``. Then what one call to the engine brought is committed as one, before any
search goes on with it; only what an engine was busy with at the moment of a kill is asked again.
A stored answer carries its numbers: usage is the same whether it was replayed or paid for.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, replace
from hashlib import blake2b
from typing import Any, Generic, TypeVar, cast, final

from specreward.engines import (
    ChatPrompt,
    Completion,
    LanguageModel,
    Sampling,
    Scored,
    Usage,
    ValueModel,
    token_model,
)
from specreward.errors import EngineError, StoreError
from specreward.reward.aggregate import Aggregate
from specreward.reward.solutions import Graded, Solution, SolutionModel
from specreward.store import Store

__all__ = ["Stored", "StoredSolutions", "StoredValues"]

T = TypeVar("T", Completion, Scored, Graded)


@final
class _Memory(Generic[T]):
    """Answers by the content of the call.

    Args:
        store: The file.
        make: An answer from its stored fields: its class.
    """

    def __init__(self, store: Store, make: Callable[..., T]) -> None:
        self._store = store
        self._make: Callable[..., T] = make
        self._asked: dict[bytes, asyncio.Future[None]] = {}

    async def __call__(
        self, model: str, keys: Sequence[bytes], ask: Callable[[list[int]], Awaitable[list[T]]]
    ) -> list[T]:
        """The answers to the calls of these keys; ``ask`` gets the places of those to pay for."""
        places: dict[bytes, int] = {}
        for place, key in enumerate(keys):
            places.setdefault(key, place)
        known: dict[bytes, T] = {}
        while left := [key for key in places if key not in known]:
            found = self._store.calls(left)
            known.update({key: self._read(body) for key, body in found.items()})
            new = [key for key in left if key not in found and key not in self._asked]
            if new:
                known.update(await self._pay(model, new, places, ask))
            # Another caller is asking for the others now: whatever comes of that, look again.
            busy = [self._asked[key] for key in left if key in self._asked and key not in known]
            if busy:
                await asyncio.wait(busy)
        return [known[key] for key in keys]

    async def _pay(
        self,
        model: str,
        new: list[bytes],
        places: dict[bytes, int],
        ask: Callable[[list[int]], Awaitable[list[T]]],
    ) -> dict[bytes, T]:
        """Have the engine answer, and commit before anything else."""
        asked = asyncio.get_running_loop().create_future()
        self._asked.update(dict.fromkeys(new, asked))
        try:
            try:
                answers = await ask([places[key] for key in new])
            except EngineError as error:
                # What did come in before it failed is paid for.
                came = cast("Mapping[int, T]", error.done)
                self._store.save_calls(model, [(new[i], _write(came[i])) for i in sorted(came)])
                raise
            if len(answers) != len(new):
                raise EngineError(
                    f"{model}: expected {len(new)} answers, got {len(answers)}: an engine must "
                    "give one for each prompt, in order"
                )
            rows = [(key, _write(answer)) for key, answer in zip(new, answers, strict=True)]
            self._store.save_calls(model, rows)
            return dict(zip(new, answers, strict=True))
        finally:
            for key in new:
                del self._asked[key]
            asked.cancel()

    def _read(self, body: str) -> T:
        try:
            fields, wasted = json.loads(body), Usage()
            if isinstance(fields[-1], dict):
                wasted = Usage(**fields.pop())
            answer: T = self._make(*fields, wasted=wasted)
        except (LookupError, TypeError, ValueError) as error:
            raise StoreError(f"{self._store.path}: a stored call is damaged: {error}") from error
        return answer


def _write(answer: Completion | Scored | Graded) -> str:
    """The fields in order; token ids and what attempts before it cost stand last, where any."""
    a = answer
    fields: list[object]
    if isinstance(a, Completion):
        read = (a.prompt_tokens, a.cached_tokens)
        fields = [a.text, a.tokens, a.logprob, *read, a.finish, a.seconds]
        fields += [a.ids] if a.ids else []
    elif isinstance(a, Graded):
        read = (a.prompt_tokens, a.cached_tokens)
        fields = [a.values, *read, a.completion_tokens, a.seconds]
    else:
        fields = [a.value, a.prompt_tokens, a.cached_tokens, a.seconds]
    return json.dumps([*fields, asdict(a.wasted)] if a.wasted.calls else fields)


def _parts(prompt: str) -> tuple[str, ...]:
    """What tells a prompt from another: its text, or who says what."""
    if isinstance(prompt, ChatPrompt):
        return tuple([part for one in prompt.messages for part in (one.role, one.text)])
    return (prompt,)


class _Keys:
    """Keys of the calls to one model with one verb and one way of sampling."""

    def __init__(self, *about: object) -> None:
        head = json.dumps(about).encode()
        self._hash = blake2b(b"%d:%b" % (len(head), head), digest_size=16)

    def __call__(self, *parts: str) -> bytes:
        """The key of a call; no two different lists of parts run into one."""
        digest = self._hash.copy()
        for part in parts:
            content = part.encode("utf-8", "surrogatepass")
            digest.update(b"%d:%b" % (len(content), content))
        return digest.digest()


@final
class Stored:
    """A language model whose calls are kept.

    Args:
        lm: The engine.
        store: Where they are kept.
    """

    def __init__(self, lm: LanguageModel, store: Store) -> None:
        self._lm = lm
        self._completions = _Memory(store, _completion)
        self._scores = _Memory(store, Scored)

    def __repr__(self) -> str:
        return f"Stored({self.name!r})"

    @property
    def name(self) -> str:
        """The engine's."""
        return self._lm.name

    @property
    def parameters(self) -> int:
        """The engine's."""
        return self._lm.parameters

    async def complete(
        self, prompts: Sequence[str], seeds: Sequence[int], sampling: Sampling
    ) -> list[Completion]:
        """As the engine; asks it for what is not known only, equal calls once.

        Raises:
            StoreError: The store cannot be read or written.
        """
        how = (float(sampling.temperature), sampling.max_tokens, sampling.stop)
        kept = ("keep_stop",) if sampling.keep_stop else ()
        key = _Keys(self.name, "complete", *how, *kept)
        keys = [
            key(*_parts(prompt), str(seed)) for prompt, seed in zip(prompts, seeds, strict=True)
        ]

        async def ask(places: list[int]) -> list[Completion]:
            new = [prompts[place] for place in places]
            return await self._lm.complete(new, [seeds[place] for place in places], sampling)

        return await self._completions(self.name, keys, ask)

    async def logprobs(self, texts: Sequence[tuple[str, str]]) -> list[Scored]:
        """As the engine; asks it for what is not known only, equal calls once.

        Raises:
            StoreError: The store cannot be read or written.
        """
        key = _Keys(self.name, "logprobs")
        keys = [key(*_parts(prompt), continuation) for prompt, continuation in texts]

        async def ask(places: list[int]) -> list[Scored]:
            return await self._lm.logprobs([texts[place] for place in places])

        return await self._scores(self.name, keys, ask)

    def tokenizer(self) -> str:
        """The engine's, where it is a ``TokenModel``."""
        return token_model(self._lm).tokenizer()

    async def token_logprobs(
        self, prompts: Sequence[str], ids: Sequence[tuple[int, ...]], temperature: float
    ) -> list[Scored]:
        """As the engine, where it is a ``TokenModel``; asks it for what is not known only.

        Raises:
            StoreError: The store cannot be read or written.
        """
        lm = token_model(self._lm)
        key = _Keys(self.name, "token_logprobs", float(temperature))
        keys = [
            key(*_parts(prompt), " ".join(map(str, tokens)))
            for prompt, tokens in zip(prompts, ids, strict=True)
        ]

        async def ask(places: list[int]) -> list[Scored]:
            new = [prompts[place] for place in places]
            return await lm.token_logprobs(new, [ids[place] for place in places], temperature)

        return await self._scores(self.name, keys, ask)


@final
class StoredValues:
    """A value model whose calls are kept.

    Args:
        vm: The engine.
        store: Where they are kept.
    """

    def __init__(self, vm: ValueModel, store: Store) -> None:
        self._vm = vm
        self._scores = _Memory(store, Scored)

    def __repr__(self) -> str:
        return f"StoredValues({self.name!r})"

    @property
    def name(self) -> str:
        """The engine's."""
        return self._vm.name

    @property
    def parameters(self) -> int:
        """The engine's."""
        return self._vm.parameters

    async def values(self, texts: Sequence[str]) -> list[Scored]:
        """As the engine; asks it for what is not known only, equal texts once.

        Raises:
            StoreError: The store cannot be read or written.
        """
        key = _Keys(self.name, "values")

        async def ask(places: list[int]) -> list[Scored]:
            return await self._vm.values([texts[place] for place in places])

        return await self._scores(self.name, [key(text) for text in texts], ask)


@final
class StoredSolutions:
    """A solution model whose calls are kept.

    Args:
        sm: The engine.
        store: Where they are kept.
    """

    def __init__(self, sm: SolutionModel, store: Store) -> None:
        self._sm = sm
        self._graded = _Memory(store, _graded)

    def __repr__(self) -> str:
        return f"StoredSolutions({self.name!r})"

    @property
    def name(self) -> str:
        """The engine's."""
        return self._sm.name

    @property
    def parameters(self) -> int:
        """The engine's."""
        return self._sm.parameters

    @property
    def per_step(self) -> bool:
        """The engine's."""
        return self._sm.per_step

    @property
    def combine(self) -> Aggregate:
        """The engine's."""
        return self._sm.combine

    @property
    def most_tokens(self) -> int:
        """The engine's."""
        return self._sm.most_tokens

    async def grade(self, solutions: Sequence[Solution]) -> list[Graded]:
        """As the engine; asks it for what is not known only, equal solutions once.

        Raises:
            StoreError: The store cannot be read or written.
        """
        key = _Keys(self.name, "grade")

        async def ask(places: list[int]) -> list[Graded]:
            return await self._sm.grade([solutions[place] for place in places])

        keys = [key(one.question, *one.steps) for one in solutions]
        return await self._graded(self.name, keys, ask)


def _completion(*fields: Any, wasted: Usage) -> Completion:  # noqa: ANN401
    """An answer from its stored fields; token ids stand last, where the engine gave any."""
    *known, ids = fields if isinstance(fields[-1], list) else [*fields, []]
    text, tokens, logprob, read, cached, finish, seconds = known
    plain = Completion(text, tokens, logprob, read, cached, finish, seconds)
    return replace(plain, ids=tuple(ids), wasted=wasted)


def _graded(values: Sequence[float], *rest: float, wasted: Usage) -> Graded:
    """An answer from its stored fields."""
    read, cached, written, seconds = rest
    return Graded(tuple(values), int(read), int(cached), int(written), seconds, wasted)
