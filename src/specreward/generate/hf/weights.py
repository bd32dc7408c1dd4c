"""Models and tokenisers from a folder or from the hub, loaded once for all that name them.

    load("folder", "AutoModelForCausalLM")      a folder with config.json, weights and tokeniser
    load("folder@revision", ...)                the same, loaded again where the revision is another
    load("owner/name@revision", "AutoModel")    the hub: its cache first, then the network

Nothing of a model is made up: weights that the checkpoint does not hold are an error, never drawn
at random. Code that comes with a checkpoint is run only where that was asked for.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar, final

from specreward.errors import EngineError, InputError, MissingExtra

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

__all__ = [
    "AutoClass",
    "Weights",
    "body",
    "check_settings",
    "context_of",
    "folder_at",
    "load",
    "place_of",
    "quiet",
    "refusal",
]

AutoClass = Literal[
    "AutoModel",
    "AutoModelForCausalLM",
    "AutoModelForSequenceClassification",
    "AutoModelForTokenClassification",
]
"""The classes of transformers that put the right architecture around a checkpoint."""

P = ParamSpec("P")
T = TypeVar("T")

_CONTEXT = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")
"""Names under which configurations keep the longest text that a model reads."""

_UNUSED = ("pooler.",)
"""Beginnings of names of weights that nothing here reads."""

_SUFFIXES = (".bin", ".jinja", ".json", ".model", ".pt", ".py", ".safetensors", ".txt")
"""Ends of names of files that can change what a folder's model reads or writes."""

_BESIDE = ("calibration.json",)
"""Files that are made of a model's numbers, and change none of them."""

_BLOCKS, _BLOCK = 64, 1 << 16

_loading = Lock()


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Weights:
    """A model with its tokeniser, ready to be called from its own thread.

    Args:
        model: A ``torch.nn.Module`` in evaluation mode.
        tokenizer: Of transformers.
        name: Identifies the weights: name, revision (a digest, for a folder) and number format.
        device: Where it is.
        context: Most tokens that it reads; None where the configuration does not say.
        parameters: Those that take part in every token's products, for FLOPs: without the table of
            embeddings, unless the head shares it.
        source: Folder or name on the hub.
        revision: On the hub; None for a folder.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    name: str
    device: torch.device
    context: int | None
    parameters: int
    source: str
    revision: str | None
    door: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="specreward-model")
    )

    @property
    def body(self) -> PreTrainedModel:
        """The model without its head."""
        return body(self.model)

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call ``work`` in the model's own thread, without gradients: one call at a time.

        Raises:
            EngineError: The device has no memory left.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.door, lambda: self.do(work, *args, **kwargs))

    def do(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call ``work`` in this thread, without gradients."""
        import torch

        try:
            with torch.inference_mode():
                return work(*args, **kwargs)
        except torch.cuda.OutOfMemoryError as error:
            raise EngineError(
                f"{self.name}: no memory left on {self.device}: lower batch_tokens or cache_tokens"
            ) from error


def body(model: PreTrainedModel) -> PreTrainedModel:
    """A model without its head; itself where it has none."""
    found = model.base_model
    if found is model and model.get_output_embeddings() is not None:
        return model.get_decoder()  # some families name their body as others do not
    return found


def check_settings(model: str, quantisation: tuple[tuple[str, Any], ...]) -> None:
    """Refuse fields that :func:`load` could not read.

    Raises:
        InputError: The model is no name, or the quantisation no pairs.
    """
    if not isinstance(model, str) or not model.strip():
        raise InputError(
            "model: expected a folder or a name on the hub such as 'owner/name@revision', got "
            f"{model!r}"
        )
    try:
        hash(quantisation)
        pairs = isinstance(quantisation, tuple) and all(
            isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str)
            for pair in quantisation
        )
    except TypeError:
        pairs = False
    if not pairs:
        raise InputError(
            "quantisation: expected pairs of a setting and its value, lists as tuples, such as "
            f"(('load_in_4bit', True),), got {quantisation!r}"
        )


