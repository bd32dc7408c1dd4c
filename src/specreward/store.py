"""One SQLite file that holds a run: problems, calls, search trees and results.

    calls      content of a call (model, verb, prompt, sampling, seed) -> what the engine answered
    runs       a strategy on models under a budget
    problems   each once
    results    the outcome of a run on a problem; trees: its expansions

Every write is one transaction, in write-ahead mode: a process that is killed leaves what was
committed, whole. A loss of power may take the last commits with it, never the file. ``paid`` counts
how often an engine answered a call; 1 everywhere is the proof that nothing was paid twice.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path as File
from threading import Lock
from types import TracebackType
from typing import Self, final

from specreward.errors import StoreError
from specreward.records import dump_problem, dump_result, dump_tree, load_problem, load_result
from specreward.types import Problem, Result

__all__ = ["RunRow", "Store"]

APPLICATION = 0x53505257
"""Stands in the header of every run file: 'SPRW'."""

SCHEMA = 1
"""Version of the tables below."""

PROBE = 1 << 20
"""Bytes that must be free where the file is, or no work starts."""

CHUNK = 500
"""Most keys in one SELECT."""

TABLES = """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, strategy TEXT NOT NULL, models TEXT NOT NULL, budget TEXT NOT NULL,
    UNIQUE (strategy, models, budget)
);
CREATE TABLE problems (
    id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, name TEXT NOT NULL, body TEXT NOT NULL
);
CREATE TABLE calls (
    key BLOB PRIMARY KEY, model TEXT NOT NULL, paid INTEGER NOT NULL, body TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE results (
    run INTEGER NOT NULL REFERENCES runs, problem INTEGER NOT NULL REFERENCES problems,
    position INTEGER NOT NULL, ended TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (run, problem)
) WITHOUT ROWID;
CREATE TABLE trees (
    run INTEGER NOT NULL, problem INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (run, problem), FOREIGN KEY (run, problem) REFERENCES results
) WITHOUT ROWID;
"""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run in the file.

    Args:
        id: Its number.
        strategy: The strategy's text, or the label it was given.
        models: The models and the task, in words.
        budget: The budget, in words.
        results: Problems that have a result.
    """

    id: int
    strategy: str
    models: str
    budget: str
    results: int


def problem_key(problem: Problem) -> bytes:
    """Tells problems apart by all they hold, ``meta`` included."""
    body = json.dumps(json.loads(dump_problem(problem)), sort_keys=True)
    return blake2b(body.encode(), digest_size=16).digest()


@final
class Store:
    """A run file; made where there is none.

    One connection, used from any thread; another process may read or write the same file.

    Args:
        path: The file. Its folder must exist.
        write: False opens an existing file to read from.

    Raises:
        StoreError: The file is no run file, damaged, of a newer version or not to be opened, or its
            folder is full or not to be written to. Nothing is left behind.
    """

    def __init__(self, path: str | File, *, write: bool = True) -> None:
        self.path = File(path)
        self._write = write
        self._lock = Lock()
        existed = self.path.exists()
        if write:
            _probe(self.path)
        elif not self.path.is_file():
            raise StoreError(f"{path}: there is no such run file")
        with self._errors("cannot be opened"):
            mode = "rwc" if write else "ro"
            uri = f"{self.path.absolute().as_uri()}?mode={mode}"
            self._db = sqlite3.connect(
                uri, uri=True, timeout=30, isolation_level=None, check_same_thread=False
            )
        try:
            with self._errors("cannot be opened"):
                self._open()
        except StoreError:
            self._db.close()
            if not existed:
                for end in ("", "-wal", "-shm"):
                    self.path.with_name(self.path.name + end).unlink(missing_ok=True)
            raise

    def _open(self) -> None:
        """Check what is there and make the tables where there is nothing."""
        [version] = self._db.execute("PRAGMA user_version").fetchone()
        [application] = self._db.execute("PRAGMA application_id").fetchone()
        [tables] = self._db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if (tables or not self._write) and application != APPLICATION:
            raise StoreError(f"{self.path}: not a run file of specreward; give another path")
        if version > SCHEMA:
            raise StoreError(
                f"{self.path}: made by a newer version (tables of version {version}, this one "
                f"reads {SCHEMA}): upgrade specreward, or give another path"
            )
        [verdict] = self._db.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise StoreError(
                f"{self.path}: the file is damaged ({' '.join(str(verdict).split())}): restore a "
                "copy, or move it away to start over"
            )
        self._db.execute("PRAGMA foreign_keys = ON")
        if self._write:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            with self._transaction():
                self._make()

    def _make(self) -> None:
        """The tables, if nobody made them in the meantime; writes in any case, to see if it can."""
        self._db.execute(f"PRAGMA application_id = {APPLICATION}")
        self._db.execute(f"PRAGMA user_version = {SCHEMA}")
        [tables] = self._db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if not tables:
            for statement in TABLES.split(";"):
                self._db.execute(statement)

    def close(self) -> None:
        """Close the file; what was written stays."""
        with self._lock, self._errors("cannot be closed"):
            self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # ------------------------------------------------------------------ calls

    def calls(self, keys: Sequence[bytes]) -> dict[bytes, str]:
        """What is known of these calls, by key."""
        known: dict[bytes, str] = {}
        with self._lock, self._errors("cannot be read"):
            for at in range(0, len(keys), CHUNK):
                chunk = keys[at : at + CHUNK]
                marks = ",".join("?" * len(chunk))
                known.update(
                    self._db.execute(f"SELECT key, body FROM calls WHERE key IN ({marks})", chunk)
                )
        return known

    def save_calls(self, model: str, rows: Iterable[tuple[bytes, str]]) -> None:
        """Keep what an engine answered, in one transaction; the first answer to a call stays."""
        with self._lock, self._errors("cannot be written to"), self._transaction():
            self._db.executemany(
                "INSERT INTO calls (key, model, paid, body) VALUES (?, ?, 1, ?) "
                "ON CONFLICT (key) DO UPDATE SET paid = paid + 1",
                [(key, model, body) for key, body in rows],
            )

    def paid(self) -> dict[str, tuple[int, int]]:
        """By model: different calls, and answers that engines gave; equal if none was repeated."""
        query = "SELECT model, count(*), sum(paid) FROM calls GROUP BY model ORDER BY model"
        with self._lock, self._errors("cannot be read"):
            return {model: (calls, paid) for model, calls, paid in self._db.execute(query)}

    # ------------------------------------------------------------------ runs

    def open_run(self, strategy: str, models: str, budget: str) -> int:
        """The number of a run, a new one if these three were not seen together before."""
        words = (strategy, models, budget)
        with self._lock, self._errors("cannot be written to"), self._transaction():
            self._db.execute(
                "INSERT OR IGNORE INTO runs (strategy, models, budget) VALUES (?, ?, ?)", words
            )
            [run] = self._db.execute(
                "SELECT id FROM runs WHERE strategy = ? AND models = ? AND budget = ?", words
            ).fetchone()
        return int(run)

    def runs(self) -> list[RunRow]:
        """All runs, oldest first."""
        query = (
            "SELECT id, strategy, models, budget, "
            "(SELECT count(*) FROM results WHERE run = runs.id) FROM runs ORDER BY id"
        )
        with self._lock, self._errors("cannot be read"):
            rows = self._db.execute(query).fetchall()
        return [
            RunRow(id=run, strategy=strategy, models=models, budget=budget, results=results)
            for run, strategy, models, budget, results in rows
        ]

    def save_result(self, run: int, position: int, result: Result) -> None:
        """Keep a result and its tree; an older result of the run on this problem is replaced.

        Args:
            run: From ``open_run``.
            position: Place of the problem in the run.
            result: The outcome.

        Raises:
            InputError: The result cannot be written as JSON.
            StoreError: The file cannot be written to.
        """
        key, body = problem_key(result.problem), dump_problem(result.problem)
        saved, tree = dump_result(result), dump_tree(result)
        with self._lock, self._errors("cannot be written to"), self._transaction():
            self._db.execute(
                "INSERT OR IGNORE INTO problems (key, name, body) VALUES (?, ?, ?)",
                (key, result.problem.id, body),
            )
            [problem] = self._db.execute("SELECT id FROM problems WHERE key = ?", (key,)).fetchone()
            self._db.execute("DELETE FROM trees WHERE run = ? AND problem = ?", (run, problem))
            self._db.execute(
                "INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?, ?)",
                (run, problem, position, result.ended, saved),
            )
            self._db.execute("INSERT INTO trees VALUES (?, ?, ?)", (run, problem, tree))

    def results(self, run: int, *, trees: bool = True) -> list[Result]:
        """The results of a run in the order of their problems.

        Args:
            run: From ``open_run``.
            trees: False leaves the expansions unread, which are most of a run.
        """
        tree = "trees.body" if trees else "NULL"
        query = (
            f"SELECT results.body, {tree} FROM results JOIN trees USING (run, problem) "
            "WHERE run = ? ORDER BY position, problem"
        )
        with self._lock, self._errors("cannot be read"):
            rows = self._db.execute(query, (run,)).fetchall()
            return [load_result(body, tree) for body, tree in rows]

    def result(self, run: int, problem: Problem) -> Result | None:
        """The result of a run on a problem, with its tree; None if there is none."""
        query = (
            "SELECT results.body, trees.body FROM results JOIN trees USING (run, problem) "
            "JOIN problems ON problems.id = problem WHERE run = ? AND key = ?"
        )
        with self._lock, self._errors("cannot be read"):
            row = self._db.execute(query, (run, problem_key(problem))).fetchone()
            return None if row is None else load_result(*row)

    def problems(self) -> list[Problem]:
        """All problems that have a result, in the order in which the first one came."""
        with self._lock, self._errors("cannot be read"):
            rows = self._db.execute("SELECT body FROM problems ORDER BY id").fetchall()
            return [load_problem(body) for (body,) in rows]

    # ------------------------------------------------------------------ plumbing

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All of it or nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        """SQLite's errors, and those of reading what it gave, in this package's words."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise StoreError(f"{self.path}: {what}: {error}: {_advice(error)}") from error
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise StoreError(f"{self.path}: {what}: a row is damaged: {error!r}") from error


def _advice(error: sqlite3.DatabaseError) -> str:
    code = str(vars(error).get("sqlite_errorname", "SQLITE_MISUSE"))
    match code.split("_")[1]:
        case "BUSY" | "LOCKED":
            return "another process holds it; wait for its end"
        case "FULL" | "IOERR":
            return "make room on the disk, then run the same command again"
        case "NOTADB" | "CORRUPT":
            return "it is no run file, or damaged; give another path"
        case "READONLY" | "CANTOPEN":
            return "give a path that can be written to"
        case "MISUSE":
            return "the store was closed before; keep it open as long as it is used"
    return "give another path"


def _probe(path: File) -> None:
    """Refuse a folder that is missing, full or not to be written to, before anything is made."""
    try:
        with tempfile.TemporaryFile(dir=path.absolute().parent) as file:
            file.write(bytes(PROBE))
            file.flush()
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be written to: {error.strerror}: give another path, or make room there"
        ) from error
