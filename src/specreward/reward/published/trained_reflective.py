"""Reads what ``reflective(...)`` was trained to: the head of MetaStone-S1 on a language model.

    text    the chat prompt with an answer begun, or question and an empty line
            then each step and the step token
    places  one left of each step token that is the first of a run, does not follow ``<think>``,
            and stands inside the think tags, where there are any
    r_t     geometric mean of sigmoid(head(h)) over the places in step t: as a rule one, at its end
    score   geometric mean of r_1 .. r_T

Z. Wang et al. (2025), "Test-Time Scaling with Reflective Generative Model" (MetaStone-S1), arXiv
2507.01951; places, layer and head as in the released code.

Differs from the code: what is scored comes as steps; a thinking text given as one step is scored
over all its step tokens, as there. A text without a place has no score, where the code gives 0.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import exp, log
from pathlib import Path as File
from typing import TYPE_CHECKING, Any, ClassVar, final

from specreward.errors import InputError, RewardError
from specreward.generate.hf.weights import AutoClass, Weights, folder_at
from specreward.reward.aggregate import Aggregate, Geometric
from specreward.reward.published.heads import layers
from specreward.reward.published.local import LocalReward, Opened
from specreward.reward.published.solution_text import token_id
from specreward.reward.published.template import Encoded, Piece, clean_steps, encode
from specreward.reward.solutions import Graded, Solution
from specreward.reward.trained import CARD

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase as Tokenizer

    from specreward.generate.hf.readers import Reader

__all__ = [
    "HEAD_FILE",
    "LAYER",
    "Places",
    "Thinking",
    "TrainedReflective",
    "step_places",
    "trained_reflective",
]

HEAD_FILE = "score_module.safetensors"
LAYER = -2
"""Of ``hidden_states``: the output of the second-to-last layer."""

_LEAST = 1e-10
_MARK = "\ue000"


def step_places(
    ids: Sequence[int], step: int, opening: int | None, closing: int | None
) -> list[int]:
    """Where scores are read: at the tokens that predict step tokens which count.

    Args:
        ids: Tokens.
        step: The step token.
        opening: ``<think>``, where the tokeniser has it.
        closing: ``</think>``, where the tokeniser has it.
    """
    begin = next((i + 1 for i, one in enumerate(ids) if one == opening), 0)
    end = next((i for i, one in enumerate(ids) if one == closing and i >= begin), len(ids))
    return [
        i - 1
        for i in range(max(begin, 1), end)
        if ids[i] == step and ids[i - 1] != step and ids[i - 1] != opening
    ]


@final
@dataclass(frozen=True, slots=True)
class Places:
    """A solution as it is read.

    Args:
        ids: Tokens.
        at: Places in ``ids`` where scores are read, ascending.
        steps: In which steps they stand, from 0.
    """

    ids: tuple[int, ...]
    at: tuple[int, ...]
    steps: tuple[int, ...]


@final
class Thinking:
    """Makes tokens of solutions, and finds the places.

    Args:
        tokenizer: A fast one, which has the step token.
        step_token: The text of the token that ends a step.
        name: The model's, for messages.

    Raises:
        InputError: The tokeniser lacks the step token.
    """

    def __init__(self, tokenizer: Tokenizer, step_token: str, name: str) -> None:
        self._tokenizer = tokenizer
        self._name = name
        step = token_id(tokenizer, step_token)
        if step is None:
            raise InputError(
                f"{name}: expected a tokenizer with a token {step_token!r}, before which scores "
                "are read, got one without: set step_token to a token that ends this model's steps"
            )
        self._step = step
        bare = step_token.strip()
        self._ending = re.compile(rf"{re.escape(bare)}$") if bare else None
        known = tokenizer.get_vocab()
        self._tags = known.get("<think>"), known.get("</think>")

    def read(self, question: str, steps: Sequence[str]) -> Places:
        """Tokens of question and steps, and the places in the steps.

        Raises:
            InputError: The tokeniser is a slow one.
            RewardError: There is no step, or an empty one, or the chat template refuses.
        """
        texts = clean_steps(Solution(question, tuple(steps)), self._ending, self._name)
        ids = list(self._prompt(question))
        first, ends = len(ids), []
        for text in texts:
            ids += encode(self._tokenizer, [Piece(text)]).ids
            ends.append(len(ids))
            ids.append(self._step)
        found = [at for at in step_places(ids, self._step, *self._tags) if at >= first]
        where = [bisect_left(ends, at + 1) for at in found]
        return Places(tuple(ids), tuple(found), tuple(where))

    def _prompt(self, question: str) -> tuple[int, ...]:
        """The question as the model is asked it, and the beginning of its answer."""
        tokenizer = self._tokenizer
        if not tokenizer.chat_template:
            pieces = [Piece(question), Piece("\n\n", fixed=True)]
            return encode(tokenizer, pieces, ends=True).ids
        try:
            text: str = tokenizer.apply_chat_template(
                [{"role": "user", "content": _MARK}], tokenize=False, add_generation_prompt=True
            )
        except Exception as error:  # a template is code that may fail in any way
            raise RewardError(
                f"the chat template of {self._name} refuses a question: {type(error).__name__}: "
                f"{str(error)[:200]}"
            ) from error
        before, _, after = text.partition(_MARK)
        return encode(
            tokenizer, [Piece(before, fixed=True), Piece(question), Piece(after, fixed=True)]
        ).ids


@final
@dataclass(frozen=True, kw_only=True)
class TrainedReflective(LocalReward):
    """Scores each step at its step token, one layer below the language model's own head.

    Args:
        model: The folder of language model and head.
        device: As torch names it; ``auto`` is the first accelerator, or else the processor.
        dtype: As torch names it; ``auto`` is the checkpoint's own.
        quantisation: Settings of a quantisation of transformers; none loads the weights as they
            are.
        trust_remote_code: Not needed.
        cache_tokens: Tokens of read prefixes that are remembered.
        batch_tokens: Most tokens in one pass.
        step_token: The text of the token that ends a step, as in the training.
        combine: How the numbers of the steps become the score of a solution.

    Raises:
        InputError: A setting is out of range.
    """

    step_token: str
    combine: Aggregate = Geometric()

    KIND: ClassVar[AutoClass] = "AutoModelForCausalLM"

    @property
    def per_step(self) -> bool:
        """A number for each step."""
        return True

    @classmethod
    def _reader(cls, weights: Weights, cache_tokens: int, batch_tokens: int) -> Reader:
        from specreward.generate.hf.readers import DecoderReader  # needs torch

        return DecoderReader(
            weights.body, cache_tokens=cache_tokens, batch_tokens=batch_tokens, layer=LAYER
        )

    @classmethod
    def _head(cls, weights: Weights) -> Callable[[Tensor], Tensor]:
        return layers(
            weights,
            [("0.weight", "0.bias"), ("3.weight", "3.bias")],
            between=lambda inner: inner.relu(),
            file=HEAD_FILE,
        )

    def _value(self, logits: Tensor) -> Tensor:
        return logits[:, 0].sigmoid()

    def _encode(self, weights: Weights, solution: Solution) -> Encoded:
        found = self._read(weights, solution)
        for number in range(len(solution.steps)):
            if number not in found.steps:
                raise RewardError(
                    f"{weights.name}: step {number + 1} of {len(solution.steps)} has no step token "
                    f"inside the think tags, so that it has no score: {solution.steps[number]!r}; "
                    "leave out what comes after the thinking, or put it into the last step"
                )
        return Encoded(found.ids, found.at)

    def _grade(self, opened: Opened, solutions: Sequence[Solution]) -> list[Graded]:
        graded = super()._grade(opened, solutions)
        return [
            replace(one, values=self._by_step(self._read(opened.weights, solution), one.values))
            for one, solution in zip(graded, solutions, strict=True)
        ]

    def _read(self, weights: Weights, solution: Solution) -> Places:
        return _thinking(weights, self.step_token).read(solution.question, solution.steps)

    @staticmethod
    def _by_step(found: Places, values: Sequence[float]) -> tuple[float, ...]:
        """The geometric mean over the places in each step."""
        logs: list[list[float]] = [[] for _ in range(found.steps[-1] + 1)]
        for step, value in zip(found.steps, values, strict=True):
            logs[step].append(log(max(value, _LEAST)))
        return tuple([exp(sum(one) / len(one)) for one in logs])


@cache  # the table of tokens is looked through once
def _thinking(weights: Weights, step_token: str) -> Thinking:
    return Thinking(weights.tokenizer, step_token, weights.name)


def trained_reflective(
    folder: File, card: Mapping[str, Any], combine: Aggregate
) -> TrainedReflective:
    """The reward model of a folder.

    Args:
        folder: Written by a training of ``reflective(...)``.
        card: Its ``model.json``.
        combine: How the numbers of the steps become the score of a solution.

    Raises:
        InputError: The file lacks an entry.
    """
    token = card.get("step_token")
    if not isinstance(token, str) or not token:
        raise InputError(
            f"{folder / CARD}: expected the text of the step token as step_token, got "
            f"{token!r}: train the model again"
        )
    model = folder_at(folder / "backbone", card.get("revision"))
    return TrainedReflective(model, step_token=token, combine=combine)
