"""The engine: who writes, what is scored, what is counted, and which paths go on."""

import asyncio
import math
from dataclasses import replace

import pytest

from specreward.errors import BudgetExhausted, EngineError, InputError
from specreward.report.reasons import reason_of
from specreward.run import run
from specreward.search import WeightedVote
from specreward.search.speculative import (
    GSI,
    RSD,
    SPECS,
    Block,
    ByPower,
    ByReward,
    ByTiltedReward,
    CandidateGate,
    Chains,
    KeepBest,
    OpenGate,
    PoolGate,
    PrefixGate,
    RewardGate,
    SRMSteps,
    Stepwise,
)
from specreward.search.speculative.memory import Line
from specreward.testing import ScriptedPolicy, ScriptedReward, check_strategy, toy_models
from specreward.testing.exact import ExactPolicy, ExactTask, total_variation
from specreward.types import Models, Path, Problem, Step, Trace

from .fixtures import PROBLEM, distance, law_of, normal, one_step, pool_law, texts, two_steps


def words(result):
    return ["".join(texts(candidate.path)) for candidate in result.candidates]


def scripted(tree, rewards, draft=None, ratios=None):
    """Written policies: step texts by the steps so far, ``!`` final and ``-`` dead."""

    def policy(texts_by_prefix):
        return ScriptedPolicy(
            {
                tuple(prefix): [
                    Step(t.strip("!-"), 1, -1.0, final="!" in t, dead="-" in t) for t in after
                ]
                for prefix, after in texts_by_prefix.items()
            }
        )

    return Models(
        task=ExactTask({(): {"x": 1.0}}, most=4),
        policy=policy(tree),
        draft=None if draft is None else policy(draft),
        reward=ScriptedReward({tuple(word): r for word, r in rewards.items()}),
    )


def go(strategy, models):
    return asyncio.run(strategy(PROBLEM, replace(models, trace=Trace())))


TARGET_ONLY = Stepwise(draft=None, temperature=1.0)


# -------------------------------------------------------------------- step and sequence (toy A)

P1, P2 = [0.6, 0.4], [[0.7, 0.3], [0.2, 0.8]]
RA = [[0.1, 0.9], [0.8, 0.2]]
GLOBAL = normal([P1[i] * P2[i][j] * math.exp(3 * RA[i][j]) for i in (0, 1) for j in (0, 1)])


def soft_values():
    pairs = zip(P2, RA, strict=True)
    return [
        math.log(sum([p * math.exp(3 * r) for p, r in zip(ps, rs, strict=True)])) / 3
        for ps, rs in pairs
    ]


def mean_values():
    pairs = zip(P2, RA, strict=True)
    return [sum([p * r for p, r in zip(ps, rs, strict=True)]) for ps, rs in pairs]


def limit(values):
    """The chain that is tilted step by step, which many draws tend to."""
    first = normal([p * math.exp(3 * v) for p, v in zip(P1, values, strict=True)])
    rows = [
        normal([p * math.exp(3 * r) for p, r in zip(ps, rs, strict=True)])
        for ps, rs in zip(P2, RA, strict=True)
    ]
    return [first[i] * rows[i][j] for i in (0, 1) for j in (0, 1)]


def test_steps_are_tilted_one_by_one_not_the_sequence_unless_rewards_are_soft_values():
    assert pytest.approx([0.1204, 0.5686, 0.1872, 0.1238], abs=6e-5) == GLOBAL
    mean, soft = limit(mean_values()), limit(soft_values())
    assert mean == pytest.approx([0.1073, 0.5070, 0.2322, 0.1535], abs=6e-5)
    gap = 0.5 * sum([abs(a - b) for a, b in zip(mean, GLOBAL, strict=True)])
    assert gap == pytest.approx(0.07468, abs=6e-6)
    assert soft == pytest.approx(GLOBAL, abs=1e-12)
    cells = [("0", "0"), ("0", "1"), ("1", "0"), ("1", "1")]
    for values, least in ((mean_values(), 0.07), (soft_values(), 0.0)):
        models = two_steps(P1, P2, P1, P2, values, RA)
        block = Block(3, weight=ByReward(3.0))
        found = law_of(replace(TARGET_ONLY, target=block), models)
        assert total_variation(found, dict(zip(cells, drawn(3, values), strict=True))) < 1e-12
        gaps = [distance(drawn(n, values), GLOBAL) for n in (3, 30, 300)]
        assert gaps[0] > gaps[1] > gaps[2] > least
        assert gaps[2] < least + 0.006


