import asyncio
import math
from dataclasses import dataclass, replace

import pytest

from specreward.errors import InputError
from specreward.search import (
    MCTS,
    BestOfN,
    Highest,
    MutualConsistency,
    conclude,
)
from specreward.search.mutual_consistency import FRESH, mutual_score
from specreward.spec import name_of, parse
from specreward.testing import ScriptedPolicy, check_strategy, toy_models
from specreward.testing.contract import search
from specreward.testing.exact import ExactPolicy, ExactTask, law
from specreward.types import Candidate, Judgement, Models, Path, Problem, Step, Trace


@dataclass(frozen=True)
class Given:
    """A search that finds the words it is told to, with their scores."""

    words: tuple[tuple[str, float], ...]

    async def __call__(self, problem, models):
        root = Path(problem)
        for word, score in self.words:
            steps = tuple(
                [Step(letter, 1, final=i == len(word) - 1) for i, letter in enumerate(word)]
            )
            path = Path(problem, steps)
            models.trace.record(root, [Judgement(path, score, details={"reward": score})])
            models.trace.found.append(Candidate(path, score))
        return conclude(self, problem, models, "done")

    def select(self, candidates, models):
        return Highest()(candidates, models)


class LastLetter:
    """The answer is the last letter; ``-`` is no answer. Nothing else of a task may be asked."""

    def answer(self, path):
        return path.steps[-1].text.strip("-")


def letters(text, *ends):
    """Next steps: letters, those among ``ends`` final."""
    return [Step(letter, 1, final=letter in ends) for letter in text]


def run(words, script, *, draft=True, **fields):
    """Discriminate given candidates with a scripted second policy."""
    second = ScriptedPolicy(script)
    models = Models(
        task=LastLetter(),
        policy=ScriptedPolicy({}) if draft else second,
        draft=second if draft else None,
    )
    strategy = MutualConsistency(Given(tuple(words)), **fields)
    result = asyncio.run(strategy(Problem("p", "q"), models))
    return result, second, models


def word(candidate):
    return "".join([step.text for step in candidate.path.steps])


def test_the_score():
    # x: 3 votes, 1 survives; y: 2 votes, both survive.
    answers = ["x", "x", "x", "y", "y", ""]
    survived = [True, False, False, True, True, True]
    score = mutual_score(answers, survived)
    assert score == {"x": pytest.approx(1 / 3 + 1 / 3), "y": pytest.approx(2 / 3 + 2 / 2)}
    assert mutual_score(answers, [False] * 6) == {}


def test_the_sum_is_not_the_votes_alone_nor_a_product():
    # x: 9 candidates, 5 survive; y: 2 candidates, both survive.
    answers = ["x"] * 9 + ["y"] * 2
    survived = [True] * 5 + [False] * 4 + [True] * 2
    score = mutual_score(answers, survived)
    assert score == {"x": pytest.approx(5 / 7 + 5 / 9), "y": pytest.approx(2 / 7 + 1)}
    assert max(score, key=score.__getitem__) == "y"
    product = {"x": 5 / 7 * 5 / 9, "y": 2 / 7 * 1}
    assert max(product, key=product.__getitem__) == "x"


@pytest.mark.parametrize(
    ("steps", "lengths"),
    [
        (1, [0, 0, 0, 0]),
        (2, [1, 1, 1, 1]),
        (3, [1, 1, 2, 2]),
        (5, [1, 2, 2, 3]),
        (10, [2, 3, 4, 5]),
        (20, [4, 6, 8, 10]),
    ],
)
def test_where_a_path_is_cut(steps, lengths):
    path = Path(Problem("p", "q"), tuple([Step(str(i), 1) for i in range(steps)]))
    found = MutualConsistency().prefixes(path)
    assert [prefix.depth for prefix in found] == lengths
    assert all(path.steps[: prefix.depth] == prefix.steps for prefix in found)


