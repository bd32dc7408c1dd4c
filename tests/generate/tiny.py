"""A tiny random decoder: its weights, its folder, and what it must give, by numpy alone."""

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

import numpy as np

from specreward.train.export import export

WORDS = ("<pad>", ";", "|", *"abcdefghijklmnopqrstu")
SIZE = len(WORDS)
HEADS, WIDTH, LAYERS, HIDDEN, CONTEXT = 2, 32, 2, 48, 64


@functools.cache
def weights(outputs=SIZE):
    rng = np.random.default_rng(outputs)

    def matrix(rows, columns):
        return (1.3 * rng.standard_normal((rows, columns)) / np.sqrt(columns)).astype(np.float32)

    def vector():
        return (1 + 0.2 * rng.standard_normal(WIDTH)).astype(np.float32)

    arrays = {"embed_tokens.weight": matrix(len(WORDS), WIDTH), "norm.weight": vector()}
    arrays["head.weight"] = matrix(outputs, WIDTH)
    for layer in range(LAYERS):
        p = f"layers.{layer}."
        arrays |= {f"{p}self_attn.{x}_proj.weight": matrix(WIDTH, WIDTH) for x in "qkvo"}
        arrays |= {f"{p}mlp.{x}_proj.weight": matrix(HIDDEN, WIDTH) for x in ("gate", "up")}
        arrays[f"{p}mlp.down_proj.weight"] = matrix(WIDTH, HIDDEN)
        arrays |= {f"{p}{x}_layernorm.weight": vector() for x in ("input", "post_attention")}
    return arrays


@functools.cache
def folder(outputs=SIZE, precision=np.float32, temperature=1.0, words=WORDS):
    """An exported model, made once; tests that change files copy it first."""
    path = Path(tempfile.mkdtemp(prefix="specreward-tiny-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    export(
        weights(outputs),
        words,
        path,
        name="tiny",
        task="letters",
        heads=HEADS,
        context=CONTEXT,
        temperature=temperature,
        precision=precision,
    )
    return path


def forward(tokens, outputs=SIZE):
    """Outputs at every token, ``[T, outputs]``, in double precision, one token after another."""
    w = {name: array.astype(np.float64) for name, array in weights(outputs).items()}
    size = WIDTH // HEADS
    keys = [[] for _ in range(LAYERS)]
    values = [[] for _ in range(LAYERS)]
    rows = []
    for place, token in enumerate(tokens):
        h = w["embed_tokens.weight"][token]
        for layer in range(LAYERS):
            p = f"layers.{layer}."
            x = _norm(h, w[f"{p}input_layernorm.weight"])
            q, k, v = ((w[f"{p}self_attn.{y}_proj.weight"] @ x).reshape(HEADS, size) for y in "qkv")
            keys[layer].append(_turn(k, place))
            values[layer].append(v)
            scores = np.einsum("hd,thd->ht", _turn(q, place), np.array(keys[layer])) / size**0.5
            shares = np.exp(scores - scores.max(axis=1, keepdims=True))
            shares /= shares.sum(axis=1, keepdims=True)
            mixed = np.einsum("ht,thd->hd", shares, np.array(values[layer])).reshape(-1)
            h = h + w[f"{p}self_attn.o_proj.weight"] @ mixed
            x = _norm(h, w[f"{p}post_attention_layernorm.weight"])
            gate = w[f"{p}mlp.gate_proj.weight"] @ x
            up = w[f"{p}mlp.up_proj.weight"] @ x
            h = h + w[f"{p}mlp.down_proj.weight"] @ (gate / (1 + np.exp(-gate)) * up)
        rows.append(w["head.weight"] @ _norm(h, w["norm.weight"]))
    return np.array(rows)


def law(tokens, temperature=1.0):
    """Log-probabilities of the token after each one, ``[T, V]``."""
    scaled = forward(tokens) / temperature
    return scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))


def texts(n, seed=0, longest=40):
    """Random prompts of 1 to ``longest`` words; every third begins like the one before."""
    rng = np.random.default_rng(seed)
    made = []
    for index in range(n):
        words = list(rng.choice(WORDS[3:], size=rng.integers(1, longest + 1)))
        if index % 3 == 2:
            words = made[-1].split()[:17] + words[:20]
        made.append(" ".join(words))
    return made


def _norm(x, weight):
    return x / np.sqrt((x * x).mean() + 1e-5) * weight


def _turn(x, place):
    half = x.shape[1] // 2
    angle = place * 10000.0 ** -(np.arange(half) / half)
    a, b = x[:, :half], x[:, half:]
    return np.concatenate(
        [a * np.cos(angle) - b * np.sin(angle), b * np.cos(angle) + a * np.sin(angle)], axis=1
    )
