import asyncio
import itertools
import math
import threading

import pytest

from specreward.assemble import Engines, wire
from specreward.engines import Concurrent
from specreward.errors import EngineError, InputError, RewardError
from specreward.ledger import Ledger
from specreward.reward.aggregate import Mean, Minimum
from specreward.reward.remote import (
    Classify,
    HTTPReward,
    Messages,
    PlainText,
    Pooling,
    Score,
)
from specreward.reward.solutions import Solution, SolutionModel
from specreward.spec import name_of, parse
from specreward.store import Store
from specreward.testing import ScriptedLanguageModel, ToyTask
from specreward.types import Path, Problem, Step

from .server import Reply, serving

pytest.importorskip("openai", reason="needs the openai extra")

from specreward.generate.retry import Backoff

PROBLEM = Problem("p", "What is 2 + 2?")
TWO = Solution("What is 2 + 2?", ("2 + 2 = 4", "so 4"))
ONE = Solution("What is 2 + 2?", ("it is 5",))
QUICK = Backoff(attempts=3, first=0.001)


def usage(prompt=10, cached=0):
    return {
        "prompt_tokens": prompt,
        "total_tokens": prompt,
        "completion_tokens": 0,
        "prompt_tokens_details": {"cached_tokens": cached} if cached else None,
    }


def pooled(rows, **more):
    data = [{"index": 0, "object": "pooling", "data": rows}]
    return {"id": "pool-1", "object": "list", "data": data, "usage": usage(), **more}


def classified(*probs):
    row = {"index": 0, "label": "x", "probs": list(probs), "num_classes": len(probs)}
    return {"object": "list", "data": [row], "usage": usage()}


def scored(value):
    row = {"index": 0, "object": "score", "score": value}
    return {"object": "list", "data": [row], "usage": usage()}


def grade(model, *solutions):
    return asyncio.run(model.grade(solutions))


def values(model, *solutions):
    return [one.values for one in grade(model, *solutions)]


# ---------------------------------------------------------------------------------- what is sent


def test_pooling_sends_the_conversation_and_reads_a_row_for_each_step():
    with serving(lambda path, request: pooled([[0.1, 0.9], [0.75, 0.25]])) as server:
        model = Pooling("prm", url=server.url)
        [answer] = grade(model, TWO)
    assert answer.values == (0.9, 0.25)
    assert (answer.prompt_tokens, answer.cached_tokens, answer.completion_tokens) == (10, 0, 0)
    assert answer.seconds > 0
    assert not answer.wasted.calls
    [(path, request)] = server.asked
    assert path == "/pooling"
    assert request == {
        "model": "prm",
        "messages": [
            {"role": "user", "content": "What is 2 + 2?"},
            {"role": "assistant", "content": "2 + 2 = 4<extra_0>so 4<extra_0>"},
        ],
        "add_generation_prompt": False,
        "encoding_format": "float",
    }


@pytest.mark.parametrize(
    ("rows", "settings", "expected"),
    [
        ([[0.9], [0.25]], {}, (0.9, 0.25)),
        ([0.9, 0.25], {}, (0.9, 0.25)),
        ([[0.9, 0.1], [0.25, 0.75]], {"positive": 0}, (0.9, 0.25)),
        ([[0.2, 0.3, 0.5], [0, 0, 1]], {"positive": 1}, (0.3, 0.0)),
    ],
)
def test_the_shapes_of_pooling(rows, settings, expected):
    with serving(lambda path, request: pooled(rows)) as server:
        assert values(Pooling("prm", url=server.url, **settings), TWO) == [expected]


