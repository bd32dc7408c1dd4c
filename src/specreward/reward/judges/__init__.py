"""Judges that language models play, one file each; each is a reward model to wire."""

from specreward.reward.judges.genrm import GenRM
from specreward.reward.judges.implicit_prm import ImplicitPRM
from specreward.reward.judges.llm_judge import LLMJudge, Pairwise, Rating
from specreward.reward.judges.r_prm import RPRM
from specreward.reward.judges.rrm import RRM
from specreward.reward.judges.tournament import Elo, Knockout, RoundRobin
from specreward.reward.judges.verdicts import Critiques, Direct, Votes

__all__ = [
    "RPRM",
    "RRM",
    "Critiques",
    "Direct",
    "Elo",
    "GenRM",
    "ImplicitPRM",
    "Knockout",
    "LLMJudge",
    "Pairwise",
    "Rating",
    "RoundRobin",
    "Votes",
]
