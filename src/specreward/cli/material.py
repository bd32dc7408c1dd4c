"""What is to be labelled: solutions that are drawn, those of a run, or those of a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import cast, final

from specreward.checks import number, whole
from specreward.cli.folder import run_file
from specreward.cli.inputs import file_problems, generated
from specreward.cli.plan import DEFAULT_LIMIT
from specreward.errors import InputError
from specreward.label.reading import Rejected
from specreward.label.solutions import Pile, Samples, from_run, read_solutions
from specreward.label.splitting import Splitter, Written
from specreward.spec import name_of, parse
from specreward.types import Result, Task

__all__ = ["Material", "Origin"]

SAMPLES = 4
TEMPERATURE = 0.8
SPLITTER = "by_delimiter()"


@final
@dataclass(frozen=True, kw_only=True)
class Material:
    """What is to be labelled, as far as it is known before any model is asked.

    Args:
        piles: Of a run, or of problems whose solutions are drawn.
        written: Of a file, still to be cut.
        rejected: Rows that could not be read.
        splitter: Cuts what is written.
        words: What tells it from other material; values of JSON.
    """

    piles: Sequence[Pile] = ()
    written: Sequence[Written] = ()
    rejected: Sequence[Rejected] = ()
    splitter: Splitter | None = None
    words: Mapping[str, object]


@final
@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where the user wants solutions to come from; the fields are options of the verb."""

    source: Path | None
    problems: Path | None
    split: str | None
    limit: int | None
    samples: int | None
    temperature: float | None
    strategy: str | None
    leaves: bool
    splitter: str | None

    def __post_init__(self) -> None:
        """Refuse options that have nothing to do here, before any work.

        Raises:
            InputError: One has nothing to do, or is out of its range.
        """
        if self.limit is not None:
            whole("limit", self.limit, 1)
        drawing = {
            "--samples": self.samples,
            "--temperature": self.temperature,
            "--problems": self.problems,
            "--split": self.split,
        }
        running = {"--strategy": self.strategy, "--leaves": self.leaves or None}
        for options, here, where in (
            (drawing, self.source is None, "solutions are drawn, without a SOURCE"),
            (running, self._of_run, "the SOURCE is a run"),
            ({"--splitter": self.splitter}, self._of_file, "the SOURCE is a file of solutions"),
        ):
            given = [name for name, value in options.items() if value is not None]
            if given and not here:
                raise InputError(f"{given[0]} is of use only where {where}: leave it out")
        if self.problems is not None and self.split is not None:
            raise InputError("--split is of no use with --problems: leave one of them out")

    @property
    def _of_run(self) -> bool:
        if self.source is None:
            return False
        return self.source.is_dir() or self.source.suffix == ".db"

    @property
    def _of_file(self) -> bool:
        return self.source is not None and not self._of_run

    def material(self, task: Task, seed: int) -> Material:
        """What is to be labelled.

        Raises:
            InputError: There is nothing of the kind.
        """
        if self.source is None:
            return self._drawn(task, seed)
        return self._run(task, self.source) if self._of_run else self._file(task, self.source)

    def _drawn(self, task: Task, seed: int) -> Material:
        samples = SAMPLES if self.samples is None else self.samples
        temperature = TEMPERATURE if self.temperature is None else self.temperature
        whole("samples", samples, 0)
        number("temperature", temperature, 0)
        split = "train" if self.split is None else self.split
        count = DEFAULT_LIMIT if self.limit is None else self.limit
        if self.problems is None:
            found, place = generated(task, count, split, seed), f"split {split}"
        else:
            found, place = file_problems(task, self.problems, self.limit), str(self.problems)
        words = f"{samples} samples of the policy at temperature {temperature:g}"
        pile = Pile(
            origin=words,
            found=tuple([Result(problem, None) for problem in found]),
            samples=Samples(n=samples, temperature=temperature) if samples else None,
        )
        texts = [f"{one.id}\x1f{one.question}\x1f{one.answer}" for one in found]
        about = {"problems": place, "count": len(found), "digest": _digest(texts), "drawn": words}
        return Material(piles=[pile], words=about)

    def _run(self, task: Task, source: Path) -> Material:
        file = run_file(source)
        piles = from_run(file, self.strategy, self.leaves, self.limit)
        for pile in piles:
            try:
                task.parse(pile.found[0].problem.question)
            except InputError as error:
                raise InputError(
                    f"{pile.origin}: expected problems of the task {name_of(task)}, got one that "
                    f"it cannot read: {error}"
                ) from error
        texts = [
            "\x1f".join([pile.origin, *path.key])
            for pile in piles
            for one in pile.found
            for path in [*[c.path for c in one.candidates], *[p for p, _ in one.expansions]]
        ]
        about = {"run": str(source), "leaves": self.leaves, "digest": _digest(texts)}
        return Material(piles=piles, words=about)

    def _file(self, task: Task, source: Path) -> Material:
        text = SPLITTER if self.splitter is None else self.splitter
        splitter = cast(Splitter, parse(text, "splitter"))
        read = read_solutions(task, source)
        names = list(dict.fromkeys([one.problem.id for one in read.solutions]))[: self.limit]
        written = [one for one in read.solutions if one.problem.id in set(names)]
        texts = ["\x1f".join([one.problem.id, *one.steps, str(one.outcome)]) for one in written]
        about = {"file": str(source), "splitter": name_of(splitter), "digest": _digest(texts)}
        return Material(written=written, rejected=read.rejected, splitter=splitter, words=about)


def _digest(texts: Sequence[str]) -> str:
    return sha256("\x1e".join(texts).encode("utf-8", "surrogatepass")).hexdigest()[:16]
