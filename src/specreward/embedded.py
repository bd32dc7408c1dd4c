"""The models in the package: for each task that has them a policy, a reward model and a draft."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, final

from specreward.errors import InputError
from specreward.types import Completion, Sampling, Scored
from specreward.verify.citations import SPECULATIVE_REWARD_MODEL

if TYPE_CHECKING:  # the engine is loaded where a model is, and not before
    from specreward.generate.embedded import EmbeddedLanguageModel
    from specreward.reward.embedded import EmbeddedValueModel

__all__ = [
    "EmbeddedDraft",
    "EmbeddedPolicy",
    "EmbeddedSRM",
    "embedded_draft",
    "embedded_models",
    "embedded_tasks",
]


def embedded_tasks(folder: Path | None = None) -> list[str]:
    """Names of the tasks that have both models, sorted.

    Args:
        folder: Where ``<task>-policy`` and ``<task>-srm`` lie; by default the package's own.
    """
    models = _own() if folder is None else folder
    return sorted(
        path.parent.name.removesuffix("-policy")
        for path in models.glob("*-policy/config.json")
        if (models / f"{path.parent.name.removesuffix('-policy')}-srm" / "config.json").exists()
    )


def embedded_models(
    task: str, *, threads: int = 2, folder: Path | None = None
) -> tuple[EmbeddedLanguageModel, EmbeddedValueModel]:
    """The policy and the reward model of a task, loaded now.

    Args:
        task: Registered name.
        threads: Threads that compute, for each of the two.
        folder: Where ``<task>-policy`` and ``<task>-srm`` lie; by default the package's own.

    Raises:
        InputError: The task has no embedded models (the message names those that have), or a
            folder is damaged.
    """
    models = _own() if folder is None else folder
    known = embedded_tasks(models)
    if task not in known:
        raise InputError(
            f"there are no embedded models for the task {task!r}: those in the package are for "
            f"{', '.join(known) or 'none'}; name other models, or train some with recipes/"
        )
    from specreward.generate.embedded import EmbeddedLanguageModel
    from specreward.reward.embedded import EmbeddedValueModel

    return (
        EmbeddedLanguageModel.load(models / f"{task}-policy", threads=threads),
        EmbeddedValueModel.load(models / f"{task}-srm", threads=threads),
    )


def embedded_draft(
    task: str, *, threads: int = 2, folder: Path | None = None
) -> EmbeddedLanguageModel | None:
    """The draft of a task, a smaller policy with the same words; None where it has none.

    Args:
        task: Registered name.
        threads: Threads that compute.
        folder: Where ``<task>-draft`` lies; by default the package's own.

    Raises:
        InputError: The folder is damaged.
    """
    path = (_own() if folder is None else folder) / f"{task}-draft"
    if not (path / "config.json").exists():
        return None
    from specreward.generate.embedded import EmbeddedLanguageModel

    return EmbeddedLanguageModel.load(path, threads=threads)


def _own() -> Path:
    return Path(str(resources.files("specreward") / "models"))


@cache
def _shared(task: str) -> tuple[EmbeddedLanguageModel, EmbeddedValueModel]:
    """The models of a task, loaded once for all that name them."""
    return embedded_models(task)


@cache
def _shared_draft(task: str) -> EmbeddedLanguageModel:
    """The draft of a task, loaded once for all that name it."""
    draft = embedded_draft(task)
    if draft is None:
        known = sorted(path.parent.name for path in _own().glob("*-draft/config.json"))
        tasks = ", ".join([name.removesuffix("-draft") for name in known])
        raise InputError(
            f"there is no embedded draft for the task {task!r}: those in the package are for "
            f"{tasks or 'none'}; name another engine, or train one with recipes/"
        )
    return draft


class _Named(ABC):
    """A language model in the package, under a name; each call goes to the one that is loaded."""

    @property
    @abstractmethod
    def _lm(self) -> EmbeddedLanguageModel: ...

    @property
    @abstractmethod
    def folder(self) -> Path:
        """Where the weights are, to be trained on."""

    def __post_init__(self) -> None:
        assert self._lm  # is loaded, so that what is not there is said at once

    @property
    def name(self) -> str:
        """Name and revision of the weights."""
        return self._lm.name

    @property
    def parameters(self) -> int:
        """Parameters that take part in every token's products, for FLOPs."""
        return self._lm.parameters

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, ``[P]``."""
        return self._lm.count(texts)

    async def complete(
        self, prompts: Sequence[str], seeds: Sequence[int], sampling: Sampling
    ) -> list[Completion]:
        """As ``EmbeddedLanguageModel.complete``."""
        return await self._lm.complete(prompts, seeds, sampling)

    async def logprobs(self, texts: Sequence[tuple[str, str]]) -> list[Scored]:
        """As ``EmbeddedLanguageModel.logprobs``."""
        return await self._lm.logprobs(texts)

    def tokenizer(self) -> str:
        """As ``EmbeddedLanguageModel.tokenizer``."""
        return self._lm.tokenizer()

    async def token_logprobs(
        self, prompts: Sequence[str], ids: Sequence[tuple[int, ...]], temperature: float
    ) -> list[Scored]:
        """As ``EmbeddedLanguageModel.token_logprobs``."""
        return await self._lm.token_logprobs(prompts, ids, temperature)


@final
@dataclass(frozen=True, kw_only=True)
class EmbeddedPolicy(_Named):
    """The policy in the package, as an engine that can be named.

    Args:
        task: Whose it is.

    Raises:
        InputError: There is none for the task.
    """

    task: str = field(kw_only=False)

    @property
    def _lm(self) -> EmbeddedLanguageModel:
        return _shared(self.task)[0]

    @property
    def folder(self) -> Path:
        """Where the weights are, to be trained on."""
        return _own() / f"{self.task}-policy"


@final
@dataclass(frozen=True, kw_only=True)
class EmbeddedDraft(_Named):
    """The draft in the package, a policy a fifth of the size, as an engine that can be named.

    Args:
        task: Whose it is.

    Raises:
        InputError: There is none for the task.
    """

    task: str = field(kw_only=False)

    @property
    def _lm(self) -> EmbeddedLanguageModel:
        return _shared_draft(self.task)

    @property
    def folder(self) -> Path:
        """Where the weights are, to be trained on."""
        return _own() / f"{self.task}-draft"


@final
@dataclass(frozen=True, kw_only=True)
class EmbeddedSRM:
    """The reward model in the package, as one that can be named.

    Args:
        task: Whose it is.

    Raises:
        InputError: There is none for the task.
    """

    task: str = field(kw_only=False)

    __cite__: ClassVar[str] = SPECULATIVE_REWARD_MODEL

    def __post_init__(self) -> None:
        _shared(self.task)

    @property
    def folder(self) -> Path:
        """Where its weights lie."""
        return _own() / f"{self.task}-srm"

    @property
    def name(self) -> str:
        """Name and revision of the weights."""
        return _shared(self.task)[1].name

    @property
    def parameters(self) -> int:
        """Parameters that take part in every token's products, for FLOPs."""
        return _shared(self.task)[1].parameters

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, ``[P]``: both models have the same words."""
        return _shared(self.task)[0].count(texts)

    async def values(self, texts: Sequence[str]) -> list[Scored]:
        """As ``EmbeddedValueModel.values``."""
        return await _shared(self.task)[1].values(texts)
