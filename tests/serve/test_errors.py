"""Whatever is wrong with a request is said in OpenAI's form, in one line, with the right status."""

import json

import pytest

pytest.importorskip("fastapi", reason="needs the serve extra")
openai = pytest.importorskip("openai", reason="needs the HTTP client of the openai extra")

from specreward import Store  # noqa: E402
from specreward.errors import InputError  # noqa: E402
from specreward.registry import PLUGIN  # noqa: E402
from specreward.serve.menu import Menu  # noqa: E402
from specreward.serve.service import Service  # noqa: E402
from specreward.spec import parse  # noqa: E402

from . import web  # noqa: E402
from .serving import BFS, Writer, service, serving  # noqa: E402

CHAT = {"model": BFS, "messages": [{"role": "user", "content": "apple"}]}


@pytest.fixture(scope="module")
def url():
    with serving(service(strategies={BFS: BFS, "fast": "best_of_n(n=4)"})) as url:
        yield url


def post(url, body, path="/v1/chat/completions", **more):
    if isinstance(body, bytes):
        more["headers"] = {"content-type": "application/json"} | more.get("headers", {})
        return web.post(f"{url}{path}", content=body, **more)
    return web.post(f"{url}{path}", json=body, **more)


def refused(reply, status, *words):
    assert reply.status_code == status, reply.text
    error = reply.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert "\n" not in error["message"]
    for word in words:
        assert word in error["message"]
    return error


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "bfs(widht=2)"}, ["widht", "did you mean 'width'"]),
        ({"model": "bfs(width=-1)"}, ["width", "-1"]),
        ({"model": "bfs(width=2"}, ["cannot read"]),
        ({"specreward": {"strategy": "bsf()"}}, ["bsf", "did you mean 'bfs'"]),
        ({"specreward": {"strategy": "speculative()"}}, ["expected a strategy"]),
        ({"specreward": {"strategy": "best_of_n(n=100000)"}}, ["at most 256", "--max-number"]),
        ({"specreward": {"strategy": "best_of_n(n=" + "1" * 3000 + ")"}}, ["2000 characters"]),
        ({"specreward": {"strategy": "bfs(width=embedded_policy('x'))"}}, ["embedded_policy"]),
        ({"specreward": {"strategy": "bfs(width=python_file('/x'))"}}, ["python_file", "checker"]),
        ({"specreward": {"stratgy": "bfs"}}, ["stratgy", "did you mean 'strategy'"]),
        ({"specreward": {"budget": {"token": 5}}}, ["token", "did you mean 'tokens'"]),
        ({"specreward": {"budget": {"tokens": 0}}}, ["specreward.budget.tokens"]),
        ({"specreward": {"budget": {"dollars": "1"}}}, ["specreward.budget.dollars"]),
        ({"temprature": 1}, ["temprature", "did you mean 'temperature'"]),
        ({"n": 0}, ["n: "]),
        ({"n": 1.5}, ["n: "]),
        ({"n": "2"}, ["n: ", "'2'"]),
        ({"tools": [{"type": "function"}]}, ["tools", "docs/server.md"]),
        ({"logprobs": True}, ["logprobs"]),
        ({"response_format": {"type": "json_object"}}, ["response_format"]),
        ({"modalities": ["audio"]}, ["modalities"]),
        ({"messages": []}, ["messages"]),
        ({"messages": [{"role": "user", "content": ""}]}, ["an empty line"]),
        ({"messages": [{"role": "user"}]}, ["an empty line"]),
        ({"messages": [{"role": "assistant", "content": "x"}]}, ["last message", "assistant"]),
        ({"messages": [{"role": "wizard", "content": "x"}]}, ["messages.0.role"]),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            ["expected a text", "image_url"],
        ),
        ({"messages": [{"role": "user", "content": "\ud800"}]}, ["surrogate", "'\\ud800'"]),
        ({"specreward": {"strategy": "\ud800"}}, ["surrogate"]),
    ],
)
def test_what_cannot_be_used(url, change, words):
    refused(post(url, json.dumps(CHAT | change).encode()), 400, *words)


@pytest.mark.parametrize(
    "neutral",
    [
        {"tools": [], "logprobs": False, "logit_bias": {}, "response_format": {"type": "text"}},
        {"tools": None, "n": None, "stream": False, "stop": None, "modalities": ["text"]},
        {"stop": [], "seed": None, "specreward": {}, "stream_options": None},
    ],
)
def test_what_asks_for_nothing_is_no_error(url, neutral):
    assert post(url, CHAT | neutral).status_code == 200


@pytest.mark.parametrize(
    "body", [b"{", b"", b"[]", b"null", b"\xff", b'{"model": ' + b"[" * 5000, b'"x"']
)
def test_a_body_that_is_no_request(url, body):
    refused(post(url, body), 400)


def test_a_body_without_its_type_is_refused(url):
    """Else any page in a browser could search here: such a request needs no permission."""
    reply = web.post(
        f"{url}/v1/chat/completions",
        content=json.dumps(CHAT).encode(),
        headers={"content-type": "text/plain"},
    )
    refused(reply, 400, "'Content-Type: application/json'")


