"""A model folder of the embedded engine -> a GGUF file, as llama.cpp and its kin read it.

    tensors     as Llama's; rotary pairs stand side by side, so the rows of q and k are reordered
    vocabulary  unigram pieces: each word with the space before it, ")" without one, so that a text
                with one space between its words, as the tasks write it, is cut in one way only
    id 0        <pad>, never written in training: also the end of text and every unknown word

What llama.cpp gives for such a text are the token ids, and up to rounding the log-probabilities, of
the embedded engine. Two things differ. A word that the model does not know is refused by the
embedded engine; llama.cpp reads ``<pad>``. And words must stand apart: ``:good`` is no
text of words. Where a continuation is put to a prompt, a space belongs between them.

Matrices are stored in 32 bits by default: in 16 bits llama.cpp also rounds what it multiplies them
with. Needs the library ``gguf``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from specreward.errors import InputError, MissingExtra
from specreward.train.unpack import Unpacked, unpack

try:
    import gguf
except ImportError as error:
    raise MissingExtra("export to GGUF needs gguf: pip install 'specreward[train]'") from error

__all__ = ["CHAT_TEMPLATE", "export_gguf"]

CHAT_TEMPLATE = "{% for message in messages %}{{ message['content'] }} {% endfor %}"
"""The models know no roles: a conversation is its texts in order."""

EPSILON = 1e-5
_SPACE = "\u2581"
_CLOSING = (")",)  # words that stand without a space before them (Vocabulary.decode)


def export_gguf(folder: Path, path: Path, *, precision: type[np.floating] = np.float32) -> None:
    """Write a policy as a GGUF file.

    Args:
        folder: Written by ``specreward.train.export``.
        path: The file; written whole or not at all.
        precision: Of the stored matrices, ``np.float16`` or ``np.float32``.

    Raises:
        InputError: No model folder, a damaged one, or a reward model's, which llama.cpp cannot run.
    """
    model = unpack(folder)
    if model.config.kind != "policy":
        raise InputError(
            f"expected a policy in {str(folder)!r}, got a {model.config.kind} model: llama.cpp has "
            "no such head; export it for transformers"
        )
    part = path.with_name(path.name + ".part")
    out = gguf.GGUFWriter(str(part), "llama")
    _describe(out, model)
    _add_words(out, model.config.vocabulary)
    for name, array in _tensors(model).items():
        out.add_tensor(name, array.astype(precision if array.ndim > 1 else np.float32))
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    part.replace(path)


def _describe(out: gguf.GGUFWriter, model: Unpacked) -> None:
    config = model.config
    out.add_name(f"{config.name}@{config.revision}")
    out.add_license("Apache-2.0")
    out.add_block_count(config.layers)
    out.add_context_length(config.context)
    out.add_embedding_length(config.width)
    out.add_feed_forward_length(config.hidden)
    out.add_head_count(config.heads)
    out.add_head_count_kv(config.heads)
    out.add_layer_norm_rms_eps(EPSILON)
    out.add_rope_dimension_count(config.width // config.heads)
    out.add_rope_freq_base(model.rope_theta)
    out.add_vocab_size(len(config.vocabulary))
    out.add_chat_template(CHAT_TEMPLATE)


def _add_words(out: gguf.GGUFWriter, words: Sequence[str]) -> None:
    """The vocabulary; ids are those of the model."""
    pieces = [word if word in _CLOSING else _SPACE + word for word in words[1:]]
    normal = [gguf.TokenType.NORMAL] * len(pieces)
    out.add_tokenizer_model("t5")
    out.add_token_list([words[0], *pieces])
    out.add_token_scores([0.0] * len(words))
    out.add_token_types([gguf.TokenType.CONTROL, *normal])
    for add in (out.add_bos_token_id, out.add_eos_token_id, out.add_unk_token_id):
        add(0)
    out.add_pad_token_id(0)
    for add in (out.add_add_bos_token, out.add_add_eos_token):
        add(False)
    out.add_add_space_prefix(True)
    out.add_remove_extra_whitespaces(True)


def _tensors(model: Unpacked) -> dict[str, NDArray[np.float32]]:
    """By the names of the format."""
    names = {"embed_tokens": "token_embd", "norm": "output_norm", "head": "output"}
    for layer in range(model.config.layers):
        old, new = f"layers.{layer}.", f"blk.{layer}."
        names |= {f"{old}self_attn.{x}_proj": f"{new}attn_{x}" for x in "qkv"}
        names |= {f"{old}mlp.{x}_proj": f"{new}ffn_{x}" for x in ("gate", "up", "down")}
        names[f"{old}self_attn.o_proj"] = f"{new}attn_output"
        names[f"{old}input_layernorm"] = f"{new}attn_norm"
        names[f"{old}post_attention_layernorm"] = f"{new}ffn_norm"
    tensors = {}
    for key, array in model.weights.items():
        ours = key.removesuffix(".weight")
        turn = ours.endswith(("q_proj", "k_proj"))
        tensors[f"{names[ours]}.weight"] = _paired(array, model.config.heads) if turn else array
    return tensors


def _paired(matrix: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Rows i and i + half of a head next to each other."""
    halves = matrix.reshape(heads, 2, -1, matrix.shape[1])
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(matrix.shape))
