"""Each recipe for a few steps at tiny sizes, and what its rows say, checked exactly."""

import importlib
import json
import random
from dataclasses import replace
from fractions import Fraction
from pathlib import Path as File

import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")

from specreward.embedded import embedded_draft, embedded_models, embedded_tasks  # noqa: E402
from specreward.generate.embedded import EmbeddedLanguageModel  # noqa: E402
from specreward.tasks import blocksworld_text, game24_text  # noqa: E402
from specreward.tasks.blocks import Goal, State, distance  # noqa: E402
from specreward.tasks.blocksworld import Blocksworld  # noqa: E402
from specreward.tasks.countdown import canonical_numbers, solvable  # noqa: E402
from specreward.tasks.game24 import Game24  # noqa: E402
from specreward.train.blocks_graph import BlocksGraph  # noqa: E402
from specreward.train.decoder import Decoder  # noqa: E402
from specreward.train.rollouts import Labelled, write_pool  # noqa: E402
from specreward.types import Path, Step  # noqa: E402

pytestmark = pytest.mark.train

POLICIES = ("arithmetic", "blocksworld", "game24")
DRAFTS = ("blocksworld", "game24")
ACTIONS = ("pick-up", "put-down", "stack", "unstack")


@pytest.fixture(autouse=True)
def folder_of_recipes(monkeypatch):
    monkeypatch.syspath_prepend(str(File(__file__).parents[2] / "recipes"))


@pytest.fixture
def recipe(monkeypatch):
    """A recipe at a size where a step takes milliseconds."""

    def load(name):
        module = importlib.import_module(name)
        shape = replace(module.SHAPE, width=8, layers=1, heads=2, hidden=8)
        monkeypatch.setattr(module, "SHAPE", shape)
        if name.startswith("blocksworld"):  # a draft learns what the policy's recipe says
            source = name.replace("draft", "policy")
            monkeypatch.setattr(importlib.import_module(source), "BLOCKS", 3)
        return module

    return load


def branches(row, words):
    """Each segment of a row as (what stands before it, what it says)."""
    texts = [
        words.decode(t for t, s in zip(row.tokens, row.segment, strict=True) if s == index)
        for index in range(max(row.segment) + 1)
    ]
    return [
        (" ".join(texts[index] for index in reversed(chain[1:])), texts[chain[0]])
        for chain in row.ancestry()
    ]


# ------------------------------------------------------------------------------ they run


def run_policy(recipe, task, out, steps=2):
    size = "2" if task == "arithmetic" else "1"
    recipe(f"{task}_policy").main(["--out", str(out), "--steps", str(steps), "--rows", size])


def export(task, kind, run, out):
    words = ["--run", str(run), "--task", task, "--kind", kind, "--heads", "2", "--out", str(out)]
    importlib.import_module("export_model").main(words)


@pytest.mark.parametrize("task", POLICIES)
def test_a_policy_is_trained_and_packaged(recipe, tmp_path, task):
    run_policy(recipe, task, tmp_path / "run")
    log = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in log] == [2]
    assert json.loads((tmp_path / "run/run.json").read_text())["seed"] == 0
    export(task, "policy", tmp_path / "run", tmp_path / "folder")
    card = (tmp_path / "folder/card.md").read_text()
    assert card.startswith(f"# {task}-policy\n\nEmbedded ")
    assert "| optimizer steps | 2 |" in card
    assert f"| last training loss | {log[0]['loss']:.4f} nats |" in card
    assert "seed 0, steps 2 |" in card
    with pytest.raises(SystemExit, match="expected a reward model in"):
        export(task, "srm", tmp_path / "run", tmp_path / "other")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("task", DRAFTS)
