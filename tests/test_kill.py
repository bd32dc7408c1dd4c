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
import time
from ast import literal_eval
from collections import defaultdict

PROGRAM = '''
import asyncio, json, os, sys
from pathlib import Path as File

from specreward.batching import Coalesce, CoalesceValues
from specreward.generate.policy import TaskPolicy
from specreward.ledger import Metered, MeteredValues
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

    def __init__(self, log):
        self.log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    async def paid(self, verb, asked):
        await asyncio.sleep(0.002)
        line = json.dumps([os.getpid(), verb, asked]) + chr(10)
        os.write(self.log, line.encode())

    async def complete(self, prompts, seeds, sampling):
        done = await self.lm.complete(prompts, seeds, sampling)
        await self.paid("complete", list(zip(prompts, seeds)))
        return done

    async def logprobs(self, texts):
        raise NotImplementedError

    async def values(self, texts):
        await self.paid("values", list(texts))
        return [Scored(self.value(text), len(text)) for text in texts]

    def value(self, text):
        question, _, word = text.removeprefix("reward ").rpartition("|")
        return TASK.value(Path(Problem("", question), tuple(Step(letter) for letter in word)))


def main(folder):
    engine = Engine(folder / "log")
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


main(File(sys.argv[1]))
'''

KILLS = 10


def start(folder):
    return subprocess.Popen([sys.executable, "-c", PROGRAM, folder], stdout=subprocess.PIPE)


def finish(process):
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return out.decode()


def lines(folder):
    log = folder / "log"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def kill_after(process, folder, batches, pause):
    """Kill once so many more batches were paid for; whether it lived until then."""
    log = folder / "log"
    until = len(lines(folder)) + batches
    while process.poll() is None and not (log.exists() and len(lines(folder)) >= until):
        time.sleep(0.001)
    time.sleep(pause)
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def paid_calls(rows):
    return [(verb, str(call)) for _, verb, asked in rows for call in asked]


def test_killed_at_random_moments_it_ends_with_the_same_bytes_and_pays_for_no_call_twice(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    assert "(" in finish(start(whole))
    draw, kills = random.Random(0), 0
    total = len(lines(whole))
    for _ in range(KILLS):
        with start(killed) as process:
            batches = draw.randrange(max(1, total // KILLS))
            kills += kill_after(process, killed, batches, draw.uniform(0, 0.006))
    assert kills == KILLS, "a run was over before it was killed"
    last = finish(start(killed))
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
