"""``specreward validate``: whether a task judges rightly, or a file of problems can be read."""

from __future__ import annotations

from specreward.cli.options import ProblemFile, TaskText
from specreward.cli.screen import say
from specreward.errors import InputError
from specreward.spec import name_of, parse
from specreward.tasks.files import read_problems

__all__ = ["validate"]


def validate(
    task: TaskText,
    problems: ProblemFile = None,
) -> None:
    """Check that right answers pass and wrong ones do not, or that every problem can be read."""
    kind = parse(task, "task")
    if problems is None:
        try:
            kind.validate()
        except AssertionError as error:
            raise InputError(f"{name_of(kind)} judges wrongly: {error}") from error
        say(f"{name_of(kind)}: right answers pass, wrong ones do not")
        return
    found = read_problems(kind, problems)
    for complaint in found.complaints:
        say(complaint)
    if found.complaints:
        raise InputError(f"{problems}: {len(found.complaints)} complaints, see above")
    say(f"{problems}: {len(found.problems)} problems, all good")
