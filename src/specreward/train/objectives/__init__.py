"""What a reward model is trained for, one loss one file."""

from specreward.train.objectives.birm import BiRM
from specreward.train.objectives.orm import ORM
from specreward.train.objectives.pairwise_orm import PairwiseORM
from specreward.train.objectives.prm import PRM
from specreward.train.objectives.spr import SPR
from specreward.train.objectives.srm import SRM
from specreward.train.objectives.srm_plus import SRMPlus
from specreward.train.objectives.td import TD

__all__ = ["ORM", "PRM", "SPR", "SRM", "TD", "BiRM", "PairwiseORM", "SRMPlus"]
