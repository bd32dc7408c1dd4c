"""Train the embedded arithmetic policy: proposes steps, and answers evaluation prompts.

Data: word problems of the train split, so no problem of the splits ``tune`` and ``test`` is ever
seen, not even in other words. Every problem is one row: its steps follow one another, and at each
of them hang a question and a wrong step with what an exact judge says of them. A curriculum opens
one more step at a time, with small numbers first, and keeps the shorter problems in.

Run:    python recipes/arithmetic_policy.py --minutes 50 --out runs/arithmetic_policy
Time:   50 minutes on one CPU thread.  Expect: see docs/models.md.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from specreward.generate.vocabulary import Vocabulary
from specreward.tasks import arithmetic_text as text
from specreward.tasks.arithmetic import Arithmetic
from specreward.train.decoder import Decoder, Shape
from specreward.train.loop import Schedule, token_loss, train
from specreward.train.packing import Batch, Row, collate
from specreward.train.recipe import arguments, begin, draws
from specreward.types import Path, Problem, Step

WORDS = Vocabulary(text.VOCABULARY)
SHAPE = Shape(vocabulary=len(WORDS), outputs=len(WORDS), layers=5, hidden=448)
MOST_STEPS = 8


def stage(done: float, rng: random.Random) -> Arithmetic:
    """The problems at a share of the curriculum: one or two steps, then more, half the longest."""
    most = min(MOST_STEPS, 2 + int(done * (MOST_STEPS - 1)))
    steps = most if done < 1 and rng.random() < 0.5 else rng.randint(1, most)
    return Arithmetic(steps=(steps, steps), largest=99 if done < 0.3 else 199)


def spoiled(written: str, question: str, rng: random.Random) -> str:
    """A step with one mistake of a kind that small models make."""
    left, right, result, _ = [match.span() for match in re.finditer(r"\d+", written)][-4:]
    if rng.random() < 0.4:  # another number of the problem in place of an operand
        start, end = rng.choice([left, right])
        others = [n for n in re.findall(r"\d+", question) if n != written[start:end]]
        return written[:start] + rng.choice(others or ["1"]) + written[end:]
    if rng.random() < 0.5:  # a slip in the result
        true = int(written[slice(*result)])
        near = max(0, true + rng.choice([-10, -2, -1, 1, 2, 10]))
        return written[: result[0]] + f"{near}. The answer is {near}."
    if written.startswith(text.LAST):  # too late an end, or too early a one
        return written.removeprefix(f"{text.LAST} ")
    return f"{text.LAST} {written}"


def verdict(path: Path, gold: int, task: Arithmetic) -> str:
    """What an exact judge says: impossible after a mistake, else sure near the end, or likely."""
    for depth in range(1, path.depth + 1):
        if not task.is_right_step(Path(path.problem, path.steps[:depth])):
            return "impossible"
    return "sure" if gold - path.depth <= 2 else "likely"


def make_row(problem: Problem, task: Arithmetic, rng: random.Random) -> Row:
    """One problem, its steps in a chain, and judgements of right and wrong steps on the way."""
    row = Row()
    trunk = row.add(WORDS.encode(f"{problem.question} ;"))
    path = Path(problem)
    gold = task.gold_steps(problem)
    for written in gold:
        if rng.random() < 0.6:
            _judge(row, trunk, path.then(Step(spoiled(written, problem.question, rng))), gold, task)
        trunk = row.write(WORDS.encode(f"{written} ;"), trunk)
        path = path.then(Step(written))
        if rng.random() < 0.6:
            _ask(row, trunk, path, gold, task)
    return row


def _judge(row: Row, trunk: int, path: Path, gold: list[str], task: Arithmetic) -> None:
    """A step that is read, not learned, and what is to be said of it."""
    _ask(row, row.add(WORDS.encode(f"{path.steps[-1].text} ;"), trunk), path, gold, task)


def _ask(row: Row, at: int, path: Path, gold: list[str], task: Arithmetic) -> None:
    said = "good" if task.is_right_step(path) else "bad"
    row.write(WORDS.encode(f"{said} ;"), row.add(WORDS.encode("good :"), at))
    said = verdict(path, len(gold), task)
    row.write(WORDS.encode(f"{said} ;"), row.add(WORDS.encode("value :"), at))


def main(words: Sequence[str] | None = None) -> None:
    parser = arguments(__doc__, minutes=50, steps=20000)
    parser.add_argument("--rows", type=int, default=16)
    parser.add_argument("--curriculum", type=int, default=2500, help="steps to reach all lengths")
    args = parser.parse_args(words)
    begin(args)

    def batches(step: int) -> Batch:
        rng = draws(args.seed, step)
        task = stage(step / args.curriculum, rng)
        problems = task.generate(args.rows, "train", rng.getrandbits(60))
        return collate([make_row(problem, task, rng) for problem in problems])

    schedule = Schedule(steps=args.steps, minutes=args.minutes)
    train(Decoder(SHAPE), batches, token_loss, schedule, args.out)


if __name__ == "__main__":
    main()