def test_classify_and_score():
    def answer(path, request):
        return classified(0.2, 0.8) if path == "/classify" else scored(0.625)

    with serving(answer) as server:
        classify = Classify("rm", url=server.url + "/")
        assert values(classify, TWO) == [(0.8,)]
        assert values(Classify("rm", url=server.url, positive=0), TWO) == [(0.2,)]
        plain = Classify("rm", url=server.url, conversation=PlainText(before="Q: "))
        assert values(plain, TWO) == [(0.8,)]
        assert values(Score("rm", url=server.url, between=" | "), TWO) == [(0.625,)]
    assert [path for path, _ in server.asked] == ["/classify"] * 3 + ["/score"]
    assert server.asked[0][1]["messages"][1]["content"] == "2 + 2 = 4\nso 4"
    assert server.asked[2][1] == {"model": "rm", "input": "Q: What is 2 + 2?\n2 + 2 = 4\nso 4"}
    assert server.asked[3][1] == {
        "model": "rm",
        "text_1": "What is 2 + 2?",
        "text_2": "2 + 2 = 4 | so 4",
    }


def test_one_class_is_one_probability():
    with serving(lambda path, request: classified(0.3)) as server:
        assert values(Classify("rm", url=server.url), TWO) == [(0.3,)]
    with (
        serving(lambda path, request: classified(0.3)) as server,
        pytest.raises(RewardError, match="class number 1, got 1 class"),
    ):
        values(Classify("rm", url=server.url, positive=1), TWO)


def by_question(path, request):
    scores = [[0.5] * len(one["steps"]) for one in request["solutions"]]
    return {"scores": scores, "usage": {"prompt_tokens": 7, "completion_tokens": 2}}


def test_any_url_gets_solutions_in_parts():
    with serving(by_question) as server:
        model = HTTPReward(server.url + "/my/path?x=1", batch=2)
        answers = grade(model, TWO, ONE, Solution("other", ("a", "b", "c")))
    assert [one.values for one in answers] == [(0.5, 0.5), (0.5,), (0.5,) * 3]
    assert [one.prompt_tokens for one in answers] == [7, 0, 7]
    assert [one.completion_tokens for one in answers] == [2, 0, 2]
    assert sorted(len(request["solutions"]) for _, request in server.asked) == [1, 2]
    assert {path for path, _ in server.asked} == {"/my/path?x=1"}
    sizes = {len(request["solutions"]): request for _, request in server.asked}
    assert sizes[2]["solutions"][0] == {
        "question": "What is 2 + 2?",
        "steps": ["2 + 2 = 4", "so 4"],
    }


def test_one_number_for_a_solution():
    with serving(lambda path, request: {"scores": [[0.25]]}) as server:
        model = HTTPReward(server.url, per_step=False)
        assert values(model, TWO) == [(0.25,)]
        assert grade(model, TWO)[0].prompt_tokens == 0
        with pytest.raises(RewardError, match=r"2 number.*got 1: .*per_step=False"):
            grade(HTTPReward(server.url), TWO)


def test_a_marker_in_a_step_is_broken_up():
    both = Solution("say <extra_0>", ("I say <extra_0>", "b"))
    chat = Messages(system="be fair", between="\n", after="<extra_0>").fields(both)
    assert chat["messages"] == [
        {"role": "system", "content": "be fair"},
        {"role": "user", "content": "say < extra_0>"},
        {"role": "assistant", "content": "I say < extra_0><extra_0>\nb<extra_0>"},
    ]
    plain = PlainText(between=" ", after="<extra_0>").fields(both)
    assert plain == {"input": "say < extra_0> I say < extra_0><extra_0> b<extra_0>"}
    assert PlainText(after=".").fields(Solution("a.b", ("c.d",))) == {"input": "a.b\nc.d."}


def test_a_key_is_sent_where_there_is_one_and_no_other(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "for OpenAI alone")
    monkeypatch.setenv("MY_KEY", "secret")
    with serving(lambda path, request: scored(0.5)) as server:
        grade(Score("rm", url=server.url, key_env="MY_KEY"), ONE)
        grade(Score("rm", url=server.url), ONE)
    assert server.keys == ["Bearer secret", "Bearer none"]


