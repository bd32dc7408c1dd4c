"""QAlign: a Metropolis chain over whole paths, then a vote over the chain.

G. Faria, N. A. Smith (2025), "Sample, Don't Search: Rethinking Test-Time Alignment for Language
Models", arXiv 2504.03790; the proposal is that of QUEST (Faria et al. 2024, arXiv 2406.00049).

    y ~ policy(root), sampled, until its end
    for t in 1..proposals:
        i ~ uniform{0..|y|-1};  y' = y_1..y_i, then sampled by the policy until its end
        a = min(1, exp((r(y') - r(y)) / b) |y| / |y'|)
        with probability a: y <- y'
        append y to the chain, moved or not
    answer with the vote over the chain

The chain's law tends to p(y) exp(r(y) / b) / Z, whatever it began with. The ratio of lengths stands
outside of the exponential: position i is drawn among |y|, and back among |y'|.

Differs from the paper: |y| counts steps, not tokens, and a proposal keeps whole steps: the law is
the same, the chain's moves are coarser. The first path is a state of the chain too. 64 proposals
(there 1024 and more). The cap on the steps of a path is one on its whole length. A path that it
cuts, or that is dead, has weight 0: no move leads to it from a path with an answer, and while the
chain has not found one each turn draws from the root again. So the law is that of the policy given
that a path finishes, and the turns until there is one have no vote; they are counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import exp, log
from typing import ClassVar, final

from specreward.checks import number, positive, rule, whole
from specreward.search.expand import conclude
from specreward.search.pick import MajorityVote, Pick, SoftmaxVote
from specreward.search.whole_paths import Draw, Known, draw
from specreward.seeds import choose
from specreward.types import Candidate, Judgement, Models, Path, Problem, Result

__all__ = ["QAlign", "acceptance"]


def acceptance(state: Draw, proposal: Draw, reward_temperature: float) -> float:
    """Probability that the chain moves, in [0, 1].

    Args:
        state: Where it stands.
        proposal: Where it may go.
        reward_temperature: b, divides rewards.
    """
    if state.reward is None:
        return 1.0
    if proposal.reward is None:
        return 0.0
    gain = (proposal.reward - state.reward) / reward_temperature
    return exp(min(0.0, gain + log(state.path.depth / proposal.path.depth)))


@final
@dataclass(frozen=True, kw_only=True)
class QAlign:
    """A chain that keeps the beginning of a path, writes it to another end, and moves or stays.

    Its candidates are its states, repeats included, so that any ``pick`` is over the chain.
    Counted: ``proposals``, ``accepted proposals``, ``states without an answer``.

    Args:
        proposals: Drawn after the first path, at least 1.
        reward_temperature: b above 0, divides rewards, which are in [0, 1]: large leaves the
            policy's law, small climbs.
        pick: Chooses the answer among the states; a weighted vote would count rewards twice.
        temperature: Of the policy; the law tilted is that at this temperature.

    Raises:
        InputError: A field is out of its range.
    """

    proposals: int = field(default=64, kw_only=False)
    reward_temperature: float = 0.1
    pick: Pick = MajorityVote()
    temperature: float = 1.0

    __cite__: ClassVar[str] = SoftmaxVote.__cite__

    def __post_init__(self) -> None:
        whole("qalign proposals", self.proposals, 1)
        positive("qalign reward_temperature", self.reward_temperature)
        rule("qalign pick", self.pick, "majority_vote()")
        number("qalign temperature", self.temperature, 0)

    async def __call__(self, problem: Problem, models: Models) -> Result:
        """One proposal at a time.

        Raises:
            InputError: There is no reward model.
            RewardError: A reward is missing, NaN or outside [0, 1].
        """
        known: Known = {}
        state = await self._propose(Path(problem), 0, models, known)
        self._stand(Path(problem), state, state, 1.0, models)
        for turn in range(1, self.proposals + 1):
            name = (models.seed, "qalign", problem.id, turn)
            begun = state.reward is not None
            cut = choose([1.0] * state.path.depth, *name, "position") if begun else 0
            prefix = Path(problem, state.path.steps[:cut])
            proposal = await self._propose(prefix, turn, models, known)
            chance = acceptance(state, proposal, self.reward_temperature)
            moved = choose([chance, 1.0 - chance], *name, "move") == 0
            state = proposal if moved else state
            models.trace.count("proposals", int(begun))
            models.trace.count("accepted proposals", int(begun and moved))
            self._stand(prefix, proposal, state, chance, models)
        return conclude(self, problem, models, "done")

    async def _propose(self, prefix: Path, turn: int, models: Models, known: Known) -> Draw:
        """Another end of a prefix; each turn has a sample of its own."""
        [drawn] = await draw(prefix, 1, models, known, start=turn, temperature=self.temperature)
        return drawn

    def _stand(
        self, prefix: Path, proposal: Draw, state: Draw, chance: float, models: Models
    ) -> None:
        """Record a proposal, and where the chain stands after it."""
        if proposal.reward is None:
            judged = Judgement(proposal.path, 0.0, kept=False)
        else:
            details = {"reward": proposal.reward, "chance": chance}
            judged = Judgement(proposal.path, proposal.reward, proposal is state, details=details)
        models.trace.record(prefix, [judged])
        if state.reward is None:
            models.trace.count("states without an answer")
        else:
            models.trace.found.append(Candidate(state.path, state.reward))

    def select(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """By ``pick``, over the chain as far as it came."""
        return self.pick(candidates, models)
