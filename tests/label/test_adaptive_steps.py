"""AdaptiveStep: cuts are where the language model is least sure, and nowhere else."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from specreward.engines import ChatPrompt, Message
from specreward.errors import EngineError, InputError
from specreward.generate.policy import TaskPolicy
from specreward.label import AdaptiveSteps
from specreward.label.splitting import Written
from specreward.testing import RunningSum, ToyPolicy, ToyTask
from specreward.types import Models, Path, Problem, Scored

PROBLEM = Problem("p", "1 + 2")
WORDS = ["so", "then", "we", "add", "the", "two", "and", "get", "a", "sum"]


@dataclass(frozen=True)
class Unsure:
    """Sure of every word but those that are planted; knows what it was asked."""

    planted: Sequence[str] = ("maybe", "perhaps")
    lacking: int = 0
    asked: list = field(default_factory=list)
    name: str = "unsure"
    parameters: int = 0

    async def complete(self, prompts, seeds, sampling):
        raise EngineError("not asked for")

    async def logprobs(self, texts):
        self.asked.extend(texts)
        rows = []
        for prompt, word in texts:
            before = len(prompt.split())
            p = 0.05 if word.strip() in self.planted else 0.5 + before % 7 / 20
            rows.append(Scored(math.log(p), before + 1))
        return rows[self.lacking :]


@dataclass(frozen=True)
class ChatTask:
    """A task whose prompt is a conversation."""

    last: str = "assistant"

    def prompt(self, path):
        own = [Message("assistant", "Answer:")] if self.last == "assistant" else []
        return ChatPrompt([Message("user", path.problem.question), *own])


def written(text, *, whole=True):
    return Written(problem=PROBLEM, steps=(text,), whole=whole, where="file:1")


def split(splitter, *solutions, engine=None, task=None):
    task = task or RunningSum()
    lm = engine or Unsure()
    models = Models(task=task, policy=TaskPolicy(lm, task=task))
    return asyncio.run(splitter(solutions, models))


def planted(lengths):
    """A text with a planted word after so many others, again and again, and its steps."""
    steps, at = [], 0
    for place, length in enumerate(lengths):
        words = [WORDS[(at + i) % len(WORDS)] for i in range(length)]
        at += length
        steps.append(
            " ".join([*(["maybe", "perhaps"][place % 2 : place % 2 + 1] if place else []), *words])
        )
    return " ".join(steps), tuple(steps)


def test_the_words_that_were_planted_are_exactly_the_cuts():
    one, two = planted([60, 30, 58]), planted([40, 60])
    words = sum(len(text.split()) for text, _ in (one, two))
    assert split(AdaptiveSteps(3 / words), written(one[0]), written(two[0])) == [one[1], two[1]]


def test_the_threshold_is_a_quantile_over_all_solutions():
    sure, unsure = planted([100])[0], planted([24] * 4)[0]
    [whole, parts] = split(AdaptiveSteps(), written(sure), written(unsure))
    assert len(whole) == 1
    assert len(parts) == 4  # 3 of 199 words are planted, and 2% are 3
    assert len(split(AdaptiveSteps(), written(unsure))[0]) == 1  # 2% of 99 words is one: all tie


@pytest.mark.parametrize(("share", "steps"), [(0.0, 1), (1.0, 40)])
def test_all_and_nothing(share, steps):
    [found] = split(AdaptiveSteps(share), written(planted([40])[0]))
    assert len(found) == steps


def test_a_larger_share_cuts_more():
    text = planted([50, 50])[0]
    counts = [len(split(AdaptiveSteps(share), written(text))[0]) for share in (0.0, 0.05, 0.3, 0.9)]
    assert counts == sorted(set(counts))


def test_texts_keep_all_their_words_and_steps_have_no_space_around():
    text = "so then\n\nmaybe we add\nthe  two"
    [found] = split(AdaptiveSteps(1 / 7), written(f"  {text}\n"))
    assert found == ("so then", "maybe we add\nthe  two")


def test_each_word_is_scored_after_the_question_and_the_words_before():
    engine = Unsure()
    split(AdaptiveSteps(), written("so then we"), engine=engine)
    start = RunningSum().prompt(Path(PROBLEM))
    assert engine.asked == [(start, " so"), (f"{start} so", " then"), (f"{start} so then", " we")]


def test_of_the_white_space_only_a_last_blank_is_scored_with_the_word():
    engine = Unsure()
    split(AdaptiveSteps(), written("so.\n\nThen\t we  add"), engine=engine)
    start = f"{RunningSum().prompt(Path(PROBLEM))} so."
    assert engine.asked[1:] == [
        (f"{start}\n\n", "Then"),
        (f"{start}\n\nThen\t", " we"),
        (f"{start}\n\nThen\t we ", " add"),
    ]


@pytest.mark.parametrize("last", ["assistant", "user"])
def test_in_a_conversation_the_words_before_are_the_assistants(last):
    engine = Unsure()
    split(AdaptiveSteps(), written("so then we"), engine=engine, task=ChatTask(last=last))
    prompt, word = engine.asked[-1]
    assert word == " we"
    own = "Answer: so then" if last == "assistant" else "so then"
    assert prompt.messages == (Message("user", "1 + 2"), Message("assistant", own))


def test_solutions_in_steps_keep_them_and_cost_nothing():
    engine = Unsure()
    steps = Written(problem=PROBLEM, steps=("so then", "maybe we"))
    assert split(AdaptiveSteps(0.9), steps, engine=engine) == [("so then", "maybe we")]
    assert engine.asked == []
    models = Models(task=ToyTask(), policy=ToyPolicy(task=ToyTask()))
    assert asyncio.run(AdaptiveSteps()([steps], models)) == [("so then", "maybe we")]


def test_what_is_lacking_is_said():
    models = Models(task=ToyTask(), policy=ToyPolicy(task=ToyTask()))
    with pytest.raises(InputError, match="expected a policy that is a language model"):
        asyncio.run(AdaptiveSteps()([written("so then")], models))
    with pytest.raises(InputError, match=r"file:1: expected a solution with some text"):
        split(AdaptiveSteps(), written(" \n "))
    with pytest.raises(EngineError, match="unsure: expected 2 log-probabilities"):
        split(AdaptiveSteps(), written("so then"), engine=Unsure(lacking=1))
    with pytest.raises(InputError, match="adaptive_steps share"):
        AdaptiveSteps(share=1.5)
