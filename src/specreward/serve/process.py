"""A server as a process: listens, and stops without losing a search.

SIGTERM or Ctrl-C   no new connection, no new search; those inside get the grace period, then
                    they are stopped and answered with 503; the process ends with 0 (SIGTERM)
the second one      the grace period is over
the third one       at once: requests are left without an answer, and searches without a tree
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import final

import uvicorn

from specreward.errors import InputError
from specreward.serve.app import Application

__all__ = ["Listening", "listen", "run_server"]

LOOK = 0.05
"""Seconds between two looks at whether a stop was asked for."""

SPARE = 10.0
"""Seconds after the grace period for the last answers to be written."""

BACKLOG = 2048
"""Connections that the system keeps until they are accepted."""


@final
class Listening:
    """A socket that listens."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock

    @property
    def url(self) -> str:
        """Where clients find it."""
        host, port = self.socket.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def listen(host: str, port: int) -> Listening:
    """Take a port; 0 takes any.

    Raises:
        InputError: The address is unknown, or the port is taken.
    """
    try:
        [family, *_], *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        sock = socket.create_server((host, port), family=family, backlog=BACKLOG)
        # Connections inherit it. Without it an answer waits some 40 ms for the system to send it:
        # asyncio sets it only where a socket names its protocol, and these do not.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Listening(sock)
    except (OSError, OverflowError, UnicodeError) as error:
        raise InputError(
            f"cannot listen on {host} port {port}: {error}: give another --host or --port"
        ) from error


@final
class _Server(uvicorn.Server):
    """Tells the first request to stop from the later ones, whether SIGTERM or Ctrl-C.

    Attributes:
        hurried: It was asked twice.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.hurried = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal has come."""
        third, self.hurried = self.hurried, self.should_exit
        super().handle_exit(sig, frame)
        self.force_exit = third


def run_server(
    application: Application, listening: Listening, grace: float, ready: Callable[[], None]
) -> None:
    """Serve until a signal; must be called in the main thread.

    Args:
        application: What is served.
        listening: From ``listen``.
        grace: Seconds that running searches get after the signal.
        ready: Called when requests are answered.

    Raises:
        KeyboardInterrupt: It was Ctrl-C that stopped it.
    """
    config = uvicorn.Config(
        application.asgi,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        timeout_graceful_shutdown=int(grace + SPARE),
    )
    server = _Server(config)
    # uvicorn catches signals once it runs, and raises them again when it has stopped: one that
    # comes before is not lost, and a stop that was asked for is no failure.
    before = signal.signal(signal.SIGTERM, server.handle_exit)
    try:
        asyncio.run(_serve(application, server, listening, grace, ready))
    finally:
        signal.signal(signal.SIGTERM, before)


async def _serve(
    application: Application,
    server: _Server,
    listening: Listening,
    grace: float,
    ready: Callable[[], None],
) -> None:
    async def watch() -> None:
        while not server.started and not server.should_exit:
            await asyncio.sleep(LOOK)
        ready()
        while not server.should_exit:
            await asyncio.sleep(LOOK)
        drained = asyncio.create_task(application.searches.drain(grace))
        while not drained.done() and not server.hurried:
            await asyncio.wait({drained}, timeout=LOOK)
        await application.searches.drain(0)

    watching = asyncio.create_task(watch())
    try:
        await server.serve(sockets=[listening.socket])
    finally:
        watching.cancel()
