"""The viewer's routes, and the searches under way that they tell of."""

import asyncio

import pytest
from report.searches import SPECULATIVE, Checked, failed, run_file, small

from specreward.assemble import wire
from specreward.errors import BudgetExhausted, InputError
from specreward.ledger import Ledger
from specreward.report.archive import Archive
from specreward.run import run_async
from specreward.search import BFS
from specreward.serve.live import CHUNK, LiveSearches
from specreward.spec import name_of
from specreward.store import Store
from specreward.testing import ToyTask
from specreward.types import Judgement, Models, Path, Problem, Step, Trace
from specreward.verify import Speculative

fastapi = pytest.importorskip("fastapi", reason="needs the serve extra")

from .serving import service  # noqa: E402


class Scripted:
    """A strategy that does as told: records a search, then returns or raises."""

    def __init__(self, result, error=None, pause=None):
        self.result, self.error, self.pause = result, error, pause

    async def __call__(self, problem, models):
        for parent, judgements in self.result.expansions:
            models.trace.record(parent, judgements)
        models.trace.found += self.result.candidates
        if self.pause is not None:
            await self.pause.wait()
        if self.error is not None:
            raise self.error
        return self.result

    def select(self, candidates, models):
        return candidates[0] if candidates else None


def models():
    return Models(task=Checked(), policy=None)


# ------------------------------------------------------------------ live


def test_a_search_is_told_of_piece_by_piece():
    result, trace, live = small(), Trace(), LiveSearches()
    search = live.start(result.problem, SPECULATIVE, trace, id="one")
    first = search.tree(0)
    assert [node.index for node in first.nodes] == [0]
    assert (first.after, first.more, first.chosen) == (0, False, None)
    trace.record(*result.expansions[0])
    second = search.tree(first.after)
    assert [node.index for node in second.nodes] == [0, 1, 2, 3]
    trace.record(*result.expansions[1])
    third = search.tree(second.after)
    assert [node.index for node in third.nodes] == [4, 5, 6]
    assert search.tree(third.after).nodes == []
    assert [node.index for node in search.tree(0).nodes] == list(range(7))
    assert third.search.ended is None
    search.finish(result)
    last = search.tree(third.after)
    assert (last.search.ended, last.chosen, last.score) == ("done", 4, 1.0)


def test_a_large_search_is_told_of_in_chunks():
    problem = Problem("p", "q")
    trace, live = Trace(), LiveSearches()
    search = live.start(problem, "s", trace)
    root = Path(problem)
    for i in range(30):
        family = [Judgement(root.then(Step(f"{i} {j}")), 0.5) for j in range(100)]
        trace.record(root, family)
    first = search.tree(0)
    assert CHUNK <= len(first.nodes) <= CHUNK + 100
    assert first.more
    second = search.tree(first.after)
    assert len(first.nodes) + len(second.nodes) == 3001
    assert not second.more


def test_the_cost_so_far_is_that_of_the_account():
    ledger, live = Ledger(), LiveSearches()
    search = live.start(Problem("p", "q"), "s", Trace(), ledger=ledger)
    assert search.tree().usage == []
    for key, usage in small().usage.items():
        ledger.record(*key, usage)
    assert [(one.role, one.calls) for one in search.tree().usage] == [("policy", 4), ("reward", 3)]


@pytest.mark.parametrize(
    ("error", "ended", "chosen", "said"),
    [
        (None, "done", 4, None),
        (BudgetExhausted("spent"), "budget", 4, None),
        (ValueError("two\nlines"), "failed", None, "ValueError: two lines"),
    ],
)
def test_a_watched_search_ends_as_it_ended(error, ended, chosen, said):
    live, result = LiveSearches(), small()
    watched = live.watch(Scripted(result, error), id="one", name="scripted")
    if error is None:
        assert asyncio.run(watched(result.problem, models())) is result
    else:
        with pytest.raises(type(error)):
            asyncio.run(watched(result.problem, models()))
    tree = live.get("one").tree()
    assert (tree.search.ended, tree.chosen, tree.error) == (ended, chosen, said)
    assert tree.search.strategy == "scripted"
    assert tree.search.found == 1


