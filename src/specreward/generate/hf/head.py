"""The head of a language model: from hidden states to the logits of the next token.

It is the model's own code, with softcaps and scales where a family has them: the model is called
with a body that gives back the hidden states it gets. Whether that works is tried once.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, final

import torch
from transformers import PreTrainedModel

from specreward.errors import InputError
from specreward.generate.hf.weights import body

__all__ = ["Head"]

ROWS = 128
"""Hidden states that are turned into logits at once."""


@final
class Head:
    """The head of a causal model.

    Args:
        model: The whole model.

    Raises:
        InputError: Head and body cannot be told apart.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        self._dtype = model.dtype
        self._bare = copy.copy(model)
        inner = body(model)
        self._bare.__dict__["_modules"] = {
            name: _Given() if part is inner else part for name, part in model.named_children()
        }
        self._call = type(model).forward
        self._try(model)

    def __call__(self, hidden: torch.Tensor) -> torch.Tensor:
        """Logits ``[N, V]``, float32, of hidden states ``[N, width]``."""
        out = self._call(self._bare, inputs_embeds=hidden[None].to(self._dtype), use_cache=False)
        return out.logits[0].float()

    def blocks(self, hidden: torch.Tensor) -> Iterator[torch.Tensor]:
        """The logits of many hidden states, some of them at a time."""
        for start in range(0, len(hidden), ROWS):
            yield self(hidden[start : start + ROWS])

    def _try(self, model: PreTrainedModel) -> None:
        table = model.get_input_embeddings()
        row = torch.tensor([[(7 * i + 3) % table.num_embeddings for i in range(4)]])
        row = row.to(table.weight.device)
        refusal = InputError(
            f"{type(model).__name__} has a head that cannot be told from its body: expected a "
            "causal model built as those in transformers; serve it elsewhere, and use openai(...)"
        )
        with torch.inference_mode():
            whole = model(input_ids=row, use_cache=False).logits[0].float()
            try:
                parts = self(body(model)(input_ids=row, use_cache=False)[0][0])
            except (AttributeError, IndexError, RuntimeError, TypeError) as error:
                raise refusal from error
        bound = 1e-3 if self._dtype == torch.float32 else 5e-2
        if parts.shape != whole.shape or (parts - whole).abs().max() > bound * whole.abs().max():
            raise refusal


class _Given(torch.nn.Module):
    """A body that gives back the hidden states it gets."""

    def forward(self, *_: object, inputs_embeds: torch.Tensor, **__: object) -> _States:
        return _States(inputs_embeds)


class _States:
    """The output of a body: its hidden states and nothing else."""

    def __init__(self, hidden: torch.Tensor) -> None:
        self.last_hidden_state = hidden

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return None

    def __getitem__(self, index: int | slice) -> Any:  # noqa: ANN401
        return (self.last_hidden_state,)[index]
