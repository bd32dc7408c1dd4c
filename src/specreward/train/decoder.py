"""A Llama-style decoder: RMSNorm, rotary positions, SwiGLU (Touvron et al., arXiv 2302.13971).

The same network is a policy (head of vocabulary size) and a reward model (head of size 1). Weights
keep the names of Hugging Face's Llama, so that other engines can read them.

    h = embed(tokens)
    for each layer:
        h += attention(norm(h), positions, mask)
        h += down(silu(gate(norm(h))) * up(norm(h)))
    logits = head(norm(h))

Positions and mask are arguments: a row can hold a tree of segments with a common prefix.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["Decoder", "Shape", "verdict_model"]


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Sizes of a decoder.

    Args:
        vocabulary: Words.
        outputs: The vocabulary size for a policy, 1 for a reward model.
        width: Of the residual stream.
        layers: How many.
        heads: Of attention; divides ``width``.
        hidden: Width of the feed-forward layers.
        rope_theta: Base of the rotary positions.
        tied: The head is the embedding, so that a word that is read is easily copied.
    """

    vocabulary: int
    outputs: int
    width: int = 192
    layers: int = 6
    heads: int = 6
    hidden: int = 512
    rope_theta: float = 10000.0
    tied: bool = False


class _Layer(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.input_layernorm = nn.RMSNorm(shape.width, eps=1e-5)
        self.self_attn = nn.ModuleDict(
            {f"{x}_proj": nn.Linear(shape.width, shape.width, bias=False) for x in "qkvo"}
        )
        self.post_attention_layernorm = nn.RMSNorm(shape.width, eps=1e-5)
        self.mlp = nn.ModuleDict(
            {
                "gate_proj": nn.Linear(shape.width, shape.hidden, bias=False),
                "up_proj": nn.Linear(shape.width, shape.hidden, bias=False),
                "down_proj": nn.Linear(shape.hidden, shape.width, bias=False),
            }
        )

    def forward(self, h: Tensor, cos: Tensor, sin: Tensor, mask: Tensor) -> Tensor:
        b, t, w = h.shape
        x = self.input_layernorm(h)
        q, k, v = (
            self.self_attn[f"{name}_proj"](x).view(b, t, self.heads, -1).transpose(1, 2)
            for name in "qkv"
        )
        attended = F.scaled_dot_product_attention(
            _rotate(q, cos, sin), _rotate(k, cos, sin), v, attn_mask=mask
        )
        h = h + self.self_attn["o_proj"](attended.transpose(1, 2).reshape(b, t, w))
        x = self.post_attention_layernorm(h)
        gated = F.silu(self.mlp["gate_proj"](x)) * self.mlp["up_proj"](x)
        return h + self.mlp["down_proj"](gated)


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    half = x.shape[-1] // 2
    turned = torch.cat([-x[..., half:], x[..., :half]], dim=-1)
    return x * cos + turned * sin


class Decoder(nn.Module):
    """The network; see the module's docstring."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embed_tokens = nn.Embedding(shape.vocabulary, shape.width)
        self.layers = nn.ModuleList([_Layer(shape) for _ in range(shape.layers)])
        self.norm = nn.RMSNorm(shape.width, eps=1e-5)
        self.head = nn.Linear(shape.width, shape.outputs, bias=False)
        if shape.tied:
            self.head.weight = self.embed_tokens.weight
        self._initialize()

    def _initialize(self) -> None:
        """Variance 1 / inputs; what adds to the stream is shrunk with depth; reward heads at 0.

        The smaller 0.02 of large models leaves attention flat at these widths: copying a word was
        not learned within 1,000 steps that are learned in 100 this way.
        """
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1:
                std = parameter.shape[1] ** -0.5
                if "o_proj" in name or "down_proj" in name:
                    std /= (2 * self.shape.layers) ** 0.5
                nn.init.normal_(parameter, std=std)
        if self.shape.outputs == 1:
            nn.init.zeros_(self.head.weight)

    def forward(self, tokens: Tensor, positions: Tensor, mask: Tensor) -> Tensor:
        """Outputs at every token.

        Args:
            tokens: ``[B, T]`` ids.
            positions: ``[B, T]`` place of each token on its own branch.
            mask: ``[B, 1, T, T]`` bool, True where row may read column.

        Returns:
            ``[B, T, outputs]`` logits.
        """
        size = self.shape.width // self.shape.heads
        steps = torch.arange(0, size, 2, device=tokens.device).float() / size
        angles = positions[..., None].float() * self.shape.rope_theta**-steps  # [B, T, size/2]
        angles = torch.cat([angles, angles], dim=-1)[:, None]
        cos, sin = angles.cos(), angles.sin()
        h = self.embed_tokens(tokens)
        for layer in self.layers:
            h = layer(h, cos, sin, mask)
        return self.head(self.norm(h))

    @property
    def flops_parameters(self) -> int:
        """Parameters that take part in every token's product (embeddings are looked up)."""
        inner = sum(p.numel() for p in [*self.layers.parameters(), *self.norm.parameters()])
        return inner + self.head.weight.numel()


def verdict_model(model: Decoder, good: int, bad: int) -> Decoder:
    """The reward model within a language model: its logit is that of word ``good`` less ``bad``.

    Args:
        model: Trained to say one of two words after what it judges.
        good: Id of the one that stands for 1.
        bad: Id of the other.
    """
    reward = Decoder(replace(model.shape, outputs=1, tied=False))
    weights = model.state_dict()
    words = weights["head.weight"]
    reward.load_state_dict(weights | {"head.weight": words[good : good + 1] - words[bad : bad + 1]})
    return reward
