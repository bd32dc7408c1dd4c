"""The fixtures of the exact tests, and laws of strategies and of single steps on them."""

import math
from dataclasses import replace
from itertools import combinations_with_replacement

from specreward.search.speculative import OpenGate
from specreward.search.speculative.memory import Line
from specreward.testing.exact import ExactPolicy, ExactReward, ExactTask, law
from specreward.types import Models, Path, Problem, Step, Trace

PROBLEM = Problem("p", "?")

# ------------------------------------------------------------------ one step, four symbols

B = [0.50, 0.25, 0.15, 0.10]
S = [0.20, 0.20, 0.30, 0.30]
R = [0.1, 0.4, 0.7, 1.0]


def one_step(target=B, draft=S, rewards=R, symbols="abcd", same="exact"):
    """Models of one step: target, draft and rewards in the order of the symbols."""
    tables = [{(): dict(zip(symbols, row, strict=True))} for row in (target, draft)]
    return Models(
        task=ExactTask(tables[0]),
        policy=ExactPolicy(tables[0]),
        draft=ExactPolicy(tables[1], symbols=same),
        reward=ExactReward({(s,): r for s, r in zip(symbols, rewards, strict=True)}),
    )


# ------------------------------------------------------------------ toy B: two steps, three symbols

B1, S1 = [0.5, 0.3, 0.2], [0.2, 0.3, 0.5]
B2 = [
    [0.057927, 0.205168, 0.736906],
    [0.785353, 0.122612, 0.092036],
    [0.282521, 0.066701, 0.650777],
]
S2 = [
    [0.829581, 0.097129, 0.073290],
    [0.302049, 0.343424, 0.354527],
    [0.561683, 0.134835, 0.303482],
]
R2 = [
    [0.773277, 0.030346, 0.706965],
    [0.374244, 0.090853, 0.660500],
    [0.931464, 0.207191, 0.630090],
]
V1 = [0.646670, 0.392083, 0.734368]


def normal(row):
    return [value / sum(row) for value in row]


def tilt(row, rewards, beta):
    """The law proportional to p exp(beta r)."""
    return normal([p * math.exp(beta * r) for p, r in zip(row, rewards, strict=True)])


def two_steps(first, second, draft_first, draft_second, values, rewards):
    """Models of two steps over 0, 1, ...: laws, rewards after one step and after two."""
    names = [str(i) for i in range(len(first))]

    def table(one, two):
        laws = {(): one, **{(name,): normal(two[i]) for i, name in enumerate(names)}}
        return {at: dict(zip("012", row, strict=False)) for at, row in laws.items()}

    known = {(name,): values[i] for i, name in enumerate(names)}
    for i, name in enumerate(names):
        known |= {(name, str(j)): r for j, r in enumerate(rewards[i])}
    target = table(first, second)
    return Models(
        task=ExactTask(target),
        policy=ExactPolicy(target),
        draft=ExactPolicy(table(draft_first, draft_second)),
        reward=ExactReward(known),
    )


def toy_b():
    return two_steps(B1, B2, S1, S2, V1, R2)


def tilted_b(beta=3.0):
    """The law of whole sequences of toy B, proportional to B exp(beta R)."""
    cells = [(str(i), str(j)) for i in range(3) for j in range(3)]
    weights = [
        B1[int(i)] * normal(B2[int(i)])[int(j)] * math.exp(beta * R2[int(i)][int(j)])
        for i, j in cells
    ]
    return dict(zip(cells, normal(weights), strict=True))


# ------------------------------------------------------------------ laws


def texts(path):
    return tuple(step.text for step in path.steps)


def law_of(strategy, models, outcome=None):
    """The exact law of a whole search: of its answer's symbols, or of what ``outcome`` gives."""

    async def program():
        mine = replace(models, trace=Trace())
        result = await strategy(PROBLEM, mine)
        return texts(result.best.path) if outcome is None else outcome(result)

    return law(program)


def row_of(strategy, models, symbols="abcd"):
    """The law of a search of one step, in the order of the symbols."""
    found = law_of(strategy, models)
    return [found.get((s,), 0.0) for s in symbols]


def step_law(parts, models, before=(), reward=None):
    """The exact law of one step of an engine after some symbols whose last had this reward.

    The draft's pool and the target's are independent, so that they are played apart, which keeps
    the ways few: (symbol by the draft) + (chance of the target's turn) * (symbol by the target).
    """
    single = replace(parts, draft=None, gate=OpenGate())
    if parts.draft is None or not parts.gate.draft_writes(reward):
        return {name: p for (name, _), p in _written(single, models, before, reward).items()}
    short = replace(parts, target=replace(parts.target, n=1, weight=None))
    halves = _written(short, models, before, reward)
    rest = sum([p for (_, by_draft), p in halves.items() if not by_draft])
    found = {name: p for (name, by_draft), p in halves.items() if by_draft}
    if rest > 0:
        for (name, _), p in _written(single, models, before, reward).items():
            found[name] = found.get(name, 0.0) + rest * p
    return found


def _written(parts, models, before, reward):
    async def program():
        path = Path(PROBLEM, tuple([Step(text) for text in before]))
        mine = replace(models, trace=Trace())
        written = await parts.write(Line(path, 0, reward), mine)
        by_draft = mine.trace.counts.get("steps by draft", 0)
        return written.line.path.steps[-1].text, by_draft

    return law(program)


def step_row(parts, models, symbols="abcd"):
    """``step_law`` at the root, in the order of the symbols."""
    found = step_law(parts, models)
    return [found.get(s, 0.0) for s in symbols]


def chain_law(parts, models, values=V1):
    """The law of two steps put together from those of single ones."""
    first = step_law(parts, models)
    found = {}
    for i, p in first.items():
        for j, q in step_law(parts, models, (i,), values[int(i)]).items():
            found[i, j] = p * q
    return found


def pool_law(n, draws, weights):
    """The law of one of n draws taken in proportion to its weight, from the formula itself."""
    found = [0.0] * len(draws)
    for drawn in combinations_with_replacement(range(len(draws)), n):
        counts = [drawn.count(k) for k in range(len(draws))]
        ways = math.factorial(n) / math.prod([math.factorial(c) for c in counts])
        chance = ways * math.prod([p**c for p, c in zip(draws, counts, strict=True)])
        total = sum([c * w for c, w in zip(counts, weights, strict=True)])
        for k, (c, w) in enumerate(zip(counts, weights, strict=True)):
            found[k] += chance * c * w / total
    return found


def distance(one, other):
    """Total variation of two rows."""
    return 0.5 * sum([abs(a - b) for a, b in zip(one, other, strict=True)])


def kl(one, other):
    return sum([p * math.log(p / q) for p, q in zip(one, other, strict=True) if p])
