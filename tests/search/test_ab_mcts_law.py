"""The exact law of whole AB-MCTS searches, and the chance to widen at a node."""

import math
from collections import Counter
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from specreward.search import ABMCTS, ABMCTSM, GaussianPosterior
from specreward.search.adaptive import Node, Tree
from specreward.search.posteriors import Tally
from specreward.seeds import choose
from specreward.testing import ExactPolicy, ExactReward, ExactTask, law, total_variation
from specreward.types import Models, Path, Problem, Step

PROBLEM = Problem("p", "?")


def word(path):
    return "".join(step.text for step in path.steps)


COIN = 0.25


@dataclass(frozen=True)
class Coin:
    """A belief of two points: (0.3 + sum) / (1 + n), give or take a quarter, half and half."""

    def draw(self, seen, rng):
        off = COIN * (1 - 2 * choose([1, 1], 0, rng.integers(2**62)))
        return (0.3 + seen.n * seen.mean) / (1 + seen.n) + off


TABLE = {
    (): {"a": 0.6, "b": 0.4},
    ("a",): {"a": 0.5, "b": 0.5},
    ("b",): {"a": 1.0},
    ("a", "a"): {"a": 1.0},
}
LAW_REWARDS = {"a": 0.45, "b": 0.7, "aa": 0.75, "ab": 0.9, "ba": 0.2, "aaa": 0.6}


def points(numbers):
    mean = (0.3 + sum(numbers)) / (1 + len(numbers))
    return [(mean + COIN, 0.5), (mean - COIN, 0.5)]


def second_writing(simulations, own_in_cont=False, literal=False):
    """The law of the sequence of draws, on lists of scores; by recursion over all draws.

    A wrong one tells CONT of the children, too; another makes a new node of a repeated step.
    """
    found = Counter()

    def highest(rivals, chance, at=0, best=None):
        """(winner, chance) over the draws of some beliefs; the first of equals."""
        if at == len(rivals):
            yield best[1], chance
            return
        name, numbers = rivals[at]
        for value, p in points(numbers):
            better = best is None or value > best[0]
            yield from highest(rivals, chance * p, at + 1, (value, name) if better else best)

    def descend(nodes, here, chance):
        able = [name for name in nodes[here]["children"] if nodes[name]["open"]]
        if not able:
            yield [here], chance
            return
        node = nodes[here]
        for gen, p in points(node["gen"]):
            for cont, q in points(node["cont"]):
                if gen >= cont:
                    yield [here], chance * p * q
                    continue
                rivals = [(name, nodes[name]["below"]) for name in able]
                for name, rest in highest(rivals, chance * p * q):
                    for way, last in descend(nodes, name, rest):
                        yield [here, *way], last

    def step(nodes, history, left, chance):
        if not left:
            found[history] += chance
            return
        for way, reached in descend(nodes, "", chance):
            parent = way[-1]
            here = nodes[parent]["word"]
            for letter, p in TABLE[tuple(here)].items():
                grown = {
                    k: {f: list(v) if isinstance(v, list) else v for f, v in n.items()}
                    for k, n in nodes.items()
                }
                text = here + letter
                repeat = not literal and any(
                    grown[c]["word"] == text for c in grown[parent]["children"]
                )
                score = 0.0 if repeat else LAW_REWARDS[text]
                name = f"{len(grown)}"
                is_open = not repeat and tuple(text) in TABLE
                grown[name] = {
                    "word": text,
                    "open": is_open,
                    "children": [],
                    "gen": [],
                    "cont": [],
                    "below": [score],
                }
                grown[parent]["children"].append(name)
                grown[parent]["gen"].append(score)
                if own_in_cont:
                    grown[parent]["cont"].append(score)
                for above, node in pairwise(way):
                    grown[node]["below"].append(score)
                    grown[above]["cont"].append(score)
                step(grown, (*history, text), left - 1, reached * p)

    root = {"word": "", "open": True, "children": [], "gen": [], "cont": [], "below": []}
    step({"": root}, (), simulations, 1.0)
    return dict(found)


@dataclass(frozen=True)
class Watched:
    """A policy that notes what it wrote."""

    policy: ExactPolicy
    written: list

    async def extend(self, paths, n, *, until="step", temperature=0.8, start=0):
        [[path]] = await self.policy.extend(
            paths, n, until=until, temperature=temperature, start=start
        )
        self.written.append(word(path))
        return [[path]]


