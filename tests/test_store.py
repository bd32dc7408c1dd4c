import errno
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading

import pytest

from specreward.errors import InputError, StoreError
from specreward.store import APPLICATION, SCHEMA, RunRow, Store
from specreward.types import Candidate, Judgement, Path, Problem, Result, Step, Usage


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.db"


def outcome(name="p", score=0.5, ended="done"):
    problem = Problem(name, f"question {name}", "answer", {"length": 2})
    leaf = Path(problem, (Step("a", 1, -0.5), Step("b", 2, None, final=True)))
    best = Candidate(leaf, score)
    tree = ((Path(problem), (Judgement(leaf, score, details={"q": 0.25}),)),)
    return Result(problem, best, (best,), ended, {("policy", "propose"): Usage(3)}, tree)


# ---------------------------------------------------------------------------------- contents


def test_calls_come_back_in_another_process_life(path):
    with Store(path) as store:
        store.save_calls("m", [(b"1", "one"), (b"2", "two")])
    with Store(path) as store:
        assert store.calls([b"2", b"1", b"3"]) == {b"1": "one", b"2": "two"}


def test_more_keys_than_one_select_takes(path):
    keys = [b"%d" % i for i in range(1201)]
    with Store(path) as store:
        store.save_calls("m", [(key, key.decode()) for key in keys])
        assert store.calls(keys) == {key: key.decode() for key in keys}


def test_the_first_answer_to_a_call_stays_and_the_second_payment_shows(path):
    with Store(path) as store:
        store.save_calls("m", [(b"1", "first"), (b"2", "x")])
        assert store.paid() == {"m": (2, 2)}
        store.save_calls("m", [(b"1", "second")])
        assert store.calls([b"1"]) == {b"1": "first"}
        assert store.paid() == {"m": (2, 3)}


def test_a_batch_is_committed_whole_or_not_at_all(path):
    with Store(path) as store:
        with pytest.raises(StoreError):
            store.save_calls("m", [(b"1", "one"), (b"2", None)])
        assert store.calls([b"1", b"2"]) == {}
        store.save_calls("m", [(b"1", "one")])  # the failed transaction is over


def test_a_run_is_its_strategy_models_and_budget(path):
    with Store(path) as store:
        first = store.open_run("bfs()", "m", "b")
        assert store.open_run("bfs()", "m", "b") == first
        others = {store.open_run(*key) for key in [("x", "m", "b"), ("bfs()", "x", "b")]}
        others.add(store.open_run("bfs()", "m", "x"))
        assert len(others | {first}) == 4
        store.save_result(first, 0, outcome())
        rows = store.runs()
    assert rows[0] == RunRow(id=first, strategy="bfs()", models="m", budget="b", results=1)
    assert [row.results for row in rows[1:]] == [0, 0, 0]


def test_results_come_back_with_their_trees_in_the_order_of_the_problems(path):
    with Store(path) as store:
        run = store.open_run("s", "m", "b")
        other = store.open_run("s2", "m", "b")
        for position in (2, 0, 1):
            store.save_result(run, position, outcome(f"p{position}"))
        store.save_result(other, 0, outcome("p0", 0.9))
    with Store(path) as store:
        assert store.results(run) == [outcome("p0"), outcome("p1"), outcome("p2")]
        assert store.result(run, outcome("p1").problem) == outcome("p1")
        assert store.result(other, outcome("p0").problem) == outcome("p0", 0.9)
        assert store.result(other, outcome("p1").problem) is None
        assert [problem.id for problem in store.problems()] == ["p2", "p0", "p1"]


def test_a_problem_is_all_that_it_holds(path):
    saved = outcome().problem
    changed = [
        Problem("x", saved.question, saved.answer, saved.meta),
        Problem(saved.id, "x", saved.answer, saved.meta),
        Problem(saved.id, saved.question, "x", saved.meta),
        Problem(saved.id, saved.question, saved.answer, {"length": 3}),
    ]
    with Store(path) as store:
        run = store.open_run("s", "m", "b")
        store.save_result(run, 0, outcome())
        assert store.result(run, saved) is not None
        assert [store.result(run, other) for other in changed] == [None] * 4


def test_a_second_result_replaces_the_first(path):
    with Store(path) as store:
        run = store.open_run("s", "m", "b")
        store.save_result(run, 0, outcome(ended="failed"))
        store.save_result(run, 0, outcome(score=0.7))
        assert store.results(run) == [outcome(score=0.7)]


def test_a_result_that_cannot_be_written_leaves_nothing(path):
    stray = Candidate(Path(Problem("other", "q"), (Step("a"),)), 1.0)
    bad = Result(outcome().problem, None, expansions=((stray.path, ()),))
    with Store(path) as store:
        run = store.open_run("s", "m", "b")
        with pytest.raises(InputError):
            store.save_result(run, 0, bad)
        assert store.results(run) == []
        assert store.problems() == []


def test_threads_may_share_a_store(path):
    with Store(path) as store:

        def write(name):
            for i in range(20):
                store.save_calls("m", [(f"{name}{i}".encode(), "x")])

        threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert store.paid() == {"m": (80, 80)}


def test_two_stores_may_share_a_file(path):
    with Store(path) as one, Store(path) as two:
        one.save_calls("m", [(b"1", "x")])
        assert two.calls([b"1"]) == {b"1": "x"}
        two.save_calls("m", [(b"2", "y")])
        assert one.calls([b"2"]) == {b"2": "y"}


