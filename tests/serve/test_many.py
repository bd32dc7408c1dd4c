"""Many searches at once: none is lost, none is mixed up, and the account is right."""

import asyncio
import re

import pytest

openai = pytest.importorskip("openai", reason="needs the openai extra")
pytest.importorskip("fastapi", reason="needs the serve extra")


from specreward import Store, parse, run, wire  # noqa: E402
from specreward.serve.limits import Limits  # noqa: E402

from . import web  # noqa: E402
from .serving import BFS, TASK, Values, Writer, service, serving  # noqa: E402

COUNT = 64
TEXTS = [f"word {i}" for i in range(COUNT)]


def ask_all(url, seeds):
    async def main():
        async with openai.AsyncOpenAI(
            base_url=f"{url}/v1", api_key="none", max_retries=0
        ) as client:
            return await asyncio.gather(
                *[
                    client.chat.completions.create(
                        model=BFS, messages=[{"role": "user", "content": text}], seed=seed
                    )
                    for text, seed in zip(TEXTS, seeds, strict=True)
                ]
            )

    return asyncio.run(main())


@pytest.mark.parametrize("limit", [64, 7])
def test_64_searches_lose_nothing(tmp_path, limit):
    writer, values = Writer(seconds=0.002), Values()
    seeds = [i % 3 for i in range(COUNT)]
    limits = Limits(searches=limit, queue=COUNT)
    with (
        Store(tmp_path / "run.db") as store,
        serving(service(policy=writer, reward=values, limits=limits, store=store)) as url,
    ):
        replies = ask_all(url, seeds)
        page = web.get(f"{url}/metrics").text
        paid = store.paid()
        kept = [one for row in store.runs() for one in store.results(row.id)]

    strategy, engines = parse(BFS, "strategy"), service().engines
    results = {
        one.problem.question: one
        for seed in set(seeds)
        for one in run(
            strategy,
            [TASK.parse(text) for text, own in zip(TEXTS, seeds, strict=True) if own == seed],
            wire(TASK, engines, seed=seed),
        )
    }
    tokens = calls = 0
    for reply, text in zip(replies, TEXTS, strict=True):
        alone = results[text]
        block = reply.specreward
        assert block["answer"] == (TASK.answer(alone.best.path) if alone.best else None)
        assert block["score"] == (alone.best.score if alone.best else None)
        assert block["tokens"] == sum([spent.tokens for spent in alone.usage.values()])
        assert reply.usage.total_tokens == block["tokens"]
        tokens += block["tokens"]
        calls += block["calls"]

    # What the searches say, what the engines answered, what the store has and what is counted.
    assert writer.calls + values.calls == calls == sum([count for count, _ in paid.values()])
    assert all(count == times for count, times in paid.values())
    assert sorted(one.problem.id for one in kept) == sorted(TEXTS)
    counted = re.findall(r'^specreward_tokens_total\{kind="(\w+)".*\} (\S+)$', page, re.M)
    assert sum([float(number) for kind, number in counted if kind != "cached"]) == tokens
    assert f'specreward_searches_total{{ended="done"}} {COUNT}.0' in page or (
        sum([float(n) for n in re.findall(r"^specreward_searches_total\{.*\} (\S+)$", page, re.M)])
        == COUNT
    )


def test_the_calls_of_searches_are_merged():
    batches = []

    class Batched(Writer):
        async def complete(self, prompts, seeds, sampling):
            batches.append(len(prompts))
            return await super().complete(prompts, seeds, sampling)

    with serving(service(policy=Batched(seconds=0.02))) as url:
        ask_all(url, [0] * COUNT)
    assert sum(batches) / len(batches) > 20
    assert max(batches) > 60


def test_a_question_asked_again_comes_from_the_store(tmp_path):
    writer = Writer()
    with (
        Store(tmp_path / "run.db") as store,
        serving(service(policy=writer, store=store)) as url,
    ):
        body = {"model": BFS, "prompt": "apple"}
        first = web.post(f"{url}/v1/completions", json=body).json()
        asked = writer.calls
        again = web.post(f"{url}/v1/completions", json=body).json()
        other = web.post(f"{url}/v1/completions", json=body | {"seed": 1}).json()
        page = web.get(f"{url}/metrics").text
        runs = web.get(f"{url}/api/runs")
    assert first["specreward"]["stored"] is False
    assert again["specreward"]["stored"] is True
    assert other["specreward"]["stored"] is False
    assert again["choices"] == first["choices"]
    assert again["usage"] == first["usage"]
    assert writer.calls > asked
    assert 'specreward_searches_total{ended="stored"} 1.0' in page
    total = sum([float(n) for n in re.findall(r"^specreward_calls_total\{.*\} (\S+)$", page, re.M)])
    assert total == first["specreward"]["calls"] + other["specreward"]["calls"]
    assert runs.status_code == 200
    assert BFS in runs.text


def test_a_search_under_way_is_in_the_viewer():
    with serving(service(policy=Writer(seconds=0.2))) as url:
        body = {"model": BFS, "messages": [{"role": "user", "content": "apple"}], "stream": True}
        with web.stream("POST", f"{url}/v1/chat/completions", json=body) as reply:
            lines = reply.iter_lines()
            for line in lines:
                if '"searching"' in line:
                    break
            name = re.search(r'"id":"chatcmpl-(\w+)"', line)[1]
            assert name in web.get(f"{url}/api/live").text
            assert web.get(f"{url}/api/live/{name}").status_code == 200
            list(lines)
        assert "<html" in web.get(f"{url}/").text
