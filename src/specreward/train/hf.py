"""A model folder of the embedded engine -> a folder that transformers loads.

    policy          LlamaForCausalLM
    reward model    LlamaForSequenceClassification with one label; its sigmoid is the reward
    tokenizer       words cut by the embedded engine's own pattern; an unknown word is refused

Weights go over as they are (``train/decoder.py`` has Llama's names and order of rotary halves), in
32 bits. A reward model's temperature is divided out of its head. There is no end of text: a
completion ends at a stop text or at its most tokens. Needs ``safetensors``; neither torch nor
transformers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specreward.errors import InputError, MissingExtra
from specreward.generate.vocabulary import PIECE
from specreward.train.unpack import Unpacked, unpack

__all__ = ["export_hf"]


def export_hf(folder: Path, out: Path) -> None:
    """Write a policy or a reward model as a folder for transformers.

    Args:
        folder: Written by ``specreward.train.export``.
        out: Where to; made if it is not there.

    Raises:
        InputError: No model folder, a damaged one, or the same folder to write to.
        MissingExtra: safetensors is not installed.
    """
    try:
        from safetensors.numpy import save_file
    except ImportError as error:
        raise MissingExtra(
            "export for transformers needs safetensors: pip install 'specreward[train]'"
        ) from error
    model = unpack(folder)
    if out.resolve() == folder.resolve():
        raise InputError(
            f"expected another folder than {str(folder)!r} to write to: it would be lost"
        )
    out.mkdir(parents=True, exist_ok=True)
    _write(out / "config.json", _config(model))
    _write(out / "tokenizer.json", _tokenizer(model.config.vocabulary))
    _write(out / "tokenizer_config.json", _tokenizer_config(model))
    if model.config.kind == "policy":
        _write(out / "generation_config.json", {"do_sample": True, "pad_token_id": 0})
    save_file(_tensors(model), out / "model.safetensors", metadata={"format": "pt"})


def _config(model: Unpacked) -> dict[str, Any]:
    config = model.config
    policy = config.kind == "policy"
    head = "LlamaForCausalLM" if policy else "LlamaForSequenceClassification"
    labels: dict[str, Any] = {} if policy else {"id2label": {"0": "reward"}, "num_labels": 1}
    return {
        "architectures": [head],
        "model_type": "llama",
        "vocab_size": len(config.vocabulary),
        "hidden_size": config.width,
        "intermediate_size": config.hidden,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.heads,
        "head_dim": config.width // config.heads,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-5,
        "rope_theta": model.rope_theta,
        "max_position_embeddings": config.context,
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": policy and "head.weight" not in model.weights,
        "pad_token_id": 0,
        "bos_token_id": None,
        "eos_token_id": None,
        "torch_dtype": "float32",
        **labels,
    }


def _tensors(model: Unpacked) -> dict[str, NDArray[np.float32]]:
    """By the names of transformers."""
    tensors = {}
    for name, array in model.weights.items():
        if name != "head.weight":
            tensors[f"model.{name}"] = array
        elif model.config.kind == "policy":
            tensors["lm_head.weight"] = array
        else:
            tensors["score.weight"] = array / np.float32(model.config.temperature)
    return tensors


def _tokenizer(words: Sequence[str]) -> dict[str, Any]:
    """The vocabulary as ``tokenizers`` reads it: encodes and decodes as ``Vocabulary``."""
    pad = {"id": 0, "content": words[0], "special": True}
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    cut = {"type": "Split", "pattern": {"Regex": PIECE}, "behavior": "Removed", "invert": True}
    spaced = {"type": "WordPiece", "prefix": "##", "cleanup": False}
    closed = {"type": "Replace", "pattern": {"String": " )"}, "content": ")"}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [pad | flags],
        "normalizer": None,
        "pre_tokenizer": cut,
        "post_processor": None,
        "decoder": {"type": "Sequence", "decoders": [spaced, {"type": "Fuse"}, closed]},
        # the word for unknown ones is not in the vocabulary: they are an error
        "model": {
            "type": "WordLevel",
            "vocab": {word: index for index, word in enumerate(words)},
            "unk_token": "",
        },
    }


def _tokenizer_config(model: Unpacked) -> dict[str, Any]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": model.config.vocabulary[0],
        "model_max_length": model.config.context,
        "clean_up_tokenization_spaces": False,
    }


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", "utf-8")
