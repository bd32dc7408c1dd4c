"""OmegaPRM: a tree of prefixes, and in it the first error of wrong rollouts by binary search.

L. Luo, Y. Liu, R. Liu, S. Phatale, M. Guo, H. Lara, Y. Li, L. Shu, Y. Zhu, L. Meng, J. Sun,
A. Rastogi (2024), "Improve Mathematical Reasoning in Language Models by Automated Process
Supervision", arXiv 2406.06592.

    MC(s) = right / k of the k rollouts from prefix s
    pool  = {(s, r): r a wrong rollout from s, MC(s) > 0}, at first those from the question
    repeat ``searches`` times, while there is a pool:
        (s, r) = argmax Q + U,  out of the pool;  N(s) += 1
                 Q(s, r) = alpha^(1 - MC(s)) beta^(words of r / length)
                 U(s)    = exploration sqrt(sum of N over the prefixes in the pool) / (1 + N(s))
        low, high = s, the end of r
        while high - low > 1 step:   mid = the prefix half way;  k rollouts from mid
                 MC(mid) = 0:  high = mid;   else:  low = mid, its wrong rollouts join the pool
        the first error is the step after low

Each rollout searched costs k rollouts for each of the log2(steps) prefixes probed, where a plain
estimate costs k for each step. A prefix is probed once, whichever rollout it begins.

Differs from the paper: U's sum is over the prefixes that compete, those in the pool (the paper
writes a sum over i without saying of what; a well-known re-implementation takes the whole tree,
where U grows for good). A rollout is wrong by the task's check; that re-implementation looks for
the answer's text in the last sentence. Wrong solutions that are given are in the pool from the
start, and therefore MC(s) = 1 does not keep one out, as the paper's 0 < MC(s) < 1 would; for a
prefix's own rollouts the two rules are the same. The paper screens questions with 32 rollouts and
drops those with none or all right; here ``screen`` are drawn from the question, and count as its
rollouts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, final

from specreward.checks import number, positive, whole
from specreward.label.labelled import Labelled
from specreward.label.rollouts import Rollouts, different, outcome
from specreward.spec import name_of
from specreward.types import Models, Path, Result

__all__ = ["OmegaPRM"]


class State:
    """A prefix that was probed.

    ``mc`` is the share of right rollouts, ``visits`` N, ``right`` its first right rollout.
    """

    __slots__ = ("mc", "path", "right", "visits")

    def __init__(self, path: Path, mc: float, right: Path | None) -> None:
        self.path = path
        self.mc = mc
        self.right = right
        self.visits = 0


class Tree:
    """The states by the keys of their prefixes, and the pool: wrong rollouts by their keys."""

    __slots__ = ("drawn", "found", "pool", "seen", "states")

    def __init__(self) -> None:
        self.states: dict[tuple[str, ...], State] = {}
        self.pool: dict[tuple[str, ...], tuple[State, Path]] = {}
        self.seen: set[tuple[str, ...]] = set()
        self.found: list[tuple[Path, int]] = []
        self.drawn = 0

    def offer(self, state: State, rollouts: Sequence[Path]) -> None:
        """Put wrong rollouts into the pool that were never in it."""
        for path in rollouts:
            if path.key not in self.seen and state.mc > 0:
                self.seen.add(path.key)
                self.pool[path.key] = (state, path)


def quality(state: State, rollout: Path, alpha: float, beta: float, length: float) -> float:
    """Q of a wrong rollout: high where its prefix is good and it is short."""
    words = sum([len(step.text.split()) for step in rollout.steps[state.path.depth :]])
    return float(alpha ** (1 - state.mc) * beta ** (words / length))


def bonus(state: State, total: int, exploration: float) -> float:
    """U of a prefix, where those in the pool were visited ``total`` times."""
    return exploration * math.sqrt(total) / (1 + state.visits)


@final
@dataclass(frozen=True, kw_only=True)
class OmegaPRM:
    """Labels of kind ``value``: MC of each prefix probed, and the outcome of each end.

    Labelled solutions are the rollouts searched, the right solutions given, and for each prefix one
    right rollout from it. The source of a rollout searched says the place of its ``first_error``,
    from 0, unless the rollouts ran out before it was found. They begin alike as the tree does; each
    label stands in one of them.

    Args:
        k: Rollouts from each prefix, at least 1; 16 in a well-known re-implementation.
        searches: Most wrong rollouts to search.
        rollouts: Most rollouts in all, at least ``screen``; a search that would need more is left.
        screen: Rollouts from the question, at least 1; where none is right, or all are and no wrong
            solution is given, there is nothing to search and no label. The paper has 32.
        alpha: Base of the factor that prefers high MC, in (0, 1].
        beta: Base of the factor that prefers short rollouts, in (0, 1].
        length: Words of a rollout that cost one factor of beta, above 0.  # L
        exploration: Weight of U, at least 0.  # c_puct
        temperature: Of the rollouts, above 0.

    Raises:
        InputError: A field is out of its range.
    """

    k: int = 8
    searches: int = 20
    rollouts: int = 1000
    screen: int = 32
    alpha: float = 0.5
    beta: float = 0.9
    length: float = 500
    exploration: float = 0.125
    temperature: float = 0.7

    __cite__: ClassVar[str] = """@misc{luo2024improve,
  title = {Improve Mathematical Reasoning in Language Models by Automated Process Supervision},
  author = {Luo, Liangchen and Liu, Yinxiao and Liu, Rosanne and Phatale, Samrat and Guo, Meiqi and
            Lara, Harsh and Li, Yunxuan and Shu, Lei and Zhu, Yun and Meng, Lei and Sun, Jiao and
            Rastogi, Abhinav},
  year = {2024},
  note = {arXiv:2406.06592}
}"""

    def __post_init__(self) -> None:
        whole("omega_prm k", self.k, 1)
        whole("omega_prm searches", self.searches, 1)
        whole("omega_prm screen", self.screen, 1)
        whole("omega_prm rollouts", self.rollouts, self.screen)
        for name, value in (("alpha", self.alpha), ("beta", self.beta)):
            positive(f"omega_prm {name}", value)
            number(f"omega_prm {name}", value, 0, 1)
        positive("omega_prm length", self.length)
        number("omega_prm exploration", self.exploration, 0)
        positive("omega_prm temperature", self.temperature)

    async def __call__(self, found: Result, models: Models) -> list[Labelled]:
        """Labelled solutions of one problem.

        Raises:
            InputError: There is no reference answer to check rollouts against.
            EngineError: The policy left a rollout in the middle.
        """
        tree = Tree()
        given = [(one.path, outcome(one.path, models.task)) for one in different(found)]
        wrong = [path for path, known in given if known == 0.0]
        await self._probe(Path(found.problem), tree, models, self.screen, wrong)
        for _ in range(self.searches):
            if not tree.pool or tree.drawn + self.k > self.rollouts:
                break
            await self._search(tree, models)
        models.trace.count("rollouts", tree.drawn)
        return self._rows(tree, [path for path, known in given if known == 1.0])

    # ------------------------------------------------------------------ the search

    def _select(self, tree: Tree) -> tuple[State, Path]:
        """Takes the best one out of the pool; of equals the first that came."""
        states = {id(state): state for state, _ in tree.pool.values()}
        total = sum([state.visits for state in states.values()])

        def score(key: tuple[str, ...]) -> float:
            state, rollout = tree.pool[key]
            own = quality(state, rollout, self.alpha, self.beta, self.length)
            return own + bonus(state, total, self.exploration)

        return tree.pool.pop(max(tree.pool, key=score))

    async def _search(self, tree: Tree, models: Models) -> None:
        """Binary search for the first error of one wrong rollout."""
        state, rollout = self._select(tree)
        state.visits += 1
        low, high = state.path.depth, rollout.depth
        while high - low > 1:
            mid = (low + high) // 2
            prefix = Path(rollout.problem, rollout.steps[:mid])
            probed = tree.states.get(prefix.key)
            if probed is None:
                if tree.drawn + self.k > self.rollouts:
                    break
                probed = await self._probe(prefix, tree, models, self.k)
            low, high = (mid, high) if probed.mc > 0 else (low, mid)
        tree.found.append((rollout, low if high - low <= 1 else -1))

    async def _probe(
        self, prefix: Path, tree: Tree, models: Models, k: int, given: Sequence[Path] = ()
    ) -> State:
        """The state of a prefix, from k rollouts in one call; wrong ones join those given."""
        rollouts = Rollouts(policy=models.policy, task=models.task, temperature=self.temperature)
        [ends] = await rollouts.ends([prefix], k)
        right = [path for path, good in ends if good]
        state = State(prefix, len(right) / k, right[0] if right else None)
        tree.drawn += k
        tree.states[prefix.key] = state
        tree.offer(state, [*given, *[path for path, good in ends if not good]])
        return state

    # ------------------------------------------------------------------ what comes of it

    def _rows(self, tree: Tree, given: Sequence[Path]) -> list[Labelled]:
        """The rollouts searched, the right solutions given, and a right rollout of each prefix."""
        told: set[tuple[str, ...]] = set()
        rows = []
        for rollout, error in tree.found:
            source = {"first_error": error} if error >= 0 else {}
            rows.append(self._row(rollout, 0.0, tree, told, source))
        if tree.found:
            ends = [state.right for state in tree.states.values() if state.right is not None]
            for path in [*given, *ends]:
                if path.key not in told:
                    rows.append(self._row(path, 1.0, tree, told, {}))
        return rows

    def _row(
        self,
        path: Path,
        value: float,
        tree: Tree,
        told: set[tuple[str, ...]],
        source: Mapping[str, object],
    ) -> Labelled:
        labels: list[float | None] = []
        for depth in range(1, path.depth + 1):
            key = Path(path.problem, path.steps[:depth]).key
            state = tree.states.get(key)
            known = value if depth == path.depth else state.mc if state else None
            labels.append(None if key in told else known)
            if known is not None:
                told.add(key)
        return Labelled(
            problem=path.problem,
            steps=tuple([step.text for step in path.steps]),
            labels=tuple(labels),
            kind="value",
            outcome=value,
            source={"labeller": name_of(self), **source},
        )
