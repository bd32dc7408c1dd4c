"""The network behind ``networks/reflective``: a language model, and a head inside of it.

rows of tokens -> hidden_states[-2] [R, T, c] -> those at the marks -> scaled gradient -> head
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from specreward.errors import InputError, RewardError
from specreward.generate.hf.weights import body, context_of, quiet
from specreward.label.labelled import Labelled
from specreward.reward.published.trained_reflective import HEAD_FILE, LAYER, Thinking
from specreward.train.examples import Batch, Example
from specreward.train.modules.checkpoint import opened
from specreward.train.modules.solution_text import TextRow, batch_of, rows_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel
    from transformers import PreTrainedTokenizerBase as Tokenizer

    from specreward.train.networks.reflective import Reflective

__all__ = ["ReflectiveNetwork", "reflective", "score_head"]


def score_head(width: int, dropout: float) -> nn.Sequential:
    """The head: from hidden states ``[n, width]`` to logits ``[n, 1]``."""
    return nn.Sequential(
        nn.Linear(width, 2 * width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(2 * width, 1)
    )


@final
class ReflectiveNetwork(nn.Module):
    """A language model with a head at its second-to-last layer.

    Args:
        model: In single precision.
        tokenizer: Its own.
        settings: Of the network.
    """

    def __init__(self, model: PreTrainedModel, tokenizer: Tokenizer, settings: Reflective) -> None:
        super().__init__()
        self.model = model
        self.tokenizer = tokenizer
        width = model.get_input_embeddings().weight.shape[1]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self.head = score_head(width, settings.dropout)
        self._settings = settings
        self._thinking = Thinking(tokenizer, settings.step_token, settings.model)
        self._longest = context_of(model.config)

    def encode(self, examples: Sequence[Example]) -> Batch:
        """Tokens and marks of a batch.

        A step is read wherever a step token counts in it, as a rule at its end alone. Steps behind
        the thinking, where nothing counts, have no mark.

        Raises:
            InputError: A text cannot be read, or it is too long.
        """
        return batch_of(examples, rows_of(examples, self._rows), 0)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, rows: Tensor, places: Tensor
    ) -> Tensor:
        """Outputs ``[M, 1]`` at the marks."""
        found = body(self.model)(
            input_ids=input_ids,
            attention_mask=attention_mask,
            output_hidden_states=True,
            use_cache=False,
        )
        hidden = found.hidden_states[LAYER][rows, places]
        scale = self._settings.backbone_grad_scale
        return self.head((hidden * scale + hidden.detach() * (1 - scale)).float())

    def save(self, folder: Path) -> Mapping[str, Any]:
        """Write language model, tokeniser and head; returns entries for ``model.json``."""
        inside = folder / "backbone"
        with quiet():
            self.model.save_pretrained(inside)
            self.tokenizer.save_pretrained(inside)
        weights = {name: one.detach().cpu() for name, one in self.head.state_dict().items()}
        save_file(weights, inside / HEAD_FILE)
        token = self._settings.step_token
        return {"kind": "reflective", "combine": "geometric()", "step_token": token}

    def _rows(self, solution: Labelled, places: Sequence[int]) -> list[TextRow]:
        try:
            found = self._thinking.read(solution.problem.question, solution.steps)
        except RewardError as error:
            raise InputError(f"problem {solution.problem.id!r}: {error}") from error
        wanted = set(places)
        kept = [pair for pair in zip(found.at, found.steps, strict=True) if pair[1] in wanted]
        if not kept:
            return []
        row = found.ids[: kept[-1][0] + 1]
        if self._longest is not None and len(row) > self._longest:
            raise InputError(
                f"problem {solution.problem.id!r}: expected at most {self._longest} tokens of "
                f"question and steps, got {len(row)}: leave it out, or take a model that reads more"
            )
        return [TextRow(row, tuple([at for at, _ in kept]), tuple([step for _, step in kept]))]


def reflective(settings: Reflective) -> ReflectiveNetwork:
    """The network of these settings, its head new."""
    model, tokenizer = opened(
        settings.model, "AutoModelForCausalLM", dropout=0.0, seed=settings.seed
    )
    return ReflectiveNetwork(model, tokenizer, settings)
