"""Train the embedded Blocksworld reward model: does an action still lead to the goal in time?

Data: actions labelled 1 where the goal can be reached in the steps left after them, else 0,
exactly. Over half come from rollouts of the policy on six-block training problems, the rest from
random states with every legal action labelled. Calibrated (temperature) and measured on rollouts on
``tune`` problems of four and five blocks; the test split and the public files are not touched.

Run:    python recipes/blocksworld_srm.py --policy FOLDER --out runs/blocksworld_srm
Time:   rollouts 3 minutes, training 20 minutes on one CPU thread.  Expect: see docs/models.md.
"""

from __future__ import annotations

import argparse
import json
import random
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path as File

import torch

from specreward.generate.embedded import EmbeddedLanguageModel
from specreward.generate.policy import TaskPolicy
from specreward.generate.vocabulary import Vocabulary
from specreward.tasks import blocksworld_text as text
from specreward.tasks.blocks import State, distance, goal_text, read_goal, read_state
from specreward.tasks.blocksworld import Blocksworld
from specreward.train.blocks_graph import BlocksGraph, renamed
from specreward.train.calibrate import fit_temperature, measure
from specreward.train.decoder import Decoder, Shape
from specreward.train.loop import Schedule, binary_loss, train
from specreward.train.packing import Batch
from specreward.train.rollouts import Labelled, batch_of, collect, logits_of, read_pool, write_pool
from specreward.types import Path

WORDS = Vocabulary(text.VOCABULARY)
LETTERS = "abcdefgh"

far_from = lru_cache(maxsize=1 << 18)(distance)


def in_time(task: Blocksworld, path: Path) -> float:
    """1 where the goal can still be reached in the steps left after the last step."""
    question = path.problem.question.split("->")
    state: State | None = read_state(question[0])
    for step in path.steps:
        assert state is not None, path
        state = state.after(step.text)
    assert state is not None, path
    left = task.max_steps(path.problem) - path.depth
    return float(far_from(state, read_goal(question[1])) <= left)


def rollouts(policy: File, blocks: int, split: str, problems: int, seed: int) -> list[Labelled]:
    """Labelled steps of the policy's rollouts."""
    task = Blocksworld(blocks=(4, blocks) if split == "tune" else (blocks, blocks), lengths=(2, 16))
    lm = EmbeddedLanguageModel.load(policy, threads=1)
    starts = task.generate(problems, split, seed)
    return collect(task, TaskPolicy(lm, task, seed), starts, 6, lambda path: in_time(task, path))


def walk(graph: BlocksGraph, rng: random.Random, n: int = 6) -> list[Labelled]:
    """States at random distances with every legal action labelled."""
    goal = graph.random_goal(rng)
    far = graph.distances(goal)
    names = graph.renaming(rng, LETTERS)
    told = read_goal(renamed(goal_text(goal), names))
    items = []
    for here in rng.sample(range(len(far)), n):
        distance_here = int(far[here])
        left = max(1, distance_here + rng.choice([0, 0, 0, -2, 2]))
        prefix = text.reward(
            told, read_state(renamed(str(graph.states[here]), names)), left, ""
        ).removesuffix(" ;")
        steps = [
            (f"{renamed(action, names)} ;", float(far[there] <= left - 1))
            for action, there in graph.moves[here].items()
        ]
        items.append(Labelled(prefix, tuple(steps)))
    return items


def with_new_names(item: Labelled, rng: random.Random) -> Labelled:
    """The same item with its blocks renamed, towers sorted again."""
    names = dict(zip(LETTERS, rng.sample(LETTERS, len(LETTERS)), strict=True))
    state, left, _ = renamed(item.prefix, names).split(" ;")
    towers, slash, hand = state.removeprefix("state ").partition(" / ")
    towers = " | ".join(sorted(towers.split(" | ")))
    prefix = f"state {towers}{slash}{hand} ;{left} ; "
    return Labelled(prefix, tuple((renamed(step, names), y) for step, y in item.steps))


def pools(args: argparse.Namespace) -> tuple[list[Labelled], list[Labelled]]:
    """Rollouts to train on and to calibrate on, drawn once and kept."""
    made = []
    for split, blocks, problems in (("train", 6, args.problems), ("tune", 5, 150)):
        file = args.out / f"rollouts-{split}.jsonl"
        if not file.exists():
            write_pool(rollouts(args.policy, blocks, split, problems, args.seed), file)
        made.append(read_pool(file))
    return made[0], made[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--policy", type=File, required=True, help="folder of the exported policy")
    parser.add_argument("--out", type=File, required=True)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--steps", type=int, default=20000)
    parser.add_argument("--problems", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    pool, held_out = pools(args)
    graph = BlocksGraph(6)
    model = Decoder(
        Shape(vocabulary=len(WORDS), outputs=1, width=72, layers=3, heads=3, hidden=192)
    )

    def batches(step: int) -> Batch:
        rng = random.Random(args.seed * 1_000_003 + step)
        own = [with_new_names(item, rng) for item in rng.sample(pool, 48)]
        walks = [item for _ in range(6) for item in walk(graph, rng)]
        return batch_of(rng.sample(own + walks, len(own) + len(walks)), WORDS, 3, rng)

    def report(step: int) -> dict[str, float]:
        return asdict(measure(*logits_of(model, WORDS, held_out[:300]), temperature=1.0))

    schedule = Schedule(steps=args.steps, minutes=args.minutes)
    train(model, batches, binary_loss, schedule, args.out, report=report)
    logits, labels = logits_of(model.eval(), WORDS, held_out)
    temperature = fit_temperature(logits, labels)
    quality = {"temperature": temperature, **asdict(measure(logits, labels, temperature))}
    (args.out / "calibration.json").write_text(json.dumps(quality, indent=2) + "\n")


if __name__ == "__main__":
    main()
