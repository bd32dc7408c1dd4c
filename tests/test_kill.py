"""A process that is killed at any instant goes on from its store.

"Paid" means answered by the engine. An answer is committed before anything else is done with it, so
that a kill can lose one batch of each engine at most: the one in flight. The engine here logs each
batch before it returns it; all but the last batch of a killed process must never be asked again.
"""

import json
import random
import signal
import subprocess
import sys
from ast import literal_eval
from collections import defaultdict

PROGRAM = '''
import asyncio, json, os, signal, sys, threading
from pathlib import Path as File

from specreward.batching import Coalesce, CoalesceValues
from specreward.generate.policy import TaskPolicy
from specreward.metering import Metered, MeteredValues
from specreward.records import dump_result, dump_tree
from specreward.replay import Stored, StoredValues
from specreward.reward.task_reward import TaskReward
from specreward.run import run
from specreward.search import MCTS
from specreward.store import Store
from specreward.testing import ToyLanguageModel, ToyTask
from specreward.types import Models, Path, Problem, Scored, Step

TASK = ToyTask()


class Engine:
    """Slow, deterministic, and writes down what it was paid for."""

    name = "toy"
    parameters = 1000
    lm = ToyLanguageModel(task=TASK)

    def __init__(self, log, batches, pause):
        self.log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.left, self.pause = batches, pause

    async def paid(self, verb, asked):
        await asyncio.sleep(0.001)
        line = json.dumps([os.getpid(), verb, asked]) + chr(10)
        os.write(self.log, line.encode())
        if self.left == 0:  # from another thread, so that it strikes anywhere
            threading.Timer(self.pause, os.kill, (os.getpid(), signal.SIGKILL)).start()
        self.left -= 1

    async def complete(self, prompts, seeds, sampling):
        done = await self.lm.complete(prompts, seeds, sampling)
        await self.paid("complete", list(zip(prompts, seeds)))
        return done

    async def logprobs(self, texts):
        raise AssertionError("not asked for in this test")

    async def values(self, texts):
        await self.paid("values", list(texts))
        return [Scored(self.value(text), len(text)) for text in texts]

    def value(self, text):
        question, _, word = text.removeprefix("reward ").rpartition("|")
        return TASK.value(Path(Problem("", question), tuple(Step(letter) for letter in word)))


def main(folder, batches, pause):
    engine = Engine(folder / "log", batches, pause)
    with Store(folder / "run.db") as store:
        lm, vm = Coalesce(Stored(engine, store)), CoalesceValues(StoredValues(engine, store))
        models = Models(
            task=TASK,
            policy=TaskPolicy(Metered(lm, role="policy", phase="propose"), task=TASK),
            reward=TaskReward(MeteredValues(vm), task=TASK),
        )
        problems = TASK.generate(12, "kill", 0)
        results = run(MCTS(6, n=3), problems, models, store=store, concurrency=4)
        text = "".join(dump_result(one) + dump_tree(one) for one in results)
        (folder / "results").write_text(text)
        print(store.paid())


main(File(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
'''

KILLS = 10


def process(folder, batches=-1, pause=0.0):
    """Run; a killer strikes ``pause`` seconds after so many batches. Exit status and output."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, folder, str(batches), str(pause)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode, done.stdout


def lines(folder):
    return [json.loads(line) for line in (folder / "log").read_text().splitlines()]


def paid_calls(rows):
    return [(verb, str(call)) for _, verb, asked in rows for call in asked]


def test_killed_at_random_moments_it_ends_with_the_same_bytes_and_pays_for_no_call_twice(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    process(whole)
    draw = random.Random(0)
    each = len(lines(whole)) // KILLS
    for _ in range(KILLS):
        status, _ = process(killed, draw.randrange(each), draw.uniform(0, 0.006))
        assert status == -signal.SIGKILL, "a run was over before it was killed"
    status, last = process(killed)
    assert status == 0
    assert (killed / "results").read_bytes() == (whole / "results").read_bytes()

    rows = lines(killed)
    in_flight = {}  # the last batch of each process and verb
    for number, (pid, verb, _) in enumerate(rows):
        in_flight[pid, verb] = number
    done = defaultdict(int)
    for number, row in enumerate(rows):
        for call in paid_calls([row]):
            assert not done[call], f"paid twice: {call}"
            done[call] += in_flight[row[0], row[1]] != number
    assert set(paid_calls(rows)) == set(paid_calls(lines(whole)))
    again = len(paid_calls(rows)) - len(paid_calls(lines(whole)))
    largest = max(len(asked) for _, _, asked in rows)
    assert 0 <= again <= KILLS * 2 * largest
    # By the store's own account, no answer came twice for what it held.
    [(calls, paid)] = literal_eval(last).values()
    assert calls == paid == len(set(paid_calls(rows)))
