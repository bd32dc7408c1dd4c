"""Search algorithms, one file each; each is a frozen dataclass to pass to ``run``."""

from specreward.search.beam import Beam
from specreward.search.best_first import BestFirst
from specreward.search.best_of_n import BestOfN
from specreward.search.bfs import BFS
from specreward.search.chain_of_thought import ChainOfThought
from specreward.search.dfs import DFS
from specreward.search.expand import conclude, expand
from specreward.search.greedy import Greedy
from specreward.search.mcts import MCTS
from specreward.search.pick import AnswerAggregation, Highest, MaxReward, Pick, WeightedVote
from specreward.search.self_consistency import SelfConsistency

__all__ = [
    "BFS",
    "DFS",
    "MCTS",
    "AnswerAggregation",
    "Beam",
    "BestFirst",
    "BestOfN",
    "ChainOfThought",
    "Greedy",
    "Highest",
    "MaxReward",
    "Pick",
    "SelfConsistency",
    "WeightedVote",
    "conclude",
    "expand",
]