def test_a_cancelled_search_is_over():
    live, result = LiveSearches(), small()

    async def main():
        watched = live.watch(Scripted(result, pause=asyncio.Event()), id="one", name="s")
        task = asyncio.create_task(watched(result.problem, models()))
        await asyncio.sleep(0)
        assert live.list()[0].ended is None
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())
    assert live.list()[0].ended == "cancelled"


def test_a_watched_strategy_searches_as_the_strategy_itself(tmp_path):
    """Same results in the same run of a store; its rule gives the reasons, its account the cost."""
    strategy = BFS(verify=Speculative())
    task, engines = ToyTask(), service().engines
    problems = task.generate(3, "test", 0)
    live = LiveSearches()

    async def main(store):
        models = wire(task, engines)
        plain = await run_async(strategy, problems, models)
        watched = live.watch(strategy)
        label = name_of(strategy)
        return plain, await run_async(watched, problems, models, store=store, label=label)

    with Store(tmp_path / "run.db") as store:
        plain, seen = asyncio.run(main(store))
        assert [row.strategy for row in store.runs()] == [name_of(strategy)]
    assert [one.best for one in seen] == [one.best for one in plain]
    assert [one.expansions for one in seen] == [one.expansions for one in plain]
    assert {view.problem for view in live.list()} == {one.id for one in problems}
    for view, result in zip(reversed(live.list()), seen, strict=True):
        tree = live.get(view.id).tree()
        assert view.ended == result.ended
        assert view.strategy == name_of(strategy)
        assert all(node.why.startswith("SR ") for node in tree.nodes[1:])
        assert {one.role: one.calls for one in tree.usage} == {
            role: usage.calls for (role, _), usage in result.usage.items()
        }
        assert len(tree.usage) == 2


def test_ended_searches_are_forgotten_those_under_way_are_not():
    live = LiveSearches(keep=2)
    searches = [live.start(Problem(f"p{i}", "q"), "s", Trace(), id=f"s{i}") for i in range(6)]
    for search in searches[1:]:
        search.end("done")
    live.start(Problem("p6", "q"), "s", Trace(), id="s6")
    assert [view.id for view in live.list()] == ["s6", "s5", "s4", "s0"]
    assert live.get("s1") is None
    with pytest.raises(InputError, match="live searches keep"):
        LiveSearches(keep=-1)


def test_the_first_end_counts():
    live = LiveSearches()
    search = live.start(Problem("p", "q"), "s", Trace())
    search.end("cancelled")
    seconds = search.view().seconds
    search.finish(small())
    assert search.view().ended == "cancelled"
    assert search.view().seconds == seconds


def test_whoever_waits_is_told_as_soon_as_there_is_news():
    live, trace = LiveSearches(), Trace()

    async def main():
        search = live.start(small().problem, "s", trace)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        assert (await live.look(search, 0, 0.05)).after == 0
        assert loop.time() - begun >= 0.05
        waiting = asyncio.create_task(live.look(search, 0, 5.0))
        await asyncio.sleep(0.01)
        trace.record(*small().expansions[0])
        assert (await asyncio.wait_for(waiting, 1)).after == 1
        waiting = asyncio.create_task(live.look(search, 1, 5.0))
        await asyncio.sleep(0.01)
        search.end("done")
        assert (await asyncio.wait_for(waiting, 1)).search.ended == "done"
        other = live.start(small().problem, "s", Trace())
        waiting = asyncio.create_task(live.look(other, 0, 5.0))
        await asyncio.sleep(0.01)
        live.close()
        await asyncio.wait_for(waiting, 1)

    asyncio.run(main())


# ------------------------------------------------------------------ routes


@pytest.fixture
def live():
    return LiveSearches()


