import asyncio

import numpy as np
import pytest
from generate import tiny
from generate.llama_server import llama_server

from specreward.errors import InputError
from specreward.generate.embedded import EmbeddedLanguageModel
from specreward.train.export import export

gguf = pytest.importorskip("gguf", reason="gguf is not installed")

from specreward.train.gguf import CHAT_TEMPLATE, export_gguf  # noqa: E402


def read(path):
    return gguf.GGUFReader(path)


def field(reader, name):
    return reader.fields[name].contents()


def write(tmp_path, weights, **settings):
    settings = {"name": "tiny", "task": "letters", "heads": 2, "precision": np.float32} | settings
    export(weights, tiny.WORDS, tmp_path / "folder", **settings)
    export_gguf(tmp_path / "folder", tmp_path / "model.gguf")
    return tmp_path / "model.gguf"


def next_law(server, tokens):
    """Log-probabilities of what comes after each prefix of tokens, ``[T, V]``, by the server."""
    rows = []
    for end in range(1, len(tokens) + 1):
        body = {"prompt": tokens[:end], "max_tokens": 1, "logprobs": tiny.SIZE, "temperature": 0}
        status, answer = server.post("/v1/completions", **body)
        assert status == 200
        top = answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
        row = {entry["id"]: entry["logprob"] for entry in top}
        rows.append([row[index] for index in range(tiny.SIZE)])
    return np.array(rows)


def embedded(folder, tokens, place):
    """Log-probability of a token after those before it, by the embedded engine."""
    words = [tiny.WORDS[token] for token in tokens]
    lm = EmbeddedLanguageModel.load(folder)
    return asyncio.run(lm.logprobs([(" ".join(words[:place]), words[place])]))[0].value


def test_the_file_says_what_the_folder_says(tmp_path):
    export_gguf(tiny.folder(), tmp_path / "model.gguf")
    reader = read(tmp_path / "model.gguf")
    said = {
        "general.architecture": "llama",
        "llama.block_count": tiny.LAYERS,
        "llama.context_length": tiny.CONTEXT,
        "llama.embedding_length": tiny.WIDTH,
        "llama.feed_forward_length": tiny.HIDDEN,
        "llama.attention.head_count": tiny.HEADS,
        "llama.attention.head_count_kv": tiny.HEADS,
        "llama.rope.dimension_count": tiny.WIDTH // tiny.HEADS,
        "llama.rope.freq_base": 10000.0,
        "llama.vocab_size": tiny.SIZE,
        "tokenizer.ggml.add_space_prefix": True,
        "tokenizer.ggml.remove_extra_whitespaces": True,
        "tokenizer.ggml.bos_token_id": 0,
        "tokenizer.ggml.eos_token_id": 0,
        "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.ggml.padding_token_id": 0,
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.ggml.add_eos_token": False,
        "tokenizer.chat_template": CHAT_TEMPLATE,
    }
    assert {name: field(reader, name) for name in said} == said
    assert field(reader, "llama.attention.layer_norm_rms_epsilon") == pytest.approx(1e-5)
    assert field(reader, "general.name").startswith("tiny@")
    assert [p.name for p in tmp_path.iterdir()] == ["model.gguf"]


def test_16_bits_halve_the_matrices(tmp_path):
    export_gguf(tiny.folder(), tmp_path / "32.gguf")
    export_gguf(tiny.folder(), tmp_path / "16.gguf", precision=np.float16)
    sizes = {}
    for bits in ("32", "16"):
        tensors = read(tmp_path / f"{bits}.gguf").tensors
        sizes[bits] = sum(t.n_bytes for t in tensors if len(t.shape) > 1)
        assert all(t.data.dtype == np.float32 for t in tensors if len(t.shape) == 1)
    assert sizes["16"] * 2 == sizes["32"]


def test_a_reward_model_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"expected a policy in .*, got a reward model"):
        export_gguf(tiny.folder(1), tmp_path / "model.gguf")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("tied", "settings"),
    [(False, {}), (True, {}), (False, {"heads": 4}), (False, {"rope_theta": 50.0})],
)
def test_llama_cpp_computes_the_same_law(tmp_path, tied, settings):
    weights = {k: v for k, v in tiny.weights().items() if not (tied and k == "head.weight")}
    tokens = [3, 7, 1, 9, 4, 3, 3, 12, 20, 5]
    with llama_server(write(tmp_path, weights, **settings), context=64) as server:
        found = next_law(server, tokens)
    if not tied and not settings:
        assert found == pytest.approx(tiny.law(tokens), abs=1e-4)
    for place in range(1, len(tokens)):
        wanted = embedded(tmp_path / "folder", tokens, place)
        assert found[place - 1, tokens[place]] == pytest.approx(wanted, abs=1e-4)


def test_llama_cpp_cuts_text_into_the_same_words(tmp_path):
    with llama_server(write(tmp_path, tiny.weights()), context=64) as server:
        for text in tiny.texts(20):
            assert server.tokens(text) == [tiny.WORDS.index(word) for word in text.split()]
        assert server.tokens("a  b") == server.tokens(" a b ") == server.tokens("a b") == [3, 4]
        assert server.tokens("a ? b") == [3, 0, 4]  # llama.cpp refuses no word
        chat = {"messages": [{"role": "user", "content": "a b"}], "max_tokens": 3, "temperature": 0}
        talked = server.post("/v1/chat/completions", **chat)[1]["choices"][0]["message"]["content"]
        body = {"prompt": "a b", "max_tokens": 3, "temperature": 0}
        assert talked == server.post("/v1/completions", **body)[1]["choices"][0]["text"]
        assert len(talked.split()) == 3
