"""Reads what ``log_ratio(...)`` was trained to: two language models, and how their steps are read.

    without a task    implicit_prm(policy, reference): all steps after the question
    with one          q_t = beta * sum over steps i <= t of log pi(i) - log pi_ref(i), each after
                            the task's prompt for step i
                      r_t = sigmoid(q_t) ;  score = combine(r_1 .. r_T), by default r_T

L. Yuan et al. (2024), "Free Process Rewards without Process Labels", arXiv 2412.01981.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import exp, isfinite
from pathlib import Path as File
from typing import Any, cast, final

from specreward.engines import LanguageModel
from specreward.errors import EngineError, InputError, RewardError
from specreward.reward.aggregate import Aggregate, Last
from specreward.reward.composed import Composed, Wiring
from specreward.reward.judges.asking import prompt
from specreward.reward.judges.implicit_prm import ImplicitPRM
from specreward.reward.trained import CARD
from specreward.spec import parse
from specreward.types import Path, RewardModel, Task

__all__ = ["TaskRatio", "step_texts", "trained_log_ratio", "whole_text"]


def whole_text(question: str, steps: Sequence[str], delimiter: str) -> tuple[str, str]:
    """The question as a prompt, and all steps after it; as ``implicit_prm`` reads them."""
    return prompt(question, ""), delimiter.join(steps)


def step_texts(task: Task, path: Path) -> list[tuple[str, str]]:
    """For each step of a path the task's prompt before it, and the step as it was written.

    A space stands between the two unless the prompt ends with one or with a line break: words must
    not run together. A step ends with the first of the task's stops, which its policy wrote as
    well.
    """
    stop = task.sampling.stop[0] if task.sampling.stop else ""
    found = []
    for depth, step in enumerate(path.steps):
        before = task.prompt(Path(path.problem, path.steps[:depth]))
        space = "" if before[-1:].isspace() else " "
        found.append((before, f"{space}{step.text}{stop}"))
    return found


@final
@dataclass(frozen=True, kw_only=True)
class TaskRatio:
    """The log-ratio of two policies over a path, step by step, through a sigmoid, in (0, 1).

    Args:
        lm: The policy that was trained from ``reference``.
        reference: What it was before.
        task: Gives the prompts that both read.
        beta: Weight of the log-ratio, as in the training.
        combine: How the numbers after the steps become the score of a path.
    """

    lm: LanguageModel = field(kw_only=False)
    reference: LanguageModel = field(kw_only=False)
    task: Task
    beta: float
    combine: Aggregate = Last()

    @property
    def names(self) -> list[str]:
        """The engines'."""
        return [self.lm.name, self.reference.name]

    def wired(self, wiring: Wiring) -> RewardModel:
        """The reward model: phases ``score`` (of ``lm``) and ``reference``."""
        return _Wired(
            replace(
                self,
                lm=wiring.language_model(self.lm, role="reward"),
                reference=wiring.language_model(self.reference, role="reward", phase="reference"),
            )
        )


@final
@dataclass(frozen=True)
class _Wired:
    """The same with its engines wired."""

    ratio: TaskRatio

    async def score(self, paths: Sequence[Path]) -> list[float]:
        """One score for each path, ``[P]``, in (0, 1), higher is better.

        Raises:
            InputError: A path has no step.
            RewardError: A log-probability is missing or no number.
        """
        combine = self.ratio.combine
        return [
            combine([values[step] for step in combine.needed(len(values))])
            for values in await self.steps(paths)
        ]

    async def steps(self, paths: Sequence[Path]) -> list[list[float]]:
        """The number after each step, ``[P][T]``, T the depth of the path.

        Raises:
            InputError: A path has no step.
            RewardError: A log-probability is missing or no number.
        """
        for path in paths:
            if not path.steps:
                raise InputError(
                    f"expected paths with a step to score, got bare problem {path.problem.id!r}"
                )
        texts = [step_texts(self.ratio.task, path) for path in paths]
        different = list(dict.fromkeys([pair for row in texts for pair in row]))
        new = await _logprobs(self.ratio.lm, different)
        old = await _logprobs(self.ratio.reference, different)
        known = {pair: a - b for pair, a, b in zip(different, new, old, strict=True)}
        found = []
        for row in texts:
            total, values = 0.0, []
            for pair in row:
                total += self.ratio.beta * known[pair]
                values.append(
                    1 / (1 + exp(-total)) if total >= 0 else exp(total) / (1 + exp(total))
                )
            found.append(values)
        return found


async def _logprobs(lm: LanguageModel, texts: Sequence[tuple[str, str]]) -> list[float]:
    scored = await lm.logprobs(texts) if texts else []
    if len(scored) != len(texts):
        raise EngineError(
            f"{lm.name}: expected {len(texts)} log-probabilities, got {len(scored)}: an engine "
            "must give one for each text, in order"
        )
    for one, (_, text) in zip(scored, texts, strict=True):
        if not isfinite(one.value):
            raise RewardError(
                f"{lm.name}: expected a finite log-probability, got {one.value!r} for "
                f"{text[-200:]!r}: mend the engine; no score is made up in its place"
            )
    return [one.value for one in scored]


def trained_log_ratio(folder: File, card: Mapping[str, Any], combine: Aggregate) -> Composed:
    """The reward model of a folder.

    Args:
        folder: Written by a training of ``log_ratio(...)``.
        card: Its ``model.json``.
        combine: How the numbers after the steps become the score of a path.

    Raises:
        InputError: The folder lacks a part, or the file an entry.
    """
    try:
        engine, beta, task = card["engine"], float(card["beta"]), card["task"]
        delimiter = str(card["delimiter"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{folder / CARD}: expected entries engine, beta, task and delimiter, got "
            f"{error!r}: train the model again"
        ) from error
    lm, reference = _embedded(folder) if engine == "embedded" else _transformers(folder, card)
    if task is None:
        return ImplicitPRM(lm, reference, beta=beta, delimiter=delimiter, combine=combine)
    return TaskRatio(lm, reference, task=parse(str(task), "task"), beta=beta, combine=combine)


def _embedded(folder: File) -> tuple[LanguageModel, LanguageModel]:
    from specreward.generate.embedded import EmbeddedLanguageModel

    loaded = [EmbeddedLanguageModel.load(folder / part) for part in ("policy", "reference")]
    return loaded[0], loaded[1]


def _transformers(folder: File, card: Mapping[str, Any]) -> tuple[LanguageModel, LanguageModel]:
    from specreward.generate.hf.engine import Transformers
    from specreward.generate.hf.weights import folder_at

    reference = cast(Transformers, parse(str(card.get("reference")), "languagemodel"))
    if reference.dtype == "auto":  # one format for both: their ratio is of small differences
        reference = replace(reference, dtype="float32")
    model = folder_at(folder / "policy", card.get("revision"))
    return replace(reference, model=model), reference
