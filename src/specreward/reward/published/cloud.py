"""CLoud: a reward model that writes a critique before it gives its number.

    user: question      assistant: answer      user: The following is a break down ...
    critique_k ~ the model, until <|eot_id|>                            k = 1 .. critiques
    reward_k = w_2 tanh(W_1 h + b_1) + b_2, h the hidden state at the <|eot_id|> behind critique_k
    score = sigmoid(mean_k reward_k / scale)

Z. Ankner et al. (2024), "Critique-out-Loud Reward Models", arXiv 2408.11791. Template, head, greedy
critiques and repetition penalty as in the authors' code (``zankner/CLoud``); the mean over several
sampled critiques is the paper's self-consistency. Checkpoints trained without critiques
(``feedback_method: vanilla``) are read at the end of the answer.

Differs from the code: there, a critique that is not finished within ``max_tokens`` is scored as it
is; here it is a ``RewardError``. The reward is a Bradley-Terry number; the sigmoid keeps its order.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from specreward.checks import number, positive, whole
from specreward.errors import InputError, RewardError
from specreward.generate.hf.weights import AutoClass, Weights
from specreward.reward.aggregate import Aggregate, Last
from specreward.reward.published.cloud_model import register, write
from specreward.reward.published.heads import single_token
from specreward.reward.published.local import LocalReward, Opened, check_fits
from specreward.reward.published.template import Encoded, Piece, Turn, chat, clean_steps, encode
from specreward.reward.solutions import Graded, Solution
from specreward.seeds import derive

if TYPE_CHECKING:
    from torch import Tensor

    from specreward.generate.hf.readers import Reader

__all__ = ["CLoud"]

ASK = (
    "The following is a break down on the correctness and usefulness of the assistant's response "
    "to my question: "
)
END = "<|eot_id|>"
PENALTY = 1.01


@final
@dataclass(frozen=True, kw_only=True)
class CLoud(LocalReward):
    """Scores a solution after a critique of it.

    Args:
        model: A folder, or a name on the hub with ``@revision`` where it matters.
        device: As torch names it; ``auto`` is the first accelerator, or else the processor.
        dtype: As torch names it; ``auto`` is the checkpoint's own.
        quantisation: Settings of a quantisation of transformers; none loads the weights as they
            are.
        trust_remote_code: Whether Python files that come with the checkpoint may run; not needed.
        cache_tokens: Tokens of read prefixes that are remembered.
        batch_tokens: Most tokens in one pass.
        scale: What the reward is divided by before the sigmoid, above 0.
        critiques: How many are written, at least 1; several need a temperature.
        temperature: Of the critiques, at least 0; 0 is greedy.
        max_tokens: Most tokens of a critique, at least 1.
        seed: Root of the draws of the critiques.

    Raises:
        InputError: A setting is out of range.
    """

    scale: float = 1.0
    critiques: int = 1
    temperature: float = 0.0
    max_tokens: int = 1024
    seed: int = 0

    __cite__: ClassVar[str] = """@article{ankner2024critique,
  title = {Critique-out-Loud Reward Models},
  author = {Ankner, Zachary and Paul, Mansheej and Cui, Brandon and Chang, Jonathan D. and
            Ammanabrolu, Prithviraj},
  journal = {arXiv preprint arXiv:2408.11791},
  year = {2024}
}"""

    def __post_init__(self) -> None:
        super().__post_init__()
        positive("scale", self.scale)
        whole("critiques", self.critiques, 1)
        number("temperature", self.temperature, 0.0)
        whole("max_tokens", self.max_tokens, 1)
        whole("seed", self.seed, 0)
        if self.critiques > 1 and self.temperature == 0:
            raise InputError(
                f"critiques: expected 1 at temperature 0, where all are the same, got "
                f"{self.critiques}: set a temperature above 0"
            )

    @property
    def per_step(self) -> bool:
        """One number for the whole."""
        return False

    @property
    def combine(self) -> Aggregate:
        """Not used: there is one number."""
        return Last()

    @property
    def most_tokens(self) -> int:
        """Tokens of the critiques."""
        return self.critiques * self.max_tokens

    @classmethod
    def _kind(cls) -> AutoClass:
        register()
        return cls.KIND

    @classmethod
    def _reader(cls, weights: Weights, cache_tokens: int, batch_tokens: int) -> Reader:
        from specreward.generate.hf.readers import DecoderReader  # needs torch

        return DecoderReader(
            weights.model.reward_base_model.base_model,
            cache_tokens=cache_tokens,
            batch_tokens=batch_tokens,
        )

    @classmethod
    def _head(cls, weights: Weights) -> Callable[[Tensor], Tensor]:
        return lambda hidden: weights.model.reward_head(hidden.to(weights.model.dtype)).float()

    def _encode(self, weights: Weights, solution: Solution) -> Encoded:
        ids = encode(weights.tokenizer, self._asked(weights, solution)).ids
        return Encoded(ids, (len(ids) - 1,))

    def _value(self, logits: Tensor) -> Tensor:
        return (logits[:, 0] / self.scale).sigmoid()

    def _asked(self, weights: Weights, solution: Solution) -> list[Piece]:
        """What the model writes a critique after, or is read after where it writes none."""
        tokenizer = weights.tokenizer
        answer = "\n\n".join(clean_steps(solution, None, weights.name))
        turns = [Turn("user", (Piece(solution.question),)), Turn("assistant", (Piece(answer),))]
        pieces = chat(tokenizer, turns)
        if not _writes(weights):
            return pieces
        ask = "".join(
            [one.text for one in chat(tokenizer, [Turn("user", (Piece(ASK, fixed=True),))])]
        )
        for mark in (tokenizer.bos_token, tokenizer.eos_token, END):
            ask = ask.replace(mark, "") if mark else ask
        return [*pieces, Piece(ask, fixed=True)]

    def _grade(self, opened: Opened, solutions: Sequence[Solution]) -> list[Graded]:
        if not _writes(opened.weights):
            return super()._grade(opened, solutions)
        return [self._judge(opened, solution) for solution in solutions]

    def _judge(self, opened: Opened, solution: Solution) -> Graded:
        """Critiques of one solution, and the numbers after them."""
        begun = time.perf_counter()
        weights = opened.weights
        end = single_token(weights, END, "CLoud")
        asked = self._asked(weights, solution)
        prompt = encode(weights.tokenizer, asked).ids
        check_fits(weights, len(prompt) + 2)  # a token of the critique and its end
        room = self.max_tokens if weights.context is None else weights.context - len(prompt) - 1
        stops = {end, weights.tokenizer.eos_token_id}
        seeds = [
            derive(self.seed, solution.question, *solution.steps, index)
            for index in range(self.critiques)
        ]
        written = write(
            weights.model.reward_base_model,
            prompt,
            stops=stops,
            most=min(self.max_tokens, room),
            temperature=self.temperature,
            penalty=PENALTY,
            seeds=seeds,
        )
        rows = []
        for ids in written:
            if ids[-1] not in stops:
                raise RewardError(
                    f"{weights.name}: expected a critique of at most {len(ids)} tokens, got one "
                    "that is not finished: raise max_tokens, or shorten the steps"
                )
            text = weights.tokenizer.decode(ids[:-1]).strip()
            said = [*asked, Piece(text, fixed=True), Piece(END, fixed=True, read=0, token=end)]
            rows.append(encode(weights.tokenizer, said))
        readings = opened.reader.read([one.ids for one in rows], [one.at for one in rows])
        logits = [opened.head(one.hidden) for one in readings]
        value = self._value(sum(logits) / len(logits))
        return Graded(
            (value.item(),),
            len(prompt) + sum(one.tokens for one in readings),
            sum(one.cached for one in readings),
            sum(map(len, written)),
            time.perf_counter() - begun,
        )


def _writes(weights: Weights) -> bool:
    """Whether the checkpoint was trained to write critiques."""
    return bool(weights.model.config.feedback_method == "teacher")
