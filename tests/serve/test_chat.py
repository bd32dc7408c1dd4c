"""The official client asks for chat and text completions."""

import asyncio
import json

import pytest

openai = pytest.importorskip("openai", reason="needs the openai extra")
pytest.importorskip("fastapi", reason="needs the serve extra")


from specreward import Budget, parse, run, wire  # noqa: E402
from specreward.prices import Price, Prices  # noqa: E402

from . import web  # noqa: E402
from .serving import BFS, TASK, service, serving  # noqa: E402


@pytest.fixture(scope="module")
def url():
    strategies = {BFS: BFS, "fast": "best_of_n(n=4)"}
    prices = Prices({"toy-*": Price(prompt=1.0, completion=2.0)})
    with serving(service(strategies=strategies, prices=prices)) as url:
        yield url


@pytest.fixture(scope="module")
def client(url):
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        yield client


def ask(client, text, model=BFS, **more):
    return client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": text}], **more
    )


def directly(text, strategy=BFS, budget=None, seed=0):
    """The same search without a server."""
    models = wire(TASK, service().engines, seed=seed)
    [result] = run(parse(strategy, "strategy"), [TASK.parse(text)], models, budget=budget)
    return result


def test_the_answer_and_its_cost_are_those_of_the_search(client):
    reply = ask(client, "apple")
    result = directly("apple")
    word = TASK.answer(result.best.path)
    [choice] = reply.choices
    assert choice.message.role == "assistant"
    assert choice.message.content == "\n".join(word) + f"\n\nAnswer: {word}"
    assert choice.finish_reason == "stop"
    assert choice.specreward == {"answer": word, "score": result.best.score}
    assert reply.object == "chat.completion"
    assert reply.model == BFS

    total = sum([spent.tokens for spent in result.usage.values()])
    assert reply.usage.total_tokens == total
    assert reply.usage.prompt_tokens + reply.usage.completion_tokens == total
    assert reply.usage.prompt_tokens_details.cached_tokens == 0
    block = reply.specreward
    assert {(role, phase) for role in block["cost"] for phase in block["cost"][role]} == {
        ("policy", "propose"),
        ("reward", "score"),
    }
    for (role, phase), spent in result.usage.items():
        assert block["cost"][role][phase]["calls"] == spent.calls
        assert block["cost"][role][phase]["prompt_tokens"] == spent.prompt_tokens
    assert block["tokens"] == total
    assert block["ended"] == result.ended
    assert block["answer"] == word
    assert block["expansions"] == len(result.expansions)
    assert block["dollars"] == pytest.approx(
        sum([role[phase]["dollars"] for role in block["cost"].values() for phase in role])
    )
    assert block["dollars"] > 0
    assert reply.id == f"chatcmpl-{block['id']}"


def test_without_a_price_there_are_no_dollars():
    with serving(service()) as url, openai.OpenAI(base_url=f"{url}/v1", api_key="none") as client:
        assert ask(client, "apple").specreward["dollars"] is None


def test_the_models_are_the_strategies(client):
    listed = {model.id: model.strategy for model in client.models.list()}
    assert listed["fast"] == "best_of_n(n=4)"
    assert listed[BFS] == BFS
    assert listed["reward"] is None
    assert client.models.retrieve("fast").strategy == "best_of_n(n=4)"
    assert client.models.retrieve("toy/cot").strategy == "cot()"


@pytest.mark.parametrize(
    ("model", "strategy"),
    [
        ("fast", "best_of_n(n=4)"),
        ("toy/fast", "best_of_n(n=4)"),
        ("best_of_n(n=3)", "best_of_n(n=3)"),
        ("toy/beam(width=2, n=2)", "beam(width=2, n=2)"),
        ("dfs", "dfs()"),
    ],
)
def test_the_strategy_in_the_models_name(client, model, strategy):
    block = ask(client, "pear", model=model).specreward
    assert block["strategy"] == strategy
    assert block["tokens"] == sum([u.tokens for u in directly("pear", strategy).usage.values()])


def test_strategy_seed_and_budget_in_the_extra_body(client):
    asked = {"strategy": "best_of_n(n=8)", "seed": 5, "budget": {"calls": 20}}
    reply = ask(client, "plum", extra_body={"specreward": asked})
    result = directly("plum", "best_of_n(n=8)", Budget(calls=20), seed=5)
    assert result.ended == "budget"
    assert reply.specreward["strategy"] == "best_of_n(n=8)"
    assert reply.specreward["ended"] == "budget"
    assert reply.specreward["calls"] == sum([u.calls for u in result.usage.values()])
    assert reply.choices[0].finish_reason == "length"


def test_openais_own_seed_is_taken_where_there_is_no_other(client):
    texts = [f"grape {i}" for i in range(6)]
    for extra, seed in (({}, 3), ({"seed": 4}, 4)):
        replies = [
            ask(client, text, "best_of_n(n=1)", seed=3, extra_body={"specreward": extra})
            for text in texts
        ]
        answers = [reply.specreward["answer"] for reply in replies]
        results = [directly(text, "best_of_n(n=1)", seed=seed) for text in texts]
        assert answers == [TASK.answer(one.best.path) if one.best else None for one in results]
    assert answers != [ask(client, text, "best_of_n(n=1)").specreward["answer"] for text in texts]