def test_a_draft_is_trained_and_packaged(recipe, tmp_path, task):
    words = ["--out", str(tmp_path / "run"), "--steps", "2", "--rows", "4"]
    recipe(f"{task}_draft").main(words)
    export(task, "draft", tmp_path / "run", tmp_path / f"{task}-draft")
    card = (tmp_path / f"{task}-draft/card.md").read_text()
    assert card.startswith(f"# {task}-draft\n\nEmbedded ")
    assert "draft: a fifth of the policy" in card
    assert f"`recipes/{task}_draft.py`" in card
    assert "| kind | policy |" in card
    draft = embedded_draft(task, folder=tmp_path)
    assert draft.name.startswith(f"{task}-draft@")
    run_policy(recipe, task, tmp_path / "p")
    export(task, "policy", tmp_path / "p", tmp_path / f"{task}-policy")
    policy = EmbeddedLanguageModel.load(tmp_path / f"{task}-policy")
    assert draft.tokenizer() == policy.tokenizer()


@pytest.mark.parametrize("task", DRAFTS)
def test_a_draft_is_a_fifth_of_its_policy(task):
    draft, policy = (
        importlib.import_module(f"{task}_{kind}").SHAPE for kind in ("draft", "policy")
    )
    sizes = [sum(p.numel() for p in Decoder(shape).parameters()) for shape in (draft, policy)]
    assert 0.15 < sizes[0] / sizes[1] < 0.25
    assert draft.vocabulary == draft.outputs == policy.vocabulary


@pytest.mark.parametrize("task", DRAFTS)
def test_a_draft_learns_no_verdicts(recipe, tmp_path, task, monkeypatch):
    module, draft = importlib.import_module(f"{task}_policy"), recipe(f"{task}_draft")
    rows = []
    collate = module.collate
    monkeypatch.setattr(module, "collate", lambda made: rows.extend(made) or collate(made))
    draft.main(["--out", str(tmp_path), "--steps", "3", "--rows", "4"])
    words = [module.WORDS.decode(row.tokens).split() for row in rows]
    assert len(words) == 12
    assert not {"value", "good", "bad", "sure", "likely", "impossible"} & set().union(*words)
    assert sum(len(row.targets) for row in rows) > 50


def test_a_batch_in_which_nothing_can_be_won_is_filled_up(recipe, tmp_path, monkeypatch):
    module, draft = importlib.import_module("game24_policy"), recipe("game24_draft")
    collate, made = module.collate, []
    monkeypatch.setattr(module, "collate", lambda rows: made.append(rows) or collate(rows))
    draft.main(["--out", str(tmp_path), "--steps", "1", "--rows", "1"])
    [[empty, row]] = made
    assert not empty.targets
    assert row.targets


@pytest.mark.parametrize(
    ("task", "first", "held_out"), [("blocksworld", "train", "tune"), ("game24", 0, "held-out")]
)
def test_a_reward_model_is_trained_on_rollouts_and_packaged(
    recipe, tmp_path, task, first, held_out
):
    run_policy(recipe, task, tmp_path / "p")
    export(task, "policy", tmp_path / "p", tmp_path / f"{task}-policy")
    module = recipe(f"{task}_srm")
    # Two steps of training do not make a policy that writes a legal step.
    assert module.rollouts(tmp_path / f"{task}-policy", first, 2, 0) == []
    (tmp_path / "r").mkdir()
    for split in ("train", held_out):
        write_pool(some_items(module, task), tmp_path / f"r/rollouts-{split}.jsonl")
    words = ["--policy", str(tmp_path / f"{task}-policy"), "--out", str(tmp_path / "r")]
    module.main([*words, "--steps", "2"])
    found = json.loads((tmp_path / "r/calibration.json").read_text())
    log = [json.loads(line) for line in (tmp_path / "r/log.jsonl").read_text().splitlines()]
    names = {"n", "auc", "loss", "ece", "ece_mass", "brier", "positive"}
    assert {"method", "temperature", "n", "auc", "log_loss_after", "ece_after"} <= found.keys()
    assert {f"held_out_{name}" for name in names} | {"loss"} <= log[0].keys()
    export(task, "srm", tmp_path / "r", tmp_path / f"{task}-srm")
    auc = "–" if found["auc"] is None else f"{found['auc']:.4f}"
    assert f"| area under the ROC curve | {auc} |" in (tmp_path / f"{task}-srm/card.md").read_text(
        "utf-8"
    )
    assert embedded_tasks(tmp_path) == [task]
    _, srm = embedded_models(task, folder=tmp_path)
    assert srm.name.startswith(f"{task}-srm@")


