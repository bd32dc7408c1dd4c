"""The reward model alone."""

import asyncio

import pytest

pytest.importorskip("fastapi", reason="needs the serve extra")
pytest.importorskip("openai", reason="needs the HTTP client of the openai extra")

from specreward import Budget
from specreward.assemble import Engines
from specreward.errors import EngineError
from specreward.reward.aggregate import Minimum
from specreward.reward.solutions import Graded
from specreward.serve.limits import Limits
from specreward.serve.service import Service

from . import web
from .serving import BFS, TASK, Values, Writer, service, serving, until

RIGHT = TASK.target("apple")


def test_the_reward_model_goes_by_its_own_name_alone():
    engines = Engines(
        policy=Writer(), reward=Values(), judge=Writer(name="judge"), draft=Writer(name="draft")
    )
    about = Service(task=TASK, engines=engines, strategies={"a": None})
    assert about.reward_name == "toy-values"
    assert about.priced_names == ["toy-writer", "judge", "draft", "toy-values"]


class Grader:
    """Gives each step its length over ten; ``seen`` is what it read."""

    name = "grader"
    parameters = 0
    combine = Minimum()
    most_tokens = 0

    def __init__(self, per_step):
        self.per_step = per_step
        self.seen = []

    async def grade(self, solutions):
        self.seen += solutions
        return [
            Graded(
                tuple([len(step) / 10 for step in one.steps]) if self.per_step else (0.5,),
                prompt_tokens=len(one.question),
            )
            for one in solutions
        ]


@pytest.fixture(scope="module")
def url():
    with serving(service()) as url:
        yield url


def score(url, path="/v1/score", **body):
    return web.post(f"{url}{path}", json=body, timeout=20)


def test_a_text_and_a_solution(url):
    reply = score(url, model="toy-values", text_1="apple", text_2="\n".join(RIGHT)).json()
    assert reply["object"] == "list"
    assert reply["model"] == "toy-values"
    assert reply["data"] == [{"index": 0, "object": "score", "score": 1.0}]
    tokens = len(f"reward apple|{RIGHT}")
    assert reply["usage"]["prompt_tokens"] == reply["usage"]["total_tokens"] == tokens
    assert score(url, "/score", text_1="apple", text_2=RIGHT[0]).json()["data"] == reply["data"]
    for text in ("\n".join(RIGHT) + "\n\n", "\n\n".join(RIGHT) + "\n\n \n"):  # no step more
        again = score(url, model="toy-values", text_1="apple", text_2=text).json()
        assert (again["data"], again["usage"]) == (reply["data"], reply["usage"])


def test_one_with_many_and_many_with_many(url):
    wrong = "abcd".replace(RIGHT[0], "")[0]
    many = score(url, text_1="apple", text_2=[RIGHT[0], wrong, f"{RIGHT[0]}\n\n{RIGHT[1]}"]).json()
    assert [row["score"] for row in many["data"]] == [1.0, 0.0, 1.0]
    assert [row["index"] for row in many["data"]] == [0, 1, 2]
    first = TASK.target("pear")[0]
    pairs = score(url, model="reward", text_1=["apple", "pear"], text_2=[RIGHT[0], first]).json()
    assert [row["score"] for row in pairs["data"]] == [1.0, 1.0]
    assert score(url, text_1=["apple"], text_2=[]).json()["data"] == []


def test_solutions_by_their_steps(url):
    body = {"solutions": [{"question": "apple", "steps": list(RIGHT[:2])}]}
    assert score(url, **body).json()["data"] == [{"index": 0, "object": "score", "score": 1.0}]
    [row] = score(url, per_step=True, **body).json()["data"]
    assert row["steps"] == [1.0, 1.0]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({}, 400, "either text_1 and text_2, or solutions"),
        ({"text_1": "apple"}, 400, "either text_1"),
        ({"text_1": "a", "text_2": "b", "solutions": []}, 400, "either text_1"),
        ({"text_1": ["a", "b"], "text_2": ["c"]}, 400, "got 2 and 1"),
        ({"text_1": "apple", "text_2": " \n "}, 400, "an empty text"),
        ({"text_1": "apple", "text_2": "zebra"}, 400, "step 1, 'zebra': it breaks the rules"),
        ({"text_1": "apple", "text_2": [RIGHT[0], "x"]}, 400, "solution 1: step 1, 'x'"),
        ({"text_1": "apple", "text_2": "\n".join(RIGHT + "a")}, 400, "after the end"),
        ({"text_1": "", "text_2": "a"}, 400, "an empty line"),
        ({"solutions": [{"question": "apple", "steps": []}]}, 400, "solutions.0.steps"),
        ({"model": "bge", "text_1": "apple", "text_2": "a"}, 404, "known: reward, toy-values"),
        ({"texts": "apple"}, 400, "unknown parameter 'texts'"),
    ],
)
def test_what_cannot_be_scored(url, body, status, words):
    reply = score(url, **body)
    assert reply.status_code == status
    assert words in reply.json()["error"]["message"]


