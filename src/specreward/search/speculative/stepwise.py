"""Step by step with two writers: the parts that published methods are put together from.

    for each line (path, lane) at once, until all have ended:
        pool <- none
        if there is a draft, and the gate lets it write:
            pool <- n steps of the draft, weighed by reward and, where needed, by log B/S
            take a step of the pool by its weights; the gate says whether it stands
        if none stands: the same with the target, whose step always stands
        if its rule takes none: one more step of the last writer, as it is
        path <- path + step; finished paths are candidates, the memory says which others go on

J. Geuter, Y. Mroueh, D. Alvarez-Melis (2025), arXiv 2506.04118 (GSI); B. Liao et al. (2025), arXiv
2501.19324 (RSD); M. Cemri et al. (2025), arXiv 2506.15733 (SPECS); C. Verdun et al. (2025), arXiv
2505.03156 (soft best-of-n, a single writer). ``gsi``, ``rsd``, ``specs`` and ``srm_steps`` are
points of the grid that these parts span.

Differs from the papers: equal draws are scored once; dead steps weigh nothing and are not scored;
every event is counted. Where all weights are zero the next writer has its turn, and after the last
one the path ends there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, final

from specreward.checks import number, part, rule, whole
from specreward.errors import InputError
from specreward.search.expand import conclude, deepest
from specreward.search.pick import Highest, Pick
from specreward.search.speculative.citations import GSI_PAPER
from specreward.search.speculative.gates import Gate, OpenGate
from specreward.search.speculative.memory import Chains, Line, Memory
from specreward.search.speculative.pool import Pool
from specreward.search.speculative.weights import ByTiltedReward
from specreward.search.speculative.writing import SPAN, Block, check_roles, draw, fill
from specreward.seeds import choose
from specreward.types import Candidate, Judgement, Models, Path, Problem, Result
from specreward.verify.rewards import rewards

__all__ = ["Stepwise"]

ROUNDING = 1e-9
"""A chance that none is taken below this is the rounding of a sum of 1."""


class Written(NamedTuple):
    """What became of one line: the step committed, if any, and the judged steps."""

    line: Line | None
    judged: list[Judgement]


@final
@dataclass(frozen=True, kw_only=True)
class Stepwise:
    """Steps chosen from pools that a draft or the target writes.

    Args:
        draft: How the draft writes; None leaves all to the target.
        target: How the target writes; None leaves all to the draft.
        gate: Whether the draft writes and whether its step stands.
        memory: Which paths go on.
        temperature: Of both policies; above 0 where ratios are needed.
        depth: Most steps of a path; None is the task's own limit.
        pick: Chooses the answer among all finished candidates.

    Raises:
        InputError: A field is out of its range, or the parts do not fit each other.
    """

    draft: Block | None = Block(weight=ByTiltedReward())
    target: Block | None = Block()
    gate: Gate = OpenGate()
    memory: Memory = Chains()
    temperature: float = 0.7
    depth: int | None = None
    pick: Pick = Highest()

    __cite__: ClassVar[str] = GSI_PAPER

    def __post_init__(self) -> None:
        number("stepwise temperature", self.temperature, 0)
        if self.depth is not None:
            whole("stepwise depth", self.depth, 1)
        rule("stepwise pick", self.pick, "highest()")
        part("stepwise gate", self.gate, Gate, "open_gate()")
        part("stepwise memory", self.memory, Memory, "chains(1)")
        for name, block in (("draft", self.draft), ("target", self.target)):
            if block is not None:
                part(f"stepwise {name}", block, Block, "block(4)")
        if self.draft is None and self.target is None:
            raise InputError("stepwise: expected a draft or a target, got neither: give block(4)")
        if self.target is not None and self.target.ratio:
            raise InputError(
                "stepwise target: expected weight=by_reward(...), got a tilted one: the target's "
                "own steps need no ratio"
            )
        if self.gate != OpenGate() and (self.draft is None or self.target is None):
            raise InputError(
                f"stepwise gate: expected open_gate() with a single writer, got {self.gate!r}: a "
                "gate decides between draft and target"
            )

    async def __call__(self, problem: Problem, models: Models) -> Result:
        """One step for all lines at a time."""
        check_roles(self.draft, models, self.temperature)
        limit, finished, stuck = deepest(problem, models, self.depth), 0, False
        lines = self.memory.branch([Line(Path(problem))])
        while lines:
            children = await self._round(lines, models)
            stuck = stuck or len(children) < len(lines)
            kept = self.memory.keep(children, finished)
            finished += sum([line.path.finished for line in kept])
            going = [line for line in kept if line.path.open and line.path.depth < limit]
            lines = self.memory.branch(going)
        nothing = stuck and not models.trace.found
        return conclude(self, problem, models, "exhausted" if nothing else "done")

    def select(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """By ``pick``."""
        return self.pick(candidates, models)

    async def _round(self, lines: Sequence[Line], models: Models) -> list[Line]:
        """The children of all lines; where one fails, those before it are in the record."""
        answers = await asyncio.gather(
            *[self.write(line, models) for line in lines],
            return_exceptions=True,  # every line has ended before an error goes up
        )
        written: list[Written] = []
        failed: BaseException | None = None
        for answer in answers:
            if isinstance(answer, BaseException):
                failed = answer
                break
            written.append(answer)
        record(lines[: len(written)], written, models)
        children = [one.line for one in written if one.line is not None]
        models.trace.found += [
            Candidate(child.path, child.reward)
            for child in children
            if child.path.finished and child.reward is not None
        ]
        if failed is not None:
            raise failed
        return children

    async def write(self, line: Line, models: Models) -> Written:
        """The next step of one line."""
        judged: list[Judgement] = []
        if self.draft is not None and self.gate.draft_writes(line.reward):
            pool = await self._pool(line, self.draft, models, draft=True)
            taken = self._take(line, self.draft, pool, models)
            stands = taken is not None and self._stands(line, pool, taken, models)
            judged += _judgements(self.draft, pool, taken if stands else None, self.gate)
            if stands and taken is not None:
                models.trace.count("steps by draft")
                return await self._committed(line, pool, taken, judged, models)
            if self.target is None:
                return await self._plain(line, self.draft, pool, judged, models)
        assert self.target is not None, "nobody was left to write"
        pool = await self._pool(line, self.target, models, draft=False)
        taken = self._take(line, self.target, pool, models)
        judged += _judgements(self.target, pool, taken, None)
        if taken is None:
            return await self._plain(line, self.target, pool, judged, models)
        models.trace.count("steps by target")
        return await self._committed(line, pool, taken, judged, models)

    async def _pool(self, line: Line, block: Block, models: Models, *, draft: bool) -> Pool:
        n = block.selector.draws(block.n, models.seed, *line.path.key, line.lane, draft)
        return await self._filled(line, block, models, n, 0, draft=draft)

    async def _filled(
        self, line: Line, block: Block, models: Models, n: int, start: int, *, draft: bool
    ) -> Pool:
        """``n`` draws of a role, numbers ``start`` on of those that are this line's own."""
        second = not draft and self.draft is not None  # one model in both roles: other draws
        own = SPAN * (2 * line.lane + second) + start
        children: list[Path] = []
        if n > 0:
            children = await draw(
                line.path, n, models, draft=draft, start=own, temperature=self.temperature
            )
        scored = (draft and self.gate.reads_rewards) or self._always
        return await fill(
            children, block, models, draft=draft, scored=scored, heat=self.temperature
        )

    @property
    def _always(self) -> bool:
        """Whether every committed step must have a reward."""
        return self.gate.reads_prefix or self.memory.reads_rewards

    def _take(self, line: Line, block: Block, pool: Pool, models: Models) -> int | None:
        """A step of the pool by its weights, or None."""
        if pool.drawn and pool.empty:
            models.trace.count("all weights zero")
            return None
        chances = block.selector.chances(pool) if pool.drawn else []
        above = block.selector.clipped(pool)
        if above:
            models.trace.count("weights above the bound", above)
        none = max(0.0, 1.0 - sum(chances))
        name = (*line.path.key, line.lane, pool.by_draft, "take")
        taken = choose([*chances, none if none > ROUNDING else 0.0], models.seed, *name)
        if taken == len(chances):
            models.trace.count("nothing taken")
            return None
        return taken

    def _stands(self, line: Line, pool: Pool, taken: int, models: Models) -> bool:
        """Whether the gate lets the drafted step stand."""
        chance = self.gate.chance(pool, taken)
        name = (*line.path.key, line.lane, "stands")
        stands = choose([chance, 1 - chance], models.seed, *name) == 0
        models.trace.count("accepted steps" if stands else "rejected steps")
        return stands

    async def _plain(
        self, line: Line, block: Block, pool: Pool, judged: list[Judgement], models: Models
    ) -> Written:
        """One more draw of the last writer as it is; none where no weight was above zero."""
        if pool.drawn and pool.empty:
            return Written(None, judged)
        models.trace.count("plain steps")
        bare = Block(1, weight=None)
        more = await self._filled(line, bare, models, 1, pool.drawn, draft=pool.by_draft)
        if more.empty:
            models.trace.count("all weights zero")
            return Written(None, judged)
        judged += _judgements(bare, more, 0, None)
        models.trace.count("steps by draft" if pool.by_draft else "steps by target")
        return await self._committed(line, more, 0, judged, models)

    async def _committed(
        self, line: Line, pool: Pool, taken: int, judged: list[Judgement], models: Models
    ) -> Written:
        """The line with its step.

        One that was not to be scored has the reward of the same step, written and refused before; a
        finished path is scored in any case, to be a candidate.
        """
        path, reward = pool.paths[taken], pool.rewards[taken]
        if reward is None:
            reward = {item.path.key: item.score for item in judged}.get(path.key)
            if reward is None and path.finished:
                [[reward]] = await rewards([[(path, 1)]], models)
            if reward is not None:
                evidence = {"reward": reward, "draft": float(pool.by_draft)}
                judged.append(Judgement(path, reward, True, pool.counts[taken], evidence))
        return Written(Line(path, line.lane, reward), judged)


