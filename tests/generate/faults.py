"""A proxy that spoils a part of what goes through it, and counts.

429 500    an error, the engine behind it is not asked
hang       no answer, until the caller goes away
cut        the reply ends in the middle of its JSON
short      the connection ends before the reply does
empty      no choices; the tokens were paid for, and the reply says so
nan        a log-probability that is none; the tokens were paid for
html       a page instead of JSON
"""

import asyncio
import json
import random
import threading
from collections import Counter
from dataclasses import replace

from .servers import Answer, answer, forward

FAULTS = ("429", "500", "hang", "cut", "short", "empty", "nan", "html")


class FaultProxy:
    """A handler for ``servers.Server``.

    ``calls``: samples asked for, by what became of them (a fault, or ``ok``). ``tokens``: prompt
    and completion tokens that replies which can be read say were paid for. ``answered``: how often
    each request was answered well.
    """

    def __init__(self, port, share=0.3, seed=0, faults=FAULTS):
        self.port = port
        self.share = share
        self.faults = faults
        self.calls = Counter()
        self.tokens = Counter()
        self.answered = Counter()
        self._random = random.Random(seed)
        self._lock = threading.Lock()

    async def __call__(self, asked):
        with self._lock:
            spoil = self._random.random() < self.share
            fault = self._random.choice(self.faults) if spoil else "ok"
        n = asked.body.get("n", 1)
        self.calls[fault] += n
        if fault == "hang":
            await asyncio.sleep(3600)
        if fault == "429":
            return answer({"error": {"message": "slow down"}}, 429, retry_after="0.01")
        if fault == "500":
            return Answer(b"oops", 500, "text/plain")
        if fault == "html":
            return Answer(b"<html><body>gateway</body></html>", 200, "text/html")
        reply = await forward(self.port, asked)
        if fault == "cut":
            return replace(reply, body=reply.body[: len(reply.body) // 2])
        if fault == "short":
            return replace(reply, cut=len(reply.body) // 2)
        if fault == "ok":
            self.answered[json.dumps(asked.body, sort_keys=True)] += n
        documents = _documents(reply)
        for name in ("prompt_tokens", "completion_tokens"):
            self.tokens[name] += sum(one["usage"][name] for one in documents if "usage" in one)
        spoilt = [SPOIL.get(fault, lambda one: one)(one) for one in documents]
        return replace(reply, body=_body(spoilt, reply.kind))


def _emptied(document):
    """Without choices, or without the list that there is instead."""
    left = {name: value for name, value in document.items() if name != "tokens"}
    return left | ({"choices": []} if "choices" in document else {})


def _nan(document):
    """With numbers for the first log-probability that are none, or without what tokens spell."""
    for choice in document.get("choices", []):
        given = choice.get("logprobs") or {}
        given.get("token_logprobs", [None])[0] = float("nan")
        for entry in given.get("content", []):
            entry["logprob"] = entry["prob"] = float("nan")
    for token in document.get("tokens", []):
        del token["piece"]
    return document


SPOIL = {"empty": _emptied, "nan": _nan}


def _documents(reply):
    """The JSON in a reply, or in each piece of a stream."""
    text = reply.body.decode()
    if not reply.kind.startswith("text/event-stream"):
        return [json.loads(text)]
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def _body(documents, kind):
    texts = [json.dumps(one) for one in documents]
    if not kind.startswith("text/event-stream"):
        return texts[0].encode()
    return "".join(f"data: {text}\n\n" for text in [*texts, "[DONE]"]).encode()
