"""Exact tasks for general language models: prompts, what is read, and searches from end to end."""

import json
import re
from fractions import Fraction

import pytest

from specreward.assemble import Engines, wire
from specreward.embedded import EmbeddedSRM
from specreward.engines import ChatPrompt
from specreward.errors import InputError
from specreward.generate.dialects import VLLM
from specreward.generate.routes import Chat, Completions
from specreward.run import run
from specreward.spec import name_of, parse
from specreward.tasks import GSM8K, Arithmetic, Blocksworld, FewShot, Game24
from specreward.tasks.blocks import distance, read_goal, read_state
from specreward.tasks.countdown import moves, solvable
from specreward.tasks.files import forms, read_problems
from specreward.tasks.game24 import state_of
from specreward.types import Completion, Path, Problem, Scored, Step

WRAPPED = [Game24(), Game24(target=30, count=3), Blocksworld()]
WRAPPED += [Blocksworld(lengths=(2, 4), slack=3), Arithmetic(), Arithmetic(steps=(1, 1))]
EVERY = pytest.mark.parametrize("task", WRAPPED, ids=name_of)


def one(task):
    return task.generate(1, "test", seed=0)[0]


def written(task, path, *texts, finish="stop"):
    for text in texts:
        path = path.then(task.step(path, Completion(text, 9, -2.0, 99, finish=finish)))
    return path


def solution(problem, task):
    """Right steps of a generated problem, found in another way than the task's examples are."""
    if isinstance(task, Blocksworld):
        return problem.answer.split(" ; ")
    if isinstance(task, Arithmetic):
        return task.gold_steps(problem)
    path = Path(problem)
    numbers, target = state_of(path)[::-1]
    while len(numbers) > 1:
        move = next(m for m in moves(numbers) if solvable(m[4], target))
        a, sign, b, result, numbers = move
        path = written(
            task, path, f"{a} {sign} {b} = {result} (left: {' '.join(map(str, numbers))})"
        )
    return [step.text for step in path.steps]


def blocks(user):
    """The parts of a message between the instructions and the problem itself."""
    return user.split("\n\n")[1:-1]


def pairs(prompt):
    """What is shown and what is said of it, for each example."""
    parts = blocks(prompt.messages[0].text)
    return list(zip(parts[::2], parts[1::2], strict=True))


def game_state(text):
    numbers, target = re.search(r"Numbers: (.+)\. Target: (\d+)\.", text).groups()
    return tuple(sorted(map(Fraction, numbers.split()))), Fraction(target)


def blocks_state(text):
    """State, goal and actions left of a problem as posed."""
    on = dict(re.findall(r"(\w+) on (?:the )?(\w+)", text.partition(". Hand")[0]))
    over = {under: block for block, under in on.items() if under != "table"}
    towers = []
    for block in [block for block, under in on.items() if under == "table"]:
        towers.append([block])
        while towers[-1][-1] in over:
            towers[-1].append(over[towers[-1][-1]])
    hand = re.search(r"Hand: (\w+)", text)[1]
    held = "" if hand == "empty" else f" / {hand}"
    goal = re.search(r"Goal: (.*)\.", text)[1]
    left = re.search(r"Actions left: (\d+)", text)
    state = read_state(" | ".join(map(" ".join, towers)) + held)
    return state, read_goal(goal), int(left[1]) if left else None


def story_path(text, task):
    question, *steps = text.splitlines()
    problem = task.parse(question.removeprefix("Question: "))
    texts = [re.fullmatch(r"Step \d+: (.*)", step)[1] for step in steps]
    return Path(problem, tuple(map(Step, texts)))


def right_verdict(text, task):
    """The verdict that the rules of the task give, as a set: what trials found is not looked at."""
    if isinstance(task, Game24):
        numbers, target = game_state(text)
        return {"sure", "likely"} if solvable(numbers, target) else {"impossible"}
    if isinstance(task, Blocksworld):
        state, goal, left = blocks_state(text)
        return {"impossible" if distance(state, goal) > left else "sure" if left <= 4 else "likely"}
    path = story_path(text, task)
    gold = task.gold_steps(path.problem)
    if [step.text for step in path.steps] != gold[: path.depth]:
        return {"impossible"}
    return {"sure" if path.depth == len(gold) else "likely"}


