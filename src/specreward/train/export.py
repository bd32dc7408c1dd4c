"""Trained weights -> a model folder for the embedded engine (generate/network.py); needs ``onnx``.

    h = embed(tokens)
    for each layer:
        h += attention(norm(h), keys and values before)
        h += down(silu(gate(norm(h))) * up(norm(h)))
    outputs = head(norm(h))

The same network is written down twice over one file of weights: ``read.onnx`` takes a chunk of
tokens in each row after a past of one length, ``write.onnx`` one token in each row after a past of
the row's own length, keys and values kept in place. Weights are stored in 16 bits by default, which
halves the file, and turned into 32 when a session is made: all arithmetic is in 32 bits.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from specreward.errors import InputError, MissingExtra
from specreward.generate.network import Config

try:
    import onnx
    from onnx import TensorProto, helper
except ImportError as error:  # pragma: no cover - the extra is part of the development set
    raise MissingExtra("export needs onnx: pip install 'specreward[train]'") from error

__all__ = ["export", "read_checkpoint"]

EPSILON = 1e-5
Weights = Mapping[str, NDArray[np.floating]]


def read_checkpoint(path: Path) -> dict[str, NDArray[np.floating]]:
    """The arrays of a safetensors file."""
    try:
        from safetensors.numpy import load_file
    except ImportError as error:
        raise MissingExtra(
            "checkpoints need safetensors: pip install 'specreward[train]'"
        ) from error
    arrays: dict[str, NDArray[np.floating]] = load_file(path)
    return arrays


def export(
    weights: Weights,
    vocabulary: Sequence[str],
    folder: Path,
    *,
    name: str,
    task: str,
    heads: int,
    rope_theta: float = 10000.0,
    context: int = 256,
    temperature: float = 1.0,
    precision: type[np.floating] = np.float16,
) -> Config:
    """Write a model folder; a head with one output makes a reward model, any other a policy.

    Args:
        weights: By the names of ``specreward.train.decoder.Decoder``; other sizes follow from them.
            A head that is not there is tied to the embedding.
        vocabulary: Words in the order of their ids.
        folder: Where to; made if it is not there.
        name: Of the model.
        task: The kind of problem.
        heads: Attention heads in a layer.
        rope_theta: Base of the rotary positions.
        context: The most tokens of prompt and completion together.
        temperature: A reward model's ``sigmoid(output / temperature)``.
        precision: Of the stored matrices, ``np.float16`` or ``np.float32``.

    Returns:
        What ``config.json`` holds now.

    Raises:
        InputError: Weights that do not fit each other, the vocabulary, or the precision.
    """
    config = _config(weights, vocabulary, name, task, heads, context, temperature)
    store = _pack(weights, config, precision)
    config = replace(config, revision=config.hashed(bytes(store.raw)))
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "weights.data", bytes(store.raw))
    _write(folder / "read.onnx", _read_graph(config, store, rope_theta))
    if config.kind == "policy":
        _write(folder / "write.onnx", _write_graph(config, store, rope_theta))
    text = json.dumps(json.loads(config.settings()) | {"revision": config.revision}, indent=1)
    _write(folder / "config.json", f"{text}\n".encode())
    return config


def _config(
    weights: Weights,
    vocabulary: Sequence[str],
    name: str,
    task: str,
    heads: int,
    context: int,
    temperature: float,
) -> Config:
    words, width = weights["embed_tokens.weight"].shape
    head = _head(weights)
    outputs = head.shape[0]
    if words != len(vocabulary) or outputs not in (1, words):
        raise InputError(
            f"expected {len(vocabulary)} words embedded and an output for each or one in all, "
            f"got {words} and {outputs}"
        )
    if width % (2 * heads):
        raise InputError(f"expected a width that {heads} heads of even size share, got {width}")
    if not temperature > 0:
        raise InputError(f"expected a temperature above 0, got {temperature!r}")
    embedding = weights["embed_tokens.weight"]
    ends = ("embed_tokens.weight", "head.weight")
    inner = sum(array.size for name, array in weights.items() if name not in ends)
    tied = np.array_equal(head, embedding)
    return Config(
        kind="reward" if outputs == 1 else "policy",
        name=name,
        task=task,
        revision="",
        vocabulary=tuple(vocabulary),
        outputs=outputs,
        width=width,
        layers=sum(key.endswith("o_proj.weight") for key in weights),
        heads=heads,
        hidden=weights["layers.0.mlp.up_proj.weight"].shape[0],
        context=context,
        parameters=inner + head.size + (0 if tied else embedding.size),
        product_parameters=inner + head.size,
        temperature=temperature,
    )


def _head(weights: Weights) -> NDArray[np.floating]:
    """The head's own weights, or the embedding's where the two are tied and written once."""
    return weights.get("head.weight", weights["embed_tokens.weight"])


@dataclass
class _Store:
    """``weights.data`` under construction and where each array lies in it."""

    raw: bytearray = field(default_factory=bytearray)
    places: dict[str, tuple[int, tuple[int, ...], type[np.floating]]] = field(default_factory=dict)

    def add(self, name: str, array: NDArray[np.floating], precision: type[np.floating]) -> None:
        """Append an array."""
        stored = np.ascontiguousarray(array, precision)
        if not np.isfinite(stored).all():
            raise InputError(f"expected weights finite in {precision.__name__}, got {name} not so")
        self.raw += b"\0" * (-len(self.raw) % 64)
        self.places[name] = (len(self.raw), array.shape, precision)
        self.raw += stored.astype(stored.dtype.newbyteorder("<")).tobytes()


def _pack(weights: Weights, config: Config, precision: type[np.floating]) -> _Store:
    """Matrices as ``[in, out]``, the three of attention's input as one; vectors stay in 32 bits."""
    store = _Store()
    store.add("embed", weights["embed_tokens.weight"], precision)
    for layer in range(config.layers):
        old, new = f"layers.{layer}.", f"{layer}."
        joined = [weights[f"{old}self_attn.{x}_proj.weight"] for x in "qkv"]
        qkv = np.concatenate([_in_room(matrix, config) for matrix in joined])
        store.add(f"{new}qkv", qkv.T, precision)
        out = weights[f"{old}self_attn.o_proj.weight"].T
        store.add(f"{new}out", _in_room(out, config), precision)
        for part in ("gate", "up", "down"):
            store.add(f"{new}{part}", weights[f"{old}mlp.{part}_proj.weight"].T, precision)
        store.add(f"{new}norm", weights[f"{old}input_layernorm.weight"], np.float32)
        store.add(f"{new}norm2", weights[f"{old}post_attention_layernorm.weight"], np.float32)
    store.add("norm", weights["norm.weight"], np.float32)
    store.add("head", _head(weights).T, precision)
    return store