# ---------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([[0.1, 0.9]] * 1485, r"2 row\(s\), one for each step, got 1485 x 2.*STEP"),
        ([0.5] * 380160, r"got 380160: that is one for each token"),
        ([[0.1, 0.9]], r"got 1 x 2"),
        ("AAAA", r"got 'AAAA'"),
        ([[-1.5, 2.5], [0.1, 0.9]], r"a number in \[0, 1\], got -1.5: serve the model with its"),
        ([[0.1] * 4096, [0.1] * 4096], r"sum to 1, got a sum of 409.6 over 4096"),
        ([[0.1, "x"], [0.1, 0.9]], r"a number in \[0, 1\], got 'x'"),
        ([True, 0.5], r"got True"),
    ],
)
def test_what_is_no_step_score_is_refused_with_its_shape(rows, said):
    with (
        serving(lambda path, request: pooled(rows)) as server,
        pytest.raises(RewardError, match=said) as caught,
    ):
        grade(Pooling("prm", url=server.url, retry=QUICK), TWO)
    assert len(server.asked) == 1  # the same would come again
    assert isinstance(caught.value, EngineError)
    assert (caught.value.wasted.calls, caught.value.wasted.failed) == (1, 1)
    assert caught.value.wasted.prompt_tokens == 10


def test_nan_may_be_gone_next_time():
    said = iter([scored(math.nan), scored(0.5)])
    with serving(lambda path, request: next(said)) as server:
        [answer] = grade(Score("rm", url=server.url, retry=QUICK), ONE)
    assert answer.values == (0.5,)
    assert (answer.wasted.calls, answer.wasted.failed) == (1, 1)
    assert answer.wasted.prompt_tokens == 10
    with (
        serving(lambda path, request: scored(math.nan)) as server,
        pytest.raises(RewardError, match=r"got nan: .*\(3 attempts; .*'it is 5'\)"),
    ):
        grade(Score("rm", url=server.url, retry=QUICK), ONE)


@pytest.mark.parametrize(
    "body",
    [{"data": []}, {"data": [{"index": 0}]}, {"data": "x"}, {}, {"data": [1]}],
)
def test_an_answer_that_lacks_what_was_asked_is_refused(body):
    with (
        serving(lambda path, request: body) as server,
        pytest.raises(RewardError, match=r"expected (one answer in data|'score' in the answer)"),
    ):
        grade(Score("rm", url=server.url, retry=QUICK), ONE)


