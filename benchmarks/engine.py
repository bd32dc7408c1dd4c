"""Which engine for the embedded models? The same weights in ONNX Runtime, CTranslate2, llama.cpp.

Each engine runs in a process of its own on one thread; rounds alternate between them, so that what
else the machine does falls on all alike. A round draws 16 tokens after each of 1, 8 or 64 prompts
of 32 tokens: all prompts different, or eight samples of each. Reported are the medians of tokens
per CPU second, how far greedy log-probabilities lie from torch's, and two properties that are tried
out: whether a seed goes with a request, and whether a batch of 64 gives bit for bit what 64 single
calls give. Speed does not depend on what the weights are, so they are random; how far int8 strays
does, so that number is no more than a warning.

Run:   pip install 'specreward[train]' ctranslate2 gguf xllamacpp
       python benchmarks/engine.py --rounds 15 --out benchmarks/results/engine.jsonl
Time:  about three minutes on two cores.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import json
import multiprocessing
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path

import numpy as np

WIDTH, LAYERS, HEADS, HIDDEN, WORDS = 192, 5, 6, 448, 80
PROMPT, NEW = 32, 16
BATCHES = [(1, 1), (8, 1), (64, 1), (64, 8)]  # requests, samples of each prompt
SPECIAL = 3  # words that some engines keep for themselves


def vocabulary():
    return ["<unk>", "<s>", "</s>", *[f"w{a}{b}" for a in "abcdefghijk" for b in "abcdefg"]]


def random_weights():
    rng = np.random.default_rng(0)

    def matrix(rows, columns):
        return (rng.standard_normal((rows, columns)) / columns**0.5).astype(np.float32)

    weights = {"embed_tokens.weight": matrix(WORDS, WIDTH)}
    weights["head.weight"] = weights["embed_tokens.weight"]  # tied
    weights["norm.weight"] = np.ones(WIDTH, np.float32)
    for layer in range(LAYERS):
        p = f"layers.{layer}."
        weights |= {f"{p}self_attn.{x}_proj.weight": matrix(WIDTH, WIDTH) for x in "qkvo"}
        weights |= {f"{p}mlp.{x}_proj.weight": matrix(HIDDEN, WIDTH) for x in ("gate", "up")}
        weights[f"{p}mlp.down_proj.weight"] = matrix(WIDTH, HIDDEN)
        for norm in ("input", "post_attention"):
            weights[f"{p}{norm}_layernorm.weight"] = np.ones(WIDTH, np.float32)
    return weights


def prompts(n, seed, samples=1):
    drawn = np.random.default_rng(seed).integers(SPECIAL, WORDS, (n // samples, PROMPT)).tolist()
    return [prompt for prompt in drawn for _ in range(samples)]


# ---------------------------------------------------------------------------------- engines
# Each: generate(prompts, seeds, temperature) -> [(token ids, log-probability in nats)].


class OnnxRuntime:
    distributions = ("onnxruntime",)
    prefix_cache = "shared in a call and kept between calls, bounded, counted for each request"

    def __init__(self, weights, folder):
        from specreward.generate.embedded import EmbeddedLanguageModel
        from specreward.train.export import export

        export(weights, vocabulary(), folder, name="b", task="b", heads=HEADS, precision=np.float32)
        self.words = vocabulary()
        self.model = EmbeddedLanguageModel.load(folder, threads=1)

    def generate(self, batch, seeds, temperature):
        from specreward.types import Sampling

        texts = [" ".join(self.words[i] for i in prompt) for prompt in batch]
        sampling = Sampling(temperature=temperature, max_tokens=NEW)
        out = asyncio.run(self.model.complete(texts, seeds, sampling))
        return [([self.words.index(w) for w in c.text.split()], c.logprob) for c in out]


class CTranslate2:
    distributions = ("ctranslate2",)
    prefix_cache = "one static prompt for a whole call"
    compute = "float32"

    def __init__(self, weights, folder):
        import ctranslate2
        from ctranslate2.specs import common_spec, transformer_spec

        spec = transformer_spec.TransformerDecoderModelSpec.from_config(
            LAYERS,
            HEADS,
            activation=common_spec.Activation.SWISH,
            ffn_glu=True,
            rms_norm=True,
            rotary_dim=0,
            rotary_interleave=False,
        )
        spec.decoder.scale_embeddings = False
        spec.decoder.embeddings.weight = weights["embed_tokens.weight"]
        spec.decoder.layer_norm.gamma = weights["norm.weight"]
        spec.decoder.projection.weight = weights["head.weight"]
        for index, layer in enumerate(spec.decoder.layer):
            self.fill(layer, weights, f"layers.{index}.")
        spec.register_vocabulary(vocabulary())
        spec.config.unk_token, spec.config.bos_token, spec.config.eos_token = vocabulary()[:SPECIAL]
        spec.config.layer_norm_epsilon = 1e-5
        spec.validate()
        spec.optimize(quantization=None)
        folder.mkdir()
        spec.save(str(folder))
        self.words = vocabulary()
        self.model = ctranslate2.Generator(
            str(folder), inter_threads=1, intra_threads=1, compute_type=self.compute
        )

    @staticmethod
    def fill(layer, weights, p):
        mixed = [weights[f"{p}self_attn.{x}_proj.weight"] for x in "qkv"]
        layer.self_attention.layer_norm.gamma = weights[f"{p}input_layernorm.weight"]
        layer.self_attention.linear[0].weight = np.concatenate(mixed)
        layer.self_attention.linear[1].weight = weights[f"{p}self_attn.o_proj.weight"]
        layer.ffn.layer_norm.gamma = weights[f"{p}post_attention_layernorm.weight"]
        layer.ffn.linear_0.weight = weights[f"{p}mlp.gate_proj.weight"]
        layer.ffn.linear_0_noact.weight = weights[f"{p}mlp.up_proj.weight"]
        layer.ffn.linear_1.weight = weights[f"{p}mlp.down_proj.weight"]

    def generate(self, batch, seeds, temperature):
        out = self.model.generate_batch(
            [[self.words[i] for i in prompt] for prompt in batch],
            max_length=NEW,
            min_length=NEW,
            end_token=[],
            sampling_topk=0 if temperature else 1,
            sampling_temperature=temperature or 1.0,
            include_prompt_in_result=False,
            return_scores=True,
            length_penalty=0,
        )
        return [(result.sequences_ids[0], result.scores[0]) for result in out]


class CTranslate2Int8(CTranslate2):
    compute = "int8"


class LlamaCpp:
    distributions = ("xllamacpp",)
    prefix_cache = "the longest common prefix of a server slot"

    def __init__(self, weights, folder):
        import xllamacpp

        folder.mkdir()
        self.write(weights, folder / "model.gguf")
        p = xllamacpp.CommonParams()
        p.model.path = str(folder / "model.gguf")
        p.n_parallel, p.n_ctx, p.n_gpu_layers, p.port = 64, 64 * 64, 0, 0
        p.cpuparams.n_threads = p.cpuparams_batch.n_threads = 1
        p.cache_type_k = p.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
        p.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED  # faster
        p.kv_unified, p.warmup, p.verbosity = False, False, -1
        self.server = xllamacpp.Server(p)
        self.callers = ThreadPoolExecutor(64)

    @staticmethod
    def write(weights, path):
        import gguf

        def turned(matrix):  # rotary pairs stand side by side in this format
            halves = matrix.reshape(HEADS, 2, -1, matrix.shape[1])
            return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(matrix.shape))

        out = gguf.GGUFWriter(str(path), "llama")
        out.add_block_count(LAYERS)
        out.add_context_length(256)
        out.add_embedding_length(WIDTH)
        out.add_feed_forward_length(HIDDEN)
        out.add_head_count(HEADS)
        out.add_head_count_kv(HEADS)
        out.add_layer_norm_rms_eps(1e-5)
        out.add_rope_dimension_count(WIDTH // HEADS)
        out.add_vocab_size(WORDS)
        out.add_tokenizer_model("llama")
        out.add_token_list(vocabulary())
        out.add_token_scores([0.0] * WORDS)
        out.add_token_types([2, 3, 3] + [1] * (WORDS - SPECIAL))
        names = {"embed_tokens": "token_embd", "norm": "output_norm", "head": "output"}
        for index in range(LAYERS):
            old, new = f"layers.{index}.", f"blk.{index}."
            names |= {f"{old}self_attn.{x}_proj": f"{new}attn_{x}" for x in "qkv"}
            names |= {f"{old}mlp.{x}_proj": f"{new}ffn_{x}" for x in ("gate", "up", "down")}
            names[f"{old}self_attn.o_proj"] = f"{new}attn_output"
            names[f"{old}input_layernorm"] = f"{new}attn_norm"
            names[f"{old}post_attention_layernorm"] = f"{new}ffn_norm"
        for ours, theirs in names.items():
            array = weights[f"{ours}.weight"]
            turn = ours.endswith(("q_proj", "k_proj"))
            out.add_tensor(f"{theirs}.weight", turned(array) if turn else array)
        out.write_header_to_file()
        out.write_kv_data_to_file()
        out.write_tensors_to_file()
        out.close()

    def generate(self, batch, seeds, temperature):
        def one(prompt, seed):
            body = {
                "prompt": prompt,
                "max_tokens": NEW,
                "temperature": temperature,
                "samplers": ["temperature"],
                "seed": seed,
                "logprobs": 1,
                "ignore_eos": True,
            }
            content = self.server.handle_completions(body)["choices"][0]["logprobs"]["content"]
            return [t["id"] for t in content], sum(t["logprob"] for t in content)

        return list(self.callers.map(one, batch, seeds))


ENGINES = {
    "onnxruntime": OnnxRuntime,
    "ctranslate2": CTranslate2,
    "ctranslate2-int8": CTranslate2Int8,
    "llama.cpp": LlamaCpp,
}


# ---------------------------------------------------------------------------------- measuring


def worker(name, weights, folder, pipe):
    """Serve (method, arguments) until None; the answer is (result, CPU seconds, seconds)."""
    try:
        engine = ENGINES[name](weights, folder)
        pipe.send((None, 0.0, 0.0))
        while (arguments := pipe.recv()) is not None:
            cpu, wall = time.process_time(), time.perf_counter()
            result = engine.generate(*arguments)
            pipe.send((result, time.process_time() - cpu, time.perf_counter() - wall))
    except Exception as error:
        pipe.send((f"{type(error).__name__}: {error}"[:300], -1.0, 0.0))


class Remote:
    """An engine in its own process."""

    def __init__(self, name, weights, folder):
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=worker, args=(name, weights, folder, theirs))
        self.process.start()
        theirs.close()
        self.receive()

    def receive(self):
        try:
            answer = self.pipe.recv()
        except EOFError:
            raise RuntimeError(f"the process ended with {self.process.exitcode}") from None
        if answer[1] < 0:
            raise RuntimeError(answer[0])
        return answer

    def generate(self, *arguments):
        self.pipe.send(arguments)
        return self.receive()

    def close(self):
        if self.process.is_alive():
            self.pipe.send(None)
        self.process.join()


def seeded(engine):
    """Whether each request's own seed decides: a call turned round has its answers turned round."""
    batch, seeds = prompts(4, seed=90), [1, 2, 3, 4]
    there, _, _ = engine.generate(batch, seeds, 0.8)
    back, _, _ = engine.generate(batch[::-1], seeds[::-1], 0.8)
    return [ids for ids, _ in there] == [ids for ids, _ in back[::-1]]