def right_grade(text, task):
    if isinstance(task, Arithmetic):
        return "good" if task.is_right_step(story_path(text, task)) else "bad"
    state, _, step = text.rpartition("\nStep: ")
    if isinstance(task, Blocksworld):
        here, goal, left = blocks_state(state)
        after = here.after(step)
        assert after is not None, text
        return "good" if distance(after, goal) <= left - 1 else "bad"
    numbers, target = game_state(state)
    left = {" ".join(map(str, m[4])): m[4] for m in moves(numbers)}
    return "good" if solvable(left[re.search(r"left: (.*)\)", step)[1]], target) else "bad"


# ------------------------------------------------------------------------------ prompts


@EVERY
def test_validate(task):
    FewShot(task).validate()


@EVERY
def test_prompts_say_what_the_task_is_and_go_on_where_the_step_stands(task):
    few = FewShot(task, shots=3)
    problem = one(task)
    steps = solution(problem, task)
    path = Path(problem)
    for text in steps:
        for prompt, end in ((few.prompt(path), None), (few.value_prompt(path), "Judgement:")):
            assert isinstance(prompt, ChatPrompt)
            user, own = prompt.messages
            assert (user.role, own.role) == ("user", "assistant")
            assert prompt == f"{user.text}\n\n{own.text}"
            assert len(pairs(prompt)) == 3
            assert own.text.endswith(end or f"Step {own.text.count('Step ')}:")
        path = written(few, path, f" {text}\n")
    assert path.finished
    assert few.check(problem, few.answer(path))
    good = few.good_prompt(path)
    assert good.messages[0].text.endswith(f"{steps[-1]}")
    assert good.messages[1].text == "The step is"


@EVERY
def test_solved_examples_are_right_and_of_the_train_split(task):
    few = FewShot(task, shots=5, seed=3)
    problem = one(task)
    train = {task.canonical(p) for p in task.generate(8, "train", seed=3)}
    held = {task.canonical(p) for s in ("tune", "test") for p in task.generate(3, s, seed=3)}
    shown = pairs(few.prompt(Path(problem)))
    assert len(shown) == 5
    for posed, solved in shown:
        if isinstance(task, Game24):
            numbers, target = game_state(posed)
            example = task.parse(f"{' '.join(map(str, numbers))} -> {target}")
        elif isinstance(task, Blocksworld):
            state, goal, _ = blocks_state(posed)
            facts = " , ".join(f"{up} on {low}" for up, low in goal)
            example = task.parse(f"{state} -> {facts}")
        else:
            example = story_path(posed, task).problem
        assert task.canonical(example) in train
        assert task.canonical(example) not in held
        steps = [re.fullmatch(r"Step \d+: (.*)", line)[1] for line in solved.splitlines()]
        path = Path(example)
        for text in steps:
            assert path.open
            path = path.then(task.step(path, Completion(text, 0, None, 0)))
        assert path.finished
        assert task.check(example, task.answer(path))


@EVERY
def test_verdicts_in_examples_are_right_and_of_all_kinds(task):
    problem = one(task)
    for seed in range(6):
        shown = pairs(FewShot(task, shots=1 + seed, seed=seed).value_prompt(Path(problem)))
        said = [why.split()[-1] for _, why in shown]
        assert len(said) == max(3, 1 + seed)
        assert set(said) == {"sure", "likely", "impossible"}
        for (asked, why), verdict in zip(shown, said, strict=True):
            assert why.startswith("Judgement: ")
            assert "\n" not in why
            assert verdict in right_verdict(asked, task), (asked, why)
            if isinstance(task, Game24):
                target = game_state(asked)[1]
                assert (f"= {target}." in why) == (verdict == "sure" and "=" in why), why


@EVERY
def test_grades_in_examples_are_right_and_of_both_kinds(task):
    problem = one(task)
    path = Path(problem, (Step(solution(problem, task)[0]),))
    for seed in range(6):
        shown = pairs(FewShot(task, shots=1 + seed, seed=seed).good_prompt(path))
        said = [grade.removeprefix("The step is ") for _, grade in shown]
        assert said == [("good", "bad")[place % 2] for place in range(max(2, 1 + seed))]
        assert said == [right_grade(asked, task) for asked, _ in shown]


