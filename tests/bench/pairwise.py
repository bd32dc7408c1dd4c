"""Scorers and files for the tests of benchmarks of pairs."""

import hashlib
import json

from specreward.bench import Judged


def written(file, rows):
    """A file of rows: an object a line, or one JSON value."""
    lines = [json.dumps(row) + "\n" for row in rows] if file.suffix == ".jsonl" else None
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(lines) if lines is not None else json.dumps(rows), "utf-8")
    return file


def judged(items, score):
    """Items with the scores that a function of (item, place of the answer) gives."""
    return [
        Judged(item, tuple([score(item, at) for at in range(len(item.answers))])) for item in items
    ]


def oracle(item, at):
    """1 for the better answer, 0 for all others."""
    return float(at == item.gold["better"])


def constant(item, at):
    """The same for all."""
    return 0.5


def length(item, at):
    """The longer the better."""
    return float(len(" ".join(item.answers[at].steps)))


def noise(item, at):
    """A number that depends on the answer and says nothing of it."""
    text = "|".join([item.id, *item.answers[at].steps])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big") / 2**32
