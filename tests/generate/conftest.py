import ssl
from contextlib import ExitStack
from functools import cache

import pytest

from .llama_server import MODELS, llama_server


@pytest.fixture(scope="session", autouse=True)
def one_certificate_store():
    """Each test opens a client; to read the certificates anew for it was most of its time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", cache(ssl.create_default_context))
        yield


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    """``served(task)``: the task's embedded policy on a llama.cpp server, started at first use."""
    pytest.importorskip("gguf", reason="gguf is not installed")
    pytest.importorskip("onnx", reason="the train extra is not installed")
    from specreward.train.gguf import export_gguf

    with ExitStack() as running:

        @cache
        def serve(task):
            path = tmp_path_factory.mktemp("gguf") / f"{task}.gguf"
            export_gguf(MODELS / f"{task}-policy", path)
            return running.enter_context(llama_server(path))

        yield serve