@EVERY
def test_a_problem_is_never_among_its_own_examples(task):
    few = FewShot(task, shots=2)
    usual = few.prompt(Path(one(task)))
    for example in task.generate(5, "train", seed=0):
        path = Path(example, (Step(solution(example, task)[0]),))
        texts = [few.prompt(Path(example)), few.value_prompt(path), few.good_prompt(path)]
        assert [len(pairs(text)) for text in texts] == [2, 3, 2]
        head = pairs(few.prompt(Path(example)))
        posed = texts[0].messages[0].text.split("\n\n")[-1]
        assert posed not in [shown for shown, _ in head]
        assert {why.split()[-1] for _, why in pairs(texts[1])} == {"sure", "likely", "impossible"}
    assert pairs(few.prompt(Path(task.generate(5, "train", seed=0)[0]))) != pairs(usual)


def test_examples_follow_from_the_seed():
    problem = one(Game24())
    texts = [FewShot(Game24(), seed=seed).prompt(Path(problem)) for seed in (0, 0, 1)]
    assert texts[0] == texts[1] != texts[2]


def test_equal_states_have_equal_prompts():
    few = FewShot(Game24())
    problem = few.parse("4 9 10 13")
    texts = ("13 - 9 = 4 (left: 4 4 10)", "10 - 4 = 6 (left: 4 6)")
    path = written(few, Path(problem), *texts)
    assert "Numbers: 4 6. Target: 24." in few.prompt(path)
    other = written(few, Path(problem), texts[0], texts[1].replace("(", " ("))
    assert few.prompt(path) == few.prompt(other)
    assert few.value_prompt(path) == few.value_prompt(other)


def test_a_state_is_said_in_words():
    few = FewShot(Blocksworld(slack=1))
    problem = few.parse("c b | d a -> c on b , b on a")
    path = written(few, Path(problem), "unstack b c")
    posed = "Blocks: c on the table, a on d, d on the table. Hand: b.\nGoal: c on b, b on a."
    assert few.prompt(path).messages[0].text.endswith(f"\n\n{posed}")
    assert few.value_prompt(path).messages[0].text.endswith(f"\n\n{posed}\nActions left: 4.")
    before = "Hand: empty.\nGoal: c on b, b on a.\nActions left: 5.\nStep: unstack b c"
    assert few.good_prompt(path).messages[0].text.endswith(before)


def test_steps_so_far_are_the_begun_answer_of_a_story():
    few = FewShot(Arithmetic())
    problem = one(Arithmetic(steps=(3, 3)))
    first, second, _ = few.task.gold_steps(problem)
    own = few.prompt(written(few, Path(problem), first, second)).messages[1].text
    assert own == f"Step 1: {first}\nStep 2: {second}\nStep 3:"


@EVERY
def test_another_label_or_another_problem_ends_a_step(task):
    few = FewShot(task)
    first = blocks(few.prompt(Path(one(task))).messages[0].text)[0]
    for more in ("\nStep 2: and so on", f"\n\n{first}"):
        assert any(stop in more for stop in few.sampling.stop)
    steps = blocks(few.prompt(Path(one(task))).messages[0].text)[1].splitlines()
    assert not any(stop in f" {step}" for stop in few.sampling.stop for step in steps)
    assert few.value_sampling.stop == ("\n",)


def test_both_routes_carry_the_prompt():
    prompt = FewShot(Game24()).prompt(Path(one(Game24())))
    chat = Chat().question(prompt, VLLM())
    assert [message["role"] for message in chat["messages"]] == ["user", "assistant"]
    assert chat["messages"][1]["content"] == "Step 1:"
    text = Completions().question(prompt, VLLM())["prompt"]
    assert text.endswith(f"{chat['messages'][0]['content'][-30:]}\n\nStep 1:")
    assert "\n\nStep 1: " in text


# ------------------------------------------------------------------------------ what is read