def load(
    name: str,
    kind: AutoClass = "AutoModelForCausalLM",
    *,
    device: str = "auto",
    dtype: str = "auto",
    quantisation: tuple[tuple[str, Any], ...] = (),
    trust_remote_code: bool = False,
) -> Weights:
    """A model and its tokeniser; the same arguments give the same object.

    Args:
        name: A folder, or a name on the hub, with ``@revision`` where it matters.
        kind: The class of transformers to load it with.
        device: As torch names it; ``auto`` is the first accelerator, or else the processor.
        dtype: As torch names it (``float32``, ``bfloat16``, ...); ``auto`` is the checkpoint's own.
        quantisation: Settings of a quantisation of transformers, such as
            ``(("load_in_4bit", True),)`` of bitsandbytes; none loads the weights as they are.
        trust_remote_code: Run the Python files that come with the checkpoint.

    Raises:
        MissingExtra: torch or transformers is not installed.
        InputError: There is no such model, it is damaged or of another kind, or it needs code that
            was not allowed.
    """
    with _loading:
        return _load(name, kind, device, dtype, quantisation, trust_remote_code)


@cache
def _load(
    name: str,
    kind: AutoClass,
    device: str,
    dtype: str,
    quantisation: tuple[tuple[str, Any], ...],
    trust_remote_code: bool,
) -> Weights:
    try:
        import torch  # noqa: F401
        import transformers
    except ImportError as error:
        raise MissingExtra(
            "models on transformers need torch and transformers: "
            "pip install 'specreward[transformers]'"
        ) from error
    source, revision = place_of(name)
    place = _device(device)
    shared = {"revision": revision, "trust_remote_code": trust_remote_code}
    settings: dict[str, Any] = {"dtype": _dtype(dtype)}
    if quantisation:
        settings["quantization_config"] = {
            key: list(value) if isinstance(value, tuple) else value for key, value in quantisation
        }
    if quantisation or place.type != "cpu":
        settings["device_map"] = {"": str(place)}
    part = "AutoTokenizer"
    try:
        with quiet():
            tokenizer = transformers.AutoTokenizer.from_pretrained(source, **shared)
            part = kind
            model, report = getattr(transformers, kind).from_pretrained(
                source, output_loading_info=True, **shared, **settings
            )
    except Exception as error:  # of many libraries, for many reasons
        raise refusal(name, part, error) from error
    _check_whole(name, kind, report)
    commit = None if Path(source).is_dir() else str(model.config._commit_hash or revision)
    return Weights(
        model=model.eval(),
        tokenizer=tokenizer,
        name=_name(source, commit, str(model.dtype).removeprefix("torch."), quantisation),
        device=place,
        context=context_of(model.config),
        parameters=_parameters(model),
        source=source,
        revision=commit,
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Without the progress bars of transformers, and its tables of what a checkpoint lacks."""
    from transformers.utils import logging

    shown, said = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(said)
        if shown:
            logging.enable_progress_bar()


def folder_at(folder: Path, revision: object) -> str:
    """The name of a folder whose weights may be trained again while this process runs.

    Args:
        folder: With the model.
        revision: Of its weights; None where nobody knows.
    """
    return str(folder) if revision is None else f"{folder}@{revision}"


def place_of(name: str) -> tuple[str, str | None]:
    """Folder or name on the hub, and revision; that of a folder only tells what is loaded apart.

    Raises:
        InputError: It is neither.
    """
    for folder in (name, name.rpartition("@")[0]):
        if folder and Path(folder).expanduser().is_dir():
            return str(Path(folder).expanduser()), None
    source, _, revision = name.partition("@")
    if Path(name).expanduser().is_file():
        raise InputError(
            f"no model in {name!r}: expected a folder with config.json, weights and tokeniser, got "
            "a file"
        )
    if not source or source.startswith((".", "/", "~")) or source.count("/") > 1:
        raise InputError(
            f"no model in {name!r}: there is no such folder; expected one with config.json and "
            "weights, or a name on the hub such as owner/name@revision"
        )
    return source, revision or None


def _device(name: str) -> torch.device:
    import torch

    if name == "auto":
        mps = "mps" if torch.backends.mps.is_available() else "cpu"
        name = "cuda" if torch.cuda.is_available() else mps
    try:
        place = torch.device(name)
    except (RuntimeError, TypeError) as error:
        raise InputError(f"device: expected auto, cpu, cuda or cuda:0, got {name!r}") from error
    if place.type == "cuda" and (place.index or 0) >= torch.cuda.device_count():
        raise InputError(
            f"device: {name!r} is not there: torch {torch.__version__} sees "
            f"{torch.cuda.device_count()} such devices here; expected auto or cpu"
        )
    return place


def _dtype(dtype: str) -> torch.dtype | str:
    import torch

    if dtype == "auto":
        return dtype
    found = vars(torch).get(dtype)
    if not isinstance(found, torch.dtype) or not found.is_floating_point:
        raise InputError(f"dtype: expected auto, float32, bfloat16 or float16, got {dtype!r}")
    return found


def refusal(name: str, part: str, error: Exception) -> InputError:
    """One line about a model that cannot be loaded, and what to do."""
    first = str(error).strip().partition("\n")[0][:300].rstrip(" :.")
    if "trust_remote_code" in str(error):
        return InputError(
            f"model {name!r} brings Python code of its own, which would run here: read it, then "
            "allow it with trust_remote_code=True"
        )
    if isinstance(error, ImportError):
        return InputError(f"model {name!r} needs another library: {first}")
    if not Path(place_of(name)[0]).is_dir() and isinstance(error, OSError):
        return InputError(
            f"model {name!r} is no folder, and not to be had from the hub: {first} (check name, "
            "revision and network; models with a gate need a token: hf auth login)"
        )
    return InputError(
        f"model {name!r} cannot be loaded as {part}: {type(error).__name__}: {first}; "
        "expected config.json, weights and the files of its tokeniser"
    )


def _check_whole(name: str, kind: str, report: dict[str, Any]) -> None:
    """Refuse a model of which a part would be random."""
    missing = sorted(key for key in report["missing_keys"] if not key.startswith(_UNUSED))
    wrong = sorted(str(row[0]) for row in report["mismatched_keys"])
    if missing or wrong:
        lacks = ", ".join([*missing, *wrong][:5])
        raise InputError(
            f"model {name!r} is no {kind}: its checkpoint lacks {lacks}; expected a model trained "
            "for this use"
        )


def context_of(config: PreTrainedConfig) -> int | None:
    """Most tokens that a model reads; None where its configuration does not say."""
    settings = config.get_text_config().to_dict()
    found = [settings[key] for key in _CONTEXT if isinstance(settings.get(key), int)]
    return found[0] if found else None


def _parameters(model: PreTrainedModel) -> int:
    table = model.get_input_embeddings().weight
    head = model.get_output_embeddings()
    shared = head is not None and head.weight is table
    total: int = model.num_parameters()
    return total if shared else total - int(table.numel())


def _name(source: str, commit: str | None, dtype: str, quantisation: tuple[Any, ...]) -> str:
    settings = ",".join([dtype, *[f"{key}={value}" for key, value in quantisation]])
    if commit is not None:
        return f"{source}@{commit[:12]} {settings}"
    return f"{Path(source).resolve().name}@{_digest(Path(source))} {settings}"


def _digest(folder: Path) -> str:
    """Identifies what a folder holds, by samples of its large files: a copy has the same."""
    digest = hashlib.blake2b(digest_size=6)
    for path in sorted(folder.iterdir()):
        if not path.is_file() or path.suffix not in _SUFFIXES or path.name in _BESIDE:
            continue
        size = path.stat().st_size
        digest.update(f"{path.name} {size}".encode())
        with path.open("rb") as file:
            for block in range(_BLOCKS):
                file.seek(block * size // _BLOCKS)
                digest.update(file.read(_BLOCK))
    return digest.hexdigest()