def some_items(module, task):
    rng = random.Random(0)
    if task == "blocksworld":
        return items(BlocksGraph(3), rng)
    numbers = canonical_numbers([4, 6, 20])
    return [module.labelled(Fraction(24), numbers, rng) for _ in range(4)]


@pytest.mark.parametrize("task", POLICIES)
def test_minutes_are_a_limit(recipe, tmp_path, task):
    words = ["--out", str(tmp_path), "--minutes", "1e-9", "--rows", "1"]
    recipe(f"{task}_policy").main(words)
    assert json.loads((tmp_path / "log.jsonl").read_text())["step"] == 1


def test_the_seed_changes_the_data(recipe, tmp_path):
    def tokens(seed):
        words = ["--out", str(tmp_path / seed), "--steps", "1", "--rows", "1", "--seed", seed]
        recipe("game24_policy").main(words)
        return json.loads((tmp_path / seed / "log.jsonl").read_text())["tokens"]

    assert len({tokens(seed) for seed in "0123"}) > 1


# ------------------------------------------------------------------------------ blocksworld


def read_prompt(body):
    """State and goal of what the policy reads."""
    body = body.removeprefix("state ").removesuffix(" ;")
    towers, _, hand = body.partition("/")
    pairs = [part.split() for part in towers.split("|") if part.split()]
    wanted = dict(
        pair
        for part in [*pairs, hand.split()]
        for pair in zip(part[::2], part[1::2], strict=True)
        if pair[1] != "-"
    )
    state = State(tuple(sorted(tuple(part[::2]) for part in pairs)), (hand.split() or [None])[0])
    return state, Goal(wanted.items())


@pytest.fixture(scope="module")
def graph():
    return BlocksGraph(4)


def test_every_plan_is_a_shortest_one_and_every_verdict_exact(recipe, graph):
    module = recipe("blocksworld_policy")
    plans = verdicts = 0
    for seed in range(4):
        row = module.make_row(graph, random.Random(seed))
        for before, said in branches(row, module.WORDS):
            body, _, ask = before.partition(" ; left ")
            if not ask and said.split()[0] not in ACTIONS:
                continue
            state, goal = read_prompt(body)
            if not ask:
                actions = said.removesuffix(" ;").split(" ; ")
                assert len(actions) == distance(state, goal)
                for action in actions:
                    state = state.after(action)
                assert state.reaches(goal)
                plans += 1
            elif ask.endswith(" ; value :"):
                left = int(ask.split()[0])
                assert (said == "impossible ;") == (distance(state, goal) > left)
                assert (said == "sure ;") == (distance(state, goal) <= left <= 4)
                verdicts += 1
            elif ask.endswith(" good :"):
                left, action, _ = ask.split(" ; ")
                there = distance(state.after(action), goal)
                assert said == ("good ;" if there < int(left) else "bad ;")
    assert plans > 20
    assert verdicts > 20


def test_distances_of_the_graph_are_those_of_the_task(graph):
    rng = random.Random(0)
    for _ in range(5):
        goal = graph.random_goal(rng)
        far = graph.distances(goal)
        for here in rng.sample(range(len(far)), 10):
            assert far[here] == distance(graph.states[here], goal)
            for action, there in graph.moves[here].items():
                assert graph.states[here].after(action) == graph.states[there]


