"""The torch side of ``small_decoder``: texts as trees of words, a decoder, an engine's folder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path as Folder
from typing import TYPE_CHECKING, Any, final

import numpy as np
import torch
from torch import Tensor, nn

from specreward.embedded import EmbeddedSRM
from specreward.errors import InputError
from specreward.generate.vocabulary import Vocabulary
from specreward.label.labelled import Labelled
from specreward.reward.trained import Trained
from specreward.tasks import arithmetic_text, blocksworld_text, game24_text
from specreward.train.decoder import Decoder, Shape
from specreward.train.examples import Batch, Example, marks_of
from specreward.train.export import export
from specreward.train.packing import Row, collate
from specreward.train.unpack import unpack
from specreward.types import Task

if TYPE_CHECKING:
    from specreward.train.networks.small_decoder import SmallDecoder

__all__ = ["SmallDecoderModule", "built"]

WORDS = {
    "arithmetic": arithmetic_text.VOCABULARY,
    "blocksworld": blocksworld_text.VOCABULARY,
    "game24": game24_text.VOCABULARY,
}
"""The words of tasks that have a list of them."""


def built(settings: SmallDecoder) -> SmallDecoderModule:
    """The network of these settings, with its first weights.

    Raises:
        InputError: The start cannot be read, or nobody knows the task's words.
    """
    if settings.start is None:
        words = settings.words or WORDS.get(settings.task.name)
        if words is None:
            raise InputError(
                f"small_decoder: expected words=(...) for the task {settings.task.name!r}: lists "
                f"of words are there for {', '.join(WORDS)}; or start from a trained model"
            )
        shape = Shape(
            vocabulary=len(words),
            outputs=1,
            width=settings.width,
            layers=settings.layers,
            heads=settings.heads,
            hidden=8 * -(-settings.width // 3),
        )
        return SmallDecoderModule(settings, Decoder(shape), Vocabulary(words))
    start = settings.start
    assert isinstance(start, EmbeddedSRM | Trained)
    if isinstance(start, Trained) and start.kind != "embedded":
        raise InputError(
            f"small_decoder: expected a start of kind embedded, got {start.kind} in "
            f"{start.folder!r}: only a small decoder's weights fit a small decoder"
        )
    return _started(settings, Folder(start.folder).expanduser())


def _started(settings: SmallDecoder, folder: Folder) -> SmallDecoderModule:
    """With the weights of an engine's folder; its temperature is divided out of the head."""
    found = unpack(folder)
    config = found.config
    if config.kind != "reward":
        raise InputError(f"expected a reward model in {str(folder)!r}, got a {config.kind} model")
    shape = Shape(
        vocabulary=len(config.vocabulary),
        outputs=1,
        width=config.width,
        layers=config.layers,
        heads=config.heads,
        hidden=config.hidden,
        rope_theta=found.rope_theta,
    )
    decoder = Decoder(shape)
    weights = {name: torch.tensor(array) for name, array in found.weights.items()}
    weights["head.weight"] = weights["head.weight"] / config.temperature
    try:
        decoder.load_state_dict(weights)
    except RuntimeError as error:
        raise InputError(
            f"{str(folder)!r} is damaged, its weights have other shapes than its config.json says: "
            "export the folder again, or train it again"
        ) from error
    return SmallDecoderModule(settings, decoder, Vocabulary(config.vocabulary))


