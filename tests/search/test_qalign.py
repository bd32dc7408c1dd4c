"""The exact kernel of the chain, off the strategy itself, on the variable-length toy."""

import asyncio
import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from one_step import PROBLEM, outcomes

import specreward.search.qalign as module
from specreward.errors import BudgetExhausted, InputError
from specreward.search import Highest, MajorityVote, QAlign
from specreward.search.qalign import acceptance
from specreward.search.whole_paths import Draw
from specreward.testing import CappedPolicy
from specreward.testing.exact import ExactPolicy, ExactReward, ExactTask
from specreward.types import Candidate, Models, Path, Step, Trace

LETTERS = {"a": 0.5, "b": 0.3, ".": 0.2}
B = 0.7


def strings(longest):
    """Each string with its probability: ended by a stop, or cut at the longest length."""
    found, grown = {}, {"": 1.0}
    for length in range(1, longest + 1):
        longer = {}
        for word, p in grown.items():
            for letter, q in LETTERS.items():
                ended = letter == "." or length == longest
                (found if ended else longer)[word + letter] = p * q
        grown = longer
    return found


def raw(word):
    return 0.9 * word.count("a") - 0.6 * word.count("b") + word.endswith(".")


def chain(longest):
    """Models on the strings; the rewards brought to [0, 1], and b with them."""
    law = strings(longest)
    low, high = min(map(raw, law)), max(map(raw, law))
    prefixes = {word[:k] for word in law for k in range(len(word))}
    table = {tuple(prefix): LETTERS for prefix in prefixes}
    rewards = {tuple(word): (raw(word) - low) / (high - low) for word in law}
    models = Models(task=ExactTask(table), policy=ExactPolicy(table), reward=ExactReward(rewards))
    return models, law, B / (high - low)


def target(law):
    weights = {word: p * math.exp(raw(word) / B) for word, p in law.items()}
    total = sum(weights.values())
    return np.array([weight / total for weight in weights.values()])


def states(result):
    return tuple("".join([s.text for s in c.path.steps]) for c in result.candidates)


def kernel(longest=3):
    """P(y -> y') of the real chain: the law of its first two states."""
    models, law, b = chain(longest)
    pairs = outcomes(QAlign(1, reward_temperature=b), models, states)
    names = list(law)
    found = np.zeros((len(names), len(names)))
    for (one, two), p in pairs.items():
        found[names.index(one), names.index(two)] += p / law[one]
    return found


def stationary(matrix):
    values, vectors = np.linalg.eig(matrix.T)
    vector = np.real(vectors[:, np.argmax(np.real(values))])
    return vector / vector.sum()


def distance(one, other):
    return 0.5 * np.abs(one - other).sum()


def imbalance(matrix, pi):
    flow = pi[:, None] * matrix
    return np.abs(flow - flow.T).max()


right = cache(kernel)


def test_the_kernel_keeps_the_tilted_law():
    pi = target(strings(3))
    assert right().sum(axis=1) == pytest.approx(np.ones(len(pi)), abs=1e-12)
    assert distance(stationary(right()), pi) < 1e-12
    assert distance(pi @ right(), pi) < 1e-14
    assert imbalance(right(), pi) < 1e-16


def test_more_steps_are_the_powers_of_the_kernel():
    models, law, b = chain(2)
    start, one = np.array(list(law.values())), kernel(2)
    two = outcomes(QAlign(2, reward_temperature=b), models, lambda r: states(r)[-1])
    assert [two[word] for word in law] == pytest.approx(list(start @ one @ one), abs=1e-12)


def variant(log_chance):
    """Another rule of acceptance in the place of the right one."""

    def rule(state, proposal, b):
        gain = (proposal.reward - state.reward) / b
        return math.exp(min(0.0, log_chance(gain, state.path.depth / proposal.path.depth)))

    return rule


def test_without_the_ratio_of_lengths_the_law_is_wrong(monkeypatch):
    monkeypatch.setattr(module, "acceptance", variant(lambda gain, ratio: gain))
    wrong, pi = kernel(), target(strings(3))
    assert distance(stationary(wrong), pi) == pytest.approx(0.0755, abs=5e-5)
    assert imbalance(wrong, pi) == pytest.approx(7.35e-3, abs=5e-6)


def test_with_the_ratio_inside_the_exponent_the_law_is_wrong(monkeypatch):
    monkeypatch.setattr(module, "acceptance", variant(lambda gain, ratio: gain * ratio))
    assert distance(stationary(kernel()), target(strings(3))) == pytest.approx(0.1261, abs=5e-5)