def items(graph, rng):
    """Prefixes with exact labels, as rollouts give them."""
    made = []
    for here in rng.sample(range(len(graph.states)), 8):
        goal = graph.random_goal(rng)
        far = graph.distances(goal)
        steps = [(f"{a} ;", float(far[b] < far[here])) for a, b in graph.moves[here].items()]
        prefix = f"{blocksworld_text.prompt(goal, graph.states[here])} "
        made.append(Labelled(prefix, tuple(steps)))
    return made


def check_verdicts(row, words):
    """Each verdict of a row against the task's own search; returns how many of each there are."""
    found = {"good": 0, "bad": 0}
    for before, said in branches(row, words):
        if said in found:
            body, action, _ = before.split(" ;")
            state, goal = read_prompt(body)
            nearer = distance(state.after(action.strip()), goal) < distance(state, goal)
            assert nearer == (said == "good")
            found[said] += 1
    return found


def test_a_blocksworld_action_is_good_where_the_goal_is_nearer_after_it(recipe, graph):
    module = recipe("blocksworld_srm")
    rng = random.Random(0)
    row = module.walk(graph, rng)
    assert min(check_verdicts(row, module.WORDS).values()) > 3
    assert min(check_verdicts(module.judged(items(graph, rng), rng), module.WORDS).values()) > 3
    plans = 0
    for before, said in branches(row, module.WORDS):
        if before.count(";") == 1 and said.split()[0] in ACTIONS and said.count(";") > 1:
            state, goal = read_prompt(before.removesuffix(" ;"))
            actions = said.removesuffix(" ;").split(" ; ")
            assert len(actions) == distance(state, goal)
            plans += 1
    assert plans > 2


def test_a_verdict_counts_more_than_a_word_of_a_plan(recipe, graph):
    module = recipe("blocksworld_srm")
    row = module.judged(items(graph, random.Random(0)), random.Random(0))
    places = [place for place, _ in row.targets]
    assert {places.count(place) for place in places} == {module.VERDICTS}


def test_renamed_items_read_as_the_task_writes_them(recipe, graph):
    module = recipe("blocksworld_srm")
    rng = random.Random(1)
    for item in items(graph, rng):
        new = module.with_new_names(item, rng)
        state, goal = read_prompt(new.prefix.removesuffix(" ; "))
        written = blocksworld_text.prompt(goal, state)
        assert module.WORDS.encode(new.prefix) == module.WORDS.encode(written)
        assert {step.removesuffix(" ;") for step, _ in new.steps} == set(state.actions())


def test_rollouts_are_labelled_the_same_way(recipe):
    module = recipe("blocksworld_srm")
    path = Path(Blocksworld().parse("a | b | c -> a on b , b on c"))
    for action, label in [("pick-up b", 1.0), ("stack b c", 1.0), ("unstack b c", 0.0)]:
        path = path.then(Step(action))
        assert module.nearer(path) == label


# ------------------------------------------------------------------------------ game of 24


def test_no_row_of_game24_holds_a_problem_of_the_game(recipe):
    module = recipe("game24_policy")
    steps = verdicts = 0
    for seed in range(30):
        row = module.make_row(random.Random(seed))
        assert max(row.tokens) < len(module.WORDS)
        for before, said in branches(row, module.WORDS):
            head, _, ask = before.partition(" ; ")
            if not ask and not before:
                continue
            target = Fraction(head.removeprefix("target ").removesuffix(" ;"))
            if not ask:
                numbers = canonical_numbers([int(n) for n in said.removesuffix(" ;").split()])
                assert target != 24 or len(numbers) < 4 or max(numbers) > 13
                continue
            state, _, ask = ask.partition(" ;")
            numbers = canonical_numbers([int(n) for n in state.split()])
            if said.endswith("good :") or said == "value :":
                continue
            if "good :" in ask:
                move = ask.removesuffix(" ; good :").partition("(left: ")[2].removesuffix(")")
                left = canonical_numbers([int(n) for n in move.split()])
                assert said == ("good ;" if solvable(left, target) else "bad ;")
            elif "value :" in ask:
                assert said.endswith("impossible ;") == (not solvable(numbers, target))
                verdicts += 1
            else:
                left = said.partition("(left: ")[2].removesuffix(") ;")
                assert solvable(canonical_numbers([int(n) for n in left.split()]), target)
                steps += 1
    assert steps > 50
    assert verdicts > 30


