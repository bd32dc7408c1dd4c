"""Engines and the policy that runs on them."""

from specreward.generate.dialects import VLLM, Dialect, LlamaCpp, Ollama, OpenAIAPI, SGLang
from specreward.generate.openai import OpenAI
from specreward.generate.retry import Backoff, Retry
from specreward.generate.routes import Chat, Completions, Route
from specreward.generate.token_law import NotGiven, Processed, Raw, TokenLaw

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
