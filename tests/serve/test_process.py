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
def patience():
    """A signal that ends a server which has not heard the test's own; those are counted."""
    late = []
    timers = [threading.Timer(10 + i, lambda: [late.append(1), told_to_stop()]) for i in range(3)]
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    for timer in timers:
        timer.start()
    yield late
    for timer in timers:
        timer.cancel()
        timer.join()
    signal.signal(signal.SIGTERM, before)


def test_a_signal_before_the_start_is_not_lost(patience):
    listening = listen("127.0.0.1", 0)

    class Early:
        @property
        def socket(self):  # asked for just before the server runs
            told_to_stop()
            return listening.socket

    before = signal.getsignal(signal.SIGTERM)
    run_server(Application(service()), Early(), 0.0, lambda: None)
    assert not patience
    assert signal.getsignal(signal.SIGTERM) is before


def test_the_second_signal_ends_the_grace(patience, tmp_path):
    listening, replies = listen("127.0.0.1", 0), []
    body = {"model": "mcts(simulations=200)", "prompt": "apple"}

    def client():
        ask = {"url": f"{listening.url}/v1/completions", "json": body, "timeout": 20}
        asking = threading.Thread(target=lambda: replies.append(web.post(**ask)))
        asking.start()
        until(lambda: "_running 1.0" in web.get(f"{listening.url}/metrics").text)
        time.sleep(0.2)
        told_to_stop()
        time.sleep(0.2)
        assert not replies  # the grace period
        told_to_stop()
        asking.join()

    with Store(tmp_path / "run.db") as store:
        application = Application(service(policy=Writer(seconds=0.1), store=store))
        thread = threading.Thread(target=client)
        run_server(application, listening, 60.0, thread.start)
        thread.join()
        [row] = store.runs()
        [kept] = store.results(row.id)
    assert not patience
    [reply] = replies
    assert reply.status_code == 503
    assert reply.json()["specreward"]["ended"] == "stopped"
    assert kept.expansions
    assert "the server was stopped" in kept.error