def drawn(n, values):
    """The law of two steps that are each one of n by its reward."""
    first = pool_law(n, P1, [math.exp(3 * v) for v in values])
    rows = [pool_law(n, P2[i], [math.exp(3 * r) for r in RA[i]]) for i in (0, 1)]
    return [first[i] * rows[i][j] for i in (0, 1) for j in (0, 1)]


# -------------------------------------------------------------------------------- what is scored


def test_equal_draws_are_scored_once_and_dead_ones_never():
    models = scripted(
        {"": ["a", "b-", "a", "c"], "a": ["d!"], "c": ["d!"]},
        {"a": 0.5, "c": 0.5, "ad": 0.7, "cd": 0.7},
    )
    result = go(TARGET_ONLY, models)
    assert models.reward.calls[0] == [("a",), ("c",)]
    first = result.expansions[0][1]
    assert {item.path.steps[0].text: item.count for item in first} == {"a": 2, "c": 1}
    assert sum([item.kept for item in first]) == 1
    chances = {item.path.steps[0].text: item.details["chance"] for item in first}
    assert chances == pytest.approx({"a": 2 / 3, "c": 1 / 3})
    assert first[0].details["pool_share"] == pytest.approx(9 / 3 / 4)
    assert result.ended == "done"


def test_all_weights_zero_is_an_event_and_the_next_writer_has_its_turn():
    dead = {"": ["a-"]}
    alone = scripted(dead, {})
    result = go(TARGET_ONLY, alone)
    assert (result.best, result.ended) == (None, "exhausted")
    assert result.counts["all weights zero"] == 1
    rsd = RSD(0.5, n=2)
    helped = scripted({"": ["b!"]}, {"b": 0.2}, draft=dead)
    result = go(rsd, helped)
    assert words(result) == ["b"]
    assert result.counts["all weights zero"] == 1
    assert result.counts["steps by target"] == 1
    nothing = scripted(dead, {}, draft=dead)
    assert go(rsd, nothing).counts["all weights zero"] == 2


def test_a_step_that_the_target_cannot_write_is_never_taken():
    models = one_step(target=[0.5, 0.5, 0.0, 0.0], draft=[0.0, 0.25, 0.25, 0.5])
    strategy = GSI(2, beta_inv=2.0, threshold=None, temperature=1.0)
    found = law_of(strategy, models)
    assert found.get(("c",), 0) == found.get(("d",), 0) == 0
    soft = pool_law(2, [0.5, 0.5], [math.exp(0.2), math.exp(0.8)])
    assert found[("a",)] == pytest.approx(0.75**2 * soft[0], abs=1e-12)

    def zero(result):
        return result.counts.get("all weights zero", 0)

    assert law_of(strategy, models, zero)[1] == pytest.approx(0.75**2)


def test_a_reward_of_zero_weighs_nothing_under_a_power_of_it():
    assert go(SRMSteps(2), scripted({"": ["a"]}, {"a": 0.0})).counts["all weights zero"] == 1


def test_a_plain_draw_is_a_fresh_one():
    models = scripted({"": ["a!", "a!", "b!"]}, {"a": 1e-9, "b": 0.5})
    result = go(SRMSteps(2), models)
    assert words(result) == ["b"]
    assert result.counts["nothing taken"] == result.counts["plain steps"] == 1
    assert [call.start for call in models.policy.calls] == [0, 2]