def test_a_chain_of_accepted_proposals_alone_is_wrong():
    # Where it stays it has to be counted again: what it moves to has another law.
    models, law, b = chain(3)
    moves = outcomes(
        QAlign(1, reward_temperature=b),
        models,
        lambda r: (states(r), r.counts["accepted proposals"]),
    )
    names, pi = list(law), target(law)
    arrived = np.zeros(len(names))
    for ((one, two), moved), p in moves.items():
        arrived[names.index(two)] += moved * p / law[one] * pi[names.index(one)]
    assert distance(arrived / arrived.sum(), pi) == pytest.approx(0.069, abs=5e-4)


def test_limits():
    models, law, _ = chain(2)
    flat = outcomes(QAlign(1, reward_temperature=1e12), models, lambda r: states(r)[-1])
    # Without rewards the law is the policy's own, from the first state on.
    assert [flat[word] for word in law] == pytest.approx(list(law.values()), abs=1e-9)
    steep = outcomes(QAlign(1, reward_temperature=1e-12), models, states)
    values = {word: raw(word) for word in law}
    assert all(values[two] >= values[one] for one, two in steep)  # it only climbs


# ------------------------------------------------------------------------------ the search


def ended(texts, reward):
    steps = [Step(text) for text in texts[:-1]] + [Step(texts[-1], final=reward is not None)]
    return Draw(Path(PROBLEM, tuple(steps)), reward)


def test_acceptance():
    short, long = ended("ab", 0.5), ended("abcd", 0.5)
    assert acceptance(short, long, 1.0) == pytest.approx(0.5)
    assert acceptance(long, short, 1.0) == 1.0
    assert acceptance(ended("a", 0.9), ended("b", 0.4), 0.5) == pytest.approx(math.exp(-1))
    assert acceptance(ended("a", 0.9), ended("b", 0.4), 1e-300) == 0.0
    assert acceptance(ended("a", 0.4), ended("b", 0.9), 1e-300) == 1.0
    assert acceptance(ended("a", 0.0), ended("b", None), 1.0) == 0.0
    assert acceptance(ended("a", None), ended("b", 0.0), 1.0) == 1.0
    assert acceptance(ended("a", None), ended("b", None), 1.0) == 1.0


def test_it_stays_where_a_proposal_is_refused_and_repeats_the_state(plant, spelled, best):
    tree = plant({"a": 0.2, "b": 0.9}, final={"a", "b"})
    result = tree.run(QAlign(4, reward_temperature=1e-3))
    # Drawn a, then b, a, b, a: it moves to b and stays.
    assert spelled(result) == ["a", "b", "b", "b", "b"]
    assert best(result) == "b"
    assert (result.counts["proposals"], result.counts["accepted proposals"]) == (4, 2)
    assert [call.start for call in tree.policy.calls] == [0, 1, 2, 3, 4]
    assert all(call.until == "end" and call.temperature == 1.0 for call in tree.policy.calls)
    assert len(tree.reward.calls) == 2  # nothing is rewarded twice
    [judged] = [items[0] for _, items in result.expansions[2:3]]
    assert judged.kept is False
    assert judged.details == {"reward": 0.2, "chance": pytest.approx(0.0, abs=1e-300)}


def test_each_turn_has_draws_of_its_own(plant):
    # Three steps each; a chance of one half where the chain stands high.
    tree = plant({"a": 0, "ab": 0, "abc": 0.4, "abd": 0.6}, final={"abc", "abd"})
    result = tree.run(QAlign(400, reward_temperature=0.2 / math.log(2)))
    cuts = [parent.depth for parent, _ in result.expansions[1:]]
    for depth in range(3):
        assert cuts.count(depth) / 400 == pytest.approx(1 / 3, abs=0.08)
    downhill = [
        items[0].kept
        for before, (_, items) in zip(result.candidates, result.expansions[1:], strict=False)
        if (before.score, items[0].score) == (0.6, 0.4)
    ]
    assert len(downhill) > 60
    assert sum(downhill) / len(downhill) == pytest.approx(0.5, abs=0.17)
    assert [call.start for call in tree.policy.calls] == list(range(401))
    other = asyncio.run(QAlign(40)(tree.problem, replace(tree.models, seed=1, trace=Trace())))
    assert [parent.depth for parent, _ in other.expansions[1:]] != cuts[:40]
    problem = replace(tree.problem, id="another")
    other = asyncio.run(QAlign(40)(problem, replace(tree.models, trace=Trace())))
    assert [parent.depth for parent, _ in other.expansions[1:]] != cuts[:40]


