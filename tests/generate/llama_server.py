"""A real llama.cpp server over HTTP on the loopback, in a process of its own.

It serves GGUF files that ``specreward.train.gguf`` wrote. A slot is one completion under way; keys
and values are kept in 32 bits. It ends with the process that started it.
"""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

MODELS = Path(__file__).parents[2] / "src" / "specreward" / "models"

CHILD = """
import sys, xllamacpp
path, alias, slots, context, threads, log = sys.argv[1:]
p = xllamacpp.CommonParams()
p.model.path, p.model_alias = path, [alias]
p.n_parallel, p.n_ctx = int(slots), int(slots) * int(context)
p.hostnames, p.port, p.n_gpu_layers = ["127.0.0.1"], 0, 0
p.cpuparams.n_threads = p.cpuparams_batch.n_threads = int(threads)
p.cache_type_k = p.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
p.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
p.kv_unified, p.warmup, p.verbosity = False, False, int(log)
server = xllamacpp.Server(p)
print("listening", server.listening_address, flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True)
class Server:
    """One that answers."""

    root: str
    process: subprocess.Popen

    @property
    def url(self):
        """Where an OpenAI client is pointed."""
        return f"{self.root}/v1"

    def post(self, path, **body):
        """The answer as (status, JSON), without any client library."""
        request = urllib.request.Request(
            f"{self.root}{path}",
            json.dumps(body).encode(),
            {"content-type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    def tokens(self, text):
        """Token ids of a text, as a prompt is read."""
        return self.post("/tokenize", content=text, add_special=True)[1]["tokens"]


@contextmanager
def llama_server(path, *, alias="policy", slots=4, context=256, threads=1, log=-1):
    """A server of the GGUF file ``path``; skips where there is no xllamacpp.

    Args:
        path: The file.
        alias: Name of the model in requests.
        slots: Completions under way at once; more wait.
        context: Tokens of prompt and completion in a slot.
        threads: That compute.
        log: How much llama.cpp says on standard output, -1 (nothing) to 5.
    """
    pytest.importorskip("xllamacpp", reason="xllamacpp is not installed")
    settings = [str(x) for x in (path, alias, slots, context, threads, log)]
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, *settings],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Server(_listening(process), process)
    finally:
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def _listening(process):
    """The address, as soon as the server answers there."""
    for line in process.stdout:
        if line.startswith("listening "):
            root = line.split()[1]
            break
    else:
        raise RuntimeError(f"the server ended with {process.wait()} before it listened")
    for _ in range(200):
        try:
            with urllib.request.urlopen(f"{root}/health", timeout=5) as answer:
                if answer.status == 200:
                    return root
        except urllib.error.HTTPError as error:
            error.close()  # 503 while the model is loaded
        time.sleep(0.05)
    raise RuntimeError(f"{root} did not become healthy")