# ---------------------------------------------------------------------------------- the draws


def test_one_model_in_both_roles_draws_anew_after_a_rejection():
    models = scripted({"": ["a!"] * 65536 + ["b!"]}, {"a": 0.1, "b": 0.1}, draft={"": ["a!"]})
    same = replace(models, draft=models.policy)
    assert words(go(RSD(0.5), same)) == ["b"]
    assert [call.start for call in same.policy.calls] == [0, 65536]


def test_chains_have_draws_of_their_own():
    models = one_step(target=[0.5, 0.5], draft=[0.5, 0.5], symbols="ab", rewards=[0.2, 0.4])
    strategy = replace(TARGET_ONLY, target=Block(1, weight=None), memory=Chains(3))

    def both(result):
        return tuple(sorted(words(result)))

    found = law_of(strategy, models, both)
    assert found == pytest.approx(
        {
            ("a", "a", "a"): 1 / 8,
            ("a", "a", "b"): 3 / 8,
            ("a", "b", "b"): 3 / 8,
            ("b", "b", "b"): 1 / 8,
        }
    )
    toys = toy_models()
    [problem] = toys.task.generate(1, "chains", 0)
    result = asyncio.run(replace(strategy, memory=Chains(8))(problem, toys))
    assert len({candidate.path.key for candidate in result.candidates}) > 1


def test_a_chain_that_cannot_go_on_does_not_end_the_search():
    # Lanes are 131072 draws apart, which is 2 modulo 3.
    models = scripted({"": ["a!", "b!", "c-"]}, {"a": 0.5})
    result = go(replace(TARGET_ONLY, target=Block(1, weight=None), memory=Chains(2)), models)
    assert (words(result), result.ended) == (["a"], "done")
    assert result.counts["all weights zero"] == 1


def test_chains_vote():
    toys = toy_models()
    strategy = Stepwise(memory=Chains(5), pick=WeightedVote())
    problems = toys.task.generate(10, "vote", 0)
    results = run(strategy, problems, toys)
    assert any(len({c.path.key for c in r.candidates}) < len(r.candidates) for r in results)
    for result in results:
        assert result.best is strategy.select(result.candidates, toys)


# ------------------------------------------------------------------------------------- memory


def test_the_best_are_kept_each_once_and_finished_ones_keep_their_place():
    # Lanes are 131072 draws apart, which is 2 modulo 3: three lanes draw all three.
    models = scripted(
        {
            "": ["a", "b", "c"],
            "a": ["x!", "y", "y"],
            "b": ["x!", "y!", "y!"],
            "c": ["x!"],
            "ay": ["z!"],
        },
        {"a": 0.9, "b": 0.5, "c": 0.1, "ax": 0.2, "ay": 0.6, "bx": 0.7, "by": 0.3, "ayz": 1.0},
    )
    strategy = replace(TARGET_ONLY, target=Block(1, weight=None), memory=KeepBest(2, branch_by=3))
    result = go(strategy, models)
    asked = ["".join(call.paths[0]) for call in models.policy.calls]
    assert asked == [""] * 3 + ["a"] * 3 + ["b"] * 3 + ["ay"] * 3
    assert words(result) == ["ax", "bx", "by", "by", "ayz", "ayz", "ayz"]
    assert result.best.score == 1.0
    models.policy.calls.clear()
    go(replace(strategy, memory=KeepBest(1, branch_by=3)), models)
    asked = ["".join(call.paths[0]) for call in models.policy.calls]
    assert asked == [""] * 3 + ["a"] * 3 + ["ay"] * 3


def test_places_of_finished_paths_are_taken():
    children = [
        Line(Path(PROBLEM, (Step(str(i)),)), 0, reward)
        for i, reward in enumerate((0.2, 0.9, 0.5, 0.9))
    ]
    rule = KeepBest(3)
    assert [line.path.steps[0].text for line in rule.keep(children, 0)] == ["1", "3", "2"]
    assert [line.path.steps[0].text for line in rule.keep(children, 2)] == ["1"]
    assert rule.keep(children, 3) == []
    assert Chains(2).keep(children, 9) == children


