"""The architecture of CLoud checkpoints for transformers, and the writing of critiques.

reward_base_model    a causal language model, whose configuration the checkpoint names
reward_head          dense, tanh, out_proj: one number for a hidden state
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module
    from transformers import PretrainedConfig, PreTrainedModel

__all__ = ["register", "write"]


@cache
def register() -> None:
    """Let ``AutoModel`` know checkpoints of the type ``cloud``; does nothing without torch."""
    try:
        import transformers
    except ImportError:
        return  # loading says what to install
    config = _config_class()
    transformers.AutoConfig.register(config.model_type, config)
    transformers.AutoModel.register(config, _model_class(config))


def _config_class() -> type[PretrainedConfig]:
    import transformers

    class CLoudConfig(transformers.PretrainedConfig):
        model_type = "cloud"

        def __init__(
            self,
            feedback_method: str = "teacher",
            base_model_name_or_path: str = "",
            **settings: Any,  # noqa: ANN401
        ) -> None:
            self.feedback_method = feedback_method
            self.base_model_name_or_path = base_model_name_or_path
            super().__init__(**settings)

    return CLoudConfig


def _model_class(config_class_: type[PretrainedConfig]) -> type[PreTrainedModel]:
    import torch
    import transformers

    class RewardHead(torch.nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.dense = torch.nn.Linear(width, width)
            self.out_proj = torch.nn.Linear(width, 1)

        def forward(self, hidden: Tensor) -> Tensor:
            return self.out_proj(torch.tanh(self.dense(hidden)))

    class CLoudModel(transformers.PreTrainedModel):
        config_class = config_class_
        base_model_prefix = "reward_base_model"
        _supports_sdpa = True

        def __init__(self, config: PretrainedConfig) -> None:
            super().__init__(config)
            base = transformers.AutoConfig.from_pretrained(config.base_model_name_or_path)
            config.max_position_embeddings = base.max_position_embeddings
            # The number format that was asked for is the default one while a model is made.
            self.reward_base_model = transformers.AutoModelForCausalLM.from_config(
                base, dtype=torch.get_default_dtype()
            )
            self.reward_head = RewardHead(base.hidden_size)
            self.post_init()

        def get_input_embeddings(self) -> Module:
            return self.reward_base_model.get_input_embeddings()

        def get_output_embeddings(self) -> Module:
            return self.reward_base_model.get_output_embeddings()

    return CLoudModel


def write(
    model: PreTrainedModel,
    prompt: Sequence[int],
    *,
    stops: Collection[int],
    most: int,
    temperature: float,
    penalty: float,
    seeds: Sequence[int],
) -> list[list[int]]:
    """Continuations of a prompt, one for each seed, each up to a stop token, which it contains.

    Args:
        model: A causal language model of transformers.
        prompt: Tokens, read once.
        stops: Tokens that end a continuation.
        most: Most tokens of one.
        temperature: 0 is greedy.
        penalty: What logits of tokens that occurred are divided by (multiplied where negative).
        seeds: Of the draws.
    """
    import torch

    device = model.get_input_embeddings().weight.device
    read = model(input_ids=torch.tensor([list(prompt)], device=device), use_cache=True)
    found = []
    for index, seed in enumerate(seeds):
        past = read.past_key_values
        if index + 1 < len(seeds):  # the last may use it up
            past = copy.deepcopy(past)
        draw = torch.Generator().manual_seed(seed)
        logits, written = read.logits[0, -1], list[int]()
        while len(written) < most:
            own = _penalised(logits, {*prompt, *written}, penalty)
            if temperature == 0:
                token = int(own.argmax())
            else:
                law = (own / temperature).softmax(-1)
                token = int(torch.multinomial(law, 1, generator=draw))
            written.append(token)
            if token in stops or len(written) == most:
                break
            step = model(
                input_ids=torch.tensor([[token]], device=device),
                past_key_values=past,
                use_cache=True,
            )
            past, logits = step.past_key_values, step.logits[0, -1]
        found.append(written)
    return found


def _penalised(logits: Tensor, seen: Collection[int], penalty: float) -> Tensor:
    """Logits in single precision, those of tokens that occurred made smaller."""
    import torch

    own = logits.float().cpu().clone()
    places = torch.tensor(sorted(seen))
    own[places] = torch.where(own[places] < 0, own[places] * penalty, own[places] / penalty)
    return own
