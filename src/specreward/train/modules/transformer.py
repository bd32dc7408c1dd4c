"""A model of transformers with a head at some tokens, as a network to be trained.

    rows of tokens -> body -> hidden states [R, T, width] -> those at the marks -> head -> [M, H]

The head is applied at the marks alone: the logits of a whole vocabulary at every token are never
made. Reading (``reward/published/trained_classifier.py``) does the same with the same modules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from torch import Tensor, nn

from specreward.errors import InputError
from specreward.generate.hf.weights import body, quiet
from specreward.reward.published.heads import token_head
from specreward.train.examples import Batch, Example
from specreward.train.modules.solution_text import SolutionText, batch_of, rows_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel
    from transformers import PreTrainedTokenizerBase as Tokenizer

__all__ = ["TransformerNetwork", "classifier_of", "verdict_of"]

Head = Callable[[Tensor], Tensor]


@final
class TransformerNetwork(nn.Module):
    """A model of transformers that is read at marks.

    Args:
        model: In single precision, with the head as a part of it.
        tokenizer: Its own.
        text: How solutions become rows.
        head: From hidden states ``[M, width]`` to outputs ``[M, H]``; uses the model's weights.
        entries: For ``model.json``: what reading needs to know.
        call: More arguments of the body.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: Tokenizer,
        text: SolutionText,
        head: Head,
        entries: Mapping[str, Any],
        call: Mapping[str, Any],
    ) -> None:
        super().__init__()
        self.model = model
        self.tokenizer = tokenizer
        self.text = text
        self._head = head
        self._entries = dict(entries)
        self._call = dict(call)

    def encode(self, examples: Sequence[Example]) -> Batch:
        """Tokens and marks of a batch.

        Raises:
            InputError: A text cannot be read, or it is too long.
        """
        rows = rows_of(examples, self.text)
        return batch_of(examples, rows, self.tokenizer.pad_token_id or 0)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, rows: Tensor, places: Tensor
    ) -> Tensor:
        """Outputs ``[M, H]`` at the marks."""
        found = body(self.model)(input_ids=input_ids, attention_mask=attention_mask, **self._call)
        return self._head(found.last_hidden_state[rows, places]).float()

    def save(self, folder: Path) -> Mapping[str, Any]:
        """Model and tokeniser as transformers keeps them; returns entries for ``model.json``."""
        with quiet():
            self.model.save_pretrained(folder)
            self.tokenizer.save_pretrained(folder)
        return self._entries


def classifier_of(model: PreTrainedModel, name: str, outputs: int) -> Head:
    """The head of a model with numbers for each token.

    Raises:
        InputError: It has no such head, or gives other numbers.
    """
    found = token_head(model)
    if found is None or model.config.num_labels != outputs:
        raise InputError(
            f"{name}: expected a model with {outputs} number(s) for each token, got "
            f"{type(model).__name__} with {model.config.num_labels}"
        )
    return found


def verdict_of(model: PreTrainedModel, good: int, bad: int) -> Head:
    """Logit of one token less that of another: its sigmoid is the first's share of the two."""
    head = model.get_output_embeddings()

    def difference(hidden: Tensor) -> Tensor:
        logits = nn.functional.linear(
            hidden,
            head.weight[[good, bad]],
            None if head.bias is None else head.bias[[good, bad]],
        )
        return logits[:, :1] - logits[:, 1:]

    return difference
