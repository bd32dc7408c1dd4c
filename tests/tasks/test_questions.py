"""Tasks on written questions: prompts, steps, evaluation, and searches from end to end."""

from dataclasses import replace

import pytest

from specreward.assemble import Engines, wire
from specreward.engines import ChatPrompt
from specreward.errors import InputError
from specreward.run import run
from specreward.spec import name_of, parse
from specreward.tasks import (
    GSM8K,
    QA,
    AQuA,
    Choice,
    Exact,
    FinQA,
    Math,
    Maths,
    Numeric,
    Program,
    ProntoQA,
    StepByStep,
    StrategyQA,
    Subquestions,
)
from specreward.types import Completion, Path, Problem, Scored, Step

FORMS = (StepByStep(), Subquestions())
TASKS = [
    *[kind(form=form) for kind in (GSM8K, AQuA, Math, StrategyQA, ProntoQA) for form in FORMS],
    *[FinQA(form=form) for form in (*FORMS, Program())],
    *[QA(checker=c, form=f) for c in (Exact(), Numeric(), Choice()) for f in FORMS],
]
EVERY = pytest.mark.parametrize("task", TASKS, ids=name_of)


@pytest.fixture(autouse=True)
def _math(request):
    if "task" in request.fixturenames and isinstance(request.getfixturevalue("task"), Math):
        pytest.importorskip("math_verify", reason="needs the math extra")


def written(task, problem, *texts, finish="stop"):
    path = Path(problem)
    for text in texts:
        path = path.then(task.step(path, Completion(text, 5, -2.0, 9, finish=finish)))
    return path


def case(task):
    """A problem of a solved example, its right steps, and a wrong first one."""
    example = task.examples[-1]
    problem = Problem("case", example.question, example.answer)
    return problem, task.form.worked(example), task.form.slip(example)


class Solver:
    """Knows the right steps; at temperature above 0 half its first steps are the wrong one."""

    name = "solver"
    parameters = 1000

    def __init__(self, task):
        self.task = task
        self.problem, self.steps, self.slip = case(task)
        self.known = {}
        path = Path(self.problem)
        for text in self.steps:
            self.known[task.prompt(path)] = text
            path = path.then(task.step(path, Completion(text, 0, None, 0)))
        self.bad = Path(self.problem, (task.step(Path(self.problem), self.reply(self.slip)),))
        self.judged = []

    def reply(self, text):
        return Completion(text, len(text.split()), -1.0, 10)

    async def complete(self, prompts, seeds, sampling):
        return [
            self.one(prompt, seed, sampling) for prompt, seed in zip(prompts, seeds, strict=True)
        ]

    def one(self, prompt, seed, sampling):
        assert isinstance(prompt, ChatPrompt)
        if prompt.messages[-1].text == "Judgement:":
            self.judged.append(prompt)
            return self.reply(" found. impossible" if self.slipped(prompt) else " found. likely")
        if prompt == self.task.prompt(Path(self.problem)) and sampling.temperature and seed % 2:
            return self.reply(f" {self.slip}\n")
        known = self.known.get(prompt)
        return self.reply(f" {known}\n" if known else " ")

    def slipped(self, text):
        """Whether the steps to be judged are the wrong one: the last in the text."""
        bad = self.task.value_prompt(self.bad), self.task.good_prompt(self.bad)
        return text in (*bad, self.task.reward_text(self.bad))

    async def values(self, texts):
        return [Scored(0.02 if self.slipped(text) else 0.9, 10) for text in texts]

    async def logprobs(self, texts):
        return [
            Scored(-0.1 if (end == " bad") == self.slipped(prompt) else -3.0, 10)
            for prompt, end in texts
        ]


@EVERY
def test_validate(task):
    task.validate()


@EVERY
def test_prompts_go_on_where_the_answer_stands(task):
    problem, steps, _ = case(task)
    path = written(task, problem, steps[0])
    prompt = task.prompt(path)
    user, own = prompt.messages
    assert (user.role, own.role) == ("user", "assistant")
    assert prompt == f"{user.text}\n\n{own.text}"
    assert user.text.startswith(task.instructions)
    assert task.form.rules in user.text
    number = len(task.examples) + 1
    assert user.text.endswith(task.form.head(number, problem.question))
    assert own.text.startswith(task.form.opening(number, 0))
    assert own.text.endswith(task.form.opening(number, 1))
    assert own.text == own.text.rstrip()
    assert steps[0] in own.text
    for example in task.examples:
        assert example.question in user.text
    assert not any(stop in steps[0] for stop in task.sampling.stop)
    for mark in ("", "**", "### "):
        following = f"{steps[0]}\n\n{mark}{task.form.opening(number, 1)}"
        assert any(stop in following for stop in task.sampling.stop)
    assert len(task.sampling.stop) <= 4  # what servers take


