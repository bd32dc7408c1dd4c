"""Reward models behind a URL, one protocol, one file."""

from specreward.reward.remote.classify import Classify
from specreward.reward.remote.conversation import Messages, PlainText
from specreward.reward.remote.http import HTTPReward
from specreward.reward.remote.pooling import Pooling
from specreward.reward.remote.score import Score

__all__ = ["Classify", "HTTPReward", "Messages", "PlainText", "Pooling", "Score"]
