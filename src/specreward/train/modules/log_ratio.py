"""Two language models side by side, one of them frozen: the network behind ``networks/log_ratio``.

    mark -> its texts (prompt, continuation) -> rows of tokens, each different one once
         -> log-probability of each continuation under pi and pi_ref
         -> beta * sum over the mark's texts of the difference

Tokens are those that the engines read which score the texts later (``reading``).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
import torch
from torch import Tensor, nn

from specreward.errors import InputError
from specreward.generate.hf.engine import Transformers
from specreward.generate.hf.text import Texts
from specreward.generate.vocabulary import Vocabulary
from specreward.label.labelled import Labelled
from specreward.reward.published.trained_log_ratio import step_texts, whole_text
from specreward.spec import name_of
from specreward.train.decoder import Decoder, Shape
from specreward.train.examples import Batch, Example, marks_of

if TYPE_CHECKING:
    from specreward.embedded import EmbeddedDraft, EmbeddedPolicy
    from specreward.train.networks.log_ratio import LogRatio
    from specreward.train.unpack import Unpacked

__all__ = ["LogRatioNetwork", "Side", "log_ratio"]

Pair = tuple[tuple[int, ...], tuple[int, ...]]


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Side:
    """What differs between kinds of language models.

    Args:
        policy: To be trained; ``policy(tokens [R, T], mask [R, T])`` gives logits ``[R, T, V]``.
        reference: The same, frozen.
        read: Tokens of a prompt and of what follows it.
        longest: Most tokens of both; None for no bound.
        save: Writes the policy into a folder, and returns what to enter in ``model.json``.
    """

    policy: nn.Module
    reference: nn.Module
    read: Callable[[str, str], Pair]
    longest: int | None
    save: Callable[[Path], Mapping[str, Any]]


@final
class LogRatioNetwork(nn.Module):
    """The log-ratio after each mark, as one output.

    The reference is no part of the network's own weights: it is not in a checkpoint, has no
    gradients, and goes along to the device of the policy.

    Args:
        side: The models.
        settings: What they are read with.
    """

    def __init__(self, side: Side, settings: LogRatio) -> None:
        super().__init__()
        self.policy = side.policy
        self._frozen = (side.reference.requires_grad_(False).eval(),)
        self._side = side
        self._settings = settings

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> LogRatioNetwork:
        self._frozen[0]._apply(fn, recurse)
        return super()._apply(fn, recurse)

    def encode(self, examples: Sequence[Example]) -> Batch:
        """Rows of tokens, and which of them each mark is the sum of.

        Raises:
            InputError: A text cannot be read, or it is too long.
        """
        rows: dict[Pair, int] = {}
        owners: list[tuple[int, int]] = []  # (mark, row)
        mark = 0
        for example in examples:
            for solution, places in zip(example.solutions, example.places, strict=True):
                for place in places:
                    for prompt, text in self._texts(solution, place):
                        pair = self._side.read(prompt, text)
                        self._check(solution, pair)
                        owners.append((mark, rows.setdefault(pair, len(rows))))
                    mark += 1
        tokens = sum(len(prompt) + len(text) for prompt, text in rows)
        return Batch(_inputs(list(rows), owners), marks_of(examples), tokens)

    def forward(
        self,
        tokens: Tensor,
        mask: Tensor,
        row: Tensor,
        place: Tensor,
        mark: Tensor,
        owned: Tensor,
    ) -> Tensor:
        """Log-ratios ``[M, 1]``.

        Args:
            tokens: ``[R, T]`` ids, padded on the right.
            mask: ``[R, T]``, 1 at tokens.
            row: ``[K]`` rows of the tokens that are scored.
            place: ``[K]`` their places.
            mark: ``[P]`` marks, each as often as it has rows.
            owned: ``[P]`` these rows.
        """
        new = self._logprobs(self.policy, tokens, mask, row, place)
        with torch.no_grad():
            old = self._logprobs(self._frozen[0], tokens, mask, row, place)
        ratios = self._settings.beta * (new - old)
        outputs = ratios.new_zeros(int(mark[-1]) + 1).index_add(0, mark, ratios[owned])
        return outputs[:, None]

    def save(self, folder: Path) -> Mapping[str, Any]:
        """Write the policy, and the reference where it is small; returns entries for reading."""
        settings = self._settings
        return {
            "kind": "log_ratio",
            "combine": "last()",
            "beta": settings.beta,
            "delimiter": settings.delimiter,
            "task": None if settings.task is None else name_of(settings.task),
            **self._side.save(folder),
        }

    def _texts(self, solution: Labelled, place: int) -> list[tuple[str, str]]:
        settings = self._settings
        if settings.task is None:
            steps = solution.steps[: place + 1]
            return [whole_text(solution.problem.question, steps, settings.delimiter)]
        return step_texts(settings.task, solution.path(place + 1))

    def _check(self, solution: Labelled, pair: Pair) -> None:
        longest, tokens = self._side.longest, sum(map(len, pair))
        if not all(pair) or (longest is not None and tokens > longest):
            raise InputError(
                f"problem {solution.problem.id!r}: expected a prompt and steps of at least a token "
                f"each, and at most {longest} in all, got {len(pair[0])} and {len(pair[1])}: leave "
                "it out, or take a model that reads more"
            )

    @staticmethod
    def _logprobs(
        model: nn.Module, tokens: Tensor, mask: Tensor, row: Tensor, place: Tensor
    ) -> Tensor:
        """Log-probability of each row's continuation, ``[R]``."""
        logits = model(tokens, mask)[row, place - 1].float()
        scored = -nn.functional.cross_entropy(logits, tokens[row, place], reduction="none")
        return scored.new_zeros(len(tokens)).index_add(0, row, scored)