def test_what_is_missing_is_named_without_the_rest(url):
    error = refused(post(url, {"model": BFS}), 400, "messages: Field required")
    assert BFS not in error["message"]
    assert error["param"] == "messages"


def test_text_completions_take_one_prompt(url):
    path = "/v1/completions"
    for body, word in (
        ({"prompt": ["a", "b"]}, "prompt"),
        ({"prompt": [1, 2]}, "prompt"),
        ({"prompt": "a", "echo": True}, "echo"),
        ({"prompt": "a", "suffix": "b"}, "suffix"),
        ({}, "prompt"),
    ):
        refused(post(url, {"model": BFS} | body, path), 400, word)
    assert post(url, {"model": BFS, "prompt": "a", "best_of": 3}, path).status_code == 200


@pytest.mark.parametrize("model", ["gpt-4o", "fats", "game24/bfs()", "", "bfs.x", "/etc/passwd"])
def test_an_unknown_model(url, model):
    error = refused(post(url, CHAT | {"model": model}), 404, "unknown model", "fast")
    assert error["code"] == "model_not_found"
    if model == "fats":
        assert "did you mean 'fast'" in error["message"]


def test_an_unknown_model_is_not_retrieved(url):
    refused(web.get(f"{url}/v1/models/fats"), 404, "did you mean 'fast'")
    refused(web.get(f"{url}/v1/models/bfs(widht=1)"), 400, "widht")


def test_unknown_routes_and_methods(url):
    refused(web.get(f"{url}/v1/embeddings"), 404)
    assert refused(web.get(f"{url}/v1/chat/completions"), 405)
    assert web.get(f"{url}/v1/chat/completions").headers["allow"] == "POST"


def test_a_search_that_fails_says_why_and_what_it_had_cost():
    with serving(service(policy=Writer(most=8))) as url:
        reply = post(url, CHAT)
        error = refused(reply, 502, "problem apple", "the engine is out of order: mend it")
        assert error["code"] == "search_failed"
        assert error["type"] == "server_error"
        assert reply.headers["x-should-retry"] == "false"
        block = reply.json()["specreward"]
        assert block["ended"] == "failed"
        assert block["cost"]["policy"]["propose"]["failed"] > 0
        assert block["answer"] is None

        events = post(url, CHAT | {"stream": True}).text.strip().split("\n\n")
        last = json.loads(events[-1].removeprefix("data: "))
        assert "out of order" in last["error"]["message"]
        assert last["specreward"]["ended"] == "failed"


def test_the_official_client_sees_the_error_of_a_stream():
    with (
        serving(service(policy=Writer(most=8))) as url,
        openai.OpenAI(base_url=f"{url}/v1", api_key="none") as client,
    ):
        with pytest.raises(openai.APIError, match="out of order"):
            list(client.chat.completions.create(**CHAT, stream=True))
        with pytest.raises(openai.InternalServerError, match="out of order"):
            client.chat.completions.create(**CHAT)


def test_a_store_that_is_gone(tmp_path):
    with Store(tmp_path / "run.db") as store, serving(service(store=store)) as url:
        store.close()
        refused(post(url, CHAT), 500, "run.db", "closed")
        events = post(url, CHAT | {"stream": True}).text.strip().split("\n\n")
        assert "run.db" in json.loads(events[-1].removeprefix("data: "))["error"]["message"]


def test_a_search_without_an_answer_has_an_empty_one():
    with serving(service()) as url:
        body = CHAT | {"specreward": {"budget": {"calls": 1}}}
        reply = post(url, body).json()
        [choice] = reply["choices"]
        assert choice["message"]["content"] == ""
        assert choice["finish_reason"] == "length"
        assert choice["specreward"] is None
        assert reply["specreward"]["ended"] == "budget"
        assert reply["specreward"]["answer"] is None


def test_a_service_refuses_nonsense():
    with pytest.raises(InputError, match="at least one strategy"):
        Service(task=service().task, engines=service().engines, strategies={})
    with pytest.raises(InputError, match="an empty one"):
        service(api_key="  ")


def test_a_client_may_not_name_what_a_plugin_brings(monkeypatch):
    """Its kind is not known before it is loaded: it could be an engine, or read a file."""
    monkeypatch.setattr("specreward.serve.menu.registered", lambda kind=None: ("bfs", "alien"))
    monkeypatch.setattr("specreward.serve.menu.kind_of", {"bfs": "strategy", "alien": PLUGIN}.get)
    menu = Menu("toy", {}, 100)
    for text in ("bfs(verify=alien())", "alien", "bfs(verify=(alien,))"):
        with pytest.raises(InputError, match="got 'alien', a plugin"):
            menu.read(text)


def test_numbers_of_a_menu_are_bounded_and_served_ones_are_not():
    menu = Menu("toy", {"large": parse("best_of_n(n=1000)", "strategy")}, 100)
    assert menu.find("large").text == "best_of_n(n=1000)"
    assert menu.find("toy/large").text == "best_of_n(n=1000)"
    assert menu.find("best_of_n(n=100)").text == "best_of_n(n=100)"
    for text in ("best_of_n(n=101)", "best_of_n(temperature=-101.0)", "best_of_n(n=1e999)"):
        with pytest.raises(InputError, match="at most 100"):
            menu.find(text)
