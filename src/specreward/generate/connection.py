"""One server, in one event loop: requests and what their failures mean.

    open     a client of the ``openai`` library for each loop, made at first use, closed with it
    request  one attempt: a reply, or a Failure that says what to do

The library makes no attempts of its own: those are counted (retry.py).
"""

from __future__ import annotations

import asyncio
import difflib
import math
import os
import time
from collections.abc import AsyncGenerator, Hashable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, final
from weakref import WeakKeyDictionary

from specreward.errors import InputError, MissingExtra
from specreward.generate.dialects import Fields
from specreward.generate.replies import load
from specreward.generate.retry import Failure
from specreward.generate.routes import Endpoint

__all__ = ["Connection", "Server", "connected"]

OFFICIAL = "https://api.openai.com/"
"""Here nothing is answered without a key."""

PASSING = frozenset({408, 409, 425, 429})
"""Client errors that may be gone next time; errors of the server (5xx) may be so too."""


@final
@dataclass(frozen=True, kw_only=True)
class Server:
    """Where requests go.

    Args:
        url: Of the API, as a rule ending in ``/v1``.
        key_env: The environment variable that holds the key.
        timeout: Longest time of one request, seconds.
        concurrency: Most requests under way.
    """

    url: str
    key_env: str
    timeout: float
    concurrency: int


# ---------------------------------------------------------------------------------- one loop

_open: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, Connection]]
_open = WeakKeyDictionary()


async def connected(server: Server) -> Connection:
    """The connection to a server in the running event loop.

    Raises:
        MissingExtra: The ``openai`` library is not installed.
        InputError: A key is needed and not there.
    """
    loop = asyncio.get_running_loop()
    own = _open.setdefault(loop, {})
    if server not in own:
        connection = Connection(server)
        own[server] = connection
        await connection.begin()
    return own[server]


@final
class Connection:
    """A client and the gate before it.

    Args:
        server: Where requests go.

    Attributes:
        gate: Open for ``server.concurrency`` requests at once.
    """

    def __init__(self, server: Server) -> None:
        library = _library()
        self.server = server
        self.gate = asyncio.Semaphore(server.concurrency)
        self._key = os.environ.get(server.key_env, "").strip()
        if not (self._key.isascii() and self._key.isprintable()):
            raise InputError(
                f"expected a key in the environment variable {server.key_env}, got characters that "
                "no header can hold: copy it anew, in one line"
            )
        if not self._key and server.url.startswith(OFFICIAL):
            raise InputError(
                f"expected a key for {server.url} in the environment variable {server.key_env}, "
                f"got none: export {server.key_env}=..."
            )
        self._library = library
        self._client: Any = library.AsyncOpenAI(
            api_key=self._key or "none", base_url=server.url, max_retries=0, timeout=None
        )
        self._life = self._alive()

    async def begin(self) -> None:
        """From now on the loop closes the client when it is shut down."""
        await anext(self._life)

    async def _alive(self) -> AsyncGenerator[None, None]:
        """Event loops end the generators that were begun in them before they close."""
        try:
            yield
        finally:
            _open.pop(asyncio.get_running_loop(), None)
            await self._client.close()

    async def request(
        self, endpoint: Endpoint, model: str, fields: Fields, lacking: str = ""
    ) -> tuple[dict[str, Any], float]:
        """One attempt: the reply and the seconds that it took.

        Args:
            endpoint: Where it goes.
            model: Its name at the server.
            fields: What is sent.
            lacking: What to try where the server has no such endpoint; by default, what its list of
                models suggests.

        Raises:
            Failure: There is none; the message says why and what to do.
        """
        library, server = self._library, self.server
        begun = time.perf_counter()
        try:
            async with asyncio.timeout(server.timeout):
                raw = await endpoint.send(self._client, model, fields)
                reply = load(raw.content, raw.headers.get("content-type", ""))
        except (TimeoutError, library.APITimeoutError) as error:
            raise Failure(
                f"no answer within {server.timeout:g} seconds: if the server is only slow, give it "
                "a longer timeout"
            ) from error
        except library.APIStatusError as error:
            raise await self._refused(error, model, lacking) from error
        except library.APIConnectionError as error:
            why = error.__cause__ or error
            raise Failure(
                f"the connection failed ({type(why).__name__}: {why}): is the server up, and is "
                f"{server.url} its URL?"
            ) from error
        except UnicodeEncodeError as error:
            raise Failure(
                f"expected a prompt of whole characters, got {error.object[error.start]!r} in it",
                retryable=False,
            ) from error
        return reply, time.perf_counter() - begun

    async def _refused(self, error: Any, model: str, lacking: str) -> Failure:  # noqa: ANN401
        """What an HTTP status means."""
        status = int(error.status_code)
        body = error.body if isinstance(error.body, dict) else {}
        words = body.get("message") or error.response.text or "nothing said"
        said = f"HTTP {status}: {self.hidden(str(words))[:300]}"
        if status in (401, 403):
            env = self.server.key_env
            what = "is refused" if self._key else "is not set"
            return Failure(f"{said}: the key in {env} {what}: export {env}=...", retryable=False)
        if status == 404:
            return Failure(f"{said}: {lacking or await self._advice(model)}", retryable=False)
        if error.code == "insufficient_quota":
            return Failure(f"{said}: the account has no credit left", retryable=False)
        passing, after = status in PASSING or status >= 500, _after(error.response.headers)
        asked = f"; the server asks to wait {after:g} seconds" if passing and after else ""
        return Failure(f"{said}{asked}", retryable=passing, after=after)

    async def _advice(self, model: str) -> str:
        """What to try where the server knows no such thing: the models that it has."""
        try:
            async with asyncio.timeout(self.server.timeout):
                raw = (await self._client.models.with_raw_response.list()).http_response
            listed = load(raw.content, raw.headers.get("content-type", ""))
            names = sorted({str(row["id"]) for row in listed["data"]})
        except (TimeoutError, self._library.OpenAIError, Failure, LookupError, TypeError):
            return "the server lists no models there: is this its URL, with /v1 at its end?"
        if model in names:
            return "the server has the model, but not this route: take another"
        close = difflib.get_close_matches(model, names, n=1, cutoff=0.4)
        hint = f"did you mean {close[0]!r}? " if close else ""
        return f"no model {model!r}: {hint}it has: {', '.join(names[:20]) or '(none)'}"

    def hidden(self, text: str) -> str:
        """Words that may be a server's: in one line and without the key."""
        line = " ".join(text.split())
        return line.replace(self._key, "***") if self._key else line


def _library() -> Any:  # noqa: ANN401
    try:
        import openai
    except ImportError as error:
        raise MissingExtra(
            "an OpenAI-compatible engine needs openai: pip install 'specreward[openai]'"
        ) from error
    return openai


def _after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by the header Retry-After: a number, or a date."""
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        try:
            then = parsedate_to_datetime(value)
        except ValueError:
            return None
        if then.tzinfo is None:
            then = then.replace(tzinfo=UTC)
        seconds = (then - datetime.now(UTC)).total_seconds()
    return max(seconds, 0.0) if math.isfinite(seconds) else None