FORM = "13 - 9 = 4 (left: 4 4 10)"


@pytest.mark.parametrize(
    "text",
    [
        FORM,
        f"```\n{FORM}\n```",
        f"```text\nStep 1: {FORM}\n```\nThat leaves 4, 4 and 10.",
        f"\n\nStep 1: {FORM}",
        f"**Step 1:** `{FORM}`",
        f"- {FORM}",
        f"1. {FORM}",
        f"Here is the next step:\n\n{FORM}",
        f"  {FORM}. Now 24 is near.",
        "13-9=4 (left: 4 4 10)",
        "13 \u2212 9 = 4 (left: 4 4 10)",
        "13 \u2013 9 = 4 (Left: 10, 4, 4)",
        "13 - 9 = 4, (left 4, 4, and 10)",
        "$13 - 9 = 4$ [left: 4 4 10]",
        "13 - 9 = 4\n(left: 4 4 10)",
    ],
)
def test_a_step_of_game24_is_read_as_models_write_it(text):
    few = FewShot(Game24())
    path = written(few, Path(few.parse("4 9 10 13")), text)
    assert path.open
    assert path.steps[0] == Step(FORM, 9, -2.0)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("9 \u00d7 4 = 36 (left: 36 13 10)", "9 * 4 = 36 (left: 10 13 36)"),
        ("4 x 9 = 36 (left: 10 13 36)", "9 * 4 = 36 (left: 10 13 36)"),
        ("4 + 9 = 13 (left: 10 13 13)", "9 + 4 = 13 (left: 10 13 13)"),
        ("10 \u00f7 4 = 2.5 (left: 2.5 9 13)", "10 / 4 = 5/2 (left: 5/2 9 13)"),
        ("10 \\div 4 = 5/2 (left: 9 13 5/2)", "10 / 4 = 5/2 (left: 5/2 9 13)"),
        ("4 - 9 = -5 (left: -5 10 13)", "4 - 9 = -5 (left: -5 10 13)"),
    ],
)
def test_a_step_of_game24_has_one_form(text, form):
    few = FewShot(Game24())
    path = written(few, Path(few.parse("4 9 10 13")), text)
    assert path.open
    assert path.steps[0].text == form


@pytest.mark.parametrize(
    "text",
    [
        "",
        "```\n```",
        "13 - 9 = 4",
        "13 - 9 = 5 (left: 5 4 10)",
        "13 - 9 = 4 (left: 4 10)",
        "13 - 8 = 5 (left: 4 5 10)",
        "I would take 13 - 9 = 4 (left: 4 4 10)",
        "13 - 9 = 5 (left: 4 5 10)\n13 - 9 = 4 (left: 4 4 10)",
        "13 - 9 - 4 = 0 (left: 0 10)",
        "4 / 0 = 1 (left: 1/0 9)",
        f"{'9' * 5000} - 9 = 4 (left: 4 4 10)",
    ],
)
def test_what_is_no_step_of_game24_stays_dead(text):
    few = FewShot(Game24())
    assert written(few, Path(few.parse("4 9 10 13")), text).dead


@pytest.mark.parametrize(
    "text",
    [
        "unstack b c",
        "Unstack B C.",
        "(unstack b c)",
        "Step 1: unstack b from c",
        "Action: unstack b off of c, then put it down",
        "unstack the b block from on top of the c block",
        "```\nunstack b c\nput-down b\n```",
        "un-stack `b` from `c` (the hand is empty)",
        "2) unstack b c -> the hand holds b",
    ],
)
def test_an_action_is_read_as_models_write_it(text):
    few = FewShot(Blocksworld())
    path = written(few, Path(few.parse("c b | d a -> c on b , b on a")), text)
    assert path.open
    assert path.steps[0].text == "unstack b c"


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("put down b on the table", "put-down b"),
        ("putdown b", "put-down b"),
        ("put\u2011down block b", "put-down b"),
        ("Stack b on top of a", "stack b a"),
        ("stack b onto a; pick-up c", "stack b a"),
    ],
)
def test_the_four_actions_have_one_form(text, form):
    few = FewShot(Blocksworld())
    path = written(few, Path(few.parse("c b | d a -> c on b , b on a")), "unstack b c", text)
    assert path.open
    assert path.steps[1].text == form
    again = written(few, path, "pick up the c from the table")
    assert again.steps[2].text == "pick-up c"


