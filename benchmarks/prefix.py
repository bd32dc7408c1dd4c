"""What prefix reuse saves along a path: scoring its steps, and writing them.

A path grows for 16 steps; at each there are 4 siblings, and the search goes on from the first.

    score   a reward model reads question and steps of every sibling, and gives hidden states (an
            output, for the embedded one) at the end of each step
            with reuse: what was read before is not read again; without: every text is read whole
    write   4 samples of one step each; the next prompt is this one and the first sample
            with reuse: this package's engine; without: ``generate`` of transformers, whose 4 rows
            read their prompt anew at each step

Models: the embedded reward model for the Game of 24 (its own vocabulary, steps of 12 tokens), and a
Qwen2 of 13 million random weights on transformers (question of 128 tokens, steps of 32). Both ways
run in turn in one process on one thread, on texts that differ between rounds. Reported are tokens
computed, CPU seconds and seconds (medians of the rounds), their ratios, and how far the two ways'
outputs lie apart, relative to the largest.

Run:   pip install 'specreward[transformers]'
       python benchmarks/prefix.py --rounds 3 --out benchmarks/results/prefix.jsonl
Time:  about two minutes on two cores.
"""

from __future__ import annotations

import argparse
import datetime
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from importlib import metadata, resources
from pathlib import Path

import numpy as np
import tokenizers
import torch
import transformers

from specreward.engines import Sampling
from specreward.generate.hf.decoder import Decoder
from specreward.generate.hf.readers import DecoderReader, EncoderReader
from specreward.generate.hf.weights import load
from specreward.reward.embedded import EmbeddedValueModel

STEPS, SIBLINGS = 16, 4
QUESTION, STEP, WORDS = 128, 32, 2048
SHORT_QUESTION, SHORT_STEP = 40, 12


class Clock:
    """Seconds and CPU seconds of what happens inside."""

    def __enter__(self):
        self.wall, self.cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_):
        self.wall = time.perf_counter() - self.wall
        self.cpu = time.process_time() - self.cpu


def path(rng, words, question, step, steps):
    """The rows to score at each step, ``[steps][SIBLINGS]``."""
    row, levels = rng.integers(3, words, question).tolist(), []
    for _ in range(steps):
        drawn = rng.integers(3, words, (SIBLINGS, step)).tolist()
        levels.append([row + new for new in drawn])
        row = levels[-1][0]
    return levels


def ends(row, question, step):
    return range(question + step - 1, len(row), step)


# ---------------------------------------------------------------------------------- scoring


def score_transformers(weights, rng, steps):
    """(tokens computed, clock, outputs) with reuse and without."""
    levels = path(rng, WORDS, QUESTION, STEP, steps)
    found = []
    for reader in (DecoderReader(weights.body), EncoderReader(weights.body)):
        computed, outputs = 0, []
        with Clock() as clock:
            for rows in levels:
                read = reader.read(rows, [ends(row, QUESTION, STEP) for row in rows])
                computed += sum(one.tokens - one.cached for one in read)
                outputs += [one.hidden for one in read]
        found.append((computed, clock, torch.cat(outputs).numpy()))
    return found


def score_embedded(model, rng, steps):
    """The same of the embedded reward model; without reuse each text is a call of its own."""
    # The size of the vocabulary and the cache are its own business: a benchmark looks inside.
    words = [word for word in model._network.vocabulary.words if word.isalnum()]
    levels = path(rng, len(words), SHORT_QUESTION, SHORT_STEP, steps)
    texts = [[" ".join(words[i] for i in row) for row in rows] for rows in levels]
    found = []
    for reuse in (True, False):
        computed, outputs = 0, []
        model._cache.clear()
        with Clock() as clock:
            for siblings in texts:
                for part in [siblings] if reuse else [[text] for text in siblings]:
                    if not reuse:
                        model._cache.clear()
                    scored = model._values([model._network.encode(text) for text in part])
                    computed += sum(one.prompt_tokens - one.cached_tokens for one in scored)
                    outputs += [one.value for one in scored]
        found.append((computed, clock, np.array(outputs)))
    return found


# ---------------------------------------------------------------------------------- writing


