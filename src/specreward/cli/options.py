"""Options and arguments that several verbs share, with one meaning each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "BudgetText",
    "Concurrency",
    "Criteria",
    "DraftText",
    "ExtendTo",
    "JudgeText",
    "Limit",
    "Number",
    "Output",
    "PolicyText",
    "PriceFile",
    "ProblemFile",
    "RewardText",
    "RewardThere",
    "Seed",
    "SourceName",
    "Split",
    "StrategyText",
    "StrategyTexts",
    "TaskText",
]

TaskText = Annotated[str, typer.Argument(help="Such as 'game24' or 'blocksworld(slack=2)'.")]
StrategyText = Annotated[str, typer.Option("--strategy", "-s", help="The search.")]
StrategyTexts = Annotated[
    list[str],
    typer.Option("--strategy", "-s", help="Give it once for each; the first is the reference."),
]
Output = Annotated[Path, typer.Option("--output", "-o", help="Folder for what comes out.")]
Number = Annotated[int, typer.Option("--limit", "-n", help="How many problems.")]
Limit = Annotated[
    int | None, typer.Option("--limit", "-n", help="Most problems; 50 of a split, all of a file.")
]
Split = Annotated[str, typer.Option(help="train, tune or test; they share no problem.")]
ProblemFile = Annotated[
    Path | None, typer.Option("--problems", help="A file or folder of problems, not a split.")
]
Seed = Annotated[
    int, typer.Option(min=0, help="Another seed makes other problems and other draws.")
]
BudgetText = Annotated[
    str | None,
    typer.Option("--budget", help="Caps for each problem, such as tokens=5000,seconds=30."),
]
PriceFile = Annotated[
    Path | None, typer.Option("--prices", help="A price table, not the package's own.")
]
SourceName = Annotated[str, typer.Option("--models", help="Where the models come from.")]
PolicyText = Annotated[
    str | None,
    typer.Option("--policy", help="The engine that proposes, such as \"openai('gpt-4.1-mini')\"."),
]
RewardText = Annotated[
    str | None,
    typer.Option("--reward", help="The reward model: see specreward models."),
]
JudgeText = Annotated[
    str | None, typer.Option("--judge", help="The engine that evaluates; by default the policy.")
]
DraftText = Annotated[
    str | None,
    typer.Option("--draft", help="The cheap engine whose steps the policy accepts or not."),
]
Concurrency = Annotated[int, typer.Option(help="Problems in flight at once; only the speed.")]
Criteria = Annotated[
    bool, typer.Option("--three-e", help="Add the 3E criteria, with cot() as the base.")
]
ExtendTo = Annotated[
    str | None, typer.Option(help="With --three-e: another domain; a split, a file or a task.")
]
RewardThere = Annotated[
    str | None,
    typer.Option(help="A reward model tuned for the domain of --extend-to, as --reward."),
]
