"""Models of transformers: loading, reading with prefix reuse, and the engine that samples."""

from specreward.generate.hf.engine import Transformers

__all__ = ["Transformers"]