def test_memory_of_one_line_is_one_chain():
    toys = toy_models()
    for problem in toys.task.generate(5, "one", 0):
        one = asyncio.run(replace(TARGET_ONLY, memory=KeepBest(1, branch_by=1))(problem, toys))
        toys = replace(toys, trace=Trace())
        chain = asyncio.run(TARGET_ONLY(problem, toys))
        toys = replace(toys, trace=Trace())
        assert words(one) == words(chain)


@pytest.mark.parametrize("memory", [Chains(2), KeepBest(3, branch_by=2)], ids=str)
@pytest.mark.parametrize(
    "strategy",
    [
        Stepwise(),
        Stepwise(draft=None),
        Stepwise(target=None),
        Stepwise(draft=Block(1, weight=None), target=Block(1, weight=None), gate=RewardGate()),
        Stepwise(gate=PoolGate(0.3)),
        Stepwise(gate=PrefixGate(0.5)),
        Stepwise(draft=Block(4, weight=ByPower())),
    ],
    ids=str,
)
def test_the_contract(strategy, memory):
    check_strategy(replace(strategy, memory=memory), problems=15)


# --------------------------------------------------------------------------- ends, seeds, order


def test_a_path_ends_where_its_last_step_is_final_whatever_it_says():
    """An end of text without an answer in a box is an end."""
    table = {(): {"think": 1.0}, ("think",): {"<end>": 1.0}}
    rewards = {("think",): 0.9, ("think", "<end>"): 0.1}
    models = Models(
        task=ExactTask(table),
        policy=ExactPolicy(table),
        draft=ExactPolicy(table),
        reward=ScriptedReward(rewards),
    )
    for strategy in (GSI(2), RSD(), SPECS(2), SRMSteps(2)):
        result = go(strategy, models)
        assert (len(result.candidates), result.ended) == (1, "done")
        assert result.best.path.finished
        assert result.best.score == 0.1


@pytest.mark.parametrize("strategy", [GSI(), RSD(n=2), SPECS(), SRMSteps()], ids=str)
def test_the_result_depends_on_the_seed_and_not_on_the_order(strategy):
    toys = toy_models()
    problems = toys.task.generate(8, "order", 0)
    there = run(strategy, problems, toys)
    back = run(strategy, problems[::-1], toys, concurrency=1)[::-1]
    assert there == back
    other = run(strategy, problems, replace(toys, seed=5))
    assert [r.expansions for r in other] != [r.expansions for r in there]


def test_counts_add_up():
    toys = toy_models(noise=0.45)
    problems = toys.task.generate(20, "counts", 0)
    for result in run(GSI(3, threshold=0.8), problems, toys):
        counts = result.counts
        tests = counts.get("accepted steps", 0) + counts.get("rejected steps", 0)
        zero = counts.get("all weights zero", 0)
        assert tests <= counts["drafted steps"] // 3 <= tests + zero
        assert counts["drafted steps"] % 3 == counts.get("target steps", 0) % 3 == 0
        assert counts.get("steps by draft", 0) == counts.get("accepted steps", 0)
        if not zero:
            assert counts.get("steps by target", 0) == counts.get("rejected steps", 0)
        kept = [item for _, judged in result.expansions for item in judged if item.kept]
        by_draft = [item for item in kept if item.details["draft"] == 1.0]
        assert len(by_draft) == counts.get("steps by draft", 0)
        assert all({"reward", "chance"} <= set(item.details) for item in kept)
        for name in ("tilted", "log_ratio"):  # of steps that a ratio was asked for, no others
            assert [name in item.details for item in kept] == [item in by_draft for item in kept]


