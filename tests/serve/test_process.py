"""Signals to a server that runs in this process."""

import os
import signal
import threading
import time

import pytest

pytest.importorskip("fastapi", reason="needs the serve extra")
pytest.importorskip("openai", reason="needs the HTTP client of the openai extra")

from specreward import Store
from specreward.serve.app import Application
from specreward.serve.process import listen, run_server

from . import web
from .serving import Writer, service, until


def told_to_stop():
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture
def stray():
    """Signals that a server left to the process, and those that had to end a deaf one."""
    seen = []
    before = signal.signal(signal.SIGTERM, lambda *_: seen.append("left"))

    def rescue():
        seen.append("late")
        told_to_stop()

    timers = [threading.Timer(15 + i, rescue) for i in range(2)]
    for timer in timers:
        timer.start()
    yield seen
    for timer in timers:
        timer.cancel()
        timer.join()
    signal.signal(signal.SIGTERM, before)


def test_a_signal_before_the_start_is_not_lost(stray):
    listening = listen("127.0.0.1", 0)

    class Early:
        @property
        def socket(self):  # asked for just before the server runs
            told_to_stop()
            return listening.socket

    before = signal.getsignal(signal.SIGTERM)
    run_server(Application(service()), Early(), 0.0, lambda: None)
    assert stray == []
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(("grace", "signals"), [(0.2, 1), (60.0, 2)])
def test_after_the_grace_or_a_second_signal_searches_are_stopped_and_kept(
    stray, tmp_path, caplog, grace, signals
):
    listening, replies = listen("127.0.0.1", 0), []
    body = {"model": "mcts(simulations=200)", "prompt": "apple"}

    def client():
        ask = {"url": f"{listening.url}/v1/completions", "json": body, "timeout": 20}
        asking = threading.Thread(target=lambda: replies.append(web.post(**ask)))
        asking.start()
        until(lambda: "_running 1.0" in web.get(f"{listening.url}/metrics").text)
        time.sleep(0.2)
        for _ in range(signals):
            assert asking.is_alive()
            told_to_stop()
            time.sleep(0.15)
        asking.join()

    with Store(tmp_path / "run.db") as store:
        writer = Writer(seconds=0.1)
        application = Application(service(policy=writer, store=store))
        thread = threading.Thread(target=client)
        start = time.monotonic()
        run_server(application, listening, grace, thread.start)
        assert time.monotonic() - start < 10
        thread.join()
        [row] = store.runs()
        [kept] = store.results(row.id)
        assert store.paid()[writer.name][0] > 0
    assert stray == []
    assert caplog.records == []
    [reply] = replies
    assert reply.status_code == 503
    assert "the server was stopped" in reply.json()["error"]["message"]
    assert reply.json()["specreward"]["ended"] == "stopped"
    assert kept.ended == "failed"
    assert len(kept.expansions) == reply.json()["specreward"]["expansions"] > 0
