"""``specreward serve`` as a process: it starts, refuses, and stops without losing a search."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
import typer

pytest.importorskip("fastapi", reason="needs the serve extra")
pytest.importorskip("uvicorn", reason="needs the serve extra")

from specreward.cli import app
from specreward.errors import MissingExtra
from specreward.serve import process, replies, schemas
from specreward.store import Store

HERE = Path(__file__).parent
# The toy policy takes its time, and comes as an engine of a plug-in would.
PROGRAM = """
import asyncio, sys
sys.path.insert(0, {plugin!r})
import toy_plugin
from specreward.cli import app

ask = toy_plugin.Fused.complete

async def slow(self, *asked):
    await asyncio.sleep({seconds})
    return await ask(self, *asked)

toy_plugin.Fused.complete = slow
app()
"""


@contextmanager
def served(*words, seconds=None):
    """The process and its URL; with ``seconds`` on the toy task, whose calls take that long."""
    command = [sys.executable, "-m", "specreward", "serve"]
    env = None
    if seconds is not None:
        program = PROGRAM.format(plugin=str(HERE / "plugin"), seconds=seconds)
        command = [sys.executable, "-c", program, "serve", "toy", "--models", "toy"]
        env = os.environ | {"PYTHONPATH": str(HERE / "plugin")}
    process = subprocess.Popen(
        [*command, "--port", "0", *[str(word) for word in words]],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
    )
    lines = []
    try:
        for line in process.stderr:
            lines.append(line)
            if found := re.search(r"(http://\S+)/v1", line):
                yield process, found[1], lines
                break
        else:
            pytest.fail("".join(lines))
    finally:
        process.kill()
        process.communicate()


def ask(url, text, model="bfs(verify=speculative())", **more):
    """Status and body."""
    request = urllib.request.Request(
        f"{url}/v1/completions",
        json.dumps({"model": model, "prompt": text, **more}).encode(),
        {"content-type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.status, json.loads(reply.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def metrics(url):
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as reply:
        return reply.read().decode()


def test_a_search_by_hand(tmp_path):
    words = ("--strategy", "bfs(verify=speculative())", "--model", "fast=best_of_n(n=4)")
    store = tmp_path / "run.db"
    with served("game24", *words, "--store", store, "--budget", "tokens=4000") as (process, url, _):
        status, body = ask(url, "4 9 10 13", "fast")
        assert status == 200
        assert body["specreward"]["strategy"] == "best_of_n(n=4)"
        status, body = ask(url, "4 9 10 13")
        assert body["choices"][0]["text"].endswith(f"Answer: {body['specreward']['answer']}")
        status, body = ask(url, "1 1 1 1")
        assert status == 400
        assert "numbers that can make 24" in body["error"]["message"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert process.stdout.read() == ""
    with Store(store, write=False) as kept:
        assert [row.strategy for row in kept.runs()] == ["best_of_n(n=4)", words[1]]
        assert {row.budget for row in kept.runs()} == {kept.runs()[0].budget}
        assert "tokens=4000" in kept.runs()[0].budget


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nothing",), "unknown task 'nothing'"),
        (("game24", "--strategy", "bsf"), "did you mean 'bfs'"),
        (("game24", "--strategy", "bfs", "--strategy", "bfs()"), "is given twice"),
        (("game24", "--model", "bfs()"), "expected NAME=STRATEGY"),
        (("game24", "--model", "a=bfs", "--model", "a=dfs"), "model 'a' is given twice"),
        (("game24", "--budget", "tokens=0"), "budget tokens"),
        (("game24", "--budget", "dollars=1"), "needs the price of 'game24-"),
        (("game24", "--max-searches", "0"), "max-searches"),
        (("game24", "--queue", "-1"), "queue"),
        (("game24", "--timeout", "0"), "timeout"),
        (("game24", "--api-key-env", "NO_SUCH_VARIABLE"), "'NO_SUCH_VARIABLE'"),
        (("game24", "--host", "no.such.host.invalid"), "cannot listen on no.such.host.invalid"),
        (("game24", "--host", "a" * 64), "give another --host or --port"),
        (("game24", "--store", "/no/such/folder/run.db"), "cannot be written to"),
        (("arithmetic",), "no embedded models for the task 'arithmetic'"),
    ],
)
def test_what_cannot_be_served_is_one_line(call, words, said):
    done = call("serve", *words)
    assert done.exit_code == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr


def test_a_port_that_is_taken(call):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = call("serve", "game24", "--port", taken.getsockname()[1])
    assert done.exit_code == 2
    assert "Address already in use" in done.stderr
    assert "--port" in done.stderr


def test_without_the_extra(call, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "specreward.serve.process", raising=False)
    done = call("serve", "game24")
    assert done.exit_code == 2
    assert "uvicorn: pip install 'specreward[serve]'" in done.stderr
    assert issubclass(MissingExtra, ImportError)


def test_open_to_the_world_without_a_key_is_warned_of(call, monkeypatch):
    started = []
    monkeypatch.setattr(process, "run_server", lambda *asked: started.append(asked))
    monkeypatch.setenv("SERVER_KEY", "s3cret")
    words = ("serve", "toy", "--models", "toy", "--port", "0", "--host")
    done = call(*words, "0.0.0.0")
    assert "warning: whoever can reach 0.0.0.0 can search here at your cost" in done.stderr
    for safe in (("0.0.0.0", "--api-key-env", "SERVER_KEY"), ("127.0.0.1",), ("localhost",)):
        assert "warning" not in call(*words, *safe).stderr
    assert len(started) == 4
    for _, listening, *_ in started:
        listening.socket.close()


# ---------------------------------------------------------------------------------- the end


def asked_in_the_background(url, text, model):
    replies = []
    thread = threading.Thread(target=lambda: replies.append(ask(url, text, model)))
    thread.start()
    end = time.monotonic() + 10
    while "specreward_searches_running 1.0" not in metrics(url):
        assert time.monotonic() < end
        time.sleep(0.02)
    return thread, replies


def test_ctrl_c_lets_searches_end(tmp_path):
    with served("--store", tmp_path / "run.db", seconds=0.2) as (process, url, _):
        thread, replies = asked_in_the_background(url, "apple", "bfs(verify=speculative())")
        process.send_signal(signal.SIGINT)
        thread.join(20)
        [(status, body)] = replies
        assert status == 200
        assert body["specreward"]["ended"] == "done"
        assert process.wait(20) == 130
        assert process.stderr.read() == "interrupted\n"
        with pytest.raises(urllib.error.URLError):
            ask(url, "pear")


PAGE = (HERE.parents[1] / "docs" / "server.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_docs_do_what_they_say():
    verb = typer.main.get_command(app).commands["serve"]
    lines = "\n".join(blocks("bash")).replace("\\\n", " ").splitlines()
    commands = [shlex.split(line)[2:] for line in lines if line.startswith("specreward serve")]
    assert len(commands) == 2
    for words in commands:
        verb.make_context("serve", words)
    [program] = [block for block in blocks("python") if "create_app" in block]
    names = {}
    exec(program, names)
    assert "/v1/score" in names["app"].openapi()["paths"]


def test_every_option_and_route_is_in_the_docs():
    verb = typer.main.get_command(app).commands["serve"]
    for option in verb.params:
        assert option.name in ("task", "help") or option.opts[0] in PAGE, option
    for name in schemas.IGNORED:
        assert f"`{name}`" in PAGE, name
    for request in (schemas.ChatRequest, schemas.CompletionRequest):
        for name in request.model_fields:
            assert f"`{name}`" in PAGE, name
    for name in (*replies.Report.model_fields, *replies.Cost.model_fields):
        assert f"`{name}`" in PAGE, name
