"""AdaptiveStep: a new step begins where the policy was least sure of the next word.

Y. Liu, J. Lu, Z. Chen, C. Qu, J. K. Liu, C. Liu, Z. Cai, Y. Xia, L. Zhao, J. Bian, C. Zhang,
W. Shen, Z. Lin (2025), "AdaptiveStep: Automatically Dividing Reasoning Step through Model
Confidence", arXiv 2502.13943.

    confidence(w) = log P(w | question, the words before), for each word of all solutions
    threshold     = the ``share`` quantile of all of them: so many of the words are below
    cut before each word whose confidence is below the threshold

Differs from the paper: the unit is a word with the white space before it, whose confidence is the
product over its tokens, as a solution comes as a text and no engine is asked how it cuts one; the
paper's unit is a token, and its confidences are those the solutions were sampled with. Of the white
space a last blank is scored with the word and the rest is given, as models cut texts there. Each
word is one scored continuation: an engine that keeps the prefixes it has read computes it once.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, final

from specreward.checks import number
from specreward.engines import ChatPrompt, LanguageModel, Message
from specreward.errors import EngineError, InputError
from specreward.generate.policy import TaskPolicy
from specreward.label.splitting import Written
from specreward.types import Models, Path

__all__ = ["AdaptiveSteps"]

_WORD = re.compile(r"\s*\S+")
_PARTS = re.compile(r"(\s*?)( ?\S+)")


@final
@dataclass(frozen=True, kw_only=True)
class AdaptiveSteps:
    """Cuts texts in one piece before the words that the policy was least sure of.

    Solutions that come in steps keep them. The threshold is one for all texts of a call: with more
    of them it is steadier.

    Args:
        share: Of all words, how many begin a step, in [0, 1].

    Raises:
        InputError: The share is out of its range.
    """

    share: float = field(default=0.02, kw_only=False)

    __cite__: ClassVar[str] = """@inproceedings{liu2025adaptivestep,
  title = {{AdaptiveStep}: Automatically Dividing Reasoning Step through Model Confidence},
  author = {Liu, Yuliang and Lu, Junjie and Qu, Chaofeng and Chen, Zhaoling and Cai, Zefan and
            Liu, Jason Klein and Liu, Chonghan and Xia, Yunhui and Zhao, Li and Bian, Jiang and
            Zhang, Chuheng and Shen, Wei and Lin, Zhouhan},
  booktitle = {International Conference on Machine Learning},
  year = {2025},
  note = {arXiv:2502.13943}
}"""

    def __post_init__(self) -> None:
        number("adaptive_steps share", self.share, 0, 1)

    async def __call__(self, solutions: Sequence[Written], models: Models) -> list[tuple[str, ...]]:
        """The steps of each solution, ``[S]``.

        Raises:
            InputError: The policy is no language model on a task, or a text is empty.
            EngineError: The engine gives no log-probabilities of given texts.
        """
        texts = [one for one in solutions if one.whole]
        words = {id(one): _words(one) for one in texts}
        engine = _engine(models) if texts else None
        sure = {}
        if engine is not None:
            rows = await asyncio.gather(
                *[_confidences(one, words[id(one)], engine, models) for one in texts]
            )
            sure = dict(zip(words, rows, strict=True))
        threshold = _quantile([value for row in sure.values() for value in row], self.share)
        return [
            _cut(words[id(one)], sure[id(one)], threshold) if one.whole else one.steps
            for one in solutions
        ]


def _engine(models: Models) -> LanguageModel:
    if not isinstance(models.policy, TaskPolicy):
        raise InputError(
            "adaptive_steps: expected a policy that is a language model, to ask how likely it "
            f"writes a text, got {models.policy!r}: cut by_delimiter(...) instead"
        )
    return models.policy.lm


def _words(one: Written) -> list[str]:
    """Each word with the white space before it."""
    found: list[str] = _WORD.findall(" ".join(one.steps))
    if not found:
        raise InputError(
            f"{one.where or one.problem.id}: expected a solution with some text in it, got "
            f"{one.steps!r}"
        )
    return found


async def _confidences(
    one: Written, words: Sequence[str], engine: LanguageModel, models: Models
) -> list[float]:
    """Log-probability of each word, ``[W]``."""
    prompt = models.task.prompt(Path(one.problem))
    first = words[0].strip() if not prompt or prompt[-1].isspace() else f" {words[0].strip()}"
    asked, before = [], ""
    for piece in [first, *words[1:]]:
        [(gap, word)] = _PARTS.findall(piece)
        asked.append((_begun(prompt, before + gap), word))
        before += piece
    found = [scored.value for scored in await engine.logprobs(asked)]
    if len(found) != len(asked) or any(math.isnan(value) for value in found):
        raise EngineError(
            f"{engine.name}: expected {len(asked)} log-probabilities, one of each word of "
            f"{one.where or one.problem.id}, got {found!r:.80}"
        )
    return found


def _begun(prompt: str, text: str) -> str:
    """The prompt with the words before; in a conversation the assistant said them."""
    if not text or not isinstance(prompt, ChatPrompt):
        return prompt + text if text else prompt
    *before, last = prompt.messages
    if last.role == "assistant":
        return ChatPrompt([*before, Message("assistant", last.text + text)])
    return ChatPrompt([*prompt.messages, Message("assistant", text.lstrip())])


def _quantile(values: Sequence[float], share: float) -> float:
    """The value that this share of all are below."""
    ordered = [*sorted(values), math.inf]
    return ordered[math.floor(share * len(values) + 1e-9)]  # 0.29 * 100 is below 29


def _cut(words: Sequence[str], sure: Sequence[float], threshold: float) -> tuple[str, ...]:
    steps = [words[0]]
    for word, value in zip(words[1:], sure[1:], strict=True):
        if value < threshold:
            steps.append(word)
        else:
            steps[-1] += word
    return tuple([step.strip() for step in steps])