def test_game24_roots_keep_off_the_game(recipe):
    module = recipe("game24_policy")
    rng = random.Random(0)
    for _ in range(300):
        target = module.random_target(rng)
        numbers = module.random_numbers(target, rng)
        assert target != 24 or len(numbers) < 4 or max(numbers) > 13


def test_what_calibrates_game24_is_not_what_trained_it_and_not_the_game(recipe, monkeypatch):
    module = recipe("game24_srm")
    monkeypatch.setattr(module.EmbeddedLanguageModel, "load", lambda *_, **__: None)
    monkeypatch.setattr(module, "collect", lambda task, policy, problems, *_: problems)
    trained, held_out = module.rollouts("", 0, 30, 0), module.rollouts("", 30, 20, 0)
    assert (len(trained), len(held_out)) == (30, 20)
    assert not {p.question for p in trained} & {p.question for p in held_out}
    for problem in held_out:
        numbers, arrow, _ = problem.question.partition(" -> ")
        assert arrow or max(map(int, numbers.split())) > 13


def test_game24_steps_are_labelled_by_what_they_leave(recipe):
    module = recipe("game24_srm")
    item = module.labelled(Fraction(24), canonical_numbers([2, 3, 4]), random.Random(0))
    labels = dict(item.steps)
    assert item.prefix == "target 24 ; 2 3 4 ; "
    assert {0.0, 1.0} == set(labels.values())
    for step, label in labels.items():
        left = step.partition("(left: ")[2].removesuffix(") ;")
        assert label == solvable(canonical_numbers([int(n) for n in left.split()]), Fraction(24))
    path = Path(Game24().parse("4 9 10 13")).then(Step("13 - 9 = 4 (left: 4 4 10)"))
    assert module.still_solvable(path) == 1.0
    assert module.still_solvable(path.then(Step("4 + 4 = 8 (left: 8 10)"))) == 0.0
    assert game24_text.LARGEST >= 24


# ------------------------------------------------------------------------------ arithmetic


def test_arithmetic_rows_hold_the_right_steps_and_exact_judgements(recipe):
    module = recipe("arithmetic_policy")
    task = module.Arithmetic(steps=(3, 3))
    asked = {"good": 0, "bad": 0, "impossible": 0, "sure": 0}
    for seed, problem in enumerate(task.generate(12, "train", 0)):
        gold = task.gold_steps(problem)
        row = module.make_row(problem, task, random.Random(seed))
        for before, said in branches(row, module.WORDS):
            word = said.removesuffix(" ;")
            if not before.endswith((" good :", " value :")):
                continue
            asked[word] = asked.get(word, 0) + 1
            shown = before.removesuffix(" good :").removesuffix(" value :")
            shown = [
                module.WORDS.encode(part) for part in shown.removesuffix(" ;").split(" ; ")[1:]
            ]
            right = [module.WORDS.encode(part) for part in gold[: len(shown)]] == shown
            assert (word in ("good", "sure", "likely")) == right
    assert min(asked.values()) > 3


def test_the_curriculum_opens_longer_problems(recipe):
    module = recipe("arithmetic_policy")
    rng = random.Random(0)
    early = {module.stage(0.0, rng).steps[1] for _ in range(30)}
    late = {module.stage(1.0, rng).steps[1] for _ in range(60)}
    assert max(early) == 2
    assert max(late) == module.MOST_STEPS
    assert min(late) == 1
    assert module.stage(0.1, rng).largest < module.stage(0.9, rng).largest
