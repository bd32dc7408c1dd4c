"""A model folder of the embedded engine -> its weights under the names of the decoder.

The inverse of ``export.py``: what other engines are given are the very numbers that the embedded
one computes with, those of folders whose training is long gone included. Needs ``onnx``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray

from specreward.errors import InputError, MissingExtra
from specreward.generate.network import Config

try:
    import onnx
except ImportError as error:  # pragma: no cover - the extra is part of the development set
    raise MissingExtra("export needs onnx: pip install 'specreward[train]'") from error

__all__ = ["Unpacked", "unpack"]


@final
@dataclass(frozen=True, kw_only=True)
class Unpacked:
    """What a model folder holds.

    Args:
        config: What the model is.
        weights: By the names of ``specreward.train.decoder.Decoder``, matrices ``[out, in]``, in
            32 bits; there is no ``head.weight`` where the head is the embedding.
        rope_theta: Base of the rotary positions, to six digits.
    """

    config: Config
    weights: Mapping[str, NDArray[np.float32]]
    rope_theta: float


def unpack(folder: Path) -> Unpacked:
    """The weights of a folder written by ``specreward.train.export``.

    Raises:
        InputError: No model folder, or a damaged one.
    """
    config = Config.read(folder)
    try:
        return _unpacked(config, _arrays(folder))
    except InputError:
        raise
    except (KeyError, ValueError, IndexError, ArithmeticError) as error:
        raise InputError(
            f"{folder / 'read.onnx'} is damaged, its weights are not those that config.json is of: "
            "export the folder again, or train it again"
        ) from error


def _unpacked(config: Config, arrays: Mapping[str, NDArray[np.float32]]) -> Unpacked:
    """The same from the numbers of the graph."""
    weights = {"embed_tokens.weight": arrays["embed"], "norm.weight": arrays["norm"]}
    head = np.ascontiguousarray(arrays["head"].T)
    if not np.array_equal(head, arrays["embed"]):
        weights["head.weight"] = head
    for layer in range(config.layers):
        old, new = f"{layer}.", f"layers.{layer}."
        for part, matrix in zip("qkv", np.split(arrays[f"{old}qkv"].T, 3), strict=True):
            weights[f"{new}self_attn.{part}_proj.weight"] = _without_room(matrix, config)
        out = _without_room(arrays[f"{old}out"], config)
        weights[f"{new}self_attn.o_proj.weight"] = np.ascontiguousarray(out.T)
        for part in ("gate", "up", "down"):
            matrix = np.ascontiguousarray(arrays[f"{old}{part}"].T)
            weights[f"{new}mlp.{part}_proj.weight"] = matrix
        weights[f"{new}input_layernorm.weight"] = arrays[f"{old}norm"]
        weights[f"{new}post_attention_layernorm.weight"] = arrays[f"{old}norm2"]
    theta = _rope_theta(arrays["cos"], arrays["sin"], config.width // config.heads)
    return Unpacked(config=config, weights=weights, rope_theta=theta)


def _arrays(folder: Path) -> dict[str, NDArray[np.float32]]:
    """All numbers of ``read.onnx`` by name, in 32 bits."""
    try:
        graph = onnx.load(folder / "read.onnx").graph
    except Exception as error:  # protobuf raises classes of its own without a common root
        raise InputError(
            f"expected a graph in {str(folder / 'read.onnx')!r}, got none that can be read "
            f"({_line(error)}): it is damaged; export the folder again, or train it again"
        ) from error
    return {
        tensor.name.removesuffix(".stored"): onnx.numpy_helper.to_array(tensor).astype(np.float32)
        for tensor in graph.initializer
        if tensor.data_type in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16)
    }


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _without_room(matrix: NDArray[np.float32], config: Config) -> NDArray[np.float32]:
    """``[heads x room, n]`` -> ``[heads x size, n]``: without the zeros of ``export``."""
    halves = matrix.reshape(config.heads, 2, config.head_room // 2, -1)
    size = config.width // config.heads
    return np.ascontiguousarray(halves[:, :, : size // 2].reshape(config.width, -1))


def _rope_theta(cos: NDArray[np.float32], sin: NDArray[np.float32], size: int) -> float:
    """From the slowest angle at position 1, which is ``theta ** -((size - 2) / size)``."""
    last = size // 2 - 1
    if last == 0:
        return 10000.0  # one angle, which does not depend on it
    angle = float(np.arctan2(np.float64(sin[1, last]), np.float64(cos[1, last])))
    return float(f"{angle ** (-size / (2 * last)):.6g}")
