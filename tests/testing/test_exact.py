"""Exact laws: what is played, with which probability, and what would make a law untrue."""

import asyncio
import math
from collections import Counter
from dataclasses import replace

import pytest

from specreward.abilities import StepLikelihood
from specreward.errors import InputError
from specreward.generate.policy import TaskPolicy
from specreward.search import BestOfN
from specreward.seeds import choose, rolled
from specreward.testing import (
    ExactPolicy,
    ExactReward,
    ExactTask,
    ScriptedLanguageModel,
    law,
    total_variation,
)
from specreward.types import Models, Path, Problem, Step, Trace

ROOT = Path(Problem("p", "?"))
TABLE = {(): {"a": 0.6, "b": 0.4}, ("a",): {"c": 0.7, "d": 0.3}, ("b",): {"c": 0.2, "d": 0.8}}
ONE = {(): {"a": 0.5, "b": 0.25, "c": 0.25}}


def text(path):
    return "".join([step.text for step in path.steps])


def grown(texts, table=TABLE):
    """A path of the table, as a policy writes it."""
    path = ROOT
    for symbol in texts:
        [[*ways]] = extend(ExactPolicy(table), [path], 64)
        path = next(way for way in ways if way.steps[-1].text == symbol)
    return path


def extend(policy, paths, n, **how):
    return asyncio.run(policy.extend(paths, n, **how))


def likelihood(policy, paths, temperature=1.0):
    return asyncio.run(policy.likelihood(paths, temperature=temperature))


def drawn(policy, n, path=ROOT, **how):
    """The law of the texts of one call, in any order."""

    async def program():
        [paths] = await policy.extend([path], n, **{"temperature": 1.0, **how})
        return tuple(sorted(map(text, paths)))

    return law(program)


# ------------------------------------------------------------------------------ laws


def test_a_program_without_draws_has_one_outcome():
    async def program():
        return "x"

    assert law(program) == {"x": 1.0}


def test_a_draw_that_hangs_on_another_is_made_only_after_it():
    asked = Counter()

    async def program():
        first = choose([1, 3], 0, "first")
        asked[first] += 1
        return ("x", choose([1, 1, 2], 0, "second")) if first == 0 else "y"

    found = law(program)
    assert found == pytest.approx({("x", 0): 1 / 16, ("x", 1): 1 / 16, ("x", 2): 1 / 8, "y": 3 / 4})
    assert asked == {0: 3, 1: 1}, "each way is played once"


def test_equal_outcomes_add_up():
    async def program():
        return choose([1, 2], 0, "a") + choose([1, 2], 0, "b")

    assert law(program) == pytest.approx({0: 1 / 9, 1: 4 / 9, 2: 4 / 9})


def test_what_has_no_weight_is_never_played():
    async def program():
        return choose([0, 1, 0, 3, 0], 0, "a")

    assert law(program) == {1: 0.25, 3: 0.75}


def test_draws_in_tasks_are_played_too():
    async def one(name):
        await asyncio.sleep(0)
        return choose([1, 1], 0, name)

    async def program():
        return tuple(await asyncio.gather(one("a"), one("b")))

    assert law(program) == {(x, y): 0.25 for x in (0, 1) for y in (0, 1)}


def test_a_law_that_is_wrong_is_seen():
    async def program():
        return choose([1, 1], 0, "a") or choose([1, 1], 0, "b")  # the second draw is for a 0 only

    assert total_variation(law(program), {0: 0.25, 1: 0.75}) == 0
    assert total_variation(law(program), {0: 0.5, 1: 0.5}) == 0.25
    assert total_variation({0: 1.0}, {1: 1.0}) == 1.0
    assert total_variation({}, {}) == 0


def test_two_draws_of_one_name_are_found_out():
    """With a seed they fall alike: a law that plays them apart is not that of the program."""

    async def program():
        return choose([1, 1], 0, "a", 1), choose([1, 1], 0, "a", 1)

    assert len({asyncio.run(program())}) == 1
    with pytest.raises(InputError, match=r"got \('0', 'a', '1'\) twice: with a seed both fall"):
        law(program)


@pytest.mark.parametrize("names", [((0, "a"), (1, "a")), ((0, "a"), (0, "b")), ((0, 1), (0, 1, 1))])
def test_another_seed_or_part_is_another_name(names):
    async def program():
        return tuple(choose([1, 1], *name) for name in names)

    assert len(law(program)) == 4


def test_what_can_fall_in_one_way_only_needs_no_name():
    async def program():
        return choose([0, 1], 0, "a"), choose([0, 2], 0, "a")

    assert law(program) == {(1, 1): 1.0}


