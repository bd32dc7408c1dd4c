"""Before any route: the key, the size of the body; after it: the count.

Plain ASGI, so that a client that leaves is seen by the route.
"""

from __future__ import annotations

import hmac
from typing import Any, final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from specreward.serve.metrics import Metrics
from specreward.serve.refusals import Refusal

__all__ = ["Door"]

OPEN = ("/", "/healthz")
"""Paths that need no key: the viewer's empty page, and whether the server is up."""


@final
class Door:
    """Lets requests in that have the key and are not too large.

    Args:
        app: What is inside.
        api_key: What clients must send as a bearer token; None lets everybody in.
        most: Most bytes of a body.
        metrics: Counts requests.
    """

    def __init__(self, app: ASGIApp, *, api_key: str | None, most: int, metrics: Metrics) -> None:
        self._app = app
        self._key = None if api_key is None else api_key.encode()
        self._most = most
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request in."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 499

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._enter(scope, receive, counted)
        finally:
            route = scope["route"].path if "route" in scope else "other"
            self._metrics.answered(route, status)

    async def _enter(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._check_key(scope)
            body = await self._read(scope, receive)
        except Refusal as refusal:
            await refusal.response()(scope, receive, send)
            return
        if body is None:
            return
        first: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replayed() -> Message:
            return first.pop() if first else await receive()

        await self._app(scope, replayed, send)

    def _check_key(self, scope: Scope) -> None:
        path = scope["path"].removeprefix(scope.get("root_path", ""))  # it may be mounted
        if self._key is None or path in OPEN:
            return
        kind, _, key = Headers(scope=scope).get("authorization", "").partition(" ")
        known = hmac.compare_digest(key.strip().encode("latin-1"), self._key)
        if kind.lower() != "bearer" or not known:
            raise Refusal(
                401,
                "expected the header 'Authorization: Bearer KEY' with this server's API key",
                code="invalid_api_key",
                headers={"WWW-Authenticate": "Bearer"},
            )

    async def _read(self, scope: Scope, receive: Receive) -> bytes | None:
        """The body; None where the client left before its end.

        Raises:
            Refusal: It is too large; no more than that is read.
        """
        length = Headers(scope=scope).get("content-length", "0")
        parts, size = [], 0
        more = True
        while more:
            if max(size, int(length) if length.isdecimal() else 0) > self._most:
                raise Refusal(
                    413,
                    f"expected a body of at most {self._most} bytes: send less, or start the "
                    "server with a larger --max-body",
                    code="body_too_large",
                    headers={"Connection": "close"},
                )
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            more = message.get("more_body", False) or size > self._most
        return b"".join(parts)