def test_a_model_of_solutions_reads_any_steps():
    grader = Grader(per_step=True)
    with serving(service(reward=grader)) as url:
        body = {"solutions": [{"question": "anything", "steps": ["abc", "a", "no letter"]}]}
        [row] = score(url, per_step=True, **body).json()["data"]
        assert row == {"index": 0, "object": "score", "score": 0.1, "steps": [0.3, 0.1, 0.9]}
        assert grader.seen[0].question == "anything"
        assert score(url, text_1="q", text_2="one\n\ntwo\nhere").json()["data"][0][
            "score"
        ] == pytest.approx(0.3)
        assert grader.seen[-1].steps == ("one", "two\nhere")


def test_a_model_without_step_scores_grades_each_beginning():
    with serving(service(reward=Grader(per_step=False))) as url:
        body = {"solutions": [{"question": "q", "steps": ["a", "b"]}]}
        [row] = score(url, per_step=True, **body).json()["data"]
        assert row["steps"] == [0.5, 0.5]


def test_a_reward_model_that_scores_whole_paths_only():
    class Whole:
        async def score(self, paths):
            return [0.25 for _ in paths]

    with serving(service(reward=Whole())) as url:
        body = {"solutions": [{"question": "apple", "steps": ["a"]}]}
        assert score(url, **body).json()["data"][0]["score"] == 0.25
        assert "leave it out" in score(url, per_step=True, **body).text


def test_without_a_reward_model():
    bare = service()
    blind = Service(task=TASK, engines=Engines(policy=Writer()), strategies=bare.strategies)
    with serving(blind) as url:
        reply = score(url, text_1="apple", text_2="a")
        assert reply.status_code == 404
        assert "--reward" in reply.json()["error"]["message"]
        assert "reward" not in [m["id"] for m in web.get(f"{url}/v1/models").json()["data"]]


def test_faults_and_limits():
    class Broken(Values):
        async def values(self, texts):
            raise EngineError("no such weights")

    class Slow(Values):
        async def values(self, texts):
            await asyncio.sleep(2)
            return await super().values(texts)

    body = {"text_1": "apple", "text_2": RIGHT[0]}
    with serving(service(reward=Broken())) as url:
        reply = score(url, **body)
        assert reply.status_code == 502
        assert "no such weights" in reply.json()["error"]["message"]
    with serving(service(budget=Budget(calls=1))) as url:
        assert score(url, **body).status_code == 200
        reply = score(url, text_1="apple", text_2=["a", "b"])
        assert reply.status_code == 400
        assert "budget" in reply.json()["error"]["message"]
    with serving(service(reward=Slow(), limits=Limits(seconds=0.1))) as url:
        reply = score(url, **body)
        assert reply.status_code == 504
        assert reply.headers["x-should-retry"] == "false"
    with serving(service(reward=Slow(), limits=Limits(searches=1, queue=0))) as url:
        with pytest.raises(web.TimeoutException):
            web.post(f"{url}/v1/score", json=body, timeout=0.3)
        until(lambda: "specreward_searches_running 0.0" in web.get(f"{url}/metrics").text)


def test_scores_are_counted():
    with serving(service(strategies={BFS: BFS})) as url:
        score(url, text_1="apple", text_2=["a", "b", "c"])
        page = web.get(f"{url}/metrics").text
    assert 'specreward_calls_total{phase="score",role="reward"} 3.0' in page
