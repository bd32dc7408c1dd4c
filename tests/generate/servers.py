"""HTTP servers for tests: what a request was, byte for byte, and an answer to it, byte for byte.

A server runs in a thread of its own on a free loopback port and answers by a function. ``scripted``
answers like the servers that the dialects stand for, from a list of texts with their tokens.
"""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

JSON = "application/json"


@dataclass(frozen=True)
class Asked:
    """A request."""

    verb: str
    path: str
    headers: dict
    body: dict


@dataclass(frozen=True)
class Answer:
    """A reply; ``cut`` closes the connection before the last bytes of the body."""

    body: bytes
    status: int = 200
    kind: str = JSON
    headers: dict = field(default_factory=dict)
    cut: int = 0


def answer(document, status=200, **headers):
    return Answer(json.dumps(document).encode(), status, headers=headers)


class Server:
    """Answers every request by ``handle``; remembers them, and which callers went away."""

    def __init__(self, handle: Callable[[Asked], Awaitable[Answer]]):
        self.handle = handle
        self.asked = []
        self.gone = 0
        self.most = 0
        self._now = 0

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self):
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)))
        self._thread.start()
        assert ready.wait(10)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    async def _serve(self, ready):
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        self._callers = set()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._over.wait()
        server.close()
        for caller in self._callers:
            caller.cancel()
        await asyncio.gather(*self._callers, return_exceptions=True)

    async def _connected(self, reader, writer):
        caller = asyncio.current_task()
        self._callers.add(caller)
        try:
            while (asked := await _read(reader)) is not None:
                self.asked.append(asked)
                reply = await self._answer(asked, reader)
                if reply is None or not await _write(writer, reply):
                    return
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._callers.discard(caller)
            writer.close()

    async def _answer(self, asked, reader):
        """The answer; None if the caller goes away before it is there."""
        self._now += 1
        self.most = max(self.most, self._now)
        work = asyncio.ensure_future(self.handle(asked))
        left = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait([work, left], return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                return work.result()
            self.gone += 1
            return None
        finally:
            self._now -= 1
            for task in (work, left):
                task.cancel()
            await asyncio.gather(work, left, return_exceptions=True)


async def _read(reader):
    head = b""
    while line := await reader.readline():
        head += line
        if line == b"\r\n":
            break
    if not head:
        return None
    first, *lines = head.decode().split("\r\n")
    verb, path, _ = first.split(" ")
    headers = {k.lower(): v for k, _, v in (x.partition(": ") for x in lines if x)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Asked(verb, path, headers, json.loads(body) if body else {})


async def _write(writer, reply):
    lines = [f"HTTP/1.1 {reply.status} X", f"content-length: {len(reply.body)}"]
    lines += [f"content-type: {reply.kind}"] if reply.kind else []
    lines += [f"{key.replace('_', '-')}: {value}" for key, value in reply.headers.items()]
    body = reply.body[: len(reply.body) - reply.cut]
    writer.write("\r\n".join([*lines, "", ""]).encode() + body)
    await writer.drain()
    return not reply.cut


async def forward(port, asked):
    """The answer of the server at a port to the same request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = json.dumps(asked.body).encode()
    lines = [f"{asked.verb} {asked.path} HTTP/1.1", "host: proxy", f"content-type: {JSON}"]
    lines += [f"content-length: {len(body)}", "connection: close"]
    writer.write("\r\n".join([*lines, "", ""]).encode() + body)
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
    headers = {k: v for k, _, v in (line.partition(": ") for line in head[1:] if line)}
    if "content-length" in headers:
        reply = await reader.readexactly(int(headers["content-length"]))
    else:
        reply = b"".join([chunk async for chunk in _chunks(reader)])
    writer.close()
    return Answer(reply, int(head[0].split(" ")[1]), headers["content-type"])


async def _chunks(reader):
    while size := int(await reader.readline(), 16):
        yield await reader.readexactly(size)
        await reader.readline()


# ---------------------------------------------------------------------------------- dialects


@dataclass(frozen=True)
class Text:
    """A completion as a server sees it: tokens with log-probabilities, and why it ended."""

    tokens: tuple = ("a",)
    logprobs: tuple = (-0.5,)
    shown: str | None = None  # where the text is not all of the tokens
    finish: str = "stop"
    stop: str | int | None = None

    @property
    def text(self):
        return "".join(self.tokens) if self.shown is None else self.shown


def usage(prompt, completion, cached=None):
    details = {} if cached is None else {"prompt_tokens_details": {"cached_tokens": cached}}
    total = prompt + completion
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}
    return {"usage": {**counts, **details}}


def choice(asked, text, index=0):
    """One choice as vLLM and SGLang write it; OpenAI leaves the reasons to stop out."""
    content = [
        {"token": t, "logprob": p, "bytes": list(t.encode()), "top_logprobs": []}
        for t, p in zip(text.tokens, text.logprobs, strict=True)
    ]
    common = {"index": index, "finish_reason": text.finish}
    common |= {"stop_reason": text.stop, "matched_stop": text.stop}
    wanted = asked.body.get("logprobs")
    if asked.path.endswith("/chat/completions"):
        message = {"role": "assistant", "content": text.text}
        return {**common, "message": message, "logprobs": {"content": content} if wanted else None}
    legacy = {"tokens": list(text.tokens), "token_logprobs": list(text.logprobs)}
    return {**common, "text": text.text, "logprobs": legacy if wanted else None}


def scripted(*texts, prompt=7, cached=None):
    """Answers with these texts in turn, as many as are asked for."""
    turn = iter(range(10**9))

    async def handle(asked):
        drawn = [texts[next(turn) % len(texts)] for _ in range(asked.body.get("n", 1))]
        written = sum(len(text.tokens) for text in drawn)
        rows = [choice(asked, text, i) for i, text in enumerate(drawn)]
        return answer({"choices": rows, **usage(prompt, written, cached)})

    return handle