@pytest.mark.parametrize(
    "said",
    [
        {"prompt_tokens": -1},
        {"prompt_tokens": "7"},
        {"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 6}},
        "much",
    ],
)
def test_a_usage_that_cannot_be_is_a_failure(said):
    with (
        serving(lambda path, request: scored(0.5) | {"usage": said}) as server,
        pytest.raises(EngineError, match=r"expected .*(usage|cached tokens).*, got"),
    ):
        grade(Score("rm", url=server.url, retry=QUICK), ONE)


def test_cached_tokens_are_told():
    with serving(lambda path, request: scored(0.5) | {"usage": usage(9, cached=4)}) as server:
        [answer] = grade(Score("rm", url=server.url), ONE)
    assert (answer.prompt_tokens, answer.cached_tokens) == (9, 4)


# ---------------------------------------------------------------------------------- faults


@pytest.mark.parametrize(
    "fault",
    [
        Reply({"error": {"message": "slow down"}}, 429, headers={"retry-after": "0"}),
        Reply({"error": {"message": "oops"}}, 500),
        Reply("<html>", 502, kind="text/html"),
        Reply('{"data": [', kind="application/json"),
        Reply("<html>", kind="text/html"),
        Reply(scored(0.5), cut=True),
        Reply("", 503),
    ],
)
def test_what_passes_is_tried_again_and_counted(fault):
    said = iter([fault, fault, scored(0.5)])
    with serving(lambda path, request: next(said)) as server:
        [answer] = grade(Score("rm", url=server.url, retry=QUICK), ONE)
    assert answer.values == (0.5,)
    assert (answer.wasted.calls, answer.wasted.failed) == (2, 2)
    assert len(server.asked) == 3


def test_what_does_not_mend_is_given_up_with_what_came_in():
    def answer(path, request):
        bad = request["text_1"] in ("b", "d")
        return Reply({"error": {"message": "oops"}}, 500) if bad else scored(0.5)

    solutions = [Solution(name, ("x",)) for name in "abcd"]
    with (
        serving(answer) as server,
        pytest.raises(EngineError, match=r"rm score.*HTTP 500: .*3 attempts.*and 1 more") as caught,
    ):
        grade(Score("rm", url=server.url, retry=QUICK), *solutions)
    assert caught.value.retryable
    assert sorted(caught.value.done) == [0, 2]
    assert caught.value.done[2].values == (0.5,)
    assert (caught.value.wasted.calls, caught.value.wasted.failed) == (6, 6)
    assert not isinstance(caught.value, RewardError)


def test_a_server_that_hangs_is_given_up():
    with (
        serving(lambda path, request: Reply(scored(0.5), wait=1.0)) as server,
        pytest.raises(EngineError, match=r"no answer within 0.1 seconds"),
    ):
        grade(Score("rm", url=server.url, timeout=0.1, retry=Backoff(attempts=1)), ONE)


def test_a_wrong_url_a_wrong_route_and_a_wrong_key_say_what_to_try():
    gone = "http://127.0.0.1:9"
    with pytest.raises(EngineError, match=rf"the connection failed.*is {gone}/v1 its URL\?"):
        grade(Score("rm", url=gone, retry=Backoff(attempts=1)), ONE)
    with (
        serving(lambda path, request: Reply({"detail": "Not Found"}, 404)) as server,
        pytest.raises(EngineError, match=r"HTTP 404.*: url is the very address that takes"),
    ):
        grade(HTTPReward(server.url, retry=QUICK), ONE)
    with (
        serving(lambda path, request: Reply({"detail": "Not Found"}, 404)) as server,
        pytest.raises(EngineError, match=r"HTTP 404.*did you mean 'prm'\?"),
    ):
        grade(Pooling("prm-7b", url=server.url, retry=QUICK), ONE)
    assert len(server.asked) == 1
    with (
        serving(lambda path, request: Reply({"error": {"message": "no"}}, 401)) as server,
        pytest.raises(EngineError, match=r"HTTP 401.*NO_SUCH_KEY"),
    ):
        grade(Score("rm", url=server.url, key_env="NO_SUCH_KEY", retry=QUICK), ONE)


def test_no_more_requests_than_wanted_are_under_way():
    solutions = [Solution(str(i), ("x",)) for i in range(12)]
    for most in (1, 4):
        with serving(lambda path, request: Reply(scored(0.5), wait=0.02)) as server:
            grade(Score("rm", url=server.url, concurrency=most), *solutions)
        assert server.most_busy == most
        assert len(server.asked) == 12


def test_a_call_that_is_given_up_frees_its_connections():
    free = threading.Event()

    def answer(path, request):
        if request["text_1"] == "slow":
            free.wait(5)
        return scored(0.5)

    async def run(url):
        model = Score("rm", url=url, concurrency=1)
        slow = asyncio.create_task(model.grade([Solution("slow", ("x",))]))
        await asyncio.sleep(0.1)
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow
        async with asyncio.timeout(2):
            return await model.grade([ONE])

    with serving(answer) as server:
        try:
            assert asyncio.run(run(server.url))[0].values == (0.5,)
        finally:
            free.set()


def test_no_solutions_need_no_server():
    assert grade(Score("rm", url="http://127.0.0.1:9")) == []


# ---------------------------------------------------------------------------------- in a search


def path(*texts):
    return Path(PROBLEM, tuple(map(Step, texts)))


def test_scores_of_paths_are_metered_and_stored(tmp_path):
    with (
        serving(lambda path, request: pooled([[0.1, 0.9], [0.75, 0.25]])) as server,
        Store(tmp_path / "run.db") as store,
    ):
        engines = Engines(policy=ScriptedLanguageModel({}), reward=Pooling("prm", url=server.url))
        reward = wire(ToyTask(), engines, store=store).reward

        async def twice():
            with Ledger().active() as ledger:
                found = [await reward.score([path("a", "b")]) for _ in range(2)]
            return found, ledger.usage

        found, spent = asyncio.run(twice())
    assert found == [[0.25], [0.25]]
    assert len(server.asked) == 1
    assert list(spent) == [("reward", "score")]
    own = spent["reward", "score"]
    assert (own.calls, own.prompt_tokens) == (2, 20)


def test_what_failed_and_what_came_in_are_in_the_ledger(tmp_path):
    count = itertools.count()

    def answer(path, request):
        bad = request["text_2"] == "b" and next(count) < 3
        return Reply({}, 500) if bad else scored(0.5)

    with serving(answer) as server, Store(tmp_path / "run.db") as store:
        model = Score("rm", url=server.url, retry=QUICK)
        engines = Engines(policy=ScriptedLanguageModel({}), reward=model)
        reward = wire(ToyTask(), engines, store=store).reward

        async def again():
            with Ledger().active() as ledger:
                with pytest.raises(EngineError):
                    await reward.score([path("a"), path("b")])
                first = ledger.total
                await reward.score([path("a"), path("b")])
            return first, ledger.total

        first, second = asyncio.run(again())
    assert (first.calls, first.failed, first.prompt_tokens) == (4, 3, 10)
    assert (second.calls, second.failed, second.prompt_tokens) == (6, 3, 30)
    assert len(server.asked) == 5  # what had come in was kept


@pytest.mark.parametrize(
    "text",
    [
        "pooling('Qwen/Qwen2.5-Math-PRM-7B', url='http://gpu:8000', positive=0, combine=product())",
        "pooling('m', conversation=messages(system='s', between=' ', after='<a>'))",
        "classify('m', conversation=plain_text(before='Q', between=' '), timeout=3.0)",
        "score('m', between=' ', concurrency=3, retry=backoff(attempts=2))",
        "http_reward('http://x/y', per_step=False, batch=4, key_env='K', parameters=7)",
    ],
)
def test_text_and_back(text):
    model = parse(text, "rewardmodel")
    assert parse(name_of(model), "rewardmodel") == model
    assert isinstance(model, SolutionModel)
    assert isinstance(model, Concurrent)
    assert model.most_tokens == 0


def test_names_tell_models_apart():
    models = [
        Pooling("m"),
        Pooling("m", positive=0),
        Pooling("m", conversation=Messages(after="<a>")),
        Classify("m"),
        Classify("m", positive=0),
        Classify("m", conversation=PlainText()),
        Score("m"),
        Score("m", between=" "),
        HTTPReward("http://x"),
        HTTPReward("http://x", per_step=False),
        HTTPReward("http://y"),
    ]
    assert len({model.name for model in models}) == len(models)
    assert Pooling("m", timeout=1, concurrency=2, combine=Mean()).name == Pooling("m").name


def test_kinds_of_numbers():
    assert Pooling("m").per_step
    assert Pooling("m").combine == HTTPReward("http://x").combine == Minimum()
    assert not Classify("m").per_step
    assert not Score("m").per_step
    assert Classify("m").combine([0.5]) == Score("m").combine([0.5]) == 0.5
    assert Pooling("m", parameters=7).parameters == 7


@pytest.mark.parametrize(
    "build",
    [
        lambda: Pooling("m", url="localhost:8000"),
        lambda: Pooling("m", url="ftp://x"),
        lambda: Pooling("m", url="http://user:key@x"),
        lambda: Pooling("m", url=None),
        lambda: Pooling("m", timeout=0),
        lambda: Pooling("m", concurrency=0),
        lambda: Pooling("m", parameters=-1),
        lambda: Pooling("m", retry=None),
        lambda: Pooling("m", key_env=""),
        lambda: Pooling("m", positive=0.5),
        lambda: Pooling("m", combine=None),
        lambda: Classify("m", positive="x"),
        lambda: Score("m", timeout=-1),
        lambda: HTTPReward("http://x", batch=0),
        lambda: HTTPReward("http://x", combine=None),
    ],
)
def test_settings_out_of_range_are_refused(build):
    with pytest.raises(InputError):
        build()
