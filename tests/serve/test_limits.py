"""The key, the body, the queue, the clock, the budget."""

import asyncio
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

pytest.importorskip("fastapi", reason="needs the serve extra")
pytest.importorskip("openai", reason="needs the HTTP client of the openai extra")

from fastapi import FastAPI

from specreward import Budget, Store
from specreward.errors import InputError
from specreward.prices import Price, Prices
from specreward.serve.app import Application, create_app
from specreward.serve.limits import Gate, Limits
from specreward.serve.refusals import Refusal

from . import web
from .serving import BFS, TASK, Writer, service, serving, until


def ask(url, text="apple", model=BFS, headers=None, **more):
    body = {"model": model, "messages": [{"role": "user", "content": text}], **more}
    return web.post(f"{url}/v1/chat/completions", json=body, headers=headers, timeout=30)


# ---------------------------------------------------------------------------------- the key


@pytest.fixture(scope="module")
def locked():
    with serving(service(api_key="s3cret", limits=Limits(body=2000))) as url:
        yield url


@pytest.mark.parametrize(
    "header",
    [None, "Bearer", "Bearer wrong", "Bearer s3cre", "Bearer s3crett", "Basic s3cret", "s3cret"],
)
def test_without_the_key_nothing_is_told(locked, header):
    headers = {} if header is None else {"Authorization": header}
    for path in ("/v1/models", "/metrics", "/openapi.json", "/api/runs", "/api/live", "/nothing"):
        reply = web.get(f"{locked}{path}", headers=headers)
        assert reply.status_code == 401, path
        assert reply.headers["www-authenticate"] == "Bearer"
        assert reply.json()["error"]["code"] == "invalid_api_key"
    assert ask(locked, headers=headers).status_code == 401


def test_a_key_that_is_no_ascii_is_wrong_too(locked):
    reply = web.get(f"{locked}/metrics", headers={"Authorization": b"Bearer s3cr\xe9t"})
    assert reply.status_code == 401


def test_a_key_may_be_any_text():
    with serving(service(api_key="clé")) as url:
        headers = {"Authorization": "Bearer clé".encode()}
        assert web.get(f"{url}/metrics", headers=headers).status_code == 200


def test_a_server_within_another_is_open_at_the_same_places():
    testclient = pytest.importorskip("fastapi.testclient", reason="needs an HTTP client")
    outside = FastAPI()
    outside.mount("/inside", create_app(service(api_key="s3cret")))
    with testclient.TestClient(outside) as client:
        for path, status in (("/", 200), ("/healthz", 200), ("/metrics", 401), ("/api/live", 401)):
            assert client.get(f"/inside{path}").status_code == status


def test_with_the_key(locked):
    headers = {"Authorization": "Bearer s3cret"}
    assert ask(locked, headers=headers).status_code == 200
    assert web.get(f"{locked}/metrics", headers=headers).status_code == 200
    assert web.get(f"{locked}/healthz").json() == {"status": "ok"}
    assert web.get(f"{locked}/").status_code == 200


# ---------------------------------------------------------------------------------- the body


def test_a_body_that_is_too_large(locked):
    headers = {"Authorization": "Bearer s3cret"}
    reply = ask(locked, "a" * 2000, headers=headers)
    assert reply.status_code == 413
    assert "at most 2000 bytes" in reply.json()["error"]["message"]
    assert ask(locked, "a" * 1800, headers=headers).status_code == 200

    def pieces():
        for _ in range(50):
            yield b" " * 100

    url = f"{locked}/v1/chat/completions"
    reply = web.post(url, content=pieces(), headers=headers)
    assert reply.status_code == 413


def test_a_body_is_not_read_before_the_key(locked):
    """A stranger may not make the server wait for a body."""
    place = urlsplit(locked)
    with socket.create_connection((place.hostname, place.port), timeout=10) as sock:
        head = f"POST {place.path}/v1/score HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
        sock.sendall(head.encode())
        assert sock.recv(1000).startswith(b"HTTP/1.1 401 ")


# ---------------------------------------------------------------------------------- the queue


def test_what_does_not_fit_into_the_queue_is_sent_away():
    """One runs, two wait, the rest is refused at once; all that were let in are answered."""
    writer = Writer(free=threading.Event())
    held = service(policy=writer, limits=Limits(searches=1, queue=2))
    with serving(held) as url, ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(ask, url, f"word {i}") for i in range(6)]
        until(lambda: sum([one.done() for one in asked]) == 3)
        writer.free.set()
        replies = [one.result() for one in asked]
        assert ask(url, "later").status_code == 200
    statuses = sorted(reply.status_code for reply in replies)
    assert statuses == [200] * 3 + [429] * 3
    for reply in replies:
        if reply.status_code == 429:
            assert 1 <= int(reply.headers["retry-after"]) <= 60
            assert reply.json()["error"]["code"] == "queue_full"


def test_no_more_searches_run_than_may():
    most, lock = {"now": 0, "most": 0}, threading.Lock()

    class Counting(Writer):
        async def complete(self, prompts, seeds, sampling):
            with lock:
                most["now"] += 1
                most["most"] = max(most.values())
            try:
                return await super().complete(prompts, seeds, sampling)
            finally:
                most["now"] -= 1

        @property
        def concurrency(self):
            return 100

    slow = service(policy=Counting(seconds=0.02), limits=Limits(searches=3, queue=50))
    with serving(slow) as url, ThreadPoolExecutor(12) as pool:
        replies = list(pool.map(lambda i: ask(url, f"word {i}"), range(12)))
    assert {reply.status_code for reply in replies} == {200}
    assert most["most"] == 3


