"""The policies in the package on three engines: embedded, llama.cpp and transformers.

The same weights (exported by ``recipes/export_model.py``'s functions), the same prompts, one thread
each. The prompts are those of a search: states of generated problems along paths that the policy
drew, new ones in each round. Four loads for each task: one completion, the 8 siblings of one state,
a level of 8 states with 8 siblings each, and 32 greedy completions; steps end at their stop text,
and log-probabilities are asked for. llama.cpp is measured twice: called in this process, and over
HTTP as users have it, with the package's ``openai(...)`` on the loopback; server and client share
the processor time that is counted.

Each engine runs in a process of its own; rounds alternate between them, so that what else the
machine does falls on all alike. Reported are medians of tokens per second, and the ratio of time
per token to the embedded engine's with its 95 % bootstrap interval over rounds. ``same_texts`` and
``logprob_difference`` (nats, a whole step) say how far greedy steps agree with the embedded ones.
An engine whose library is not installed is left out with a line that says so.

Run:   pip install 'specreward[train,transformers,openai]' xllamacpp
       python benchmarks/engines.py --rounds 10 --out benchmarks/results/engines.jsonl
Time:  about two minutes on two cores.
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
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from specreward.embedded import embedded_models
from specreward.generate.policy import TaskPolicy
from specreward.spec import parse
from specreward.stats import paired_ratio
from specreward.types import Path as Steps

MODELS = Path(__file__).parents[1] / "src" / "specreward" / "models"
TASKS = ("blocksworld", "game24")
SLOTS = 64
# name: prompts, samples of each, temperature
LOADS = {
    "one": (1, 1, 0.8),
    "siblings": (1, 8, 0.8),
    "level": (8, 8, 0.8),
    "greedy": (32, 1, 0.0),
}


# ---------------------------------------------------------------------------------- engines
# Each: complete(prompts, seeds, sampling) -> [(text, tokens, log-probability or None)].


class Contract:
    """An engine of the package."""

    def __init__(self, model):
        self.model = model
        self.loop = asyncio.new_event_loop()

    def complete(self, prompts, seeds, sampling):
        work = self.model.complete(prompts, seeds, sampling)
        found = self.loop.run_until_complete(work)
        return [(" ".join(c.text.split()), c.tokens, c.logprob) for c in found]


class Embedded(Contract):
    distribution = "onnxruntime"

    def __init__(self, task, folder):
        super().__init__(embedded_models(task, threads=1)[0])


def llama_cpp(task, folder):
    """A server of the policy, in this process and on a free port."""
    import xllamacpp

    from specreward.train.gguf import export_gguf

    path = folder / f"{task}.gguf"
    if not path.exists():
        export_gguf(MODELS / f"{task}-policy", path)
    p = xllamacpp.CommonParams()
    p.model.path = str(path)
    p.n_parallel, p.n_ctx, p.n_gpu_layers, p.port = SLOTS, SLOTS * 256, 0, 0
    p.cpuparams.n_threads = p.cpuparams_batch.n_threads = 1
    p.cache_type_k = p.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    p.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    p.kv_unified, p.warmup, p.verbosity = False, False, -1
    return xllamacpp.Server(p)


class LlamaCppInProcess:
    distribution = "xllamacpp"

    def __init__(self, task, folder):
        self.server = llama_cpp(task, folder)
        self.callers = ThreadPoolExecutor(SLOTS)

    def complete(self, prompts, seeds, sampling):
        def one(prompt, seed):
            body = {
                "prompt": prompt,
                "max_tokens": sampling.max_tokens,
                "temperature": sampling.temperature,
                "stop": list(sampling.stop),
                "samplers": ["temperature"],
                "seed": seed,
                "logprobs": 1,
            }
            answer = self.server.handle_completions(body)
            text = " ".join(answer["choices"][0]["text"].split())
            # what it says of log-probabilities leaves out the stop text
            return text, answer["usage"]["completion_tokens"], None

        return list(self.callers.map(one, prompts, seeds))


class LlamaCppHTTP(Contract):
    distribution = "xllamacpp"

    def __init__(self, task, folder):
        from specreward.generate.dialects import LlamaCpp
        from specreward.generate.openai import OpenAI
        from specreward.generate.routes import Completions

        self.server = llama_cpp(task, folder)
        url = f"{self.server.listening_address}/v1"
        engine = OpenAI(
            "policy", url=url, dialect=LlamaCpp(), route=Completions(), concurrency=SLOTS
        )
        super().__init__(engine)


class Transformers(Contract):
    distribution = "transformers"

    def __init__(self, task, folder):
        import torch

        from specreward.generate.hf import Transformers as Engine
        from specreward.train.hf import export_hf

        torch.set_num_threads(1)
        export_hf(MODELS / f"{task}-policy", folder / f"{task}-hf")
        super().__init__(Engine(str(folder / f"{task}-hf"), device="cpu"))


ENGINES = {
    "embedded": Embedded,
    "llama.cpp in process": LlamaCppInProcess,
    "llama.cpp over HTTP": LlamaCppHTTP,
    "transformers": Transformers,
}


def worker(name, task, folder, pipe):
    """Serve arguments until None; the answer is (result, processor seconds, seconds)."""
    try:
        engine = ENGINES[name](task, folder)
        pipe.send((None, 0.0, 0.0))
        while (arguments := pipe.recv()) is not None:
            cpu, wall = time.process_time(), time.perf_counter()
            result = engine.complete(*arguments)
            pipe.send((result, time.process_time() - cpu, time.perf_counter() - wall))
    except Exception as error:
        pipe.send((f"{type(error).__name__}: {error}"[:300], -1.0, 0.0))


class Remote:
    """An engine in its own process."""

    def __init__(self, name, task, folder):
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        arguments = (name, task, folder, theirs)
        self.process = context.Process(target=worker, args=arguments, daemon=True)
        self.process.start()
        theirs.close()
        self.receive()

    def receive(self):
        try:
            answer = self.pipe.recv()
        except EOFError:
            self.process.join()
            raise RuntimeError(f"the process ended with {self.process.exitcode}") from None
        if answer[1] < 0:
            raise RuntimeError(answer[0])
        return answer

    def complete(self, *arguments):
        self.pipe.send(arguments)
        return self.receive()

    def close(self):
        if self.process.is_alive():
            self.pipe.send(None)
        self.process.join(10)


# ---------------------------------------------------------------------------------- measuring


def prompts_of(task, n):
    """At least ``n`` different step prompts along paths that the policy drew."""
    found, seed = {}, 0
    lm = embedded_models(task.name)[0]
    while len(found) < n:
        policy = TaskPolicy(lm, task=task, seed=seed)
        paths = [Steps(problem) for problem in task.generate(40, "tune", seed)]
        while paths:
            found |= {task.prompt(path): None for path in paths}
            grown = [family[0] for family in asyncio.run(policy.extend(paths, 1))]
            paths = [p for p in grown if p.open and p.depth < task.max_steps(p.problem)]
        seed += 1
    return list(found)[:n]


def measure(task, engines, rounds):
    """(tokens, processor seconds, seconds) of each round by engine and load, rounds alternating."""
    each = sum(prompts for prompts, _, _ in LOADS.values())
    pool = iter(prompts_of(task, each * (rounds + 1)))
    times = {(name, load): [] for name in engines for load in LOADS}
    greedy = {name: [] for name in engines}
    for index in range(rounds + 1):
        for load, (count, samples, temperature) in LOADS.items():
            drawn = [prompt for _, prompt in zip(range(count), pool, strict=False)]
            batch = [prompt for prompt in drawn for _ in range(samples)]
            sampling = replace(task.sampling, temperature=temperature)
            seeds = [1000 * index + place for place in range(len(batch))]
            for name, engine in engines.items():
                found, cpu, wall = engine.complete(batch, seeds, sampling)
                if load == "greedy":
                    greedy[name] += found
                if index:  # the first round warms up
                    tokens = sum(tokens for _, tokens, _ in found)
                    times[name, load].append((tokens, cpu, wall))
    return times, greedy


def report(task, name, times, greedy):
    """One row for each load."""
    pairs = list(zip(greedy["embedded"], greedy[name], strict=True))
    known = [abs(a[2] - b[2]) for a, b in pairs if a[0] == b[0] and b[2] is not None]
    about = {
        "engine": name,
        "version": metadata.version(ENGINES[name].distribution),
        "task": task.name,
        "same_texts": f"{sum(a[0] == b[0] for a, b in pairs)} of {len(pairs)}",
        "logprob_difference": max(known, default=None),
    }
    rows = []
    for load, (count, samples, temperature) in LOADS.items():
        row = {"load": load, "prompts": count, "samples": samples, "temperature": temperature}
        for kind, place in (("second", 2), ("cpu_second", 1)):
            own, base = ([t[place] / t[0] for t in times[e, load]] for e in (name, "embedded"))
            ratio = paired_ratio(base, own, seed=0)
            row |= {
                f"tokens_per_{kind}": round(statistics.median(1 / x for x in own), 1),
                f"{kind}s_to_embedded": round(ratio.estimate, 3),
                f"{kind}s_interval": [round(ratio.low, 3), round(ratio.high, 3)],
            }
        rows.append(about | row | {"rounds": len(own)})
    return rows


def table(rows):
    """The rows as Markdown: tokens per second, in brackets the time per token, embedded 1."""
    lines = ["| task | engine | " + " | ".join(LOADS) + " | greedy texts | log-prob. |"]
    lines.append("|---" * (len(LOADS) + 4) + "|")
    for start in range(0, len(rows), len(LOADS)):
        own = rows[start : start + len(LOADS)]
        cells = [f"{r['tokens_per_second']:.0f} ({r['seconds_to_embedded']:.2f}x)" for r in own]
        worst = own[0]["logprob_difference"]
        cells += [own[0]["same_texts"], "" if worst is None else f"{worst:.1e}"]
        lines.append(f"| {own[0]['task']} | {own[0]['engine']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    made = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "commit": commit.stdout.strip(),
        "command": " ".join(["python", *sys.argv]),
        "threads": 1,
    }
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for task in map(parse, TASKS):
            engines = {}
            for name in ENGINES:
                try:
                    engines[name] = Remote(name, task.name, Path(folder))
                except RuntimeError as error:
                    print(f"{name} is left out: {error}")
            times, greedy = measure(task, engines, args.rounds)
            for name, engine in engines.items():
                rows += report(task, name, times, greedy)
                engine.close()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text("".join(json.dumps(row | made) + "\n" for row in rows))
    print(table(rows))


if __name__ == "__main__":
    main()
