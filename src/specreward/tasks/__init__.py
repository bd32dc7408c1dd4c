"""The tasks: one kind of problem, one file."""

from specreward.tasks.arithmetic import Arithmetic
from specreward.tasks.blocksworld import Blocksworld
from specreward.tasks.game24 import Game24

__all__ = ["Arithmetic", "Blocksworld", "Game24"]