def test_details_of_a_step_are_those_of_the_formula():
    models = one_step()
    result = go(GSI(8, beta_inv=2.0, threshold=None, temperature=1.0), models)
    [(_, judged)] = result.expansions
    table = {"a": (0.1, 0.5 / 0.2), "b": (0.4, 0.25 / 0.2), "c": (0.7, 0.5), "d": (1.0, 1 / 3)}
    for item in judged:
        reward, ratio = table[item.path.steps[-1].text]
        assert item.score == item.details["reward"] == reward
        assert item.details["log_ratio"] == pytest.approx(math.log(ratio))
        assert item.details["tilted"] == pytest.approx(reward + math.log(ratio) / 2)
    assert sum([item.details["chance"] for item in judged]) == pytest.approx(1.0)
    assert sum([item.count for item in judged]) == 8


def test_the_report_says_who_wrote_a_step_and_how_likely_it_was_taken():
    result = go(GSI(8, beta_inv=2.0, threshold=None, temperature=1.0), one_step())
    [(_, judged)] = result.expansions
    for item in judged:
        said = reason_of(None)(item)
        taken = "taken" if item.kept else "not taken"
        assert said == (
            f"of the draft, tilted reward {item.details['tilted']:.3g}: {taken} at a chance of "
            f"{item.details['chance']:.0%}"
        )
    target = go(replace(TARGET_ONLY, target=Block(1, weight=None)), one_step())
    [(_, [item])] = target.expansions
    assert item.details == {"reward": item.score, "draft": 0.0}
    assert reason_of(None)(item) == "of the target: stands whatever its reward"
    [(_, chosen)] = go(TARGET_ONLY, one_step()).expansions
    [kept] = [item for item in chosen if item.kept]
    assert reason_of(None)(kept).startswith("of the target: taken at a chance of ")


def test_steps_of_one_text_and_other_tokens_have_ratios_of_their_own():
    """They are scored once, and weighed each by its own probability."""

    class Spelled:
        """Writes one text in two ways; 1 of 4 draws is the first."""

        def __init__(self, shares):
            self.shares = shares

        def tokenizer(self):
            return "two ways"

        async def likelihood(self, paths, *, temperature):
            return [math.log(self.shares[path.steps[-1].ids[0]]) for path in paths]

        async def extend(self, paths, n, *, until="step", temperature=0.8, start=0):
            ids = [0 if i % 4 == 0 else 1 for i in range(n)]
            made = [Step("same", 1, math.log(self.shares[i]), final=True, ids=(i,)) for i in ids]
            return [[path.then(step) for step in made] for path in paths]

    models = Models(
        task=ExactTask({(): {"same": 1.0}}),
        policy=Spelled([0.75, 0.25]),
        draft=Spelled([0.25, 0.75]),
        reward=ScriptedReward({("same",): 0.5}),
    )
    result = go(GSI(4, beta_inv=1.0, threshold=None), models)
    [(_, [item])] = result.expansions
    assert item.count == 4
    assert models.reward.calls == [[("same",)]]
    ratio = math.exp(item.details["log_ratio"])
    assert ratio == pytest.approx(3.0) or ratio == pytest.approx(1 / 3)
    assert item.details["chance"] == pytest.approx(0.75 if ratio > 1 else 0.25)


# ------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"draft": None, "target": None}, "expected a draft or a target, got neither"),
        ({"target": Block(weight=ByTiltedReward())}, "stepwise target: expected weight=by_reward"),
        ({"draft": None, "gate": PoolGate()}, "stepwise gate: expected open_gate"),
        ({"target": None, "gate": CandidateGate()}, "stepwise gate: expected open_gate"),
        ({"temperature": -1.0}, "stepwise temperature: expected"),
        ({"depth": 0}, "stepwise depth: expected"),
        ({"pick": "highest"}, "stepwise pick: expected an object"),
    ],
)
def test_bad_settings(settings, words):
    with pytest.raises(InputError, match=words):
        Stepwise(**settings)