def test_blocks_that_are_called_like_other_words_keep_their_names():
    few = FewShot(Blocksworld())
    problem = few.parse("x top | A the -> top on A")
    assert written(few, Path(problem), "unstack top from x").steps[0].text == "unstack top x"
    assert written(few, Path(problem), "unstack the A").steps[0].text == "unstack the A"
    assert written(few, Path(problem), "unstack top x").open
    assert written(few, Path(problem), "unstack the a").dead


@pytest.mark.parametrize(
    "text",
    [
        "unstack b",
        "unstack b c d",
        "move b to c",
        "stack b c",
        "unstack c b",
        "put-up b",
        "b c",
        "",
    ],
)
def test_what_is_no_action_stays_dead(text):
    few = FewShot(Blocksworld())
    assert written(few, Path(few.parse("c b | d a -> c on b , b on a")), text).dead


STORY = "Ann has 5 apples. Ann finds 7 more apples. Ben has 3 times as many apples as Ann."
ASKED = "How many apples does Ann have now?"


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (f"{ASKED} 5+7=12. The answer is 12.", "5 + 7 = 12. The answer is 12."),
        (f"Step 1: {ASKED} 5 + 7 = 12. The answer is 12", "5 + 7 = 12. The answer is 12."),
        (f"{ASKED}\n5 + 7 = 12.\nThe answer is 12.", "5 + 7 = 12. The answer is 12."),
        (f"**{ASKED}** 5 \u00d7 7 = 35. The answer is 35.", "5 * 7 = 35. The answer is 35."),
        (f"{ASKED} 5 x 7 = 35. The answer is 35. Next, Ben.", "5 * 7 = 35. The answer is 35."),
        (f"{ASKED} 5 + 7 = 12 apples. The answer is 12 apples.", "5 + 7 = 12. The answer is 12."),
        (f"{ASKED} $5 + $7 = $12. The answer is $12.", "5 + 7 = 12. The answer is 12."),
        (f"{ASKED} 995 + 7 = 1,002. The answer is 1,002.", "995 + 7 = 1002. The answer is 1002."),
        (f"{ASKED} 24/3 = 8. The answer is 8.", "24 / 3 = 8. The answer is 8."),
        (f"{ASKED} 5 - 7 = -2. The answer is -2.", "5 - 7 = -2. The answer is -2."),
        (f"{ASKED} 5 + 7 = 13. The answer is 12.", "5 + 7 = 13. The answer is 12."),
    ],
)
def test_a_step_of_a_story_is_read_as_models_write_it(text, form):
    few = FewShot(Arithmetic())
    path = written(few, Path(few.parse(f"{STORY} How many apples does Ben have?")), text)
    assert path.open
    assert path.steps[0].text == f"{ASKED} {form}"
    last = written(few, path, f"now we can answer the question: {text.removeprefix('Step 1: ')}")
    if "**" not in text:
        assert last.finished
        assert last.steps[1].text == f"Now we can answer the question: {ASKED} {form}"


@pytest.mark.parametrize(
    "text",
    [
        f"{ASKED} 12. The answer is 12.",
        f"{ASKED} 5 + 7 = 12.",
        f"{ASKED} 5 + 7 is 12. The answer is 12.",
        f"{ASKED} 5 + 7 = 12. The answer is twelve.",
        "5 + 7 = 12. The answer is 12.",
        "",
    ],
)
def test_what_is_no_step_of_a_story_stays_dead(text):
    few = FewShot(Arithmetic())
    assert written(few, Path(few.parse(f"{STORY} How many apples does Ben have?")), text).dead


def test_a_word_that_the_cap_may_have_cut_is_not_read():
    few = FewShot(Arithmetic())
    path = Path(few.parse(f"{STORY} How many apples does Ben have?"))
    text = f"{ASKED} 5 + 7 = 12. The answer is 1"
    assert written(few, path, text).open
    assert written(few, path, text, finish="length").dead
    assert written(few, path, f"{text}2. So B", finish="length").steps[0].text.endswith("is 12.")


