"""What a verb becomes on the command line when it is asked to end."""

import os
import signal

import pytest
import typer

from specreward.cli.guard import guarded
from specreward.label.reading import Rejected
from specreward.label.writing import set_aside


def test_a_verb_that_is_terminated_leaves_no_part_file(tmp_path, capsys):
    def verb():
        with set_aside(tmp_path / "bad.jsonl") as put:
            put(Rejected("file", 1, "why", "raw"))
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(typer.Exit) as ended:
        guarded(verb)()
    assert ended.value.exit_code == 130
    assert capsys.readouterr().err == "interrupted\n"
    assert [file.name for file in tmp_path.iterdir()] == ["bad.jsonl"]
    assert signal.getsignal(signal.SIGTERM) is before