@pytest.fixture
def client(tmp_path, live):
    testclient = pytest.importorskip("fastapi.testclient", reason="needs an HTTP client")
    from specreward.serve.viewer import router

    folder = run_file(tmp_path / "run", [small("p1"), failed()])
    archive = Archive([folder, tmp_path / "bad.db"], task=Checked())
    app = fastapi.FastAPI()
    app.include_router(router(live, archive))
    with testclient.TestClient(app) as client:
        client.folder = folder
        yield client
    archive.close()


def test_the_page_has_a_strict_policy(client):
    answer = client.get("/")
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "<title>specreward</title>" in answer.text


def test_from_files_to_a_tree(client):
    [file] = client.get("/api/runs").json()
    assert file["task"] == "checked"
    run = file["runs"][0]["id"]
    groups = client.get(f"/api/files/{file['id']}").json()["groups"]
    assert groups[0]["runs"][0]["verdicts"] == {"right": 1, "failed": 1}
    problem = client.get(f"/api/runs/{run}/problems").json()[0]
    assert problem["verdict"] == "right"
    tree = client.get(f"/api/runs/{run}/problems/{problem['id']}").json()
    assert [node["parent"] for node in tree["nodes"]] == [-1, 0, 0, 0, 1, 1, 1]
    assert tree["nodes"][2]["details"]["sr"] == 0.25
    assert tree["chosen"] == 4


def test_what_is_not_there_is_a_404(client):
    run = client.get("/api/runs").json()[0]["runs"][0]["id"]
    gone = ("files/x", "runs/x/problems", "runs/x-1/problems/y", "live/x", f"runs/{run}/problems/y")
    for path in gone:
        answer = client.get(f"/api/{path}")
        assert answer.status_code == 404, path
        assert answer.json()["detail"].startswith("expected"), path


def test_a_damaged_file_is_a_503(client, tmp_path):
    (tmp_path / "bad.db").write_text("no database")
    files = client.get("/api/runs").json()
    assert [file["error"] is None for file in files] == [True, False]
    assert client.get(f"/api/files/{files[1]['id']}").status_code == 503


def test_searches_are_listed_and_followed(client, live):
    result, trace = small(), Trace()
    search = live.start(result.problem, SPECULATIVE, trace, id="one")
    trace.record(*result.expansions[0])
    [listed] = client.get("/api/live").json()
    assert (listed["id"], listed["expansions"], listed["ended"]) == ("one", 1, None)
    news = client.get("/api/live/one", params={"after": 0, "wait": 1}).json()
    assert len(news["nodes"]) == 4
    assert news["after"] == 1
    search.finish(result)
    assert client.get("/api/live/one?after=1").json()["search"]["ended"] == "done"


def test_bad_questions_are_refused(client, live):
    live.start(Problem("p", "q"), "s", Trace(), id="one")
    for query in ("after=-1", "after=x", "wait=6", "wait=-1", "wait=nan"):
        assert client.get(f"/api/live/one?{query}").status_code == 422, query


def test_a_guard_keeps_the_data_and_not_the_page(tmp_path, live):
    testclient = pytest.importorskip("fastapi.testclient", reason="needs an HTTP client")
    from specreward.serve.viewer import router

    def locked():
        raise fastapi.HTTPException(401)

    app = fastapi.FastAPI()
    app.include_router(router(live, Archive([]), guard=[fastapi.Depends(locked)]))
    client = testclient.TestClient(app)
    assert client.get("/").status_code == 200
    for path in ("runs", "files/x", "runs/x/problems", "runs/x/problems/y", "live", "live/x"):
        assert client.get(f"/api/{path}").status_code == 401


def test_every_answer_has_a_declared_form(client):
    paths = client.get("/openapi.json").json()["paths"]
    for path, verbs in paths.items():
        if path.startswith("/api"):
            content = verbs["get"]["responses"]["200"]["content"]
            assert content["application/json"]["schema"], path
            assert verbs["get"]["summary"]