def write_transformers(weights, rng, steps):
    """(tokens computed, clock, None) of this engine and of ``generate``."""
    question = " ".join(f"w{i}" for i in rng.integers(3, WORDS, QUESTION))
    decoder = Decoder(weights, cache_tokens=32_768, batch_tokens=16_384)
    sampling = Sampling(temperature=0.8, max_tokens=STEP)
    prompt, computed = question, 0
    with Clock() as ours:
        for step in range(steps):
            seeds = range(SIBLINGS * step, SIBLINGS * (step + 1))
            drawn = weights.do(decoder.complete, [prompt] * SIBLINGS, seeds, sampling)
            read = [one.prompt_tokens - one.cached_tokens for one in drawn]
            computed += sum(read) + SIBLINGS * (STEP - 1)
            prompt += " " + drawn[0].text
    row = torch.tensor([weights.tokenizer(question)["input_ids"]])
    anew = 0
    with Clock() as theirs:
        for _ in range(steps):
            rows = weights.do(
                weights.model.generate,
                row.expand(SIBLINGS, -1),
                do_sample=True,
                temperature=0.8,
                top_k=0,
                max_new_tokens=STEP,
                attention_mask=torch.ones((SIBLINGS, row.shape[1]), dtype=torch.long),
            )
            anew += SIBLINGS * (row.shape[1] + STEP - 1)
            row = rows[:1]
    return [(computed, ours, None), (anew, theirs, None)]


def model(folder):
    """A random Qwen2 whose tokens are words."""
    config = transformers.Qwen2Config(
        vocab_size=WORDS,
        hidden_size=384,
        intermediate_size=1056,
        num_hidden_layers=8,
        num_attention_heads=8,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        bos_token_id=None,
        eos_token_id=None,
    )
    torch.manual_seed(0)
    transformers.Qwen2ForCausalLM(config).save_pretrained(folder)
    words = {f"w{i}": i for i in range(WORDS)}
    raw = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="w0"))
    raw.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    own = transformers.PreTrainedTokenizerFast(tokenizer_object=raw)
    own.save_pretrained(folder)
    # AutoTokenizer would make of it what a Qwen2 has as a rule.
    return replace(load(folder, device="cpu"), tokenizer=own)


# ---------------------------------------------------------------------------------- report


def measure(work, name, model, rounds):
    """One row: medians of the rounds, after a short one that warms up."""
    work(model, np.random.default_rng(rounds), 2)
    found = [work(model, np.random.default_rng(seed), STEPS) for seed in range(rounds)]
    row = {"work": name, "parameters": model.parameters, "rounds": rounds}
    for key, way in (("reuse", 0), ("anew", 1)):
        row |= {
            f"{key}_tokens": int(statistics.median(one[way][0] for one in found)),
            f"{key}_cpu_seconds": round(statistics.median(one[way][1].cpu for one in found), 4),
            f"{key}_seconds": round(statistics.median(one[way][1].wall for one in found), 4),
        }
    for what in ("tokens", "cpu_seconds", "seconds"):
        row[f"ratio_{what}"] = round(row[f"anew_{what}"] / row[f"reuse_{what}"], 2)
    apart = [
        float(np.abs(ours - theirs).max() / np.abs(theirs).max())
        for (_, _, ours), (_, _, theirs) in found
        if theirs is not None  # two samplers draw by different numbers
    ]
    return row | {"relative_difference": max(apart, default=None)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    made = {
        "steps": STEPS,
        "siblings": SIBLINGS,
        "torch": metadata.version("torch"),
        "transformers": metadata.version("transformers"),
        "onnxruntime": metadata.version("onnxruntime"),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "commit": commit.stdout.strip(),
        "command": " ".join(["python", *sys.argv]),
    }
    own = Path(str(resources.files("specreward") / "models" / "game24-srm"))
    small = EmbeddedValueModel.load(own, threads=1)
    with tempfile.TemporaryDirectory() as folder:
        large = model(folder)
        rows = [
            measure(score_embedded, "score, embedded", small, args.rounds),
            measure(score_transformers, "score, transformers", large, args.rounds),
            measure(write_transformers, "write, transformers", large, args.rounds),
        ]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text("".join(json.dumps(row | made) + "\n" for row in rows))
    for row in rows:
        print(row)


if __name__ == "__main__":
    main()
