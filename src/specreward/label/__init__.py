"""Labelled steps: the schema, the formats of others, and the labellers, one file each."""

from specreward.label.adaptive_steps import AdaptiveSteps
from specreward.label.athena import Athena
from specreward.label.by_reward import ByReward
from specreward.label.exact_steps import ExactSteps
from specreward.label.labelled import LabelKind, Labelled, dump_labelled, load_labelled
from specreward.label.labeller import Demanding, Labeller
from specreward.label.monte_carlo import MonteCarlo
from specreward.label.omega_prm import OmegaPRM
from specreward.label.relative_progress import RelativeProgress
from specreward.label.rest_values import ReSTValues
from specreward.label.solutions import Pile, Samples
from specreward.label.splitting import AsGiven, ByDelimiter, Splitter, Written
from specreward.label.tree_values import TreeValues
from specreward.label.work import Done, label_piles

__all__ = [
    "AdaptiveSteps",
    "AsGiven",
    "Athena",
    "ByDelimiter",
    "ByReward",
    "Demanding",
    "Done",
    "ExactSteps",
    "LabelKind",
    "Labelled",
    "Labeller",
    "MonteCarlo",
    "OmegaPRM",
    "Pile",
    "ReSTValues",
    "RelativeProgress",
    "Samples",
    "Splitter",
    "TreeValues",
    "Written",
    "dump_labelled",
    "label_piles",
    "load_labelled",
]
