"""Reward models by the name of their published weights.

    "Qwen/Qwen2.5-Math-PRM-7B@revision"     a name of the table, the revision left out or given
    "folder"                                weights on disk, where their configuration says enough
    "qwen_prm('folder')"                    any reward model as text

The table says which family reads a checkpoint. Licences are those of the model cards where they
could be read, else ``not checked``; weights are under their own licence, whatever this package's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import cast, final

from specreward.errors import InputError, UnknownName, nearest
from specreward.registry import registered
from specreward.reward.composed import Scorer
from specreward.reward.trained import CARD
from specreward.spec import parse

__all__ = ["PUBLISHED", "Published", "load", "published", "read_reward"]

_UNCHECKED = "not checked"
_SKYWORK = "Skywork Community"
_LLAMA = "Llama 3.1 Community"


@final
@dataclass(frozen=True, kw_only=True)
class Published:
    """A published checkpoint.

    Args:
        name: On the hub.
        family: Registered name of what reads it.
        base: The model that it was trained from.
        billions: Parameters, in thousand millions, of the base as its name has it.
        licence: Of the weights.
        per_step: Whether it gives a number for each step; else one for the whole solution.
        note: What else there is to know.
    """

    name: str
    family: str
    base: str
    billions: float
    licence: str = _UNCHECKED
    per_step: bool = True
    note: str = ""

    def text(self, revision: str | None = None) -> str:
        """The reward model as text, such as ``qwen_prm('Qwen/Qwen2.5-Math-PRM-7B')``."""
        name = self.name if revision is None else f"{self.name}@{revision}"
        return f"{self.family}({name!r})"

    @property
    def gigabytes(self) -> float:
        """Memory of the weights with two bytes for each parameter (``bfloat16``)."""
        return 2 * self.billions


def _classifier(name: str, base: str, billions: float, licence: str, note: str = "") -> Published:
    return Published(
        name=name,
        family="sequence_classifier",
        base=base,
        billions=billions,
        licence=licence,
        per_step=False,
        note=note,
    )


_ROWS = (
    Published(
        name="peiyi9979/math-shepherd-mistral-7b-prm",
        family="math_shepherd",
        base="Mistral-7B",
        billions=7,
    ),
    Published(
        name="Qwen/Qwen2.5-Math-PRM-7B",
        family="qwen_prm",
        base="Qwen2.5-Math-7B-Instruct",
        billions=7,
        licence="Qwen",
        note="reads 4096 tokens",
    ),
    Published(
        name="Qwen/Qwen2.5-Math-PRM-72B",
        family="qwen_prm",
        base="Qwen2.5-Math-72B-Instruct",
        billions=72,
        licence="Qwen",
        note="reads 4096 tokens",
    ),
    Published(
        name="Qwen/Qwen2.5-Math-7B-PRM800K",
        family="qwen_prm",
        base="Qwen2.5-Math-7B-Instruct",
        billions=7,
        note="reads 4096 tokens; a baseline trained on PRM800K alone",
    ),
    Published(
        name="Gen-Verse/ReasonFlux-PRM-7B",
        family="reasonflux_prm",
        base="Qwen2.5-7B-Instruct",
        billions=7,
    ),
    Published(
        name="Gen-Verse/ReasonFlux-PRM-1.5B",
        family="reasonflux_prm",
        base="Qwen2.5-1.5B-Instruct",
        billions=1.5,
        per_step=False,
    ),
    Published(
        name="Skywork/Skywork-o1-Open-PRM-Qwen-2.5-1.5B",
        family="skywork_prm",
        base="Qwen2.5-Math-1.5B-Instruct",
        billions=1.5,
        licence=_SKYWORK,
        note="reads 4096 tokens; mathematics and code",
    ),
    Published(
        name="Skywork/Skywork-o1-Open-PRM-Qwen-2.5-7B",
        family="skywork_prm",
        base="Qwen2.5-Math-7B-Instruct",
        billions=7,
        licence=_SKYWORK,
        note="reads 4096 tokens; mathematics and code",
    ),
    Published(
        name="RLHFlow/Llama3.1-8B-PRM-Deepseek-Data",
        family="rlhflow_prm",
        base="Llama-3.1-8B-Instruct",
        billions=8,
        note="trained on solutions of DeepSeek-Math",
    ),
    Published(
        name="RLHFlow/Llama3.1-8B-PRM-Mistral-Data",
        family="rlhflow_prm",
        base="Llama-3.1-8B-Instruct",
        billions=8,
        note="trained on solutions of Mistral",
    ),
    _classifier("Skywork/Skywork-Reward-Llama-3.1-8B-v0.2", "Llama-3.1-8B-Instruct", 8, _SKYWORK),
    _classifier("Skywork/Skywork-Reward-Gemma-2-27B-v0.2", "gemma-2-27b-it", 27, _SKYWORK),
    _classifier("Skywork/Skywork-Reward-V2-Qwen3-0.6B", "Qwen3-0.6B", 0.6, "Apache-2.0"),
    _classifier("Skywork/Skywork-Reward-V2-Qwen3-1.7B", "Qwen3-1.7B", 1.7, "Apache-2.0"),
    _classifier("Skywork/Skywork-Reward-V2-Qwen3-4B", "Qwen3-4B", 4, "Apache-2.0"),
    _classifier("Skywork/Skywork-Reward-V2-Qwen3-8B", "Qwen3-8B", 8, "Apache-2.0"),
    _classifier("Skywork/Skywork-Reward-V2-Llama-3.2-1B", "Llama-3.2-1B-Instruct", 1, _UNCHECKED),
    _classifier("Skywork/Skywork-Reward-V2-Llama-3.2-3B", "Llama-3.2-3B-Instruct", 3, _UNCHECKED),
    _classifier("Skywork/Skywork-Reward-V2-Llama-3.1-8B", "Llama-3.1-8B-Instruct", 8, _UNCHECKED),
    _classifier(
        "Skywork/Skywork-Reward-V2-Llama-3.1-8B-40M", "Llama-3.1-8B-Instruct", 8, _UNCHECKED
    ),
    _classifier(
        "allenai/Llama-3.1-8B-Instruct-RM-RB2",
        "Llama-3.1-8B-Instruct",
        8,
        _LLAMA,
        "of the authors of RewardBench 2; other training runs are its revisions 1, 2, ...",
    ),
    _classifier(
        "allenai/Llama-3.1-70B-Instruct-RM-RB2",
        "Llama-3.1-70B-Instruct",
        70,
        _LLAMA,
        "of the authors of RewardBench 2; other training runs are its revisions 1, 2, ...",
    ),
    _classifier("Ray2333/GRM_Llama3.1_8B_rewardmodel-ft", "Llama-3.1-8B-Instruct", 8, _UNCHECKED),
    *[
        Published(
            name=f"ankner/Llama3-{size}B-{kind}-RM",
            family="cloud",
            base=f"Meta-Llama-3-{size}B",
            billions=size,
            per_step=False,
            note=f"{what}; the configuration of its base is behind a gate",
        )
        for size in (8, 70)
        for kind, what in (("CLoud", "writes a critique first"), ("Classic", "no critique"))
    ],
)


PUBLISHED: dict[str, Published] = {row.name: row for row in _ROWS}
"""The table, by name on the hub."""


def published(name: str) -> tuple[Published, str | None]:
    """The row of a name, and the revision in it.

    Args:
        name: Such as ``Qwen/Qwen2.5-Math-PRM-7B`` or the same with ``@revision``.

    Raises:
        UnknownName: The table has no such name; the message gives the nearest one.
    """
    source, _, revision = name.strip().partition("@")
    if source not in PUBLISHED:
        raise nearest(source, _alike(source) or PUBLISHED, "published reward model")
    return PUBLISHED[source], revision or None


def read_reward(text: str) -> Scorer:
    """The reward model that a text names: of the table, a folder, or ``name(...)``.

    Raises:
        UnknownName: There is no such name; the message gives the nearest one.
        InputError: The text cannot be read, or the folder does not say which family it is of.
    """
    stripped = text.strip()
    if "(" in stripped or stripped in registered():
        return cast(Scorer, parse(stripped, "rewardmodel"))
    return load(stripped)


def load(name: str) -> Scorer:
    """The reward model of published weights, or of a folder; loaded when it is first asked.

    Args:
        name: A name of the table, with ``@revision`` where it matters, or a folder.

    Raises:
        UnknownName: There is no such name; the message gives the nearest one.
        InputError: The folder does not say which family it is of.
    """
    source = name.partition("@")[0]
    if source in PUBLISHED:  # a folder of that name holds a copy, whose family is known too
        row, revision = published(name)
        return cast(Scorer, parse(row.text(revision), "rewardmodel"))
    if name and _is_folder(name):
        return cast(Scorer, parse(f"{_family(Path(name).expanduser())}({name!r})", "rewardmodel"))
    missing = f"there is no folder {name[:200]!r} either" if name else "name one, or a folder"
    if "/" not in source:
        error = nearest(source, [*_alike(source), *registered("rewardmodel")], "reward model")
        raise UnknownName(f"{error}; {missing}")
    alike = _alike(source)
    error = UnknownName(f"unknown published reward model {source[:200]!r}")
    if alike:
        error = nearest(source, alike, "published reward model")
    raise UnknownName(
        f"{error}; {missing}; weights that are not in the table (specreward models): name their "
        f"family, such as \"sequence_classifier('{name}')\""
    )


def _alike(name: str) -> list[str]:
    """The names of the table that look like this one."""
    short = {row.rpartition("/")[2].lower(): row for row in PUBLISHED}
    own = name.rpartition("/")[2].lower()
    return [short[one] for one in get_close_matches(own, short, n=5, cutoff=0.5)]


def _is_folder(name: str) -> bool:
    try:
        return Path(name).expanduser().is_dir()
    except (OSError, RuntimeError, ValueError):  # no path at all
        return False


def _family(folder: Path) -> str:
    """The family of weights on disk, where their architecture is that of one alone."""
    if (folder / CARD).is_file():
        return "trained"
    file = folder / "config.json"
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
        architecture = str((config.get("architectures") or [""])[0])
    except (OSError, ValueError, AttributeError, IndexError, TypeError) as error:
        raise InputError(
            f"{folder}: expected a model's folder with a config.json, got {error}: name the family "
            f"yourself, such as \"qwen_prm('{folder}')\""
        ) from error
    if config.get("model_type") == "cloud":
        return "cloud"
    if architecture == "Qwen2ForPrmModel":
        return "skywork_prm"
    if architecture == "DebertaV2ForTokenClassification":
        return "encoder_srm"
    if architecture.endswith("ForSequenceClassification"):
        return "sequence_classifier"
    if (folder / "reward_head.pt").is_file():
        return "reasonflux_prm"
    may_be = ["math_shepherd", "rlhflow_prm", "athena_prm", "genrm"]
    if architecture == "Qwen2ForProcessRewardModel":
        may_be = ["qwen_prm", "reasonflux_prm"]
    raise InputError(
        f"{folder}: the architecture {architecture or '(none)'} is that of several families: say "
        f"which, such as \"{may_be[0]}('{folder}')\"; it may be of {', '.join(may_be)}"
    )
