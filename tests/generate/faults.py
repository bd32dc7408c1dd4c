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
        document = json.loads(reply.body)
        for name in ("prompt_tokens", "completion_tokens"):
            self.tokens[name] += document["usage"][name]
        if fault == "empty":
            document["choices"] = []
        elif fault == "nan":
            document["choices"][-1]["logprobs"]["token_logprobs"][0] = float("nan")
        else:
            self.answered[json.dumps(asked.body, sort_keys=True)] += n
            return reply
        return replace(reply, body=json.dumps(document).encode())
