"""Train the embedded Game of 24 reward model: can what a step leaves still make the target?

Data: steps labelled exactly. Six in ten come from rollouts of the policy on training problems, the
rest from walks with good and bad steps of a state labelled. No problem is in a Game of 24 file (see
game24_policy.py). Calibrated (temperature) and measured on rollouts on further problems of the
training kind, so that no set of the Game of 24 itself served for anything before it is reported.

Run:    python recipes/game24_srm.py --policy FOLDER --out runs/game24_srm
Time:   rollouts 3 minutes, training 20 minutes on one CPU thread.  Expect: see docs/models.md.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path as File

from game24_policy import WORDS, random_numbers, random_target, speakable, walk

from specreward.generate.embedded import EmbeddedLanguageModel
from specreward.generate.policy import TaskPolicy
from specreward.tasks import game24_text as text
from specreward.tasks.countdown import Numbers, moves, solvable
from specreward.tasks.game24 import Game24, state_of
from specreward.train.calibration import write_calibration
from specreward.train.decoder import Decoder, Shape
from specreward.train.loop import Schedule, binary_loss, train
from specreward.train.packing import Batch
from specreward.train.recipe import arguments, begin, draws
from specreward.train.rollouts import Labelled, batch_of, collect, drawn_once, logits_of, quality_of
from specreward.types import Path

SHAPE = Shape(vocabulary=len(WORDS), outputs=1, width=96, layers=4, heads=4, hidden=208)


def still_solvable(path: Path) -> float:
    """1 where the numbers left can make the target."""
    target, numbers = state_of(path)
    return float(solvable(numbers, target))


def rollouts(policy: File, first: int, problems: int, seed: int) -> list[Labelled]:
    """Labelled steps of the policy's rollouts, on problems from the ``first`` one on."""
    task = Game24()
    lm = EmbeddedLanguageModel.load(policy, threads=1)
    starts = task.generate(first + problems, "train", seed)[first:]
    return collect(task, TaskPolicy(lm, task=task, seed=seed), starts, 12, still_solvable)


def labelled(target: Fraction, numbers: Numbers, rng: random.Random, most: int = 10) -> Labelled:
    """Steps from a state, half of them good where there are good ones."""
    steps = [m for m in moves(numbers) if speakable(m)]
    good = [m for m in steps if solvable(m[4], target)]
    bad = [m for m in steps if not solvable(m[4], target)]
    some = rng.sample(good, min(len(good), most // 2))
    some += rng.sample(bad, min(len(bad), most - len(some)))
    return Labelled(
        f"{text.prompt(target, numbers)} ",
        tuple((f"{text.step(*m)} ;", float(m in good)) for m in some),
    )


def main(words: Sequence[str] | None = None) -> None:
    parser = arguments(__doc__, minutes=20, steps=40000)
    parser.add_argument("--policy", type=File, required=True, help="folder of the exported policy")
    parser.add_argument("--problems", type=int, default=4000, help="to draw rollouts on")
    parser.add_argument("--held-out", type=int, default=150, help="problems to calibrate on")
    args = parser.parse_args(words)
    begin(args)
    pool = drawn_once(
        args.out / "rollouts-train.jsonl",
        lambda: rollouts(args.policy, 0, args.problems, args.seed),
    )
    held_out = drawn_once(
        args.out / "rollouts-held-out.jsonl",
        lambda: rollouts(args.policy, args.problems, args.held_out, args.seed),
    )
    model = Decoder(SHAPE)

    def batches(step: int) -> Batch:
        rng = draws(args.seed, step)
        items = rng.sample(pool, min(24, len(pool)))
        while len(items) < 44:
            target = random_target(rng)
            states = walk(target, random_numbers(target, rng), rng)[:-1]
            items += [labelled(target, state, rng) for state in states]
        return batch_of(rng.sample(items, len(items)), WORDS, 2, rng)

    def report(step: int) -> dict[str, float]:
        return quality_of(model, WORDS, held_out[:600])

    schedule = Schedule(steps=args.steps, minutes=args.minutes)
    train(model, batches, binary_loss, schedule, args.out, every=400, report=report)
    write_calibration(*logits_of(model.eval(), WORDS, held_out), args.out)


if __name__ == "__main__":
    main()
