"""Models and tokenisers from a folder or from the hub, loaded once for all that name them.

    load("folder", "AutoModelForCausalLM")      a folder with config.json, weights and tokeniser
    load("owner/name@revision", "AutoModel")    the hub: its cache first, then the network

Nothing of a model is made up: weights that the checkpoint does not hold are an error, never drawn
at random. Code that comes with a checkpoint is run only where that was asked for.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
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

__all__ = ["AutoClass", "Weights", "body", "load"]

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

    def tensors(self, *names: str) -> dict[str, torch.Tensor]:
        """Single weights of the checkpoint, such as those of a head that no class here has.

        Raises:
            InputError: The checkpoint has none of that name; the message lists the nearest.
        """
        from safetensors import safe_open

        found: dict[str, torch.Tensor] = {}
        seen: list[str] = []
        for path in self._files(names):
            with safe_open(path, framework="pt", device="cpu") as file:
                seen += file.keys()
                found |= {name: file.get_tensor(name) for name in names if name in file.keys()}  # noqa: SIM118
        missing = [name for name in names if name not in found]
        if missing:
            heads = [name for name in seen if "layers." not in name and ".h." not in name]
            raise InputError(
                f"{self.source}: expected weights named {', '.join(missing)}, the checkpoint has "
                f"{', '.join(heads[:20]) or 'no file in the safetensors format'}: it is of another "
                "family of models"
            )
        return {name: tensor.to(self.device) for name, tensor in found.items()}

    def _files(self, names: Sequence[str]) -> list[Path]:
        """The files of a checkpoint that may hold these weights."""
        index = self._file("model.safetensors.index.json")
        if index is None:
            only = self._file("model.safetensors")
            return [] if only is None else [only]
        table: dict[str, str] = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        parts = {table[name] for name in names if name in table} or set(table.values())
        return [path for part in sorted(parts) if (path := self._file(part)) is not None]

    def _file(self, name: str) -> Path | None:
        if self.revision is None:
            path = Path(self.source) / name
            return path if path.is_file() else None
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError

        try:
            return Path(hf_hub_download(self.source, name, revision=self.revision))
        except EntryNotFoundError:
            return None


def body(model: PreTrainedModel) -> PreTrainedModel:
    """A model without its head; itself where it has none."""
    found = model.base_model
    if found is model and model.get_output_embeddings() is not None:
        return model.get_decoder()  # some families name their body as others do not
    return found


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
    source, revision = _place(name)
    place = _device(device)
    shared = {"revision": revision, "trust_remote_code": trust_remote_code}
    settings: dict[str, Any] = {"dtype": _dtype(dtype)}
    if quantisation:
        settings["quantization_config"] = dict(quantisation)
    if quantisation or place.type != "cpu":
        settings["device_map"] = {"": str(place)}
    try:
        with _quiet():
            tokenizer = transformers.AutoTokenizer.from_pretrained(source, **shared)
            model, report = getattr(transformers, kind).from_pretrained(
                source, output_loading_info=True, **shared, **settings
            )
    except Exception as error:  # of many libraries, for many reasons
        raise _refusal(name, kind, error) from error
    _check_whole(name, kind, report)
    commit = None if Path(source).is_dir() else str(model.config._commit_hash or revision)
    return Weights(
        model=model.eval(),
        tokenizer=tokenizer,
        name=_name(source, commit, str(model.dtype).removeprefix("torch."), quantisation),
        device=place,
        context=_context(model.config),
        parameters=_parameters(model),
        source=source,
        revision=commit,
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the progress bars of transformers."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _place(name: str) -> tuple[str, str | None]:
    """Folder or name on the hub, and revision."""
    if name and Path(name).expanduser().is_dir():
        return str(Path(name).expanduser()), None
    source, _, revision = name.partition("@")
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
        return torch.device(name)
    except RuntimeError as error:
        raise InputError(f"device: expected auto, cpu, cuda or cuda:0, got {name!r}") from error


def _dtype(dtype: str) -> torch.dtype | str:
    import torch

    if dtype == "auto":
        return dtype
    found = vars(torch).get(dtype)
    if not isinstance(found, torch.dtype):
        raise InputError(f"dtype: expected auto, float32, bfloat16 or float16, got {dtype!r}")
    return found


def _refusal(name: str, kind: str, error: Exception) -> InputError:
    """One line about a model that cannot be loaded, and what to do."""
    first = str(error).strip().partition("\n")[0][:300]
    if "trust_remote_code" in str(error):
        return InputError(
            f"model {name!r} brings Python code of its own, which would run here: read it, then "
            "allow it with trust_remote_code=True"
        )
    if isinstance(error, ImportError):
        return InputError(f"model {name!r} needs another library: {first}")
    if not Path(_place(name)[0]).is_dir() and isinstance(error, OSError):
        return InputError(
            f"model {name!r} is no folder, and not to be had from the hub: {first} (check name, "
            "revision and network; models with a gate need a token: hf auth login)"
        )
    return InputError(f"model {name!r} cannot be loaded as {kind}: {type(error).__name__}: {first}")


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


def _context(config: PreTrainedConfig) -> int | None:
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
        if not path.is_file() or path.suffix not in (".json", ".safetensors", ".bin", ".model"):
            continue
        size = path.stat().st_size
        digest.update(f"{path.name} {size}".encode())
        with path.open("rb") as file:
            for block in range(_BLOCKS):
                file.seek(block * size // _BLOCKS)
                digest.update(file.read(_BLOCK))
    return digest.hexdigest()
