r"""LaTeX answers: brought to a canonical text, and compared as mathematics in a process of its own.

    canonical(r"$\dfrac12$.")          1/2
    equal(r"x+1", "1+x", seconds=5)    True

What a model wrote can keep a computer algebra system busy for ever (``9^{9^{9^9}}``), and its own
time limits work by signals: only in the main thread, and not inside one long operation. So the
comparison runs in a child process, which is stopped where it takes too long, and has a memory limit
where the system knows one. One child serves all comparisons; it starts with the first.
"""

from __future__ import annotations

import atexit
import importlib.util
import json
import queue
import re
import subprocess
import sys
import threading
from functools import cache
from typing import IO

from specreward.answers import number, number_text
from specreward.errors import EngineError, MissingExtra

__all__ = ["canonical", "equal", "installed", "require"]

_LONGEST = 1000
"""Texts of more characters are compared as texts only."""

_START_SECONDS = 120.0
"""The child says that it is ready within this time: it imports a computer algebra system."""

_NUMBER = re.compile(
    r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?:/\d+)?|[-+]?\\frac\{-?\d+\}\{-?\d+\}"
)


def canonical(text: str) -> str | None:
    r"""A LaTeX answer without what does not matter: spaces, dollar signs, ``\left``, ``\text``.

    Numbers and fractions of numbers are written as in ``answers.number_text``. Equal answers of
    different form (``x+1`` and ``1+x``) keep different texts. None where nothing is left.
    """
    said = text.strip().strip("$").strip().rstrip(".").strip("$ ")
    said = re.sub(r"\\(?:left|right|displaystyle|limits|big|Big)(?![a-zA-Z])", "", said)
    said = re.sub(r"\\(?:text|textbf|mathrm|mathbf|mbox)\s*\{([^{}]*)\}", r" \1", said)
    said = re.sub(r"(?<!\\)\\[!,;: ]|~|\\quad(?![a-zA-Z])", " ", said)
    said = re.sub(r"\\[dtc]frac(?![a-zA-Z])", r"\\frac", said)
    said = re.sub(r"\\frac\s*([0-9a-zA-Z])\s*([0-9a-zA-Z])", r"\\frac{\1}{\2}", said)
    said = re.sub(r"\\sqrt\s*([0-9a-zA-Z])", r"\\sqrt{\1}", said)
    said = re.sub(r"\^\s*\{?\\circ\}?|\\degree(?![a-zA-Z])|°", "", said)
    said = re.sub(r"\\[%$]|\$", lambda match: match.group()[-1].replace("$", ""), said)
    said = re.sub(r"\^\{(\w)\}", r"^\1", re.sub(r"_\{(\w)\}", r"_\1", said))
    said = said.replace("{,}", ",").replace("−", "-")
    said = re.sub(r"(?<!\\)(\\[a-zA-Z]+)\s+(?=[a-zA-Z])", r"\1\0", said)  # \pi r is not \pir
    said = re.sub(r"\s+", "", said).replace("\0", " ")
    if said and _NUMBER.fullmatch(said):
        value = number(re.sub(r"\\frac\{(-?)(\d+)\}\{(\d+)\}", r"\1\2/\3", said))
        if value is not None:
            return number_text(value)
    return said or None


def equal(given: str, reference: str, seconds: float) -> bool:
    """Whether two LaTeX expressions are mathematically equal.

    False where either cannot be read, is longer than 1000 characters, or where the comparison takes
    longer than ``seconds``.

    Raises:
        MissingExtra: math-verify is not installed.
        EngineError: The child process cannot be started.
    """
    require()
    if max(len(given), len(reference)) > _LONGEST:
        return False
    return _child().ask(given, reference, seconds) is True


@cache
def installed() -> bool:
    """Whether there is math-verify."""
    return importlib.util.find_spec("math_verify") is not None


def require() -> None:
    """Refuse to go on without math-verify."""
    if not installed():
        raise MissingExtra(
            "comparing LaTeX expressions needs math-verify: pip install 'specreward[math]'"
        )


class _Child:
    """The process that compares; one question at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader: threading.Thread | None = None

    def ask(self, given: str, reference: str, seconds: float) -> bool | None:
        with self._lock:
            process = self._process
            if process is None or process.poll() is not None:
                process = self._start()
            try:
                assert process.stdin is not None
                process.stdin.write(json.dumps([given, reference]) + "\n")
                process.stdin.flush()
                answer: bool | None = json.loads(self._lines.get(timeout=seconds))
            except (queue.Empty, OSError, ValueError):  # too slow, or gone: its last line is empty
                self.stop()
                return None
            except BaseException:  # an interrupt: a late answer is not the next question's
                self.stop()
                raise
            return answer

    def _start(self) -> subprocess.Popen[str]:
        self.stop()
        command = [sys.executable, "-P", "-m", "specreward.tasks.latex_child"]
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
        )
        self._process, self._lines = process, queue.Queue()
        assert process.stdout is not None
        self._reader = threading.Thread(
            target=_pump, args=(process.stdout, self._lines), daemon=True
        )
        self._reader.start()
        try:
            ready = self._lines.get(timeout=_START_SECONDS)
        except queue.Empty:
            ready = ""
        if not ready:
            self.stop()
            raise EngineError(
                f"expected the process that compares LaTeX to start, got nothing from "
                f"{' '.join(command)}: run it to see why"
            )
        return process

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._reader is not None:
                self._reader.join()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    _close(pipe)
            self._process = None


def _close(pipe: IO[str]) -> None:
    try:
        pipe.close()
    except OSError:  # what was not yet written cannot be any more
        return


def _pump(lines: IO[str], into: queue.Queue[str]) -> None:
    """Each line as it comes, then the end as an empty one."""
    for line in lines:
        into.put(line)
    into.put("")


@cache
def _child() -> _Child:
    child = _Child()
    atexit.register(child.stop)
    return child