def test_several_choices_are_the_best_candidates(client):
    reply = ask(client, "melon", "best_of_n(n=12)", n=3)
    result = directly("melon", "best_of_n(n=12)")
    paths = {one.path.key: one.score for one in result.candidates}
    best = sorted(paths.values(), reverse=True)[:3]
    assert [choice.index for choice in reply.choices] == [0, 1, 2]
    assert [choice.specreward["score"] for choice in reply.choices] == best
    assert len({choice.message.content for choice in reply.choices}) == 3
    assert reply.choices[0].specreward["answer"] == TASK.answer(result.best.path)
    few = ask(client, "melon", "cot", n=5)
    assert len(few.choices) == 1


def test_the_answer_is_cut_at_a_stop(client):
    whole = ask(client, "apple").choices[0].message.content
    assert (
        ask(client, "apple", stop="Answer").choices[0].message.content
        == (whole.partition("Answer")[0])
    )
    assert (
        ask(client, "apple", stop=["zzz", "\n\n"]).choices[0].message.content
        == (whole.partition("\n\n")[0])
    )


def test_what_has_no_effect_is_listed(client):
    plain = ask(client, "apple")
    reply = ask(client, "apple", temperature=0.1, max_tokens=3, top_p=0.5, user="me")
    assert reply.specreward["ignored"] == ["max_tokens", "temperature", "top_p", "user"]
    assert reply.choices[0].message == plain.choices[0].message
    assert plain.specreward["ignored"] == []


def test_only_the_last_message_is_read_and_parts_of_text_are_joined(client):
    reply = client.chat.completions.create(
        model=BFS,
        messages=[
            {"role": "system", "content": "You are terse."},
            {"role": "user", "content": "pear"},
            {"role": "assistant", "content": "abcd"},
            {"role": "user", "content": [{"type": "text", "text": "apple"}]},
        ],
    )
    assert reply.choices[0].message == ask(client, "apple").choices[0].message


def test_text_completions(client):
    chat = ask(client, "apple", n=2)
    for prompt in ("apple", ["apple"]):
        reply = client.completions.create(model=BFS, prompt=prompt, n=2, stop="zzz")
        assert reply.object == "text_completion"
        assert [one.text for one in reply.choices] == [one.message.content for one in chat.choices]
        assert reply.choices[0].finish_reason == "stop"
        assert reply.usage == chat.usage
        assert (
            reply.specreward["cost"]["policy"]["propose"]["calls"]
            == (chat.specreward["cost"]["policy"]["propose"]["calls"])
        )
        assert reply.id == f"cmpl-{reply.specreward['id']}"


# ---------------------------------------------------------------------------------- streams


def test_a_stream_brings_progress_and_then_the_answer(client):
    whole = ask(client, "apple", "best_of_n(n=12)", n=2)
    chunks = list(
        ask(
            client,
            "apple",
            "best_of_n(n=12)",
            n=2,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[0].specreward["progress"]["state"] in ("queued", "searching")
    text = {0: "", 1: ""}
    for chunk in chunks[:-1]:
        assert chunk.usage is None
        for choice in chunk.choices:
            text[choice.index] += choice.delta.content or ""
    assert list(text.values()) == [one.message.content for one in whole.choices]
    ends = [c.finish_reason for chunk in chunks[:-1] for c in chunk.choices if c.finish_reason]
    assert ends == ["stop", "stop"]
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage
    assert chunks[-2].specreward["answer"] == whole.specreward["answer"]


def test_a_stream_says_where_the_search_stands():
    slow = service(policy=_slow(0.15))
    with serving(slow) as url, openai.OpenAI(base_url=f"{url}/v1", api_key="none") as client:
        chunks = list(ask(client, "apple", stream=True))
    steps = [chunk.specreward["progress"] for chunk in chunks if "progress" in _block(chunk)]
    assert steps[0]["state"] in ("queued", "searching")
    growing = [step["expansions"] for step in steps]
    assert growing == sorted(growing)
    assert growing[-1] >= 2
    assert steps[-1]["tokens"] > 0
    assert chunks[-1].usage is None


def _slow(seconds):
    from .serving import Writer

    return Writer(seconds=seconds)


def _block(chunk):
    return (chunk.model_extra or {}).get("specreward") or {}


def test_the_asynchronous_client(url):
    async def main():
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none") as client:
            whole = await ask(client, "apple")
            stream = await ask(client, "apple", stream=True)
            text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
            texts = await client.completions.create(model=BFS, prompt="apple", stream=True)
            plain = "".join([chunk.choices[0].text async for chunk in texts])
            return whole.choices[0].message.content, text, plain

    whole, text, plain = asyncio.run(main())
    assert whole == text == plain


def test_a_stream_is_server_sent_events(url):
    body = {"model": BFS, "messages": [{"role": "user", "content": "apple"}], "stream": True}
    reply = web.post(f"{url}/v1/chat/completions", json=body)
    assert reply.headers["content-type"].startswith("text/event-stream")
    events = reply.text.split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    for event in events[:-2]:
        json.loads(event.removeprefix("data: "))
