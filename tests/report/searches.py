"""Searches whose trees are known, and run files with them."""

import json

from specreward.store import Store
from specreward.types import Candidate, Judgement, Path, Problem, Result, Step, Usage

SPECULATIVE = "bfs(verify=speculative())"
EVIL = "<script>window.hacked = true</script><img src=x onerror='window.hacked = true'>"
USAGE = {
    ("policy", "propose"): Usage(4, 100, 40, 20, 0.5, 1e9),
    ("reward", "score"): Usage(3, 30, 0, 0, 0.1, 1e7),
}


def judged(parent, text, score, *, kept=True, count=1, final=False, dead=False, **details):
    """A child of a path; its step has as many tokens as its text has letters."""
    step = Step(text, len(text), final=final, dead=dead)
    return Judgement(parent.then(step), score, kept, count, details)


def speculated(parent, text, *, sr, kept, chance=None, reward=0.5, **more):
    """A child as a speculative rule judges it."""
    accept = min(1.0, sr) if chance is None else chance
    found = {"sr": sr, "rc": 0.8, "p": 0.3, "q": 0.2, "s": 0.9, "reward": reward, "accept": accept}
    return judged(parent, text, min(1.0, 0.9 * sr), kept=kept, **more, **found)


def small(name="p1"):
    """Two levels, three children on each: right answer, a pruned one, one with markup for text."""
    problem = Problem(name, f"question of {name}", "42")
    root = Path(problem)
    first = (
        speculated(root, "go left", sr=1.2, kept=True, count=2),
        speculated(root, "go right", sr=0.25, kept=False),
        speculated(root, EVIL, sr=0.9, kept=True),
    )
    left = first[0].path
    second = (
        speculated(left, "answer 42", sr=1.5, kept=True, final=True),
        speculated(left, "answer 41", sr=0.5, kept=False, final=True),
        speculated(left, "turn back", sr=0.75, kept=True),
    )
    best = Candidate(second[0].path, 1.0)
    return Result(problem, best, (best,), "done", USAGE, ((root, first), (left, second)))


def large(nodes=10_000, name="large"):
    """A tree of this many nodes below the problem: ten children of each, one in four pruned."""
    problem = Problem(name, "a large tree", "42")
    expansions, ahead, made = [], [Path(problem)], 0
    while made < nodes:
        parent = ahead.pop(0)
        family = []
        for i in range(min(10, nodes - made)):
            made += 1
            text = f"step {made}: take {i} from what is left and go on with the rest of the numbers"
            kept = made % 4 != 0
            family.append(speculated(parent, text, sr=1.2 if kept else 0.4, kept=kept))
            if kept:
                ahead.append(family[-1].path)
        expansions.append((parent, tuple(family)))
    best = Candidate(expansions[-1][1][0].path, 0.9)
    return Result(problem, best, (best,), "done", USAGE, tuple(expansions))


class Checked:
    """A task that knows no more than how an answer is read off a path and checked."""

    name = "checked"

    def answer(self, path):
        return path.steps[-1].text.split()[-1]

    def check(self, problem, answer):
        return answer == problem.answer


def failed(name="p9"):
    return Result(Problem(name, "a question", "42"), None, (), "failed", {}, (), "EngineError: no")


def run_file(folder, results, *, strategies=(SPECULATIVE,), task="toy"):
    """A folder as ``compare`` leaves it, each strategy with the same results."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "command.json").write_text(json.dumps({"task": task, "extend_to": None}))
    with Store(folder / "run.db") as store:
        for strategy in strategies:
            run = store.open_run(strategy, "models", "no budget")
            for position, result in enumerate(results):
                store.save_result(run, position, result)
    return folder
