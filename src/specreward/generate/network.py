"""A small decoder on ONNX Runtime: reads prompts in chunks, writes tokens in lanes.

    folder/  config.json   what the model is (Config)
             read.onnx     8 tokens after a past of 0, 8, 16, ... -> outputs, keys, values
             write.onnx    one token in each lane -> outputs; keys and values in place (policy)
             weights.data  the weights of both graphs, raw

What a row gives does not depend on the other rows, bit for bit: each product runs on packed
weights, where a row's sums are taken in the same order whatever the number of rows, attention runs
row by row over the row's own length, and every session computes on the calling thread alone. A
chunk always stands at the same positions and always sees the same shape of past, so a prefix has
the same bits whenever and with whatever it is read. Quantised products (int8 with scales taken from
the whole batch) would break this.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal, Self, final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from specreward.errors import EngineError, InputError
from specreward.generate.vocabulary import Vocabulary

__all__ = ["CHUNK", "Config", "Lanes", "Network"]

CHUNK = 8
"""Tokens read at once; prefixes are shared in multiples of it."""


@final
@dataclass(frozen=True, kw_only=True)
class Config:
    """What a model folder holds, as in its ``config.json``.

    Args:
        kind: ``policy`` (an output for each word) or ``reward`` (one output).
        name: Of the model.
        task: The kind of problem that it was trained for.
        revision: Hash of weights and settings.
        vocabulary: Words, in the order of their ids.
        outputs: Numbers given at each token.
        width: Size of a token's vector.
        layers: Number of layers.
        heads: Attention heads in a layer.
        hidden: Size between the two products of a layer's feed-forward part.
        context: The most tokens of prompt and completion together.
        parameters: Number of weights.
        product_parameters: Those in every token's products (embeddings are looked up).
        temperature: A reward is ``sigmoid(output / temperature)``; fitted on held-out problems.
    """

    kind: Literal["policy", "reward"]
    name: str
    task: str
    revision: str
    vocabulary: tuple[str, ...]
    outputs: int
    width: int
    layers: int
    heads: int
    hidden: int
    context: int
    parameters: int
    product_parameters: int
    temperature: float = 1.0

    @property
    def head_room(self) -> int:
        """Numbers kept for a head's key or value: its size, a policy's up to a multiple of 16.

        The runtime's attention over lanes takes no other sizes; the rest is zeros.
        """
        size = self.width // self.heads
        return -(-size // 16) * 16 if self.kind == "policy" else size

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The configuration of a model folder.

        Raises:
            InputError: There is none, it has another form, or the weights are not those it names.
        """
        try:
            fields: dict[str, Any] = json.loads((folder / "config.json").read_text("utf-8"))
            config = cls(**(fields | {"vocabulary": tuple(fields["vocabulary"])}))
            weights = (folder / "weights.data").read_bytes()
        except OSError as error:
            raise InputError(
                f"expected a model folder with config.json and weights.data, got {str(folder)!r}: "
                f"{error.strerror}; write one with specreward.train.export"
            ) from None
        except (ValueError, TypeError, KeyError) as error:
            raise InputError(f"{folder / 'config.json'} is not a model's: {error!r}") from None
        if config.revision != config.hashed(weights):
            raise InputError(
                f"expected weights of revision {config.revision} in {str(folder)!r}, "
                f"got {config.hashed(weights)}: the folder is damaged or edited; export it again"
            )
        return config

    def hashed(self, weights: bytes) -> str:
        """The revision that these weights have under these settings."""
        return blake2b(self.settings().encode() + weights, digest_size=6).hexdigest()

    def settings(self) -> str:
        """All fields but the revision, as JSON."""
        fields = asdict(self)
        del fields["revision"]
        return json.dumps(fields, ensure_ascii=False, sort_keys=True)


