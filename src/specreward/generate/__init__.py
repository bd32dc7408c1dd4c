"""Engines and the policy that runs on them."""

from specreward.generate.dialects import (
    VLLM,
    Dialect,
    LlamaCpp,
    NotGiven,
    Ollama,
    OpenAIAPI,
    Processed,
    Raw,
    SGLang,
    TokenLaw,
)
from specreward.generate.openai import OpenAI
from specreward.generate.retry import Backoff, Retry
from specreward.generate.routes import Chat, Completions, Route

__all__ = [
    "VLLM",
    "Backoff",
    "Chat",
    "Completions",
    "Dialect",
    "LlamaCpp",
    "NotGiven",
    "Ollama",
    "OpenAI",
    "OpenAIAPI",
    "Processed",
    "Raw",
    "Retry",
    "Route",
    "SGLang",
    "TokenLaw",
]
