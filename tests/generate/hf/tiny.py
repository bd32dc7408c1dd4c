"""Tiny models of transformers with random weights and tokenisers made in code; no download.

folder("qwen2")      model and tokeniser as a checkpoint on disk, made once
network("qwen2")     the model alone
hidden(...), law(...)   what a model must give: one whole forward, no cache, no padding
"""

import atexit
import functools
import json
import shutil
import tempfile
from pathlib import Path

import pytest
import tokenizers
import torch
import transformers
from tokenizers import decoders, models, pre_tokenizers, processors, trainers

from specreward.generate.hf.weights import body

TEXT = [
    "Step 1: add 3 and 4. The sum is 7.\n\nStep 2: double it. The answer is 14.\n\n",
    "Question: how many apples are left? Ann has 12 apples and eats 5 of them.\n\n",
    "So the number is 7.\n\nThe answer is \\boxed{7}.\n\nYes, it is. No, it is not.\n\n",
    "Überall naïve cafés: 3 € a cup. The sum of all the numbers is the answer.\n\n",
]
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
WORDS = 400
CONTEXT = 256
SIZES = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": CONTEXT,
}
WINDOW = {"sliding_window": 8}
EVERY_OTHER = {"layer_types": ["sliding_attention", "full_attention"]}
GROUPED = {"num_key_value_heads": 2}
CONFIGS = {
    "bloom": ("BloomConfig", {"hidden_size": 32, "n_layer": 2, "n_head": 4}),
    "gemma2": ("Gemma2Config", {**SIZES, **GROUPED, **WINDOW, **EVERY_OTHER, "head_dim": 8}),
    "gemma3": ("Gemma3TextConfig", {**SIZES, **GROUPED, **WINDOW, **EVERY_OTHER, "head_dim": 8}),
    "gpt2": ("GPT2Config", {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": CONTEXT}),
    "llama": ("LlamaConfig", {**SIZES, "num_key_value_heads": 4}),
    "mamba": ("MambaConfig", {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 4}),
    "mistral": ("MistralConfig", {**SIZES, **GROUPED, **WINDOW}),
    "qwen2": ("Qwen2Config", {**SIZES, **GROUPED}),
    "qwen3_next": (
        "Qwen3NextConfig",
        {
            **SIZES,
            **GROUPED,
            "head_dim": 8,
            "layer_types": ["linear_attention", "full_attention"],
            "linear_num_value_heads": 2,
            "linear_num_key_heads": 2,
            "linear_key_head_dim": 8,
            "linear_value_head_dim": 8,
            "num_experts": 0,
        },
    ),
    "deberta": (
        "DebertaV2Config",
        {
            **SIZES,
            "relative_attention": True,
            "position_biased_input": False,
            "pos_att_type": ["p2c", "c2p"],
            "position_buckets": 16,
            "norm_rel_ebd": "layer_norm",
            "share_att_key": True,
            "type_vocab_size": 0,
        },
    ),
    "bert": ("BertConfig", SIZES),
}


def tokenizer(style="bytes", *, chat=False, side="right", special=()):
    """A tokeniser: ``bytes`` as GPT-2 and Qwen have, or ``spaces`` as Llama 2 has, with <s> first.

    ``special`` are more special tokens. Both merge full stops with the empty line after them.
    """
    names = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>", *special]
    if style == "bytes":
        raw = tokenizers.Tokenizer(models.BPE())
        raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        raw.decoder = decoders.ByteLevel()
        letters = pre_tokenizers.ByteLevel.alphabet()
    else:
        raw = tokenizers.Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
        raw.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
        strip = decoders.Strip(" ", 1, 0)
        raw.decoder = decoders.Sequence(
            [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), strip]
        )
        letters = []
        names += [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=WORDS, special_tokens=names, initial_alphabet=letters, show_progress=False
    )
    raw.train_from_iterator(TEXT * 3 if style == "bytes" else TEXT, trainer)
    if style == "spaces":
        raw = _plain_bytes(raw, names)
        raw.post_processor = processors.TemplateProcessing(
            single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", 1)]
        )
    made = transformers.PreTrainedTokenizerFast(
        tokenizer_object=raw,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        pad_token="</s>",
        padding_side=side,
        additional_special_tokens=["<|im_start|>", "<|im_end|>", *special],
    )
    if chat:
        made.chat_template = CHATML
    return made


def _plain_bytes(raw, names):
    """Byte tokens as tokens of the vocabulary and not as special ones."""
    data = json.loads(raw.to_str())
    data["added_tokens"] = [
        token for token in data["added_tokens"] if not token["content"].startswith("<0x")
    ]
    return tokenizers.Tokenizer.from_str(json.dumps(data))


@functools.cache
def network(family="qwen2", kind="AutoModelForCausalLM", words=WORDS + 40, **settings):
    """A random model, wide enough that its laws are far from flat."""
    cls, sizes = CONFIGS[family]
    if cls not in dir(transformers):
        pytest.skip(f"this version of transformers has no {cls}")
    config = getattr(transformers, cls)(
        **{"vocab_size": words, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2}
        | sizes
        | settings
    )
    torch.manual_seed(len(family))
    model = getattr(transformers, kind).from_config(config).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim > 1 and "conv" not in name and "A_log" not in name:
                weight.normal_(0.0, 1.2 / weight.shape[-1] ** 0.5)
    return model


@functools.cache
def folder(family="qwen2", kind="AutoModelForCausalLM", style="bytes", **settings):
    """A checkpoint, made once; tests that change files copy it first.

    Settings of the tokeniser (``chat``, ``side``, ``special``) and of the configuration.
    """
    path = Path(tempfile.mkdtemp(prefix="specreward-hf-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    own = {key: settings.pop(key) for key in ("chat", "side", "special") if key in settings}
    words = tokenizer(style, **own)
    words.save_pretrained(path)
    network(family, kind, **settings).save_pretrained(path)
    return str(path)


@torch.no_grad()
def hidden(model, ids, layer=-1):
    """Hidden states ``[T, width]`` of the model without its head."""
    out = body(model)(torch.tensor([list(ids)]), output_hidden_states=True)
    return out.last_hidden_state[0] if layer == -1 else out.hidden_states[layer][0]


@torch.no_grad()
def law(model, ids, temperature=1.0):
    """Log-probabilities of the token after each one, ``[T, V]``, double precision."""
    logits = model(torch.tensor([list(ids)]), use_cache=False).logits[0].double()
    return (logits / temperature).log_softmax(-1)