def test_numbers_beyond_the_largest_are_dead():
    few = FewShot(Game24(), largest=200)
    free = FewShot(Game24())
    path = Path(few.parse("4 10 12 13"))
    product = "13 * 12 = 156 (left: 4 10 156)"
    ends = ["156 * 10 = 1560 (left: 4 1560)", "10 / 4 = 5/2 (left: 5/2 156)"]
    ends += ["4 - 10 = -6 (left: -6 156)"]
    assert written(few, path, product).open
    for text in ends:
        assert written(few, path, product, text).dead
        assert written(free, path, product, text).open
    assert written(few, path, product, "156 / 4 = 39 (left: 10 39)").open
    assert "Use whole numbers from 0 to 200 only." in few.prompt(path)
    assert "only." not in free.prompt(path)
    small = FewShot(Game24(), largest=30)
    for seed in range(5):
        prompt = FewShot(Game24(), largest=30, seed=seed).prompt(path)
        shown = " ".join(solved for _, solved in pairs(prompt))
        assert max(map(int, re.findall(r"\d+", shown))) <= 30
    with pytest.raises(InputError, match=r"few_shot largest: expected one that lets 7 of 28"):
        FewShot(Game24(), largest=1).prompt(path)
    small.validate()


# ------------------------------------------------------------------------------ the task's own


@EVERY
def test_all_else_is_the_tasks_own(task):
    few = FewShot(task)
    problem = one(task)
    path = Path(problem, (Step(solution(problem, task)[0]),))
    assert few.name == task.name
    assert few.reward_text(path) == task.reward_text(path)
    assert few.max_steps(problem) == task.max_steps(problem)
    assert few.canonical(problem) == task.canonical(problem)
    assert few.parse(problem.question) == task.parse(problem.question)
    out = frozenset([task.canonical(problem)])
    assert few.generate(2, "tune", 5) == task.generate(2, "tune", 5)
    assert few.generate(1, "test", 0, out) == task.generate(1, "test", 0, out)
    with pytest.raises(InputError, match="expected a path with a step"):
        few.good_prompt(Path(problem))


def test_files_of_the_task_are_read(tmp_path):
    ranked = tmp_path / "24.csv"
    ranked.write_text("Rank,Puzzles\n1,4 9 10 13\n2,1 1 4 6\n")
    few = FewShot(Game24())
    assert read_problems(few, ranked) == read_problems(Game24(), ranked)
    assert forms(few, ranked) == {"4 9 10 13", "1 1 4 6"}
    lines = tmp_path / "own.jsonl"
    lines.write_text(json.dumps({"question": "a b | c -> b on c"}) + "\n")
    assert len(read_problems(FewShot(Blocksworld()), lines).problems) == 1


def test_text_form():
    few = parse("few_shot(game24(target=36), shots=2, largest=200)", "task")
    assert few == FewShot(Game24(target=36), shots=2, largest=200)
    assert name_of(few) == "few_shot(task=game24(target=36), shots=2, largest=200)"
    assert parse(name_of(few), "task") == few


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("few_shot(gsm8k())", "few_shot"),
        ("few_shot(few_shot(game24()))", "few_shot"),
        ("few_shot(game24(), shots=0)", "few_shot shots"),
        ("few_shot(game24(), seed=-1)", "few_shot seed"),
        ("few_shot(game24(), tokens=0)", "few_shot tokens"),
        ("few_shot(game24(), largest=0)", "few_shot largest"),
        ("few_shot(blocksworld(), largest=5)", "few_shot largest"),
    ],
)
def test_a_bad_field_is_refused_by_name(text, field):
    with pytest.raises(InputError, match=rf"{field}: expected .*, got"):
        parse(text, "task")
    with pytest.raises(InputError, match="few_shot: expected"):
        FewShot(GSM8K())


def test_the_token_cap_is_that_of_its_samples():
    few = FewShot(Game24(), tokens=17)
    assert (few.sampling.max_tokens, few.value_sampling.max_tokens) == (17, 17)


# ------------------------------------------------------------------------------ end to end


