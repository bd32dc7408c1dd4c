"""A task and models that another package brings, and the command line with them."""

import importlib
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from specreward import registry
from specreward.cli import app

assemble = importlib.import_module("specreward.assemble")  # the package's own is the function

PLUGIN = Path(__file__).parent / "plugin"


def _forget():
    registry._plugins.cache_clear()
    assemble._plugins.cache_clear()
    assemble._load.cache_clear()


@pytest.fixture(autouse=True)
def toy_plugin(monkeypatch):
    """The plug-in as if it were installed; its fuse is whole again in each test."""
    monkeypatch.syspath_prepend(str(PLUGIN))
    _forget()
    import toy_plugin

    toy_plugin.FUSE.update(calls=0, interrupt=None, kill=None)
    yield toy_plugin
    sys.modules.pop("toy_plugin", None)
    _forget()


@pytest.fixture
def call():
    """Run a command; the result has ``exit_code``, ``stdout`` and ``stderr``."""

    def run(*words, stdin=None):
        return CliRunner().invoke(app, [str(word) for word in words], input=stdin)

    return run