def test_a_path_is_never_given_whole():
    path = Path(Problem("p", "q"), tuple([Step(str(i), 1) for i in range(4)]))
    strategy = MutualConsistency(cuts=2, shortest=0.5, longest=1.0)
    assert [prefix.depth for prefix in strategy.prefixes(path)] == [2, 3]
    assert [p.depth for p in replace(strategy, cuts=1).prefixes(path)] == [2]


def test_a_share_of_whole_steps_is_not_rounded_up():
    path = Path(Problem("p", "q"), tuple([Step(str(i), 1) for i in range(10)]))
    strategy = MutualConsistency(cuts=3, shortest=0.1, longest=0.5)
    assert [prefix.depth for prefix in strategy.prefixes(path)] == [1, 3, 5]


# Three candidates with x and one with y; completions of a and b (two steps, four completions).
SCRIPT = {
    ("a",): letters("zzzx", "x", "z"),  # one of four ends in x
    ("b",): letters("yyxx", "x", "y"),  # two of four end in y
}
WORDS = [("ax", 0.9), ("bx", 0.8), ("ax", 0.9), ("by", 0.1)]


def test_a_minority_that_survives_wins():
    result, second, _ = run(WORDS, SCRIPT)
    # ax is dropped; bx and by survive: x has 1/2 + 1/3, y has 1/2 + 1.
    assert word(result.best) == "by"
    assert result.counts == {"completions": 8, "traces survived": 2, "traces tested": 3}
    assert [
        (call.paths, call.n, call.until, call.temperature, call.start) for call in second.calls
    ] == [((("a",), ("b",)), 4, "end", 1.0, FRESH)]


def test_half_of_the_completions_is_enough():
    assert word(run(WORDS, SCRIPT, agreement=0.51)[0].best) != "by"
    result, _, _ = run(WORDS, SCRIPT, agreement=0.51)
    assert result.counts["no trace survived"] == 1


def test_where_none_survives_the_votes_decide():
    result, _, _ = run(WORDS, {("a",): letters("z", "z"), ("b",): letters("z", "z")})
    assert result.counts["no trace survived"] == 1
    assert word(result.best) == "ax"  # the highest-scored candidate of the most frequent answer


def test_candidates_of_one_answer_are_not_tested():
    result, second, _ = run([("ax", 0.2), ("bx", 0.8), ("c-", 0.9)], SCRIPT)
    assert second.calls == []
    assert result.counts == {"undisputed answers": 1}
    assert word(result.best) == "bx"


def test_no_answer_at_all():
    result, _, _ = run([("c-", 0.9)], SCRIPT)
    assert (result.best, result.counts) == (None, {"undisputed answers": 0})
    result, _, _ = run([], SCRIPT)
    assert result.best is None


def test_a_completion_without_an_answer_agrees_with_nothing():
    script = SCRIPT | {("b",): [Step("-", 1, final=True), Step("y", 1, dead=True)]}
    result, _, _ = run([*WORDS, ("b-", 0.9)], script)
    assert result.counts["traces survived"] == 0


def test_the_policy_itself_where_there_is_no_draft():
    result, second, _ = run(WORDS, SCRIPT, draft=False)
    assert word(result.best) == "by"
    assert len(second.calls) == 1


def test_the_verdict_stands_in_the_tree():
    result, _, _ = run(WORDS, SCRIPT)
    last = {item.path.key[1:]: item for _, judged in result.expansions for item in judged}
    assert last["a", "x"].details == {"reward": 0.9, "agreement": 0.25}
    assert (last["a", "x"].kept, last["b", "y"].kept) == (False, True)
    assert last["b", "y"].score == 0.1  # of the search
    assert [candidate.score for candidate in result.candidates] == [0.9, 0.8, 0.9, 0.1]


def test_the_reference_answer_is_never_read():
    def solve(answer):
        models = toy_models()
        problem = replace(models.task.parse("some problem"), answer=answer)
        asked = []

        class Watched(type(models.task)):
            def check(self, problem, answer):
                asked.append(answer)
                return False

        models = replace(models, task=Watched())
        result = asyncio.run(search(MutualConsistency(BestOfN(8)), problem, models))
        return asked, word(result.best), result.counts

    assert solve("right") == solve("wrong")
    assert solve("right")[0] == []