def test_a_majority_counts_heads(plant):
    tree = plant({"a": 0.1, "b": 0.9}, final={"a", "b"})
    low, high = (
        Candidate(Path(tree.problem, (Step(text, final=True),)), score)
        for text, score in (("a", 0.1), ("b", 0.9))
    )
    better = replace(low, score=0.2)
    assert MajorityVote()([low, high, better], tree.models) is better
    assert MajorityVote()([high, low], tree.models) is high  # a tie: found first
    assert MajorityVote()([], tree.models) is None


def test_a_vote_over_the_chain_counts_its_repeats(plant, best):
    tree = plant({"a": 0.45, "b": 0.5, "c": 0.46}, final={"a", "b", "c"})
    result = tree.run(QAlign(30, reward_temperature=0.01))
    seen = [c.path.steps[0].text for c in result.candidates]
    assert best(result) == max(dict.fromkeys(seen), key=seen.count) == "b"
    assert tree.run(QAlign(30, reward_temperature=0.01, pick=Highest())).best.score == 0.5


def test_a_cut_path_has_no_weight():
    # c never finishes. From a finished path no move leads there; from c all moves are taken.
    table = {(): {"a": 0.5, "c": 0.2, "d": 0.3}, ("c",): {"x": 1.0}}
    rewards = {("a",): 0.2, ("d",): 0.6}
    models = Models(
        task=ExactTask(table, most=1),
        policy=ExactPolicy(table, most=1),
        reward=ExactReward(rewards),
    )
    law = outcomes(
        QAlign(1, reward_temperature=0.5),
        models,
        lambda r: (states(r), r.counts.get("states without an answer", 0)),
    )
    down = math.exp(-0.4 / 0.5)
    assert law == pytest.approx(
        {
            (("a", "a"), 0): 0.5 * 0.7,
            (("a", "d"), 0): 0.5 * 0.3,
            (("d", "d"), 0): 0.3 * (0.3 + 0.2 + 0.5 * (1 - down)),
            (("d", "a"), 0): 0.3 * 0.5 * down,
            (("a",), 1): 0.2 * 0.5,
            (("d",), 1): 0.2 * 0.3,
            ((), 2): 0.2 * 0.2,
        }
    )


def test_until_there_is_an_answer_it_draws_from_the_root(plant, spelled):
    words = ("a", "ax", "axy", "b", "bx", "bxy", "c", "d")
    tree = plant(dict.fromkeys(words, 0.3), final={"c"}, dead={"axy", "bxy", "d"})
    # Drawn axy, bxy (dead), then c; then c stays: no move leads to a path without an answer.
    result = tree.run(QAlign(8))
    assert spelled(result) == ["c"] * 7
    assert [parent.depth for parent, _ in result.expansions] == [0] * 9
    assert (result.counts["states without an answer"], result.counts["proposals"]) == (2, 6)
    assert result.counts["accepted proposals"] == 1  # each fourth draw is c


def test_a_budget_that_ends_leaves_the_chain_so_far(plant):
    tree = plant({"a": 0.2, "b": 0.9}, final={"a", "b"})
    strategy = QAlign(9, reward_temperature=1e-3)
    capped = CappedPolicy(policy=tree.policy, most=3, samples=4)
    mine = replace(tree.models, policy=capped, trace=Trace())
    with pytest.raises(BudgetExhausted):
        asyncio.run(strategy(tree.problem, mine))
    assert [c.score for c in mine.trace.found] == [0.2, 0.9, 0.9, 0.9]
    assert strategy.select(mine.trace.found, mine).score == 0.9


def test_without_a_reward_model(plant):
    tree = plant({"a": 0.2}, final={"a"})
    with pytest.raises(InputError, match="expected a reward model"):
        asyncio.run(QAlign(2)(PROBLEM, replace(tree.models, reward=None, trace=Trace())))


@pytest.mark.parametrize(
    "bad",
    [
        {"proposals": 0},
        {"reward_temperature": 0.0},
        {"reward_temperature": math.nan},
        {"pick": "majority_vote"},
        {"temperature": -1.0},
    ],
)
def test_bad_settings(bad):
    [name] = bad
    with pytest.raises(InputError, match=f"qalign {name}: expected"):
        QAlign(**bad)