@cache
def real_law(simulations):
    async def program():
        watched = Watched(ExactPolicy(TABLE), [])
        rewards = ExactReward({tuple(text): reward for text, reward in LAW_REWARDS.items()})
        models = Models(task=ExactTask(TABLE), policy=watched, reward=rewards)
        await ABMCTS(simulations, posterior=Coin(), temperature=1.0)(PROBLEM, models)
        return tuple(watched.written)

    return law(program)


def test_the_law_of_a_search_is_that_of_a_second_writing():
    ours = real_law(4)
    assert math.fsum(ours.values()) == pytest.approx(1)
    assert total_variation(ours, second_writing(4)) < 1e-12


def test_wrong_bookkeeping_has_another_law():
    ours = real_law(4)
    told_both, literal = second_writing(4, own_in_cont=True), second_writing(4, literal=True)
    assert total_variation(ours, told_both) == pytest.approx(0.158273, abs=1e-6)
    assert total_variation(ours, literal) == pytest.approx(0.174199, abs=1e-6)


# ------------------------------------------------------------------------------ GEN against CONT


def written_tree(gen, cont):
    """A root with one child to go on with, whose beliefs rest on these scores."""
    tree = Tree(PROBLEM, 1)
    tree.root.able.append(Node(Path(PROBLEM).then(Step("a")), open=True))
    tree.root.children.append(tree.root.able[0])
    for score in gen:
        tree.root.gen.add(score)
    for score in cont:
        tree.root.cont.add(score)
    return tree


def chance_to_widen(gen, cont):
    """P(mu_gen >= mu_cont) of two normal-inverse-chi-squared beliefs, summed over log variances."""

    def variances(m, kappa, nu, tau2):
        logs = np.linspace(math.log(tau2) - 8, math.log(tau2) + 40, 1500)
        density = np.exp(-nu / 2 * logs - nu * tau2 / 2 * np.exp(-logs))
        return m, np.exp(logs) / kappa, density / density.sum()

    m_gen, v_gen, p_gen = variances(*GaussianPosterior().after(Tally(*gen)))
    m_cont, v_cont, p_cont = variances(*GaussianPosterior().after(Tally(*cont)))
    z = (m_gen - m_cont) / np.sqrt(v_gen[:, None] + v_cont[None, :])
    return float((p_gen[:, None] * p_cont * _normal_cdf(z)).sum())


def _normal_cdf(z):
    """To 1e-7 (Abramowitz and Stegun 26.2.17)."""
    t = 1 / (1 + 0.2316419 * np.abs(z))
    tail = (
        np.exp(-z * z / 2)
        / math.sqrt(2 * math.pi)
        * t
        * (
            0.319381530
            + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429)))
        )
    )
    return np.where(z >= 0, 1 - tail, tail)


@pytest.mark.parametrize(
    ("gen", "cont", "exact"),
    [((0.5, 0.9), (), 0.76338), ((0.5, 0.9), (0.5, 0.9), 0.5), ((0.2,), (0.9, 0.8, 0.9), 0.08242)],
)
def test_widening_has_its_exact_chance(gen, cont, exact):
    assert chance_to_widen(gen, cont) == pytest.approx(exact, abs=1e-5)
    tree, rng, n = written_tree(gen, cont), np.random.default_rng(0), 20_000
    wide = sum(len(ABMCTS().descend(tree, rng)) == 1 for _ in range(n)) / n
    assert wide == pytest.approx(exact, abs=5 * math.sqrt(exact * (1 - exact) / n))


def test_going_on_after_the_first_child_is_a_draw_of_the_prior():
    """The first child tells GEN alone; CONT would be believed as good if it were told."""
    told_both = chance_to_widen((0.9,), (0.9,))
    assert told_both == pytest.approx(0.5)
    assert chance_to_widen((0.9,), ()) == pytest.approx(0.71516, abs=1e-5)


def test_lost_children_speak_against_a_new_one_in_the_mixed_model():
    def wider(lost):
        tree, rng = Tree(PROBLEM, 1), np.random.default_rng(0)
        tree.told([tree.root], Node(Path(PROBLEM).then(Step("a")), open=True), 0.6, 0)
        for _ in range(lost):
            tree.told([tree.root], Node(Path(PROBLEM).then(Step("a"))), 0.0, 0)
        return sum(len(ABMCTSM().descend(tree, rng)) == 1 for _ in range(300)) / 300

    assert wider(8) < wider(0) - 0.1
