"""The server: searches behind an OpenAI-compatible interface.

``create_app`` is in ``specreward.serve.app``, what it serves in ``specreward.serve.service``. The
extra ``serve`` is needed.
"""

__all__: list[str] = []