def test_a_reader_is_not_held_up_by_a_writer(path):
    with Store(path) as writer, Store(path, write=False) as reader:
        writer.save_calls("m", [(b"1", "x")])
        with writer._transaction():
            writer._db.execute("DELETE FROM calls")
            assert reader.calls([b"1"]) == {b"1": "x"}
        assert reader.calls([b"1"]) == {}
        assert writer._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


# ---------------------------------------------------------------------------------- bad files


def test_a_file_that_is_no_database_is_refused_and_left_alone(path):
    path.write_text("these are my notes\n" * 100)
    with pytest.raises(StoreError, match=r"run\.db: cannot be opened: .*give another path"):
        Store(path)
    assert path.read_text().startswith("these are my notes")
    assert [file.name for file in path.parent.iterdir()] == ["run.db"]


def test_another_programs_database_is_refused_and_left_alone(path):
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE calls (key)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="not a run file of specreward"):
        Store(path)
    assert path.read_bytes() == before


def test_a_file_of_a_newer_version_is_refused(path):
    Store(path).close()
    with sqlite3.connect(path) as other:
        other.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    other.close()
    with pytest.raises(StoreError, match=r"newer version .*upgrade specreward"):
        Store(path)


def damage(path, at, length):
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xff" * length)


@pytest.mark.parametrize("at", [0, 100, 4096, 8192, 20000])
def test_a_damaged_file_is_refused_in_one_clear_line(path, at):
    with Store(path) as store:
        store.save_calls("m", [(b"%d" % i, "x" * 100) for i in range(500)])
    damage(path, at, 3000)
    with pytest.raises(StoreError, match=r"run\.db: .*(path|start over)") as error:
        Store(path)
    assert "\n" not in str(error.value)


def test_a_file_cut_short_is_refused(path):
    with Store(path) as store:
        store.save_calls("m", [(b"%d" % i, "x" * 100) for i in range(500)])
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(StoreError):
        Store(path)


def test_a_damaged_row_is_said(path):
    with Store(path) as store:
        run = store.open_run("s", "m", "b")
        store.save_result(run, 0, outcome())
        store._db.execute("UPDATE results SET body = '{}'")
        with pytest.raises(StoreError, match="a row is damaged"):
            store.results(run)


def test_an_empty_file_is_a_new_one(path):
    path.touch()
    with Store(path) as store:
        assert store.runs() == []
        assert store._db.execute("PRAGMA application_id").fetchone() == (APPLICATION,)


def test_a_store_that_was_closed_says_so(path):
    store = Store(path)
    store.close()
    with pytest.raises(StoreError, match="the store was closed"):
        store.calls([b"1"])


# ---------------------------------------------------------------------------------- bad places


def test_a_missing_folder_is_said_before_work_starts(tmp_path):
    with pytest.raises(StoreError, match=r"cannot be written to: No such file"):
        Store(tmp_path / "none" / "run.db")


def test_a_folder_that_is_a_file_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be written to"):
        Store(tmp_path / "file" / "run.db")


def test_a_path_that_is_a_folder_is_said(tmp_path):
    with pytest.raises(StoreError, match="cannot be opened"):
        Store(tmp_path)
    assert tmp_path.is_dir()


def test_a_read_only_folder_is_said(path, monkeypatch):
    def refuse(**_):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)  # the superuser may write anywhere
    with pytest.raises(StoreError, match="Read-only file system: give another path"):
        Store(path)
    assert list(path.parent.iterdir()) == []


def test_a_read_only_file_is_said(path):
    Store(path).close()
    store = Store(path, write=False)
    with pytest.raises(StoreError, match=r"cannot be written to: attempt to write a readonly"):
        store.save_calls("m", [(b"1", "x")])
    store.close()


def test_a_file_that_cannot_be_made_leaves_nothing(path, monkeypatch):
    monkeypatch.setattr("specreward.store.TABLES", "CREATE nothing")
    with pytest.raises(StoreError, match="cannot be opened"):
        Store(path)
    assert list(path.parent.iterdir()) == []


FULL = """
import resource, sys
from specreward.errors import StoreError
from specreward.store import Store
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    store = Store(sys.argv[1])
    for i in range(1000):
        store.save_calls("m", [(b"%d-%d" % (i, j), "x" * 1000) for j in range(100)])
except StoreError as error:
    print(error)
"""


def fill(path, most):
    process = subprocess.run(
        [sys.executable, "-c", FULL, path, str(most)], capture_output=True, text=True, check=True
    )
    return process.stdout


def test_a_full_disk_is_said_before_work_starts_and_leaves_nothing(path):
    assert "make room" in fill(path, 100_000)
    assert list(path.parent.iterdir()) == []


def test_a_disk_that_fills_up_leaves_whole_batches(path):
    assert "make room on the disk" in fill(path, 3_000_000)
    with Store(path) as store:
        [(calls, paid)] = store.paid().values()
    assert calls == paid > 0
    assert calls % 100 == 0


# ---------------------------------------------------------------------------------- reading only


def test_reading_needs_a_file(path):
    with pytest.raises(StoreError, match="no such run file"):
        Store(path, write=False)
    assert not path.exists()


def test_reading_gives_what_was_written(path):
    with Store(path) as store:
        store.save_result(store.open_run("s", "m", "b"), 0, outcome())
        with Store(path, write=False) as reader:
            assert reader.results(1) == [outcome()]
    with Store(path, write=False) as reader:
        assert reader.results(1) == [outcome()]


def test_reading_an_empty_file_is_refused(path):
    path.touch()
    with pytest.raises(StoreError, match="not a run file"):
        Store(path, write=False)
