"""Rollouts of a policy as labelled steps."""

import json
import random

import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")

from specreward.generate.vocabulary import Vocabulary  # noqa: E402
from specreward.tasks import blocksworld_text as text  # noqa: E402
from specreward.tasks.blocks import distance, read_goal, read_state  # noqa: E402
from specreward.tasks.blocksworld import Blocksworld  # noqa: E402
from specreward.train.decoder import Decoder, Shape  # noqa: E402
from specreward.train.quality import auc  # noqa: E402
from specreward.train.rollouts import (  # noqa: E402
    Labelled,
    batch_of,
    collect,
    drawn_once,
    logits_of,
    quality_of,
    read_pool,
    write_pool,
)
from specreward.types import Completion, Path  # noqa: E402

pytestmark = pytest.mark.train

TASK = Blocksworld()
WORDS = Vocabulary(text.VOCABULARY)
PROBLEM = TASK.parse("a | b | c -> a on b , b on c")  # four actions at least
PLANS = [
    ["pick-up b", "stack b c", "pick-up a", "stack a b"],
    ["pick-up b", "stack b c", "pick-up a", "put-down a"],  # out of steps
    ["pick-up b", "put-down b", "pick-up a"],
    ["pick-up b", "unstack b c"],  # breaks the rules
]


class Planned:
    """A policy whose samples are the plans, in order; it keeps how it was asked."""

    async def extend(self, paths, n, *, until="step", temperature=0.8, start=0):
        self.asked = (n, until, temperature)
        return [[self._walk(path, plan) for plan in PLANS[:n]] for path in paths]

    def _walk(self, path, plan):
        for action in plan:
            path = path.then(TASK.step(path, Completion(action, 3, None, 0)))
        return path


def nearer(path):
    """Whether the last action brings the goal nearer."""
    states, goal = [read_state("a | b | c")], read_goal("a on b , b on c")
    for step in path.steps:
        states.append(states[-1].after(step.text))
    return float(distance(states[-1], goal) < distance(states[-2], goal))


@pytest.fixture(scope="module")
def pool():
    return collect(TASK, Planned(), [PROBLEM], 4, nearer)


def test_each_prefix_comes_once_with_the_exact_labels_of_its_steps(pool):
    assert len({item.prefix for item in pool}) == len(pool)
    found = {item.prefix: dict(item.steps) for item in pool}
    assert found == {
        "state a b | b c | c - ; ": {"pick-up b ;": 1.0, "pick-up a ;": 0.0},
        "state a b | c - / b c ; ": {"stack b c ;": 1.0, "put-down b ;": 0.0},
        "state a b | c - b c ; ": {"pick-up a ;": 1.0},
        "state c - b c / a b ; ": {"stack a b ;": 1.0, "put-down a ;": 0.0},
    }


def test_a_prefix_and_a_step_are_what_the_reward_model_reads(pool):
    read = {item.prefix + step for item in pool for step, _ in item.steps}
    path = Path(PROBLEM)
    for action in PLANS[0]:
        path = path.then(TASK.step(path, Completion(action, 3, None, 0)))
        assert TASK.reward_text(path) in read


def test_the_policy_is_asked_for_whole_rollouts():
    policy = Planned()
    collect(TASK, policy, [PROBLEM], 2, nearer, temperature=0.3)
    assert policy.asked == (2, "end", 0.3)


def test_equal_steps_of_different_problems_are_labelled_once():
    labelled = []

    def label(path):
        labelled.append(path.key[1:])
        return nearer(path)

    twin = TASK.parse("c | a | b -> b on c , a on b")
    assert collect(TASK, Planned(), [PROBLEM, twin], 4, label) == collect(
        TASK, Planned(), [PROBLEM], 4, nearer
    )
    assert len(labelled) == len(set(labelled)) == 7


def test_a_pool_is_written_whole_and_read_back(tmp_path, pool):
    write_pool(pool, tmp_path / "pool.jsonl")
    assert read_pool(tmp_path / "pool.jsonl") == pool
    assert [path.name for path in tmp_path.iterdir()] == ["pool.jsonl"]
    first = json.loads((tmp_path / "pool.jsonl").read_text().splitlines()[0])
    steps = [["pick-up b ;", 1.0], ["pick-up a ;", 0.0]]
    assert first == {"prefix": pool[0].prefix, "steps": steps}


def test_a_pool_is_drawn_once(tmp_path, pool):
    draws = []

    def draw():
        draws.append(1)
        return pool

    file = tmp_path / "new" / "pool.jsonl"
    assert drawn_once(file, draw) == drawn_once(file, draw) == pool
    assert draws == [1]


def test_a_batch_holds_every_label_behind_its_own_prefix(pool):
    batch = batch_of(pool, WORDS, 2, random.Random(0))
    assert len(batch.tokens) == 2
    assert sorted(batch.targets.tolist()) == sorted(y for item in pool for _, y in item.steps)
    for row, place, label in zip(batch.rows, batch.places, batch.targets, strict=True):
        seen = batch.mask[row, 0, place].nonzero()[:, 0]
        said = WORDS.decode(batch.tokens[row, seen].tolist())
        assert label == next(
            y for item in pool for step, y in item.steps if item.prefix + step == said
        )


def test_at_most_so_many_steps_of_a_prefix():
    item = Labelled("state a b ; left 4 ; ", tuple((f"stack a {x} ;", 1.0) for x in "bcdefgh"))
    assert len(batch_of([item], WORDS, 1, random.Random(0), most=3).targets) == 3
    assert len(batch_of([item], WORDS, 1, random.Random(0)).targets) == 7


def test_logits_and_labels_belong_together(pool):
    torch.manual_seed(0)
    net = Decoder(Shape(vocabulary=len(WORDS), outputs=1, width=8, layers=1, heads=2, hidden=8))
    torch.nn.init.normal_(net.head.weight)
    logits, labels = logits_of(net, WORDS, pool)
    alone = []
    for item in pool:
        for step, label in item.steps:
            one = logits_of(net, WORDS, [Labelled(item.prefix, ((step, label),))])
            alone.append((round(one[0][0], 3), one[1][0]))
    got = [(round(x, 3), y) for x, y in zip(logits, labels, strict=True)]
    assert sorted(got) == sorted(alone)
    found = quality_of(net, WORDS, pool)
    assert found["held_out_n"] == 7
    assert found["held_out_positive"] == pytest.approx(4 / 7)
    assert found["held_out_auc"] == pytest.approx(auc(logits, labels))
