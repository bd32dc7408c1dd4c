"""The heads of reward models: which weights of a checkpoint they are, and how they are applied.

    vocabulary(weights, ids)    rows of the language-model head, for tokens such as "+" and "-"
    layers(weights, names)      linear layers that the checkpoint holds beside its decoder
    token_head(model)           the layer of a token classifier of transformers

A head is computed in single precision whatever the number format of the decoder is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self, final

from specreward.errors import InputError
from specreward.generate.hf.weights import Weights

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module
    from transformers import PreTrainedModel

__all__ = ["layers", "single_token", "stored", "token_head", "vocabulary"]


def single_token(weights: Weights, text: str, family: str) -> int:
    """The id of a text that must be one token.

    Raises:
        InputError: The tokenizer has no such token.
    """
    tokenizer = weights.tokenizer
    ids = tokenizer.encode(text, add_special_tokens=False)
    # Tokenizers that mark the beginning of a word may set the mark apart.
    last = ids[-1] if ids else None
    spelt = "" if last is None else tokenizer.decode([last]).strip()
    marks = all(not tokenizer.decode([one]).strip() for one in ids[:-1])
    if last is None or last == tokenizer.unk_token_id or spelt != text.strip() or not marks:
        raise InputError(
            f"{weights.name}: {family} reads its scores at the token {text!r}, which this "
            f"tokenizer does not have (it reads {ids}): use the tokenizer that was published with "
            "the weights, or the family that these weights belong to"
        )
    return int(last)


def token_head(model: PreTrainedModel) -> Module | None:
    """The layer of a token classifier that gives its numbers; None where it has none."""
    parts = dict(model.named_children())
    return parts.get("classifier", parts.get("score"))


def vocabulary(weights: Weights, ids: Sequence[int]) -> Callable[[Tensor], Tensor]:
    """The logits of some tokens: hidden states ``[n, width]`` to ``[n, len(ids)]``.

    Raises:
        InputError: The model has no language-model head.
    """
    head = weights.model.get_output_embeddings()
    if head is None:
        raise InputError(f"{weights.name}: expected a causal language model, got one without head")
    rows = head.weight[list(ids)].float()
    bias = None if head.bias is None else head.bias[list(ids)].float()

    def logits(hidden: Tensor) -> Tensor:
        found = hidden.float() @ rows.T
        return found if bias is None else found + bias

    return logits


def layers(
    weights: Weights,
    names: Sequence[tuple[str, str | None]],
    between: Callable[[Tensor], Tensor] | None = None,
    file: str | None = None,
) -> Callable[[Tensor], Tensor]:
    """Linear layers in a row: hidden states ``[n, width]`` to ``[n, labels]``.

    Args:
        weights: Whose checkpoint holds them.
        names: Weight and bias of each layer; None for a layer without bias.
        between: Applied between two layers.
        file: The file of the checkpoint that holds them, where it is not one of the usual.

    Raises:
        InputError: The checkpoint does not have them, or they do not fit together.
    """
    wanted = [name for pair in names for name in pair if name is not None]
    found = {name: one.float() for name, one in stored(weights, wanted, file).items()}
    width = int(weights.model.get_input_embeddings().weight.shape[1])
    for weight, _ in names:
        if found[weight].shape[-1] != width or found[weight].dim() != 2:
            raise InputError(
                f"{weights.source}: expected {weight} with {width} columns, got the shape "
                f"{tuple(found[weight].shape)}: the head does not belong to this model"
            )
        width = int(found[weight].shape[0])

    def logits(hidden: Tensor) -> Tensor:
        here = hidden.float()
        for number, (weight, bias) in enumerate(names):
            if number and between is not None:
                here = between(here)
            here = here @ found[weight].T
            here = here if bias is None else here + found[bias]
        return here

    return logits


def stored(weights: Weights, names: Sequence[str], file: str | None = None) -> Mapping[str, Tensor]:
    """Single weights of a checkpoint, in whichever format it is.

    Args:
        weights: Whose checkpoint it is.
        names: As the checkpoint has them; what stands before (``pretrained_model.``) may differ.
        file: Look into this file only.

    Raises:
        InputError: One is not there, and the message lists what is; or a file is damaged.
    """
    found: dict[str, Tensor] = {}
    seen: list[str] = []
    for path in _files(weights, file):
        try:
            keys, own = _taken(path, names)
        except Exception as error:  # of two libraries, for many reasons
            why = str(error).strip().partition("\n")[0][:200]
            raise InputError(
                f"{path}: expected a file of weights, got {type(error).__name__}: {why}: fetch it "
                "again"
            ) from error
        seen += keys
        found |= {name: one.to(weights.device) for name, one in own.items()}
    missing = [name for name in names if name not in found]
    if missing:
        heads = [key for key in seen if "layers." not in key]
        raise InputError(
            f"{weights.source}: expected weights named {', '.join(missing)}, the checkpoint has "
            f"{', '.join(heads[:20]) or 'no weights'}: it is of another family of models"
        )
    return found


def _taken(path: Path, names: Sequence[str]) -> tuple[list[str], dict[str, Tensor]]:
    """All names of weights in a file, and those weights that are wanted."""
    with _opened(path) as held:
        keys = list(held.keys())
        places = {
            name: key for key in keys for name in names if key == name or key.endswith(f".{name}")
        }
        return keys, {name: held.get_tensor(key) for name, key in places.items()}


class _Held(Protocol):
    """An open file with weights."""

    def __enter__(self) -> Self: ...
    def __exit__(self, kind: object, error: object, trace: object, /) -> object: ...
    def keys(self) -> list[str]: ...
    def get_tensor(self, key: str) -> Tensor: ...


@final
class _Pickled:
    """A file in torch's own format, read as data: no code in it is run."""

    def __init__(self, path: Path) -> None:
        import torch

        self._held = torch.load(path, map_location="cpu", weights_only=True, mmap=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object, /) -> None:
        self._held = {}

    def keys(self) -> list[str]:
        return list(self._held)

    def get_tensor(self, key: str) -> Tensor:
        return self._held[key]


def _opened(path: Path) -> _Held:
    if path.suffix != ".safetensors":
        return _Pickled(path)
    from safetensors import safe_open

    held: _Held = safe_open(path, framework="pt", device="cpu")
    return held


def _files(weights: Weights, file: str | None) -> list[Path]:
    """The files of a checkpoint; safetensors before torch's own format, as transformers does."""
    if file is not None:
        path = _path(weights, file)
        if path is None:
            raise InputError(
                f"{weights.source}: expected a file {file} with the head of the reward model, "
                "there is none, or no network to fetch it: are these weights of another family?"
            )
        return [path]
    for whole in ("model.safetensors", "pytorch_model.bin"):
        if (path := _path(weights, whole)) is not None:
            return [path]
        if (index := _path(weights, f"{whole}.index.json")) is not None:
            table: dict[str, str] = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
            parts = [_path(weights, part) for part in sorted(set(table.values()))]
            return [part for part in parts if part is not None]
    return []


def _path(weights: Weights, name: str) -> Path | None:
    """A file of a checkpoint, or None."""
    if weights.revision is None:
        path = Path(weights.source) / name
        return path if path.is_file() else None
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    try:
        return Path(hf_hub_download(weights.source, name, revision=weights.revision))
    except EntryNotFoundError:
        return None
