"""Search algorithms, one file each; each is a frozen dataclass to pass to ``run``."""

from specreward.search.ab_mcts import ABMCTS
from specreward.search.ab_mcts_m import ABMCTSM
from specreward.search.beam import Beam
from specreward.search.best_first import BestFirst
from specreward.search.best_of_n import BestOfN
from specreward.search.bfs import BFS
from specreward.search.branching import Branching, JudgeAgrees, SamplesAgree
from specreward.search.chain_in_tree import ChainInTree
from specreward.search.chain_of_thought import ChainOfThought
from specreward.search.dfs import DFS
from specreward.search.dvts import DVTS
from specreward.search.expand import conclude, expand
from specreward.search.grace import GRACE
from specreward.search.greedy import Greedy
from specreward.search.hgs import HGS
from specreward.search.mcts import MCTS
from specreward.search.mutual_consistency import MutualConsistency
from specreward.search.ovm import OVM
from specreward.search.particles import Particles
from specreward.search.pessimism import Pessimism
from specreward.search.pick import (
    AnswerAggregation,
    Highest,
    MajorityVote,
    MaxReward,
    Pick,
    SoftmaxVote,
    WeightedVote,
)
from specreward.search.posteriors import BetaPosterior, GaussianPosterior, Posterior
from specreward.search.potentials import Potential, RewardGrowth, RewardOdds
from specreward.search.qalign import QAlign
from specreward.search.rebase import REBASE
from specreward.search.resampling import Multinomial, Resampler, Systematic
from specreward.search.rest_mcts import ReSTMCTS
from specreward.search.self_consistency import SelfConsistency
from specreward.search.soft_best_of_n import SoftBestOfN
from specreward.search.speculative import GSI, RSD, SPECS, SRMSteps, Stepwise
from specreward.search.stopping import Never, ScoreReached, Stopping, VoteDecided, WindowAgrees
from specreward.search.truncated_rejection import TruncatedRejection
from specreward.search.universal_self_consistency import UniversalSelfConsistency

__all__ = [
    "ABMCTS",
    "ABMCTSM",
    "BFS",
    "DFS",
    "DVTS",
    "GRACE",
    "GSI",
    "HGS",
    "MCTS",
    "OVM",
    "REBASE",
    "RSD",
    "SPECS",
    "AnswerAggregation",
    "Beam",
    "BestFirst",
    "BestOfN",
    "BetaPosterior",
    "Branching",
    "ChainInTree",
    "ChainOfThought",
    "GaussianPosterior",
    "Greedy",
    "Highest",
    "JudgeAgrees",
    "MajorityVote",
    "MaxReward",
    "Multinomial",
    "MutualConsistency",
    "Never",
    "Particles",
    "Pessimism",
    "Pick",
    "Posterior",
    "Potential",
    "QAlign",
    "ReSTMCTS",
    "Resampler",
    "RewardGrowth",
    "RewardOdds",
    "SRMSteps",
    "SamplesAgree",
    "ScoreReached",
    "SelfConsistency",
    "SoftBestOfN",
    "SoftmaxVote",
    "Stepwise",
    "Stopping",
    "Systematic",
    "TruncatedRejection",
    "UniversalSelfConsistency",
    "VoteDecided",
    "WeightedVote",
    "WindowAgrees",
    "conclude",
    "expand",
]