def _judgements(block: Block, pool: Pool, taken: int | None, gate: Gate | None) -> list[Judgement]:
    """What was found out about the scored steps of a pool; the one committed is kept."""
    chances = [0.0] * len(pool.paths) if pool.empty else block.selector.chances(pool)
    if gate is not None:
        chances = [p * gate.chance(pool, i) if p else 0.0 for i, p in enumerate(chances)]
    return [
        Judgement(path, reward, i == taken, pool.counts[i], pool.details(i, chance, block.ratio))
        for i, (path, reward, chance) in enumerate(
            zip(pool.paths, pool.rewards, chances, strict=True)
        )
        if reward is not None
    ]


def record(lines: Sequence[Line], written: Sequence[Written], models: Models) -> None:
    """Keep one expansion for each place, whatever the number of lines and writers there.

    A step that several drew is one judgement: the committed one's evidence, all draws counted. A
    committed step that nobody scored is a place of its own, with no judgement.
    """
    places: dict[tuple[str, ...], tuple[Path, dict[tuple[str, ...], Judgement]]] = {}
    for line, one in zip(lines, written, strict=True):
        _, known = places.setdefault(line.path.key, (line.path, {}))
        for item in one.judged:
            other = known.get(item.path.key)
            if other is not None:
                best = item if item.kept and not other.kept else other
                count = item.count + other.count
                item = Judgement(best.path, best.score, best.kept, count, best.details)
            known[item.path.key] = item
    for parent, judged in places.values():
        models.trace.record(parent, list(judged.values()))
    committed = [one.line for one in written if one.line is not None]
    bare = {line.path.key: line.path for line in committed if line.reward is None}
    for path in bare.values():
        models.trace.record(path, [])