@final
class Network:
    """The graphs of one model folder; safe to use from several threads at once.

    Args:
        config: What the model is.
        read: Session of ``read.onnx``.
        write: Session of ``write.onnx``, None for a reward model.
    """

    def __init__(
        self,
        config: Config,
        read: onnxruntime.InferenceSession,
        write: onnxruntime.InferenceSession | None,
    ) -> None:
        self.config = config
        self.vocabulary = Vocabulary(config.vocabulary)
        self._read = read
        self._write = write
        after = np.triu(np.full((CHUNK, CHUNK), -np.inf, np.float32), 1)
        self._mask = np.concatenate([np.zeros((CHUNK, config.context), np.float32), after], 1)

    @classmethod
    def load(cls, folder: str | Path, kind: Literal["policy", "reward"]) -> Self:
        """The network of a folder written by ``specreward.train.export``.

        Raises:
            InputError: No model folder, a damaged one, or one of the other kind.
        """
        config = Config.read(Path(folder))
        if config.kind != kind:
            raise InputError(
                f"expected a {kind} model in {str(folder)!r}, got a {config.kind} model"
            )
        read = _session(Path(folder) / "read.onnx")
        write = _session(Path(folder) / "write.onnx") if kind == "policy" else None
        return cls(config, read, write)

    @property
    def chunk_shape(self) -> tuple[int, int, int, int]:
        """Shape of a chunk's keys and values: 2 x layers, heads, tokens, room of a head."""
        config = self.config
        return (2 * config.layers, config.heads, CHUNK, config.head_room)

    def encode(self, text: str) -> tuple[int, ...]:
        """Token ids of a text that must not be empty.

        Raises:
            InputError: The text has no words, too many, or one that the model does not know.
        """
        tokens = tuple(self.vocabulary.encode(text))
        if not tokens:
            raise InputError("expected a text with at least one word, got none")
        if len(tokens) > self.config.context:
            raise InputError(
                f"expected at most {self.config.context} tokens for {self.config.name}, "
                f"got {len(tokens)} in {text[:200]!r}"
            )
        return tokens

    def read(
        self, tokens: NDArray[np.int64], past: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
        """Read one chunk in each row.

        Args:
            tokens: ``[U, 8]`` ids; what stands after a row's last token has no effect before it.
            past: ``[2 x layers, U, heads, T, size]`` keys and values of the T tokens before, T a
                multiple of 8, contiguous.

        Returns:
            ``[U, 8, outputs]`` outputs, and ``2 x layers`` arrays ``[U, heads, 8, size]`` of keys
            and values.
        """
        start = past.shape[3]
        mask = self._mask[:, self.config.context - start :]
        feed = {"tokens": tokens, "start": np.array([start]), "mask": np.ascontiguousarray(mask)}
        feed |= {f"past_{index}": block for index, block in enumerate(past)}
        outputs, *new = self._read.run(None, feed)
        if not np.isfinite(outputs).all():
            raise EngineError(f"{self.config.name} gave outputs that are not finite: bad weights")
        return outputs, new

    def lanes(self, count: int, chunks: int) -> Lanes:
        """Room for ``count`` completions of at most ``8 x chunks`` tokens, prompt included."""
        assert self._write is not None, "a reward model writes nothing"
        return Lanes(self, self._write, count, chunks)


@final
class Lanes:
    """Completions under way, one in each lane; made by :meth:`Network.lanes`.

    Args:
        network: Whose.
        session: Of ``write.onnx``.
        count: Number of lanes.
        chunks: Room in each.
    """

    def __init__(
        self, network: Network, session: onnxruntime.InferenceSession, count: int, chunks: int
    ) -> None:
        parts, heads, _, size = network.chunk_shape
        self.count = count
        self.chunks = chunks
        self.tokens = np.zeros(count, np.int64)
        self.lengths = np.zeros(count, np.int32)  # tokens whose keys and values are in the lane
        self._session = session
        self._total = np.zeros(1, np.int32)
        self._kv = np.zeros((parts, count, heads, chunks, CHUNK, size), np.float32)
        self._logits = np.zeros((count, network.config.outputs), np.float32)
        self._bindings: dict[int, onnxruntime.IOBinding] = {}

    def enter(self, lane: int, past: NDArray[np.float32], length: int, token: int) -> None:
        """Put a read prompt and its first written token into a lane.

        Args:
            lane: Which.
            past: ``[chunks, 2 x layers, heads, 8, size]`` of the prompt.
            length: Tokens of the prompt.
            token: The first token after it.
        """
        self._kv[:, lane, :, : len(past)] = past.transpose(1, 2, 0, 3, 4)
        self.lengths[lane] = length
        self.tokens[lane] = token

    def move(self, source: int, target: int) -> None:
        """Copy a lane onto another."""
        used = -(-int(self.lengths[source]) // CHUNK)
        self._kv[:, target, :, :used] = self._kv[:, source, :, :used]
        self.lengths[target] = self.lengths[source]
        self.tokens[target] = self.tokens[source]

    def step(self, n: int) -> NDArray[np.float32]:
        """Read the waiting token of the first ``n`` lanes; returns logits ``[n, outputs]``.

        The array is overwritten by the next step.
        """
        if n not in self._bindings:
            self._bindings[n] = self._bind(n)
        self._total[0] = self.lengths[:n].max() + 1
        self._session.run_with_iobinding(self._bindings[n])
        self.lengths[:n] += 1
        return self._logits[:n]

    def _bind(self, n: int) -> onnxruntime.IOBinding:
        binding = self._session.io_binding()

        def put(name: str, array: NDArray[Any], shape: tuple[int, ...]) -> None:
            binding.bind_input(name, "cpu", 0, array.dtype.type, shape, array.ctypes.data)

        def get(name: str, array: NDArray[Any], shape: tuple[int, ...]) -> None:
            binding.bind_output(name, "cpu", 0, array.dtype.type, shape, array.ctypes.data)

        put("tokens", self.tokens, (n, 1))
        put("lengths", self.lengths, (n,))
        put("total", self._total, (1,))
        get("outputs", self._logits, (n, 1, self._logits.shape[1]))
        for index, lanes in enumerate(self._kv):
            _, heads, chunks, tokens, size = lanes.shape
            put(f"past_{index}", lanes, (n, heads, chunks * tokens, size))
            get(f"new_{index}", lanes, (n, heads, chunks * tokens, size))
        return binding


def _session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises classes of its own without a common root
        said = " ".join(str(error).split())[:200]
        raise InputError(
            f"{path} is damaged, ONNX Runtime cannot load it ({said}): export the folder again, "
            "or train it again"
        ) from error