@EVERY
def test_a_step_is_the_continuation_of_its_prompt(task):
    problem, steps, _ = case(task)
    path = Path(problem)
    for text in steps:
        before, path = task.prompt(path), path.then(task.step(path, Completion(text, 1, None, 1)))
        assert task.prompt(path).startswith(f"{before} {path.steps[-1].text}")


@EVERY
def test_right_steps_end_with_the_right_answer(task):
    problem, steps, slip = case(task)
    path = written(task, problem, *[f" {text}\n\n" for text in steps])
    assert [step.text for step in path.steps] == steps
    assert [step.final for step in path.steps] == [*[False] * (len(steps) - 1), True]
    assert not any(step.dead for step in path.steps)
    assert (path.steps[0].tokens, path.steps[0].logprob) == (5, -2.0)
    assert task.check(problem, task.answer(path))
    assert task.answer(Path(problem)) == ""
    assert task.answer(written(task, problem, *steps[:-1])) == ""
    assert written(task, problem, slip).open
    assert not task.check(replace(problem, answer=None), task.answer(path))
    assert task.wrong(replace(problem, answer=None)) is None


@EVERY
def test_a_step_that_is_cut_empty_or_beyond_the_limit_is_dead(task):
    problem, steps, slip = case(task)
    assert written(task, problem, steps[0], finish="length").dead
    assert written(task, problem, " \n").dead
    assert written(replace(task, limit=1), problem, steps[0]).dead
    assert written(replace(task, limit=2), problem, slip).open
    assert written(replace(task, limit=2), problem, slip, slip).dead
    short = replace(task, limit=len(steps))
    assert written(short, problem, *steps).finished
    assert short.max_steps(problem) == len(steps)


@EVERY
def test_labels_said_again_are_taken_out(task):
    problem, steps, _ = case(task)
    label = task.form.opening(9, 0)
    for said in (label, f"{label} {label}", f"**{label}**", f"### {label}\n", f"**{label[:-1]}**:"):
        assert written(task, problem, f"{said} {steps[0]}").steps[0].text == steps[0]


@EVERY
def test_evaluation_prompts(task):
    problem, steps, slip = case(task)
    right, wrong = written(task, problem, steps[0]), written(task, problem, slip)
    values = [task.value_prompt(right), task.value_prompt(wrong)]
    assert values[0] != values[1]
    for value in values:
        assert value.messages[-1].text == "Judgement:"
        for word in ("likely", "impossible", "sure"):
            assert any(line.endswith(f". {word}") for line in value.splitlines())
    assert task.value_sampling.stop == ("\n",)
    good = task.good_prompt(right)
    assert good.messages[-1].text == "The last step is"
    assert task.good_prompt(wrong) != good
    assert problem.question in task.reward_text(right)
    assert task.reward_text(right) != task.reward_text(wrong)
    for ask in (task.good_prompt, task.reward_text):
        with pytest.raises(InputError, match="expected a path with at least one step"):
            ask(Path(problem))


@EVERY
def test_the_text_of_a_task_is_read_back(task):
    assert parse(name_of(task), "task") == task


def test_a_text_names_form_data_and_checker():
    task = parse("qa('mine.jsonl', checker=numeric(tolerance=1), form=subquestions())", "task")
    assert task == QA("mine.jsonl", checker=Numeric(tolerance=1.0), form=Subquestions())
    with pytest.raises(InputError, match="expected a form"):
        parse("gsm8k(form=numeric())", "task")
    with pytest.raises(InputError, match="expected a checker"):
        parse("qa(checker=program())", "task")
    for name in ("gsm8k", "math", "aqua", "strategyqa", "prontoqa", "qa"):
        with pytest.raises(InputError, match=f"form: expected one in which steps of {name} can be"):
            parse(f"{name}(form=program())", "task")


@pytest.mark.parametrize(
    "strategy",
    [
        "cot()",
        "best_of_n(n=6)",
        "bfs(width=1, n=6, verify=self_evaluation())",
        "bfs(width=1, n=6, verify=speculative())",
        "bfs(width=1, n=6, verify=rap_evaluation())",
        "mcts(simulations=6, n=6, verify=speculative())",
    ],
)
@EVERY
def test_searches_find_the_right_answer(task, strategy):
    engine = Solver(task)
    models = wire(task, Engines(policy=engine, reward=engine))
    [result] = run(parse(strategy, "strategy"), [engine.problem], models)
    assert result.error is None
    assert result.best is not None
    assert task.check(engine.problem, task.answer(result.best.path))
    if "self" in strategy:
        assert any(engine.slipped(prompt) for prompt in engine.judged)


