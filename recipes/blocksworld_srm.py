"""Train the embedded Blocksworld reward model: is an action on a shortest plan from its state?

Data: actions labelled 1 where the goal is nearer after them, else 0, exactly. Half come from
rollouts of the policy on six-block training problems, the rest from noisy walks with every legal
action of a state labelled; goals name many blocks or few. Calibrated (temperature) and measured on
rollouts on ``tune`` problems of four and five blocks; the test split and the public files are not
touched.

Run:    python recipes/blocksworld_srm.py --policy FOLDER --out runs/blocksworld_srm
Time:   rollouts 3 minutes, training 20 minutes on one CPU thread.  Expect: see docs/models.md.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path as File

from blocksworld_policy import BLOCKS, LETTERS, WORDS, shortest, trajectory

from specreward.generate.embedded import EmbeddedLanguageModel
from specreward.generate.policy import TaskPolicy
from specreward.tasks import blocksworld_text as text
from specreward.tasks.blocks import distance, goal_text, read_goal, read_state
from specreward.tasks.blocksworld import Blocksworld
from specreward.train.blocks_graph import BlocksGraph, renamed
from specreward.train.calibration import write_calibration
from specreward.train.decoder import Decoder, Shape, verdict_model
from specreward.train.loop import Schedule, save_whole, token_loss, train
from specreward.train.packing import Batch, Row, collate
from specreward.train.recipe import arguments, begin, draws
from specreward.train.rollouts import Labelled, collect, drawn_once, logits_of, quality_of
from specreward.types import Path

SHAPE = Shape(
    vocabulary=len(WORDS), outputs=len(WORDS), width=64, layers=4, heads=4, hidden=175, tied=True
)
GOOD, BAD = WORDS.encode("good bad")
VERDICTS = 4
"""How often a verdict counts against a word of a plan."""

far_from = lru_cache(maxsize=1 << 18)(distance)


def nearer(path: Path) -> float:
    """1 where the last action brings the goal nearer."""
    question = path.problem.question.split("->")
    goal = read_goal(question[1])
    before, after = None, read_state(question[0])
    for step in path.steps:
        moved = after.after(step.text)
        assert moved is not None, path
        before, after = after, moved
    assert before is not None, path
    return float(far_from(after, goal) < far_from(before, goal))


def rollouts(policy: File, split: str, problems: int, seed: int) -> list[Labelled]:
    """Labelled steps of the policy's rollouts: six blocks to train on, four and five to tune on."""
    task = Blocksworld(blocks=(4, 5) if split == "tune" else (6, 6), lengths=(2, 16))
    lm = EmbeddedLanguageModel.load(policy, threads=1)
    starts = task.generate(problems, split, seed)
    return collect(task, TaskPolicy(lm, task=task, seed=seed), starts, 6, nearer)


def walk(graph: BlocksGraph, rng: random.Random, tokens: int = 260) -> Row:
    """States of a noisy walk: a shortest plan, and a verdict on every legal action."""
    goal = graph.random_goal(rng, drop=rng.choice([0.0, 0.2, 0.5, 0.8]))
    far = graph.distances(goal)
    names = graph.renaming(rng, LETTERS)
    goal = read_goal(renamed(goal_text(goal), names))
    row = Row()
    for here in trajectory(graph, far, rng, 16):
        if len(row.tokens) >= tokens:
            break
        if not far[here]:
            continue
        state = read_state(renamed(str(graph.states[here]), names))
        body = row.add(WORDS.encode(text.prompt(goal, state)))
        row.write(WORDS.encode(renamed(shortest(graph, far, here, rng), names)), body)
        for action, there in graph.moves[here].items():
            step = row.add(WORDS.encode(f"{renamed(action, names)} ;"), body)
            row.write([GOOD if far[there] < far[here] else BAD], step, VERDICTS)
    return row


def judged(items: Sequence[Labelled], rng: random.Random) -> Row:
    """Steps of the policy's rollouts with their verdicts."""
    row = Row()
    for item in items:
        named = with_new_names(item, rng)
        body = row.add(WORDS.encode(named.prefix))
        for action, label in named.steps:
            step = row.add(WORDS.encode(action), body)
            row.write([GOOD if label else BAD], step, VERDICTS)
    return row


def with_new_names(item: Labelled, rng: random.Random) -> Labelled:
    """The same item with its blocks renamed, towers sorted again."""
    names = dict(zip(LETTERS, rng.sample(LETTERS, len(LETTERS)), strict=True))
    state = renamed(item.prefix, names).removeprefix("state ").removesuffix(" ;")
    towers, slash, hand = state.partition(" / ")
    towers = " | ".join(sorted(towers.split(" | ")))
    steps = tuple((renamed(step, names), label) for step, label in item.steps)
    return Labelled(f"state {towers}{slash}{hand} ; ", steps)


def main(words: Sequence[str] | None = None) -> None:
    parser = arguments(__doc__, minutes=20, steps=20000)
    parser.add_argument("--policy", type=File, required=True, help="folder of the exported policy")
    parser.add_argument("--problems", type=int, default=1500, help="to draw rollouts on")
    parser.add_argument("--held-out", type=int, default=150, help="problems to calibrate on")
    args = parser.parse_args(words)
    begin(args)
    pool = drawn_once(
        args.out / "rollouts-train.jsonl",
        lambda: rollouts(args.policy, "train", args.problems, args.seed),
    )
    held_out = drawn_once(
        args.out / "rollouts-tune.jsonl",
        lambda: rollouts(args.policy, "tune", args.held_out, args.seed),
    )
    model = Decoder(SHAPE)
    graph = BlocksGraph(BLOCKS)

    def batches(step: int) -> Batch:
        rng = draws(args.seed, step)
        own = [rng.sample(pool, min(11, len(pool))) for _ in range(3)]
        walks = [walk(graph, rng) for _ in range(5)]
        return collate([*(judged(items, rng) for items in own), *walks])

    def report(step: int) -> dict[str, float]:
        return quality_of(verdict_model(model, GOOD, BAD), WORDS, held_out[:600])

    schedule = Schedule(steps=args.steps, minutes=args.minutes)
    train(model, batches, token_loss, schedule, args.out, every=500, report=report)
    reward = verdict_model(model.eval(), GOOD, BAD)
    save_whole(dict(reward.state_dict()), args.out / "model.safetensors")
    write_calibration(*logits_of(reward, WORDS, held_out), args.out)


if __name__ == "__main__":
    main()