def test_the_same_samples_asked_for_twice_are_found_out():
    async def program(start):
        policy = ExactPolicy(ONE)
        [one] = await policy.extend([ROOT], 2, temperature=1.0)
        [two] = await policy.extend([ROOT], 2, temperature=1.0, start=start)
        return len({*map(text, one), *map(text, two)})

    assert sum(law(lambda: program(2)).values()) == pytest.approx(1)
    with pytest.raises(InputError, match="a name of its own for each draw"):
        law(lambda: program(0))


def test_a_program_that_remembers_is_found_out():
    runs = []

    async def program():
        runs.append(None)
        return choose([1, len(runs)], 0, "a")

    with pytest.raises(InputError, match="must keep nothing from run to run"):
        law(program)


def test_outside_of_a_law_seeds_decide_again():
    with pytest.raises(ZeroDivisionError), rolled(lambda weights, *name: 1 // 0):
        choose([1, 1], 0, "a")
    falls = [choose([1, 1], 0, i) for i in range(64)]
    assert falls == [choose([1, 1], 0, i) for i in range(64)]
    assert 16 < sum(falls) < 48


# ------------------------------------------------------------------------------ the policy


def test_samples_of_one_call_are_counts_of_a_multinomial():
    chances = {"a": 0.5, "b": 0.25, "c": 0.25}
    found = drawn(ExactPolicy(ONE), 3)
    assert len(found) == 10
    for draw, chance in found.items():
        ways = math.factorial(3) / math.prod(map(math.factorial, Counter(draw).values()))
        assert chance == pytest.approx(ways * math.prod([chances[x] for x in draw]))


def test_sixteen_samples_of_four_symbols_are_few_outcomes():
    row = dict(zip("abcd", [0.5, 0.25, 0.15, 0.1], strict=True))
    found = drawn(ExactPolicy({(): row}), 16)
    assert len(found) == 969
    assert math.fsum(found.values()) == pytest.approx(1)
    assert math.fsum(p * draw.count("c") for draw, p in found.items()) == pytest.approx(16 * 0.15)


def test_one_by_one_and_together_have_the_same_law():
    async def program():
        policy = ExactPolicy(ONE)
        calls = [await policy.extend([ROOT], 1, temperature=1.0, start=i) for i in range(3)]
        return tuple(sorted(text(path) for [[path]] in calls))

    assert total_variation(law(program), drawn(ExactPolicy(ONE), 3)) < 1e-12


def test_to_the_end_the_chances_of_the_steps_multiply():
    found = drawn(ExactPolicy(TABLE), 1, until="end")
    assert found == pytest.approx({("ac",): 0.42, ("ad",): 0.18, ("bc",): 0.08, ("bd",): 0.32})
    assert drawn(ExactPolicy(TABLE), 1) == pytest.approx({("a",): 0.6, ("b",): 0.4})
    assert drawn(ExactPolicy(TABLE, most=1), 1, until="end") == drawn(ExactPolicy(TABLE), 1)
    stays = drawn(ExactPolicy(TABLE, most=1), 1, path=grown("a"), until="end")
    assert stays == {("a",): 1.0}, "as a policy leaves a path that has the most steps"


def test_a_step_is_final_where_the_table_ends():
    path = grown("ad")
    assert [(step.text, step.final) for step in path.steps] == [("a", False), ("d", True)]


@pytest.mark.parametrize("temperature", [0.5, 0.7, 2.0])
def test_a_temperature_heats_each_step_for_itself(temperature):
    weights = {x: p ** (1 / temperature) for x, p in ONE[()].items()}
    total = sum(weights.values())
    found = drawn(ExactPolicy(ONE), 1, temperature=temperature)
    assert found == pytest.approx({(x,): weight / total for x, weight in weights.items()})
    firsts, seconds = (
        drawn(ExactPolicy(TABLE), 1, path=path, temperature=temperature)
        for path in (ROOT, grown("a"))
    )
    whole = drawn(ExactPolicy(TABLE), 1, until="end", temperature=temperature)
    assert whole["ac",] == pytest.approx(firsts["a",] * seconds["ac",])


def test_the_limits_of_the_temperature():
    assert drawn(ExactPolicy(ONE), 2, temperature=0.0) == {("a", "a"): 1.0}
    assert drawn(ExactPolicy(ONE), 1, temperature=1e-4) == {("a",): 1.0}
    with_none = ExactPolicy({(): {"a": 0.0, "b": 1.0}})
    assert drawn(with_none, 1, temperature=50.0) == {("b",): 1.0}


def test_steps_score_what_they_were_drawn_with():
    target = ExactPolicy(TABLE)
    assert isinstance(target, StepLikelihood)
    for temperature in (0.5, 1.0, 2.0):
        [paths] = extend(target, [grown("b")], 40, temperature=temperature)
        assert {text(path) for path in paths} == {"bc", "bd"}
        assert likelihood(target, paths, temperature) == pytest.approx(
            [path.steps[-1].logprob for path in paths]
        )
    assert likelihood(target, [grown("b"), grown("bc")]) == pytest.approx(
        [math.log(0.4), math.log(0.2)]
    )


def test_a_policy_scores_what_another_wrote_by_its_ids():
    """Whatever the order of their tables, and whatever a text has become since."""
    target = ExactPolicy({(): {"b": 0.1, "a": 0.9}})
    [paths] = extend(ExactPolicy({(): {"a": 0.3, "b": 0.3, "ab": 0.4}}), [ROOT], 64)
    by_text = {text(path): path for path in paths}
    found = likelihood(target, [by_text[x] for x in ("a", "b", "ab")])
    assert found[:2] == pytest.approx([math.log(0.9), math.log(0.1)])
    assert found[2] == -math.inf, "impossible"
    renamed = Path(ROOT.problem, (replace(by_text["b"].steps[0], text="a"),))
    assert likelihood(target, [renamed]) == [found[1]]


def test_a_step_of_no_chance_is_impossible():
    [[path]] = extend(ExactPolicy({(): {"a": 1.0}}), [ROOT], 1)
    assert likelihood(ExactPolicy({(): {"a": 0.0, "b": 1.0}}), [path]) == [-math.inf]


def test_tables_of_symbols_go_by_their_names():
    assert ExactPolicy(ONE).tokenizer() == ExactPolicy(TABLE).tokenizer()
    assert ExactPolicy(ONE, symbols="other").tokenizer() != ExactPolicy(ONE).tokenizer()


def test_without_dice_a_sample_hangs_on_its_path_number_and_seed_alone():
    policy = ExactPolicy(TABLE)
    [six] = extend(policy, [ROOT], 6)
    assert len(set(map(text, six))) == 2
    assert extend(policy, [grown("a"), ROOT], 6)[1] == six
    assert extend(policy, [ROOT], 4, start=2)[0] == six[2:]
    assert extend(ExactPolicy(TABLE, seed=1), [ROOT], 6)[0] != six
    [many] = extend(policy, [ROOT], 2000, temperature=1.0)
    assert Counter(map(text, many))["a"] / 2000 == pytest.approx(0.6, abs=0.04)


@pytest.mark.parametrize(
    "row", [{}, {"a": 0.5, "b": 0.4}, {"a": 1.5, "b": -0.5}, {"a": math.nan}, {"a": math.inf}]
)
def test_rows_that_are_no_laws_are_refused(row):
    with pytest.raises(InputError, match=r"expected probabilities that sum to 1 after \('a',\)"):
        ExactPolicy({(): {"a": 1.0}, ("a",): row})
    with pytest.raises(InputError, match="expected probabilities"):
        ExactTask({("a",): row}).validate()


def test_what_a_policy_refuses_is_refused():
    policy = ExactPolicy(TABLE)
    with pytest.raises(InputError, match="n: expected an integer of at least 1"):
        extend(policy, [ROOT], 0)
    with pytest.raises(InputError, match="expected open paths to extend"):
        extend(policy, [grown("ac")], 1)
    with pytest.raises(InputError, match="temperature: expected a finite number above 0"):
        likelihood(policy, [grown("a")], 0.0)
    for bad in (ROOT, ROOT.then(Step("a"))):
        with pytest.raises(InputError, match="a last step with token ids, got none"):
            likelihood(policy, [bad])


# ------------------------------------------------------------------------------ task and reward


def test_the_task_reads_what_a_language_model_writes():
    task = ExactTask(TABLE, most=2)
    lm = ScriptedLanguageModel({"?": ["a"], "? a": ["c"]}, known={("?", "a"): -0.5})
    [[path]] = extend(TaskPolicy(lm, task=task), [ROOT], 1, until="end")
    assert [step.logprob for step in path.steps] == [-0.5, None]
    assert (task.answer(path), path.finished) == ("a c", True)


def test_a_search_has_its_law():
    """Best of two of three rewards: the best symbol is the answer wherever it was drawn."""
    rewards = ExactReward({("a",): 0.1, ("b",): 0.5, ("c",): 0.9})
    models = Models(task=ExactTask(ONE), policy=ExactPolicy(ONE), reward=rewards)
    assert asyncio.run(rewards.score([grown("c", ONE)])) == [0.9]

    async def program():
        found = await BestOfN(2, temperature=1.0)(ROOT.problem, replace(models, trace=Trace()))
        return text(found.best.path)

    assert law(program) == pytest.approx({"a": 0.25, "b": 5 / 16, "c": 7 / 16})