def test_ratios_need_a_temperature():
    with pytest.raises(InputError, match=r"temperature: expected a number above 0 where ratios"):
        go(Stepwise(temperature=0.0), one_step())
    assert go(Stepwise(draft=None, temperature=0.0), one_step()).best is not None


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Chains(0), "chains width: expected"),
        (lambda: Chains(4097), "chains width: expected"),
        (lambda: KeepBest(0), "keep_best width: expected"),
        (lambda: KeepBest(branch_by=0), "keep_best branch_by: expected"),
        (lambda: PoolGate(1.5), "pool_gate share: expected"),
        (lambda: PoolGate(mass=-1.0), "pool_gate mass: expected"),
        (lambda: CandidateGate(math.inf), "candidate_gate threshold: expected"),
        (lambda: PrefixGate(2.0), "prefix_gate threshold: expected"),
        (lambda: RewardGate("odds"), "reward_gate accept: expected an object"),
    ],
)
def test_bad_parts(make, words):
    with pytest.raises(InputError, match=words):
        make()


def test_a_reward_out_of_range_is_an_error():
    models = scripted({"": ["a!"]}, {"a": 1.5})
    with pytest.raises(Exception, match=r"expected a reward in \[0, 1\], got 1.5"):
        go(TARGET_ONLY, models)


class Failing:
    """A policy one of whose draws fails: that of a lane, while the others take their time."""

    def __init__(self, inner, lane):
        self.inner, self.lane, self.ended = inner, lane, 0

    async def extend(self, paths, n, *, until="step", temperature=0.8, start=0):
        if start == 131072 * self.lane:
            raise BudgetExhausted("spent")
        await asyncio.sleep(0.01)
        self.ended += 1
        return await self.inner.extend(paths, n, until=until, temperature=temperature, start=start)


@pytest.mark.parametrize("lane", [0, 2])
def test_all_lines_have_ended_before_an_error_goes_up_and_those_before_it_are_found(lane):
    models = one_step()
    policy = Failing(models.policy, lane)
    mine = replace(models, policy=policy, trace=Trace())
    with pytest.raises(BudgetExhausted):
        asyncio.run(replace(TARGET_ONLY, memory=Chains(4))(PROBLEM, mine))
    assert policy.ended == 3
    assert len(mine.trace.found) == lane
    assert len(mine.trace.expansions) == (lane > 0)


def test_rewards_and_likelihoods_have_both_ended_before_an_error_goes_up():
    ended = []

    class Slow(ExactPolicy):
        async def likelihood(self, paths, *, temperature):
            await asyncio.sleep(0.01)
            ended.append(len(paths))
            return await super().likelihood(paths, temperature=temperature)

    models = one_step(rewards=[1.5] * 4)
    slow = replace(models, policy=Slow(models.policy.table))
    with pytest.raises(Exception, match=r"expected a reward in \[0, 1\], got 1.5"):
        go(GSI(2, temperature=1.0), slow)
    assert len(ended) == 1


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_a_ratio_that_is_no_number_is_an_error(wrong):
    class Broken(ExactPolicy):
        async def likelihood(self, paths, *, temperature):
            return [wrong] * len(paths)

    models = one_step()
    with pytest.raises(EngineError, match=f"a ratio below infinity, got {wrong!r} at step 1"):
        go(GSI(2, temperature=1.0), replace(models, policy=Broken(models.policy.table)))


def test_no_reward_model_is_an_error():
    with pytest.raises(InputError, match="expected a reward model"):
        go(TARGET_ONLY, replace(one_step(), reward=None))


def test_depth_is_kept():
    toys = toy_models()
    [problem] = toys.task.generate(1, "depth", 0)
    result = asyncio.run(replace(TARGET_ONLY, depth=2)(problem, toys))
    assert max(item.path.depth for _, judged in result.expansions for item in judged) <= 2
    assert OpenGate().draft_writes(None)
    assert Path(Problem("p", "?")).depth == 0