# ------------------------------------------------------------------ forms


def test_steps_end_only_with_an_answer_that_can_be_read():
    task = GSM8K(form=StepByStep())
    problem = Problem("p", "How many?", "7")
    assert written(task, problem, "3 + 4 = 7").open
    assert written(task, problem, "So the answer is the sum of both.").open
    path = written(task, problem, "3 + 4 = 7", "So the answer is $7.00.")
    assert (path.finished, task.answer(path)) == (True, "7")
    boxed = written(task, problem, "That makes \\boxed{1,007}.")
    assert (boxed.finished, task.answer(boxed)) == (True, "1007")


def test_a_subquestion_needs_an_answer():
    task = GSM8K()
    problem = Problem("p", "How many?", "7")
    assert written(task, problem, "How many are left?").dead
    assert written(task, problem, "How many are left?\nAnswer 3.1:").dead
    assert written(task, problem, "How many are left?\n\nAnswer 3.1: 7 are left.").open
    last = "now we can answer the question: How many?\nAnswer: It is 3 + 4 = 7. The answer is 7."
    assert written(
        task, problem, "How many are left?\nAnswer: 3 are. The answer is 3.", last
    ).finished
    unclear = "Now we can answer the question: How many?\nAnswer 3.2: Nobody knows."
    assert written(task, problem, unclear).dead


@pytest.mark.parametrize("label", ["Answer:", "Answer 8.5:", "**Answer 8.5:**", "**Answer**:"])
def test_a_step_is_one_text_however_its_answer_is_labelled(label):
    task = GSM8K()
    path = written(task, Problem("p", "How many?", "7"), f"How many are left?\n\n{label} 7 are.")
    assert path.steps[0].text == "How many are left?\nAnswer: 7 are."
    assert "Question 3.1: How many are left?\nAnswer: 7 are.\n\nQuestion 3.2:" in task.prompt(path)
    assert "Question 2.1: How many are left?\nAnswer: 7 are." in task.value_prompt(path)


def test_the_token_cap_of_a_form_is_that_of_its_samples():
    assert GSM8K(form=StepByStep(tokens=17)).sampling.max_tokens == 17
    assert GSM8K(form=Subquestions(tokens=18)).sampling.max_tokens == 18
    assert FinQA(form=Program(tokens=19)).sampling.max_tokens == 19


def test_final_steps_are_not_told_from_their_text_alone():
    task = StrategyQA()
    problem = Problem("p", "Would it?", "yes")
    step = "Is it so?\nAnswer: It is. The answer is yes."
    assert written(task, problem, step).open
    assert Path(problem, (Step(step),)).open


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("gsm8k(5)", "data"),
        ("gsm8k(limit=0)", "limit"),
        ("math(limit=1.5)", "limit"),
        ("math(seconds=0)", "maths seconds"),
        ("finqa(limit=0)", "limit"),
        ("finqa(tolerance=2)", "tolerance"),
        ("aqua(limit=0)", "limit"),
        ("strategyqa(limit=0)", "limit"),
        ("prontoqa(limit='x')", "limit"),
        ("qa(limit=0)", "limit"),
        ("qa(instructions=' ')", "instructions"),
        ("gsm8k(form=step_by_step(tokens=0))", "step_by_step tokens"),
        ("gsm8k(form=subquestions(tokens=0))", "subquestions tokens"),
        ("finqa(form=program(tokens=0))", "program tokens"),
        ("qa(checker=numeric(tolerance=-1))", "numeric tolerance"),
        ("qa(checker=choice(letters='a'))", "choice letters"),
        ("qa(checker=choice(letters='ABA'))", "choice letters"),
        ("qa(checker=python_file(''))", "python_file path"),
    ],
)
def test_a_bad_field_is_refused_by_name(text, field):
    with pytest.raises(InputError, match=rf"{field}: expected .*, got"):
        parse(text, "task")


def test_words_and_letters_are_read():
    assert StrategyQA().read("The answer is true.") == "yes"
    assert StrategyQA().read("The answer is False.") == "no"
    assert AQuA().read("The answer is E.") == "E"
    assert AQuA().read("The answer is F.") is None
    assert ProntoQA().read("The answer is True.") == "true"


def test_math_is_checked_as_mathematics():
    pytest.importorskip("math_verify", reason="needs the math extra")
    assert Math().check(Problem("p", "?", r"2n-2"), r"2(n-1)")
    said = Math().read(r"It is $\boxed{\gamma e}$.")
    assert Math().check(Problem("p", "?", r"e\gamma"), said)
    assert not Math().check(Problem("p", "?", r"2n-2"), r"2(n+1)")
    assert Math().read("so x = 5") is None
    assert QA(checker=Maths()).read("The answer is 5.") == "5"