def invariant(engine):
    """Whether 64 requests in one call get what each gets alone: (texts, log-probability bits)."""
    batch = prompts(64, seed=91)
    together, _, _ = engine.generate(batch, list(range(64)), 0.0)
    alone = [engine.generate([prompt], [i], 0.0)[0][0] for i, prompt in enumerate(batch)]
    pairs = list(zip(together, alone, strict=True))
    return all(a[0] == b[0] for a, b in pairs), all(a[1] == b[1] for a, b in pairs)


def difference(engine, weights):
    """The largest distance of a greedy completion's log-probability from torch's, in nats."""
    import torch

    from specreward.train.decoder import Decoder, Shape

    torch.set_num_threads(1)
    sizes = {"width": WIDTH, "layers": LAYERS, "heads": HEADS, "hidden": HIDDEN}
    net = Decoder(Shape(vocabulary=WORDS, outputs=WORDS, **sizes))
    net.load_state_dict({name: torch.tensor(array) for name, array in weights.items()})
    batch, worst = prompts(16, seed=92), 0.0
    for prompt, (ids, logprob) in zip(batch, engine.generate(batch, [0] * 16, 0.0)[0], strict=True):
        tokens = torch.tensor([prompt + list(ids)])
        size = tokens.shape[1]
        mask = torch.tril(torch.ones(1, 1, size, size, dtype=torch.bool))
        with torch.no_grad():
            law = net(tokens, torch.arange(size)[None], mask)[0].log_softmax(-1)
        exact = law[PROMPT - 1 : -1].gather(1, tokens[0, PROMPT:, None]).sum().item()
        worst = max(worst, abs(exact - logprob))
    return worst