def _in_room(matrix: NDArray[np.floating], config: Config) -> NDArray[np.floating]:
    """``[heads x size, n]`` -> ``[heads x room, n]``: zeros after each half of a head.

    Halves, because rotary positions turn the first half of a head against the second. Products with
    the zeros add nothing.
    """
    size = config.width // config.heads
    halves = matrix.reshape(config.heads, 2, size // 2, -1)
    zeros = ((0, 0), (0, 0), (0, (config.head_room - size) // 2), (0, 0))
    return np.pad(halves, zeros).reshape(config.heads * config.head_room, -1)


class _Graph:
    """Nodes and constants of one graph under construction."""

    def __init__(self, config: Config, store: _Store) -> None:
        self.config = config
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        for name, (place, shape, precision) in store.places.items():
            self._external(name, place, shape, precision)

    def _external(
        self, name: str, place: int, shape: tuple[int, ...], precision: type[np.floating]
    ) -> None:
        dtype = np.dtype(precision)
        tensor = TensorProto(
            name=name if dtype == np.float32 else f"{name}.stored",
            data_type=helper.np_dtype_to_tensor_dtype(dtype),
            dims=shape,
            data_location=TensorProto.EXTERNAL,
        )
        length = int(np.prod(shape)) * dtype.itemsize
        for key, value in (("location", "weights.data"), ("offset", place), ("length", length)):
            tensor.external_data.add(key=key, value=str(value))
        self.constants.append(tensor)
        if dtype != np.float32:
            self.op("Cast", [tensor.name], [name], to=TensorProto.FLOAT)

    def constant(self, name: str, array: NDArray[np.generic]) -> None:
        """A constant inside the graph."""
        self.constants.append(onnx.numpy_helper.from_array(array, name))

    def op(self, kind: str, inputs: list[str], outputs: list[str], **settings: object) -> None:
        """A standard operator."""
        self.nodes.append(helper.make_node(kind, inputs, outputs, **settings))

    def fused(self, kind: str, inputs: list[str], outputs: list[str], **settings: object) -> None:
        """One of ONNX Runtime's own operators."""
        node = helper.make_node(kind, inputs, outputs, domain="com.microsoft", **settings)
        self.nodes.append(node)

    def input(self, name: str, kind: int, shape: list[int | str]) -> None:
        """A graph input."""
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))

    def output(self, name: str, shape: list[int | str]) -> None:
        """A graph output."""
        self.outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def bytes(self, name: str) -> bytes:
        """The finished graph."""
        graph = helper.make_graph(self.nodes, name, self.inputs, self.outputs, self.constants)
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
        raw: bytes = model.SerializeToString(deterministic=True)
        return raw


def _read_graph(config: Config, store: _Store, rope_theta: float) -> bytes:
    """Tokens ``[U, S]`` after ``T`` tokens that each row has before them."""
    graph = _Graph(config, store)
    size = config.head_room
    graph.input("tokens", TensorProto.INT64, ["U", "S"])
    graph.input("start", TensorProto.INT64, [1])
    graph.input("mask", TensorProto.FLOAT, ["S", "T+S"])
    for index in range(2 * config.layers):
        graph.input(f"past_{index}", TensorProto.FLOAT, ["U", config.heads, "T", size])
    graph.output("outputs", ["U", "S", config.outputs])
    for index in range(2 * config.layers):
        graph.output(f"new_{index}", ["U", config.heads, "S", size])
    _rotary(graph, rope_theta)
    graph.constant("thirds", np.array([config.heads * size] * 3))
    graph.constant("by head", np.array([0, 0, config.heads, size]))
    graph.constant("flat", np.array([0, 0, config.heads * size]))
    _network(graph, _attend_chunk)
    return graph.bytes("read")


def _write_graph(config: Config, store: _Store, rope_theta: float) -> bytes:
    """One token in each of ``B`` lanes after the row's own number of tokens."""
    graph = _Graph(config, store)
    lane: list[int | str] = ["B", config.heads, "C", config.head_room]
    graph.input("tokens", TensorProto.INT64, ["B", 1])
    graph.input("lengths", TensorProto.INT32, ["B"])
    graph.input("total", TensorProto.INT32, [1])
    for index in range(2 * config.layers):
        graph.input(f"past_{index}", TensorProto.FLOAT, lane)
    graph.output("outputs", ["B", 1, config.outputs])
    for index in range(2 * config.layers):
        graph.output(f"new_{index}", lane)
    _rotary(graph, rope_theta)
    _network(graph, _attend_lanes)
    return graph.bytes("write")


def _rotary(graph: _Graph, theta: float) -> None:
    size = graph.config.width // graph.config.heads
    steps = np.arange(0, graph.config.head_room, 2, dtype=np.float32) / np.float32(size)
    places = np.arange(graph.config.context, dtype=np.float32)
    angles = places[:, None] * np.float32(theta) ** -steps
    graph.constant("cos", np.cos(angles))
    graph.constant("sin", np.sin(angles))


def _network(graph: _Graph, attend: Callable[[_Graph, str, int], None]) -> None:
    """All nodes but those of attention, which turns ``{layer}.mixed`` into ``{layer}.attended``."""
    graph.op("Gather", ["embed", "tokens"], ["h"])
    graph.op("SimplifiedLayerNormalization", ["h", "0.norm"], ["0.x"], epsilon=EPSILON, axis=-1)
    before = "h"
    for layer in range(graph.config.layers):
        p = f"{layer}."
        graph.op("MatMul", [f"{p}x", f"{p}qkv"], [f"{p}mixed"])
        attend(graph, p, layer)
        graph.op("MatMul", [f"{p}attended", f"{p}out"], [f"{p}change"])
        _add_and_norm(graph, f"{p}change", before, f"{p}norm2", f"{p}y", f"{p}middle")
        graph.op("MatMul", [f"{p}y", f"{p}gate"], [f"{p}opening"])
        graph.op("MatMul", [f"{p}y", f"{p}up"], [f"{p}content"])
        graph.fused("QuickGelu", [f"{p}opening"], [f"{p}silu"], alpha=1.0)
        graph.op("Mul", [f"{p}silu", f"{p}content"], [f"{p}gated"])
        graph.op("MatMul", [f"{p}gated", f"{p}down"], [f"{p}change2"])
        last = layer + 1 == graph.config.layers
        norm, x = ("norm", "x") if last else (f"{layer + 1}.norm", f"{layer + 1}.x")
        before = f"{p}h"
        _add_and_norm(graph, f"{p}change2", f"{p}middle", norm, x, "" if last else before)
    graph.op("MatMul", ["x", "head"], ["outputs"])


def _add_and_norm(graph: _Graph, a: str, b: str, weight: str, normed: str, total: str) -> None:
    outputs = [normed, "", "", total] if total else [normed]
    graph.fused("SkipSimplifiedLayerNormalization", [a, b, weight], outputs, epsilon=EPSILON)


def _attend_lanes(graph: _Graph, p: str, layer: int) -> None:
    """Each row over its own past; the new keys and values go into the same memory."""
    kv = [f"past_{2 * layer}", f"past_{2 * layer + 1}"]
    graph.fused(
        "GroupQueryAttention",
        [f"{p}mixed", "", "", *kv, "lengths", "total", "cos", "sin"],
        [f"{p}attended", f"new_{2 * layer}", f"new_{2 * layer + 1}"],
        num_heads=graph.config.heads,
        kv_num_heads=graph.config.heads,
        do_rotary=1,
        scale=_scale(graph.config),
    )


def _attend_chunk(graph: _Graph, p: str, layer: int) -> None:
    """All rows over pasts of one length, and causally over the chunk."""
    k, v = 2 * layer, 2 * layer + 1
    graph.op("Split", [f"{p}mixed", "thirds"], [f"{p}q", f"{p}k", f"{p}v"], axis=-1)
    targets = {"q": f"{p}query", "k": f"{p}key", "v": f"new_{v}"}
    for part, target in targets.items():
        graph.op("Reshape", [f"{p}{part}", "by head"], [f"{p}{part}h"])
        graph.op("Transpose", [f"{p}{part}h"], [target], perm=[0, 2, 1, 3])
    rotary = ["start", "cos", "sin"]
    graph.fused("RotaryEmbedding", [f"{p}query", *rotary], [f"{p}turned"])
    graph.fused("RotaryEmbedding", [f"{p}key", *rotary], [f"new_{k}"])
    graph.op("Concat", [f"past_{k}", f"new_{k}"], [f"{p}keys"], axis=2)
    graph.op("Concat", [f"past_{v}", f"new_{v}"], [f"{p}values"], axis=2)
    names = [f"{p}turned", f"{p}keys"]
    graph.fused("FusedMatMul", names, [f"{p}scores"], transB=1, alpha=_scale(graph.config))
    graph.op("Add", [f"{p}scores", "mask"], [f"{p}masked"])
    graph.op("Softmax", [f"{p}masked"], [f"{p}shares"], axis=-1)
    graph.op("MatMul", [f"{p}shares", f"{p}values"], [f"{p}heads"])
    graph.op("Transpose", [f"{p}heads"], [f"{p}rows"], perm=[0, 2, 1, 3])
    graph.op("Reshape", [f"{p}rows", "flat"], [f"{p}attended"])


def _scale(config: Config) -> float:
    """Of a query's products with keys."""
    return (config.width // config.heads) ** -0.5


def _write(path: Path, raw: bytes) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(raw)
    os.replace(part, path)
