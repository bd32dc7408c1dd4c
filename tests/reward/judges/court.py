"""A question with some solutions, and a judge wired as in a search."""

from specreward.assemble import Engines, wire
from specreward.ledger import Ledger
from specreward.testing import ScriptedLanguageModel, ToyTask
from specreward.types import Path, Problem, Step

PROBLEM = Problem("p", "What is 2 + 2?")
QUALITY = {"2 + 2 = 4": 1.0, "2 + 2 = 5": 0.0, "It is even": 0.75, "Who knows": 0.25}


def path(*texts, problem=PROBLEM):
    return Path(problem, tuple(Step(text) for text in texts))


GOOD, BAD, FAIR, POOR = map(path, QUALITY)


def wired(reward):
    """The reward model with its engines metered."""
    policy = ScriptedLanguageModel({})
    return wire(ToyTask(), Engines(policy=policy, reward=reward)).reward


async def scores(reward, paths):
    """Scores, and what they cost by role and phase."""
    with Ledger().active() as ledger:
        return await wired(reward).score(paths), ledger.usage