def test_a_gate_counts():
    async def main():
        gate = Gate(Limits(searches=1, queue=1))
        gate.enter()
        async with gate.turn():
            assert (gate.running, gate.waiting) == (1, 0)
            gate.enter()
            assert (gate.running, gate.waiting) == (1, 1)
            with pytest.raises(Refusal, match="1 searches run and 1 wait"):
                gate.enter()
        gate.leave()
        gate.enter()
        assert gate.running == 0

    asyncio.run(main())


def test_the_time_to_come_again_follows_the_last_searches(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("specreward.serve.limits.monotonic", lambda: now[0])

    async def main(seconds):
        gate = Gate(Limits())
        for _ in range(50):
            async with gate.turn():
                now[0] += seconds
        return gate.retry_after

    assert asyncio.run(main(0.01)) == 1
    assert asyncio.run(main(6.5)) == 7
    assert asyncio.run(main(1000.0)) == 60


@pytest.mark.parametrize(
    "wrong",
    [
        *({"searches": 0}, {"queue": -1}, {"body": 0}, {"number": 0}, {"seconds": 0}),
        *({"seconds": float("nan")}, {"grace": -1.0}, {"searches": 1.5}),
    ],
)
def test_limits_are_checked(wrong):
    with pytest.raises(InputError):
        Limits(**wrong)


# ---------------------------------------------------------------------------------- clock, budget


def test_a_search_out_of_time_answers_with_the_best_so_far(tmp_path):
    strategy = "mcts(simulations=200)"
    writer = Writer(seconds=0.08)
    with (
        Store(tmp_path / "run.db") as store,
        serving(service(policy=writer, limits=Limits(seconds=1.0), store=store)) as url,
    ):
        reply = ask(url, model=strategy).json()
        assert reply["specreward"]["ended"] == "timeout", reply
        assert reply["choices"][0]["finish_reason"] == "length"
        answer = reply["specreward"]["answer"]
        assert reply["choices"][0]["message"]["content"].endswith(f"Answer: {answer}")
        asked = writer.calls
        [row] = store.runs()
        [kept] = store.results(row.id)
        assert kept.ended == "failed"
        assert "its time on the clock was up" in kept.error
        assert answer in [TASK.answer(one.path) for one in kept.candidates]
        # Asked again it goes on: what was paid for is not paid for again.
        again = ask(url, model=strategy).json()
        assert again["specreward"]["candidates"] > reply["specreward"]["candidates"]
        assert {calls - paid for calls, paid in store.paid().values()} == {0}
        assert writer.calls > asked


def test_a_search_out_of_time_without_an_answer():
    slow = service(policy=Writer(seconds=5.0), limits=Limits(seconds=0.1))
    with serving(slow) as url:
        reply = ask(url).json()
    assert reply["choices"][0]["message"]["content"] == ""
    assert reply["specreward"]["ended"] == "timeout"


def test_the_servers_budget_is_the_largest():
    with serving(service(budget=Budget(calls=12, tokens=10_000))) as url:
        for asked, calls in (
            ({}, 12),
            ({"calls": 1000}, 12),
            ({"calls": 6}, 6),
            ({"tokens": 1}, 0),
        ):
            block = ask(url, specreward={"budget": asked}).json()["specreward"]
            assert block["ended"] == "budget"
            assert block["calls"] <= calls
        assert ask(url, model="best_of_n(n=3)").json()["specreward"]["ended"] == "done"


def test_dollars_need_prices():
    with pytest.raises(InputError, match=r"price of 'toy-writer'.*--prices"):
        Application(service(budget=Budget(dollars=1.0)))
    with serving(service()) as url:
        reply = ask(url, specreward={"budget": {"dollars": 0.5}})
        assert reply.status_code == 400
        assert "the price of 'toy-writer'" in reply.json()["error"]["message"]
    prices = Prices({"toy-*": Price(prompt=1e5)})
    with serving(service(prices=prices, budget=Budget(dollars=40.0))) as url:
        for asked in (20.0, 4000.0):
            block = ask(url, specreward={"budget": {"dollars": asked}}).json()["specreward"]
            assert block["ended"] == "budget"
            assert 0 < block["dollars"] <= min(asked, 40.0)


def test_waiting_does_not_count_as_time():
    slow = service(policy=Writer(seconds=0.06), limits=Limits(searches=1, seconds=0.7))
    with serving(slow) as url, ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda i: ask(url, f"word {i}"), range(4)))
    assert {reply.json()["specreward"]["ended"] for reply in replies} == {"done"}


def test_the_server_answers_while_it_searches():
    with serving(service(policy=Writer(seconds=0.2))) as url, ThreadPoolExecutor(1) as pool:
        pending = pool.submit(ask, url)
        until(lambda: "specreward_searches_running 1.0" in web.get(f"{url}/metrics").text)
        assert web.get(f"{url}/healthz", timeout=0.5).status_code == 200
        assert not pending.done()
        assert pending.result().status_code == 200
