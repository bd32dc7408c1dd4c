"""Train the embedded Game of 24 policy: proposes steps, and answers evaluation prompts.

Data: generated problems that are in no Game of 24 file by construction: four numbers from 1 to 13
with a target other than 24, or target 24 with at least one number above 13, or three numbers. The
policy learns a winning step for each solvable state, the verdict of Tree of Thoughts (a few trials
written out, then sure, likely or impossible), and whether a given step is good.

Run:    python recipes/game24_policy.py --minutes 50 --out runs/game24_policy
Time:   50 minutes on one CPU thread.  Expect: see docs/models.md.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from fractions import Fraction

from specreward.generate.vocabulary import Vocabulary
from specreward.tasks import game24_text as text
from specreward.tasks.countdown import Numbers, canonical_numbers, moves, solvable
from specreward.train.decoder import Decoder, Shape
from specreward.train.loop import Schedule, token_loss, train
from specreward.train.packing import Batch, Row, collate
from specreward.train.recipe import arguments, begin, draws

WORDS = Vocabulary(text.VOCABULARY)
SHAPE = Shape(vocabulary=len(WORDS), outputs=len(WORDS), layers=5, hidden=448)
Move = tuple[Fraction, str, Fraction, Fraction, Numbers]


def speakable(move: Move) -> bool:
    """Whether the models have words for a step's result."""
    result = move[3]
    return result.denominator == 1 and 0 <= result <= text.LARGEST


def random_target(rng: random.Random) -> Fraction:
    """24 two times in three, else another from 10 to 40."""
    other = rng.choice([t for t in range(10, 41) if t != 24])
    return Fraction(24 if rng.random() < 0.65 else other)


def random_numbers(target: Fraction, rng: random.Random) -> Numbers:
    """Numbers that, with this target, stand in no Game of 24 file."""
    if target != 24:
        return canonical_numbers([rng.randint(1, 13) for _ in range(4)])
    if rng.random() < 0.6:
        return canonical_numbers([rng.randint(14, 24), *[rng.randint(1, 13) for _ in range(3)]])
    top = rng.choice([13, 13, 26, 60])
    return canonical_numbers([rng.randint(1, top) for _ in range(3)])


def walk(target: Fraction, numbers: Numbers, rng: random.Random) -> list[Numbers]:
    """The states of a walk to one number: mostly winning steps where there are any."""
    states = [numbers]
    while len(states[-1]) > 1:
        steps = [m for m in moves(states[-1]) if speakable(m)]
        best = [m for m in steps if solvable(m[4], target)]
        states.append(rng.choice(best if best and rng.random() < 0.6 else steps)[4])
    return states


def trial(target: Fraction, numbers: Numbers, win: bool, rng: random.Random) -> str:
    """One way to the last number, written out; a winning one if asked and possible."""
    written = []
    while len(numbers) > 1:
        steps = [m for m in moves(numbers) if speakable(m)]
        best = [m for m in steps if solvable(m[4], target)] if win else []
        a, operator, b, result, numbers = rng.choice(best or steps)
        written.append(f"{a} {operator} {b} = {result}")
    return " , ".join(written) + " ."


def verdict(target: Fraction, numbers: Numbers, rng: random.Random) -> str:
    """What an honest judge writes: trials until one succeeds, or a guess after three."""
    if len(numbers) == 1:
        return "sure" if numbers[0] == target else "impossible"
    can = solvable(numbers, target)
    trials: list[str] = []
    for _ in range(6):
        tried = trial(target, numbers, can and rng.random() < 0.7, rng)
        if tried not in trials:
            trials.append(tried)
        if tried.endswith(f"= {target} ."):
            return " ".join([*trials, "sure"])
        if len(trials) == 3:
            break
    return " ".join([*trials, "likely" if can else "impossible"])


def make_row(rng: random.Random, roots: int = 3, *, verdicts: bool = True) -> Row:
    """One target, the states of several walks, and what is to be said of each."""
    target = random_target(rng)
    row = Row()
    head = row.add(WORDS.encode(f"target {target} ;"))
    for _ in range(roots):
        for state in walk(target, random_numbers(target, rng), rng):
            steps = [m for m in moves(state) if speakable(m)]
            best = [m for m in steps if solvable(m[4], target)]
            body = row.add(WORDS.encode(f"{text.numbers_text(state)} ;"), head)
            if best:
                row.write(WORDS.encode(f"{text.step(*rng.choice(best))} ;"), body)
            if verdicts:
                _evaluate(row, body, target, state, rng)
    return row


def _evaluate(row: Row, body: int, target: Fraction, state: Numbers, rng: random.Random) -> None:
    steps = [m for m in moves(state) if speakable(m)]
    best = [m for m in steps if solvable(m[4], target)]
    if len(state) < 4 and rng.random() < 0.7:
        ask = row.add(WORDS.encode("value :"), body)
        row.write(WORDS.encode(f"{verdict(target, state, rng)} ;"), ask)
    if steps and rng.random() < 0.4:
        move = rng.choice(best if best and rng.random() < 0.4 else steps)
        ask = row.add(WORDS.encode(f"{text.step(*move)} ; good :"), body)
        row.write(WORDS.encode("good ;" if solvable(move[4], target) else "bad ;"), ask)


def learn(words: Sequence[str] | None, about: str, shape: Shape, *, verdicts: bool) -> None:
    """Train a decoder of this shape to propose, and with ``verdicts`` to evaluate."""
    parser = arguments(about, minutes=50, steps=40000)
    parser.add_argument("--rows", type=int, default=6)
    args = parser.parse_args(words)
    begin(args)

    def batches(step: int) -> Batch:
        rng = draws(args.seed, step)
        rows = [make_row(rng, verdicts=verdicts) for _ in range(args.rows)]
        while not any(row.targets for row in rows):  # nothing to learn where none can be won
            rows.append(make_row(rng, verdicts=verdicts))
        return collate(rows)

    schedule = Schedule(steps=args.steps, rate=1.5e-3, minutes=args.minutes)
    train(Decoder(shape), batches, token_loss, schedule, args.out, every=400)


def main(words: Sequence[str] | None = None) -> None:
    learn(words, __doc__, SHAPE, verdicts=True)


if __name__ == "__main__":
    main()