@final
class SmallDecoderModule(nn.Module):
    """A decoder with one output, read at the ends of the task's texts.

    Args:
        settings: What it is made of.
        decoder: With one output.
        words: What it reads.
    """

    def __init__(self, settings: SmallDecoder, decoder: Decoder, words: Vocabulary) -> None:
        super().__init__()
        self.settings = settings
        self.decoder = decoder
        self.words = words

    def forward(
        self, tokens: Tensor, positions: Tensor, mask: Tensor, rows: Tensor, places: Tensor
    ) -> Tensor:
        """``[M, 1]`` outputs at the marks; arguments as of ``packing.Batch``."""
        return self.decoder(tokens, positions, mask)[rows, places]

    def encode(self, examples: Sequence[Example]) -> Batch:
        """Texts of an example as one tree, trees filled into rows.

        Raises:
            InputError: A word is not known, or a text is too long.
        """
        trees = [self._tree(example) for example in examples]
        packed: list[Row] = []
        number = 0
        longest = max(tree.size for tree in trees)
        where: list[int] = []  # the row of each tree: the first with room
        room: list[int] = []
        for tree in trees:
            fitting = next((i for i, left in enumerate(room) if left >= tree.size), len(room))
            if fitting == len(room):
                room.append(longest)
                packed.append(Row())
            room[fitting] -= tree.size
            where.append(fitting)
        for tree, row in zip(trees, where, strict=True):
            number = tree.write(packed[row], number)
        batch = collate(packed)
        order = torch.argsort(batch.targets)  # the targets are the numbers of the marks
        inputs = {
            "tokens": batch.tokens,
            "positions": batch.positions,
            "mask": batch.mask,
            "rows": batch.rows[order],
            "places": batch.places[order],
        }
        return Batch(inputs, marks_of(examples), sum(len(row.tokens) for row in packed))

    def _tree(self, example: Example) -> _Tree:
        texts = [
            self._ids(solution, place)
            for solution, places in zip(example.solutions, example.places, strict=True)
            for place in places
        ]
        return _Tree.of(texts)

    def _ids(self, solution: Labelled, place: int) -> tuple[int, ...]:
        task: Task = self.settings.task
        text = task.reward_text(solution.path(place + 1))
        ids = tuple(self.words.encode(text))
        if not 0 < len(ids) <= self.settings.longest:
            raise InputError(
                f"expected texts of 1 to {self.settings.longest} words, got {len(ids)} in "
                f"{text[:200]!r}: raise longest, or leave out such solutions"
            )
        return ids

    def save(self, folder: Folder) -> dict[str, Any]:
        """An engine's folder, in 32 bits: what was trained is what scores."""
        weights = {
            name: tensor.detach().float().cpu().numpy()
            for name, tensor in self.decoder.state_dict().items()
        }
        export(
            weights,
            self.words.words,
            folder,
            name=f"{self.settings.task.name}-trained",
            task=self.settings.task.name,
            heads=self.decoder.shape.heads,
            rope_theta=self.decoder.shape.rope_theta,
            context=self.settings.longest,
            precision=np.float32,
        )
        return {"kind": "embedded", "task": self.settings.task.name}


@dataclass
class _Tree:
    """Texts as a tree of words: what begins alike is there once."""

    ids: list[tuple[int, ...]]
    size: int = 0
    root: dict[int, _Node] = field(default_factory=dict)

    @classmethod
    def of(cls, texts: Iterable[tuple[int, ...]]) -> _Tree:
        """The tree of some texts, each marked at its last word."""
        tree = cls(list(texts))
        for number, ids in enumerate(tree.ids):
            level, node = tree.root, None
            for token in ids:
                if token not in level:
                    level[token] = _Node()
                    tree.size += 1
                node = level[token]
                level = node.children
            assert node is not None  # a text has a word
            node.marks.append(number)
        return tree

    def write(self, row: Row, first: int) -> int:
        """Append the tree to a row, its marks numbered from ``first``; returns the next number."""
        open_ = [(token, node, -1) for token, node in self.root.items()]
        while open_:
            token, node, parent = open_.pop()
            run = [token]
            while len(node.children) == 1 and not node.marks:
                token, node = next(iter(node.children.items()))
                run.append(token)
            segment = row.add(run, parent)
            for mark in node.marks:
                row.label(segment, float(first + mark))
            open_ += [(t, child, segment) for t, child in node.children.items()]
        return first + len(self.ids)


@dataclass
class _Node:
    """A word of a tree: what follows, and the texts that end here."""

    children: dict[int, _Node] = field(default_factory=dict)
    marks: list[int] = field(default_factory=list)