class General:
    """A model that has learned the form from the prompt alone, and writes as such models do.

    It knows nothing of tasks and paths: all it looks at is the text. One step in three is careless.
    """

    name = "general"
    parameters = 10**9

    def __init__(self, *, chat):
        self.chat = chat
        self.judged = 0

    def asked(self, prompt):
        """The problem and the begun answer, from the messages or from the plain text."""
        if self.chat:
            user, own = (message.text for message in prompt.messages)
            return user.split("\n\n")[-1], own
        return tuple(str(prompt).split("\n\n")[-2:])

    async def complete(self, prompts, seeds, sampling):
        return [self.one(p, s, sampling) for p, s in zip(prompts, seeds, strict=True)]

    def one(self, prompt, seed, sampling):
        posed, own = self.asked(prompt)
        numbers, target = game_state(posed)
        if own == "Judgement:":
            self.judged += 1
            text = " I tried. " + ("sure" if solvable(numbers, target) else "impossible")
            return Completion(text, 8, -1.0, 300)
        assert own == "Step 1:"
        steps = list(moves(numbers))
        winning = [move for move in steps if solvable(move[4], target)]
        careless = sampling.temperature > 0 and seed % 3 == 0
        pool = steps if careless or not winning else winning
        a, sign, b, result, left = pool[seed % len(pool)] if sampling.temperature else pool[0]
        sign = {"*": "\u00d7", "-": "\u2212"}.get(sign, sign)
        text = f"{a} {sign} {b} = {result} (left: {', '.join(map(str, reversed(left)))})"
        styles = [f" {text}\n", f"\n```\n{text}\n```", f" **{text}**\n\nThis looks good."]
        return Completion(styles[seed % 3], 20, -1.0 - seed % 2, 300)

    async def logprobs(self, texts):
        found = []
        for prompt, continuation in texts:
            posed, own = self.asked(prompt)
            value = -2.0
            if own == "The step is":
                target = game_state(posed)[1]
                left = re.search(r"left: (.*)\)", posed)[1]
                can = solvable(tuple(sorted(map(Fraction, left.split()))), target)
                value = -0.1 if can == (continuation == " good") else -2.5
            found.append(Scored(value, 300))
        return found


def solved(strategy, *, reward=None, chat=True, few=None):
    few = few or FewShot(Game24())
    problem = few.parse("4 9 10 13")
    engine = General(chat=chat)
    models = wire(few, Engines(policy=engine, reward=reward))
    (result,) = run(parse(strategy, "strategy"), [problem], models)
    assert result.error is None, result.error
    assert result.best is not None
    assert few.check(problem, few.answer(result.best.path))
    return engine, result


@pytest.mark.parametrize("chat", [True, False])
def test_a_general_model_solves_the_game_alone(chat):
    _, result = solved("cot()", chat=chat)
    for step in result.best.path.steps:
        assert re.fullmatch(r"\S+ [-+*/] \S+ = \S+ \(left: [^,]+\)", step.text)


@pytest.mark.parametrize("chat", [True, False])
def test_a_general_model_judges_itself(chat):
    engine, result = solved("bfs(verify=self_evaluation(samples=1))", chat=chat)
    assert engine.judged
    judged = [judgement for _, family in result.expansions for judgement in family]
    assert {judgement.details["unknown"] for judgement in judged} == {0}


def test_a_general_model_is_asked_for_likelihoods():
    solved("bfs(verify=rap_evaluation())")


def test_a_small_reward_model_reads_what_a_general_model_writes():
    few = FewShot(Game24(), largest=200)
    strategy = "bfs(verify=speculative())"
    _, result = solved(strategy, reward=EmbeddedSRM("game24"), few=few)
    judged = [judgement for _, family in result.expansions for judgement in family]
    assert judged
    assert all(0 <= judgement.details["reward"] <= 1 for judgement in judged)


def test_problems_of_other_wording_are_prompted_for():
    few = FewShot(Arithmetic())
    problem = Problem("own", "A farmer sells 3 cows. How many are left of 10?", "7")
    assert few.prompt(Path(problem)).messages[0].text.endswith(problem.question)
