"""The models in the package: a policy and a reward model for each task that has them."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from specreward.errors import InputError
from specreward.generate.embedded import EmbeddedLanguageModel
from specreward.reward.embedded import EmbeddedValueModel

__all__ = ["embedded_models", "embedded_tasks"]


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
    return (
        EmbeddedLanguageModel.load(models / f"{task}-policy", threads=threads),
        EmbeddedValueModel.load(models / f"{task}-srm", threads=threads),
    )


def _own() -> Path:
    return Path(str(resources.files("specreward") / "models"))