def installed(distributions):
    """Megabytes on disk of the engine's own distributions, dependencies left out."""
    files = [file for name in distributions for file in metadata.files(name) or []]
    return sum(path.stat().st_size for f in files if (path := Path(f.locate())).is_file()) / 1e6


def measure(engines, rounds):
    """(CPU seconds, seconds) of each round by engine and batch, rounds alternating."""
    times = {(name, batch): [] for name in engines for batch in BATCHES}
    for index in range(rounds + 1):
        for batch in BATCHES:
            size, samples = batch
            drawn = prompts(size, seed=1000 * index + 10 * size + samples, samples=samples)
            for name, engine in engines.items():
                _, cpu, wall = engine.generate(drawn, list(range(size)), 0.8)
                if index:  # the first round warms up
                    times[name, batch].append((cpu, wall))
    return times


def report(name, engine, weights, times):
    """One row for each batch."""
    texts, bits = invariant(engine)
    row = {
        "engine": name,
        "version": metadata.version(ENGINES[name].distributions[0]),
        "installed_megabytes": round(installed(ENGINES[name].distributions), 1),
        "logprob_difference": difference(engine, weights),
        "seed_per_request": seeded(engine),
        "batch_invariant_text": texts,
        "batch_invariant_bits": bits,
        "prefix_cache": ENGINES[name].prefix_cache,
    }
    rows = []
    for size, samples in BATCHES:
        cpu, wall = (
            [size * NEW / pair[part] for pair in times[name, (size, samples)]] for part in (0, 1)
        )
        base = [size * NEW / pair[0] for pair in times["onnxruntime", (size, samples)]]
        speed = {
            "batch": size,
            "samples_per_prompt": samples,
            "tokens_per_cpu_second": round(statistics.median(cpu), 1),
            "tokens_per_second": round(statistics.median(wall), 1),
            "quartiles": [round(q, 1) for q in np.percentile(cpu, [25, 75])],
            "ratio_to_onnxruntime": round(statistics.median(np.array(cpu) / np.array(base)), 3),
            "rounds": len(cpu),
        }
        rows.append(row | speed)
    return rows