def log_ratio(settings: LogRatio) -> LogRatioNetwork:
    """The network of these settings, at its start."""
    start = settings.start
    if isinstance(start, Transformers):
        return LogRatioNetwork(_transformers(start), settings)
    return LogRatioNetwork(_embedded(start), settings)  # type: ignore[arg-type]  # checked there


# ------------------------------------------------------------------------------ kinds of models


class _Plain(nn.Module):
    """An embedded decoder that reads rows from their first token on."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Logits; padding stands behind a row, where nothing that is read can see it."""
        size = tokens.shape[1]
        causal = torch.ones(size, size, dtype=torch.bool, device=tokens.device).tril()
        positions = torch.arange(size, device=tokens.device).expand_as(tokens)
        return self.decoder(tokens, positions, causal[None, None])


class _Headed(nn.Module):
    """A causal model of transformers."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Logits."""
        return self.model(input_ids=tokens, attention_mask=mask, use_cache=False).logits


def _embedded(start: EmbeddedPolicy | EmbeddedDraft) -> Side:
    from specreward.train.unpack import unpack  # needs onnx

    held = unpack(start.folder)
    config = held.config
    words = Vocabulary(config.vocabulary)
    weights = {name: torch.from_numpy(np.array(one)) for name, one in held.weights.items()}
    shape = _shape(held, tied="head.weight" not in weights)
    weights.setdefault("head.weight", weights["embed_tokens.weight"])
    policy, reference = Decoder(shape), Decoder(shape)
    for model in (policy, reference):
        model.load_state_dict(weights)

    def read(prompt: str, text: str) -> Pair:
        return tuple(words.encode(prompt)), tuple(words.encode(text))

    def save(folder: Path) -> Mapping[str, Any]:
        from specreward.train.export import export  # needs onnx

        arrays = {name: one.detach().cpu().numpy() for name, one in policy.state_dict().items()}
        if shape.tied:
            del arrays["head.weight"]
        export(
            arrays,
            config.vocabulary,
            folder / "policy",
            name=f"{config.name}-log-ratio",
            task=config.task,
            heads=config.heads,
            rope_theta=held.rope_theta,
            context=config.context,
            precision=np.float32,
        )
        shutil.copytree(start.folder, folder / "reference", dirs_exist_ok=True)
        return {"engine": "embedded"}

    return Side(
        policy=_Plain(policy),
        reference=_Plain(reference),
        read=read,
        longest=config.context,
        save=save,
    )


def _shape(held: Unpacked, *, tied: bool) -> Shape:
    config = held.config
    return Shape(
        vocabulary=len(config.vocabulary),
        outputs=len(config.vocabulary),
        width=config.width,
        layers=config.layers,
        heads=config.heads,
        hidden=config.hidden,
        rope_theta=held.rope_theta,
        tied=tied,
    )


def _transformers(start: Transformers) -> Side:
    from specreward.generate.hf.weights import context_of, quiet
    from specreward.train.modules.checkpoint import opened

    policy, tokenizer = opened(start.model, "AutoModelForCausalLM", dropout=0.0, seed=0)
    reference, _ = opened(start.model, "AutoModelForCausalLM", dropout=0.0, seed=0)
    texts = Texts(tokenizer, start.model)

    def read(prompt: str, text: str) -> Pair:
        before, after = texts.pair(prompt, text)
        return tuple(before), tuple(after)

    def save(folder: Path) -> Mapping[str, Any]:
        with quiet():
            policy.save_pretrained(folder / "policy")
            tokenizer.save_pretrained(folder / "policy")
        return {"engine": "transformers", "reference": name_of(start)}

    return Side(
        policy=_Headed(policy),
        reference=_Headed(reference),
        read=read,
        longest=context_of(policy.config),
        save=save,
    )


# ------------------------------------------------------------------------------ tensors


def _inputs(rows: Sequence[Pair], owners: Sequence[tuple[int, int]]) -> dict[str, Tensor]:
    tokens = torch.zeros((len(rows), max(len(a) + len(b) for a, b in rows)), dtype=torch.long)
    mask = torch.zeros_like(tokens)
    where: list[tuple[int, int]] = []
    for line, (prompt, text) in enumerate(rows):
        size = len(prompt) + len(text)
        tokens[line, :size] = torch.tensor(prompt + text)
        mask[line, :size] = 1
        where += [(line, place) for place in range(len(prompt), size)]
    return {
        "tokens": tokens,
        "mask": mask,
        "row": torch.tensor([line for line, _ in where]),
        "place": torch.tensor([place for _, place in where]),
        "mark": torch.tensor([mark for mark, _ in owners]),
        "owned": torch.tensor([line for _, line in owners]),
    }
