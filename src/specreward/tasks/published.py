"""Files that published work on the tasks brought into use.

a.pddl, a folder of them   PlanBench (Valmeekam et al., 2023, arXiv 2206.10498)
split.json                 LLM-reasoners (Hao et al., 2024, arXiv 2404.05221): a list of
                           [path of a PDDL file, plan, number of actions]
24.csv                     Tree of Thoughts (Yao et al., 2023, arXiv 2305.10601)
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path as File

from specreward.errors import InputError
from specreward.tasks.pddl import read_pddl
from specreward.tasks.records import Outcome, answered, attempt, made, short
from specreward.types import Problem, Task

__all__ = ["folder", "pddl", "ranked", "split"]

_LEVELS = 6
"""How many folders up from a split file its instances are looked for."""


# ------------------------------------------------------------------ Blocksworld


def pddl(task: Task, file: File) -> Iterator[Outcome]:
    """The problem in one PDDL file."""
    yield from _files(task, file.parent, [file])


def folder(task: Task, place: File) -> Iterator[Outcome]:
    """All PDDL files of a folder, ``instance-2`` before ``instance-10``."""
    yield from _files(task, place, sorted(place.glob("*.pddl"), key=_natural))


def _files(task: Task, place: File, files: Iterable[File]) -> Iterator[Outcome]:
    try:
        plans = _plans(place)
    except InputError as error:
        yield str(error)
        plans = {}
    for file in files:
        yield from attempt(partial(_instance, task, file, file.stem, plans))


def _natural(file: File) -> list[tuple[int, str]]:
    return [(int(part) if part.isdigit() else -1, part) for part in re.split(r"(\d+)", file.name)]


def _instance(task: Task, file: File, name: str, plans: Mapping[str, str]) -> Problem:
    """A problem; a plan known for it is used where the task finds no shortest one itself."""
    instance = read_pddl(file.read_text("utf-8", errors="replace"), str(file))
    problem = made(task, instance.question, f"{file}:1", name)
    if any(new != old for new, old in instance.names.items()):
        problem = replace(problem, meta={**problem.meta, "names": instance.names})
    if problem.answer is None and file.name in plans:
        problem = answered(task, problem, _renamed(plans[file.name], problem))
    return problem


def _renamed(plan: str, problem: Problem) -> str:
    """A plan in the names of the question."""
    names = {old: new for new, old in problem.meta.get("names", {}).items()}
    actions = re.findall(r"\(([^()]*)\)", plan.lower())
    return " ; ".join(" ".join(names.get(word, word) for word in a.split()) for a in actions)


def _plans(place: File) -> dict[str, str]:
    """Plans by file name, from where PlanBench keeps them: in the folder or beside it."""
    for file in (place / "info.json", place.parent / "info_optimal_plans.json"):
        if file.is_file():
            try:
                entries = json.loads(file.read_text("utf-8"))
                return {name: str(known["plan"]) for name, known in entries.items()}
            except (ValueError, AttributeError, KeyError, TypeError):
                expected = '{"instance-1.pddl": {"plan": "..."}, ...}'
                raise InputError(f"{file}:1: expected {expected}, got something else") from None
    return {}


def split(task: Task, file: File) -> Iterator[Outcome]:
    """The entries of a split of LLM-reasoners; their PDDL files are looked for around the split.

    A path in the list counts from its last folder on: ``.../generated_basic/instance-7.pddl`` is
    ``generated_basic/instance-7.pddl`` in a folder above the split file, or in a child of one.
    """
    found: dict[str, File | None] = {}
    text = file.read_text("utf-8", errors="replace")
    place = 0
    while (place := _next(text, place)) < len(text):
        where = f"{file}:{text.count(chr(10), 0, place) + 1}"
        try:
            fields, place = json.JSONDecoder().raw_decode(text, place)
        except (ValueError, RecursionError) as error:
            yield f"{where}: expected a JSON list of entries, got {short(text[place:])}: {error}"
            return
        yield from attempt(partial(_listed, task, file, fields, where, found))


def _next(text: str, place: int) -> int:
    """Where the next member of a JSON list begins."""
    match = re.compile(r"[\s,]*" if place else r"\s*\[\s*").match(text, place)
    end = match.end() if match else place
    return len(text) if text[end : end + 1] == "]" and not text[end + 1 :].strip() else end


def _listed(
    task: Task, file: File, fields: object, where: str, found: dict[str, File | None]
) -> Problem:
    """The problem of one entry."""
    match fields:
        case [str(path), str(plan), int(steps)] if path.count("/"):
            suffix = "/".join(path.split("/")[-2:])
        case _:
            expected = '["folder/instance-1.pddl", "(pick-up a)\\n(stack a b)\\n", 2]'
            raise InputError(f"{where}: expected {expected}, got {short(json.dumps(fields))}")
    parent = suffix.split("/")[0]
    if parent not in found:
        found[parent] = _near(file, parent)
    folder_found = found[parent]
    if folder_found is None or not (folder_found / suffix.split("/")[1]).is_file():
        raise InputError(f"{where}: expected {suffix} in a folder around {file}, got no such file")
    problem = _instance(task, folder_found / suffix.split("/")[1], suffix.removesuffix(".pddl"), {})
    problem = replace(problem, meta={**problem.meta, "source": where, "steps": steps})
    renamed = _renamed(plan, problem)
    if renamed.count(";") + 1 != steps:
        raise InputError(f"{where}: expected a plan of {steps} actions, got {short(renamed)}")
    return answered(task, problem, renamed)


def _near(file: File, name: str) -> File | None:
    """The folder of a name in one of the folders above the file, or in a child of one."""
    for above in list(file.resolve().parents)[:_LEVELS]:
        for place in (above / name, *sorted(above.glob(f"*/{name}"))):
            if place.is_dir():
                return place
    return None


# ------------------------------------------------------------------ Game of 24


def ranked(task: Task, file: File) -> Iterator[Outcome]:
    """The rows of a ranked list; ``meta["rank"]`` keeps the rank."""
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        rows = csv.DictReader(lines)
        missing = {"Rank", "Puzzles"} - set(rows.fieldnames or ())
        if missing:
            got = ", ".join(rows.fieldnames or ["nothing"])
            yield f"{file}:1: expected columns named Rank and Puzzles, got {got}"
            return
        for row in rows:
            where = f"{file}:{rows.line_num}"
            yield from attempt(partial(_row, task, row, where))


def _row(task: Task, row: Mapping[str, str | None], where: str) -> Problem:
    rank = (row["Rank"] or "").strip()
    if not rank.isdecimal():
        raise InputError(f"{where}: expected a whole number as Rank, got {rank!r}")
    problem = made(task, row["Puzzles"] or "", where, f"{task.name}-rank-{rank}")
    return replace(problem, meta={**problem.meta, "rank": int(rank)})