def table(rows):
    """The rows as Markdown: tokens per CPU second by batch, and properties."""
    heads = [f"{size}" if samples == 1 else f"{size} ({samples} each)" for size, samples in BATCHES]
    lines = [
        f"| engine | {' | '.join(heads)} | log-prob. error | own seeds | same bits | installed |",
        "|---" * (len(heads) + 5) + "|",
    ]
    for name in ENGINES:
        own = [row for row in rows if row["engine"] == name]
        if "failed" in own[0]:
            lines.append(f"| {name} | {own[0]['failed']} |")
            continue
        cells = [f"{row['tokens_per_cpu_second']:.0f}" for row in own]
        cells.append(f"{own[0]['logprob_difference']:.1e}")
        cells += [
            "yes" if own[0][key] else "no" for key in ("seed_per_request", "batch_invariant_bits")
        ]
        lines.append(f"| {name} | {' | '.join(cells)} | {own[0]['installed_megabytes']:.0f} MB |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    weights = random_weights()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    made = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "commit": commit.stdout.strip(),
        "command": " ".join(["python", *sys.argv]),
        "prompt_tokens": PROMPT,
        "new_tokens": NEW,
        "parameters": sum(a.size for name, a in weights.items() if name != "head.weight"),
    }
    engines, rows = {}, []
    with tempfile.TemporaryDirectory() as folder:
        for name in ENGINES:
            try:
                engines[name] = Remote(name, weights, Path(folder) / name)
            except RuntimeError as error:
                rows.append({"engine": name, "failed": str(error)})
        times = measure(engines, args.rounds)
        for name, engine in engines.items():
            rows += report(name, engine, weights, times)
            engine.close()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text("".join(json.dumps(row | made) + "\n" for row in rows))
    print(table(rows))


if __name__ == "__main__":
    main()
