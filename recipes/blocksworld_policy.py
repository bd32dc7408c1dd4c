"""Train the embedded Blocksworld policy: proposes actions, and answers evaluation prompts.

Data: problems of six blocks only, generated here, so no problem of three, four or five blocks (the
public PlanBench files) is ever seen. States come from noisy walks at every distance from the goal,
near ones more often; some goals name few blocks, which are learned first. For each state the policy
learns a shortest plan to the end (search stops it after one action), the verdict of Tree of
Thoughts (sure, likely, impossible within the steps left) and, for half, whether a given action is
good.

Run:    python recipes/blocksworld_policy.py --minutes 50 --out runs/blocksworld_policy
Time:   50 minutes on one CPU thread.  Expect: see docs/models.md.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from specreward.generate.vocabulary import Vocabulary
from specreward.tasks import blocksworld_text as text
from specreward.tasks.blocks import goal_text, read_goal, read_state
from specreward.train.blocks_graph import BlocksGraph, renamed
from specreward.train.decoder import Decoder, Shape
from specreward.train.loop import Schedule, token_loss, train
from specreward.train.packing import Batch, Row, collate
from specreward.train.recipe import arguments, begin, draws

WORDS = Vocabulary(text.VOCABULARY)
LETTERS = "abcdefgh"
BLOCKS = 6
SHAPE = Shape(
    vocabulary=len(WORDS), outputs=len(WORDS), width=144, layers=4, heads=4, hidden=384, tied=True
)


def trajectory(graph: BlocksGraph, far: NDArray[np.int64], rng: random.Random, n: int) -> list[int]:
    """``n`` states of walks that mostly follow a shortest plan, from random distances."""
    states: list[int] = []
    here = -1
    while len(states) < n:
        if here < 0:
            here = int(
                rng.choice(np.flatnonzero(far == rng.randint(1, rng.randint(1, int(far.max())))))
            )
        states.append(here)
        if far[here] == 0:
            here = -1
            continue
        moves = list(graph.moves[here].values())
        best = [m for m in moves if far[m] < far[here]]
        here = rng.choice(best if rng.random() < 0.75 else moves)
    return states


def shortest(graph: BlocksGraph, far: NDArray[np.int64], here: int, rng: random.Random) -> str:
    """A random shortest plan, each action with its delimiter."""
    written = ""
    while far[here]:
        best = [(a, there) for a, there in graph.moves[here].items() if far[there] < far[here]]
        action, here = rng.choice(best)
        written += f"{action} ; "
    return written


def steps_left(distance: int, rng: random.Random) -> int:
    """A step limit near the distance: half the time just enough, else two to four more or fewer."""
    return max(distance % 2, distance + rng.choice([0, 0, 0, -2, -2, -4, 2]))


def verdict(distance: int, left: int) -> str:
    """What an exact judge says: sure where the goal is near, likely where it is in reach."""
    if distance > left:
        return "impossible"
    return "sure" if left <= 4 else "likely"


def make_row(
    graph: BlocksGraph, rng: random.Random, tokens: int = 220, *, verdicts: bool = True
) -> Row:
    """One goal, as many states as fill the row, and what is to be said of each."""
    goal = graph.random_goal(rng, drop=rng.choice([0.0, 0.2, 0.5, 0.8]))
    far = graph.distances(goal)
    names = graph.renaming(rng, LETTERS)
    goal = read_goal(renamed(goal_text(goal), names))
    row = Row()
    for here in trajectory(graph, far, rng, 16):
        if len(row.tokens) >= tokens:
            break
        state = read_state(renamed(str(graph.states[here]), names))
        body = row.add(WORDS.encode(text.prompt(goal, state)))
        if far[here]:
            row.write(WORDS.encode(renamed(shortest(graph, far, here, rng), names)), body)
        if not verdicts:
            continue
        left = steps_left(int(far[here]), rng)
        limit = row.add(WORDS.encode(f"left {left} ;"), body)
        ask = row.add(WORDS.encode("value :"), limit)
        row.write(WORDS.encode(f"{verdict(int(far[here]), left)} ;"), ask)
        if far[here] and left and rng.random() < 0.5:
            action, there = rng.choice(list(graph.moves[here].items()))
            ask = row.add(WORDS.encode(f"{renamed(action, names)} ; good :"), limit)
            row.write(WORDS.encode("good ;" if far[there] < left else "bad ;"), ask)
    return row


def learn(words: Sequence[str] | None, about: str, shape: Shape, *, verdicts: bool) -> None:
    """Train a decoder of this shape to propose, and with ``verdicts`` to evaluate."""
    parser = arguments(about, minutes=50, steps=40000)
    parser.add_argument("--rows", type=int, default=8)
    args = parser.parse_args(words)
    begin(args)
    graph = BlocksGraph(BLOCKS)

    def batches(step: int) -> Batch:
        rng = draws(args.seed, step)
        return collate([make_row(graph, rng, verdicts=verdicts) for _ in range(args.rows)])

    schedule = Schedule(steps=args.steps, minutes=args.minutes)
    train(Decoder(shape), batches, token_loss, schedule, args.out, every=500)


def main(words: Sequence[str] | None = None) -> None:
    learn(words, __doc__, SHAPE, verdicts=True)


if __name__ == "__main__":
    main()
