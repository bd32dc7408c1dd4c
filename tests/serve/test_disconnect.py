"""A client that goes away stops its search, and only its own."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.importorskip("fastapi", reason="needs the serve extra")
pytest.importorskip("openai", reason="needs the HTTP client of the openai extra")

from specreward import Store
from specreward.serve.answering import unless_gone
from specreward.serve.limits import Limits
from specreward.serve.refusals import Refusal

from . import web
from .serving import Writer, service, serving, until

LONG = "mcts(simulations=200)"


def body(text="apple", **more):
    return {"model": LONG, "messages": [{"role": "user", "content": text}], **more}


def gauge(url, name):
    page = web.get(f"{url}/metrics").text
    [line] = [line for line in page.splitlines() if line.startswith(f"{name} ")]
    return float(line.split()[1])


def running(url):
    return gauge(url, "specreward_searches_running")


def idle(writer):
    """The engine is asked nothing more."""
    asked = writer.calls
    time.sleep(0.3)
    return writer.calls == asked


def test_a_client_that_hangs_up_stops_its_search(tmp_path):
    writer = Writer(seconds=0.05)
    with (
        Store(tmp_path / "run.db") as store,
        serving(service(policy=writer, store=store)) as url,
    ):
        with pytest.raises(web.TimeoutException):
            web.post(f"{url}/v1/chat/completions", json=body(), timeout=0.5)
        until(lambda: running(url) == 0)
        assert writer.calls > 0
        assert idle(writer)
        # What was found is kept.
        [row] = store.runs()
        [kept] = store.results(row.id)
        assert kept.ended == "failed"
        assert "the client went away" in kept.error
        assert kept.expansions
        assert sum([spent.calls for spent in kept.usage.values()]) > 0
        page = web.get(f"{url}/metrics").text
        assert 'specreward_searches_total{ended="stopped"} 1.0' in page
        assert 'route="/v1/chat/completions",status="499"} 1.0' in page


def test_a_client_that_leaves_before_the_work_is_done_gets_no_answer():
    class Gone:
        async def receive(self):
            return {"type": "http.disconnect"}

    async def main():
        work = asyncio.create_task(asyncio.sleep(5))
        with pytest.raises(Refusal) as refusal:
            await unless_gone(Gone(), work)
        work.cancel()
        return refusal.value.status

    assert asyncio.run(main()) == 499


def test_a_client_that_leaves_a_stream_stops_its_search():
    writer = Writer(seconds=0.3)  # to its end the search would take some eight seconds
    with serving(service(policy=writer)) as url:
        with web.stream("POST", f"{url}/v1/chat/completions", json=body(stream=True)) as reply:
            lines = reply.iter_lines()
            next(lines)
            until(lambda: running(url) == 1)
        until(lambda: running(url) == 0, seconds=3)
        assert idle(writer)


def test_the_other_searches_go_on():
    writer = Writer()
    with serving(service(policy=writer)) as url, ThreadPoolExecutor(1) as pool:
        post = {"url": f"{url}/v1/chat/completions"}
        alone = web.post(json=body("pear"), timeout=30, **post).json()
        writer.free.clear()
        other = pool.submit(lambda: web.post(json=body("pear"), timeout=30, **post).json())
        until(lambda: running(url) == 1)
        with pytest.raises(web.TimeoutException):
            web.post(json=body("apple"), timeout=0.3, **post)
        until(lambda: running(url) == 1)
        writer.free.set()
        assert other.result()["choices"] == alone["choices"]


def test_a_client_that_leaves_the_queue_makes_room():
    writer = Writer(free=threading.Event())
    limits = Limits(searches=1, queue=1)
    with serving(service(policy=writer, limits=limits)) as url, ThreadPoolExecutor(1) as pool:
        post = {"url": f"{url}/v1/chat/completions"}
        first = pool.submit(lambda: web.post(json=body("pear"), timeout=60, **post))
        until(lambda: running(url) == 1)
        with pytest.raises(web.TimeoutException):
            web.post(json=body("apple"), timeout=0.15, **post)
        until(lambda: gauge(url, "specreward_searches_queued") == 0)
        with pytest.raises(web.TimeoutException):  # there is room again: it waits, as before
            web.post(json=body("plum"), timeout=0.15, **post)
        assert not first.done()
        writer.free.set()
        assert first.result().status_code == 200
