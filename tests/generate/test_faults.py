"""A third of all requests goes wrong: no problem is lost, no call is paid for twice."""

import asyncio
import json
from collections import Counter

import pytest

from specreward.assemble import assemble
from specreward.engines import Sampling
from specreward.errors import EngineError
from specreward.generate import VLLM, Backoff, Completions, LlamaCpp, OpenAI, Processed
from specreward.run import run
from specreward.search import BFS
from specreward.seeds import derive
from specreward.spec import parse
from specreward.store import Store
from specreward.testing import OracleReward, ToyLanguageModel, ToyTask
from specreward.types import Usage
from specreward.verify import RapEvaluation, Speculative

from .faults import FAULTS, FaultProxy
from .servers import Server, Text, answer, choice, usage

pytest.importorskip("openai", reason="needs the openai extra")

TASK = ToyTask()
PROBLEMS = TASK.generate(24, "test", 0)
SEARCH = BFS(3, n=4, verify=Speculative())


async def toy(asked):
    """The toy language model as a server; sample i of a request has a seed of its own."""
    body = asked.body
    n = body.get("n", 1)
    seeds = [derive(body["seed"], i) for i in range(n)]
    prompts = [body["prompt"]] * n
    how = Sampling(body["temperature"], body["max_tokens"])
    drawn = await ToyLanguageModel(task=TASK).complete(prompts, seeds, how)
    rows = [choice(asked, Text((c.text,), (c.logprob,)), i) for i, c in enumerate(drawn)]
    return answer({"choices": rows, **usage(drawn[0].prompt_tokens, n)})


def engine(server, **changed):
    settings = {
        "url": server.url,
        "dialect": VLLM(logprobs=Processed()),
        "route": Completions(),
        "retry": Backoff(attempts=3, first=0.001, most=0.1),
        "timeout": 1.0,
    }
    return OpenAI("toy", **(settings | changed))


def search(server, store, **changed):
    models = assemble(
        TASK, policy=engine(server, **changed), reward=OracleReward(task=TASK), store=store
    )
    return run(SEARCH, PROBLEMS, models, store=store)


def spent(results):
    return sum((usage for result in results for usage in result.usage.values()), Usage())


def test_every_problem_ends_and_the_ledger_has_what_the_proxy_saw(tmp_path):
    with Server(toy) as backend, Store(tmp_path / "run.db") as store:
        proxy = FaultProxy(backend.port, seed=1)
        with Server(proxy) as server:
            twice = Backoff(attempts=2, first=0.001, most=0.1)
            results = search(server, store, retry=twice)
            seen = proxy.calls.total()
            failed = [result for result in results if result.ended == "failed"]
            assert len(results) == len(PROBLEMS)
            assert 0 < len(failed) < len(results)
            for result in results:
                if result.ended != "failed":
                    assert result.best is not None
                    continue
                assert result.error.startswith(f"problem {result.problem.id}: EngineError: toy at ")
                assert f"{server.url}: " in result.error
                assert "2 attempts; the prompt ends with 'spell " in result.error
                assert "in role policy, phase propose" in result.error
            assert set(proxy.calls) == {"ok", *FAULTS}
            total = spent(results)
            assert total.calls == seen
            assert total.failed == seen - proxy.calls["ok"]
            assert total.prompt_tokens == proxy.tokens["prompt_tokens"]
            assert total.completion_tokens == proxy.tokens["completion_tokens"]

            paid = proxy.calls["ok"]
            proxy.share = 0.0
            again = search(server, store)
        # What failed is asked for, what came in is not asked for again.
        assert all(n == json.loads(body).get("n", 1) for body, n in proxy.answered.items())
        [(_, stored)] = store.paid().values()
        assert stored == proxy.calls["ok"] > paid
        assert all(result.best is not None for result in again)


def test_faults_change_the_cost_and_nothing_else(tmp_path):
    def outcome(share, name):
        with Server(toy) as backend, Store(tmp_path / name) as store:
            proxy = FaultProxy(backend.port, share)
            with Server(proxy) as server:
                results = search(server, store)
                while any(result.ended == "failed" for result in results):
                    results = search(server, store)
        return [(result.best.path.key, result.ended) for result in results]

    assert outcome(0.3, "spoiled.db") == outcome(0.0, "clean.db")


@pytest.mark.parametrize(
    ("fault", "words", "billed"),
    [
        ("429", "HTTP 429", 0),
        ("500", "HTTP 500", 0),
        ("hang", "no answer within 0.2 seconds", 0),
        ("cut", "expected JSON", 0),
        ("short", "the connection failed", 0),
        ("empty", "expected 1 choices, got 0", 2),
        ("nan", "expected log-probabilities of at most 0, got nan", 2),
        ("html", "expected JSON, got text/html", 0),
    ],
)
def test_each_fault_is_named_and_counted(fault, words, billed):
    with Server(toy) as backend:
        proxy = FaultProxy(backend.port, 1.0, faults=(fault,))
        with Server(proxy) as server:
            lm = engine(server, timeout=0.2 if fault == "hang" else 5.0)
            with pytest.raises(EngineError) as caught:
                asyncio.run(lm.complete(["spell a|"], [0], Sampling(0.7, 1)))
    assert words in str(caught.value)
    assert caught.value.retryable
    wasted = caught.value.wasted
    assert (wasted.calls, wasted.failed) == (3, 3) == (proxy.calls[fault], proxy.calls[fault])
    assert wasted.completion_tokens == (3 if billed else 0)
    assert wasted.prompt_tokens == proxy.tokens["prompt_tokens"]


def test_a_real_server_behind_the_faults(served, tmp_path):
    """llama.cpp samples and scores: nothing is lost, and the results are those without faults."""
    kind = parse("blocksworld", "task")
    problems = [one for i, one in enumerate(kind.generate(5, "tune", 4)) if i in (0, 3, 4)]
    strategy = BFS(2, n=2, verify=RapEvaluation())
    port = int(served("blocksworld").root.rpartition(":")[2])

    def search(share, name):
        """Results, those of the first run, and what the proxy saw in it."""
        quick = [fault for fault in FAULTS if fault != "hang"]
        proxy = FaultProxy(port, share, seed=2, faults=quick)
        with Store(tmp_path / name) as store, Server(proxy) as server:
            retry = Backoff(attempts=2, first=0.001, most=0.1)
            lm = engine(server, dialect=LlamaCpp(), timeout=20.0, retry=retry, concurrency=4)
            models = assemble(kind, policy=lm, store=store)
            first = results = run(strategy, problems, models, store=store)
            seen = Counter(proxy.calls), Counter(proxy.tokens)
            while any(result.ended == "failed" for result in results):
                results = run(strategy, problems, models, store=store)
        return results, first, seen

    clean, _, _ = search(0.0, "clean.db")
    results, first, (calls, tokens) = search(0.1, "spoiled.db")
    failed = [result for result in first if result.ended == "failed"]
    for result in failed:
        assert result.error.startswith(f"problem {result.problem.id}: EngineError: toy at ")
        assert "2 attempts; the prompt ends with " in result.error
    assert all(result.best is not None for result in first if result not in failed)
    assert len(calls) > 3
    assert spent(first).tokens == tokens.total() > 300
    assert spent(first).failed == calls.total() - calls["ok"]
    told = [[(r.best.path.key, r.ended, len(r.expansions)) for r in rs] for rs in (results, clean)]
    assert told[0] == told[1]