@pytest.mark.parametrize("p", [0.1, 0.3, 0.5, 0.8])
@pytest.mark.parametrize("agreement", [0.25, 0.5, 1.0])
def test_exact_law_of_survival(p, agreement):
    # Two candidates, a then x or y. The second policy ends in x with p: all four cuts are after a.
    table = {(): {"a": 1.0}, ("a",): {"x": p, "y": 0.9 - p, "z": 0.1}}
    models = Models(
        task=ExactTask(table), policy=ExactPolicy(table), draft=ExactPolicy(table, seed=1)
    )
    strategy = MutualConsistency(Given((("ax", 0.2), ("ay", 0.1))), agreement=agreement)

    async def program():
        mine = replace(models, trace=Trace())
        result = await strategy(Problem("p", "?"), mine)
        last = {item.path.key[-1]: item.kept for _, js in result.expansions for item in js}
        return last["x"], last["y"], word(result.best)[-1]

    found = law(program)
    most = math.ceil(4 * agreement)

    def chance(i, j):
        ways = math.factorial(4) / math.prod(map(math.factorial, (i, j, 4 - i - j)))
        return ways * p**i * (0.9 - p) ** j * 0.1 ** (4 - i - j)

    both = sum(chance(i, j) for i in range(most, 5) for j in range(most, 5 - i))
    x = sum(math.comb(4, i) * p**i * (1 - p) ** (4 - i) for i in range(most, 5))
    assert sum(c for (kx, _, _), c in found.items() if kx) == pytest.approx(x, abs=1e-12)
    assert found.get((True, True, "x"), 0.0) == pytest.approx(both, abs=1e-12)
    # x, the first, is the answer unless y alone survives.
    y = sum(math.comb(4, j) * (0.9 - p) ** j * (0.1 + p) ** (4 - j) for j in range(most, 5))
    assert found.get((False, True, "y"), 0.0) == pytest.approx(y - both, abs=1e-12)


def test_paths_that_begin_alike_share_completions():
    table = {("a",): letters("xyxy", "x", "y"), ("a", "b"): letters("xyxy", "x", "y")}
    result, second, _ = run([("abx", 0.5), ("aby", 0.4), ("ax", 0.3)], table)
    # abx and aby are cut twice after a and twice after ab, ax four times after a.
    assert [(call.paths, call.n) for call in second.calls] == [
        ((("a", "b"),), 2),
        ((("a",),), 4),
    ]
    assert result.counts["completions"] == 6
    assert result.counts["traces survived"] == 3


@pytest.mark.parametrize(
    "inner", ["best_of_n(n=8)", "mcts(simulations=4)", "bfs(solutions=0)", "self_consistency()"]
)
def test_any_search_fits(inner):
    strategy = MutualConsistency(parse(inner, "strategy"))
    assert parse(name_of(strategy)) == strategy
    check_strategy(strategy)


def test_text():
    assert name_of(MutualConsistency(MCTS(4))) == ("mutual_consistency(search=mcts(simulations=4))")
    assert parse("mutual_consistency") == MutualConsistency()


def test_bounds_of_the_cuts_must_be_in_order():
    says = r"mutual_consistency longest: expected at least .* \(0.2\), got 0.1: swap the two"
    with pytest.raises(InputError, match=says):
        MutualConsistency(longest=0.1)


def test_a_part_of_another_kind_is_refused():
    with pytest.raises(InputError, match="expected a strategy"):
        parse("mutual_consistency(search=scored())")


def test_the_answer_is_a_survivor_whatever_its_score():
    # ax scores higher but falls; bx survives; of y one of two does.
    script = {
        ("a",): letters("zzzz", "z"),
        ("b",): letters("xxyy", "x", "y"),
        ("c",): letters("zzzz", "z"),
    }
    words = [("ax", 0.9), ("bx", 0.2), ("bx", 0.2), ("cy", 0.8), ("by", 0.1)]
    result, _, _ = run(words, script)
    assert word(result.best) == "bx"  # x: 2/3 + 2/3, y: 1/3 + 1/2
