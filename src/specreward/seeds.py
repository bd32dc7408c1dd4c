"""Randomness as an argument: draws come from content, not from a stream.

A number that depends on (seed, path, index) alone is the same whatever ran before or beside it, so
a search gives the same result at any concurrency and after any resume.
"""

from __future__ import annotations

from hashlib import blake2b

__all__ = ["derive", "uniform"]


def derive(seed: int, *parts: object) -> int:
    """A 63-bit seed from a root seed and the parts that name the draw."""
    text = "\x1f".join([str(seed), *map(str, parts)])
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def uniform(seed: int, *parts: object) -> float:
    """A number in [0, 1) from a root seed and the parts that name the draw."""
    return (derive(seed, *parts) >> 10) / (1 << 53)
