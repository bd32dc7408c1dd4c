"""Programs of FinQA: ten operations on numbers and table rows, run here, and a form of steps.

    subtract(206588, 181001)            #0 = 25587
    answer = divide(#0, 181001)         #1 = 0.14136

    program   = operation, operation, ...           as steps, the last may be answer = #k
    operation = name(argument, argument)
    argument  = number | 12.5% | const_100 | const_m1 (-1) | #k, the result of operation k (from 0)
    names     = add subtract multiply divide exp greater (yes or no)
                table_max table_min table_sum table_average (the name of a row, none)

Z. Chen et al. (2021), "FinQA: A Dataset of Numerical Reasoning over Financial Data", arXiv
2109.00122. Results are rounded to five decimals at the end, as in the authors' evaluation program,
and not in between. Differs from it: a table operation takes no ``#k`` (that program then takes the
row of the operation before), and dollar signs and thousands commas are passed over.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, final

from specreward.checks import whole
from specreward.engines import Sampling
from specreward.errors import InputError
from specreward.tasks.forms import Worked, unlabelled

__all__ = [
    "OPERATIONS",
    "PAPER",
    "Program",
    "Table",
    "execute",
    "number_of",
    "read_table",
    "rounded",
    "split",
    "table_lines",
]

PAPER = """@inproceedings{chen2021finqa,
  title={FinQA: A Dataset of Numerical Reasoning over Financial Data},
  author={Chen, Zhiyu and Chen, Wenhu and Smiley, Charese and Shah, Sameena and Borova, Iana and
    Langdon, Dylan and Moussa, Reema and Beane, Matt and Huang, Ting-Hao and Routledge, Bryan and
    Wang, William Yang},
  booktitle={EMNLP}, year={2021}, eprint={2109.00122}}"""
"""What programs and data are taken from."""

Table = tuple[tuple[str, ...], ...]
"""Rows of cells; the first cell of a row is its name."""

_BINARY = ("add", "subtract", "multiply", "divide", "exp", "greater")
_ROWS = ("table_max", "table_min", "table_sum", "table_average")
OPERATIONS: Final = (*_BINARY, *_ROWS)
"""The names of the ten operations."""

_ANSWER = re.compile(r"answer\s*[=:]\s*", re.IGNORECASE)
_RESULT = re.compile(r"#(\d+)")
_CALL = re.compile(rf"(?P<name>{'|'.join(OPERATIONS)})\s*\((?P<arguments>.*)\)", re.DOTALL)


# ------------------------------------------------------------------ tables as text


def table_lines(table: Table) -> list[str]:
    """A table as lines ``| cell | cell |``."""
    return [f"| {' | '.join([_cell(cell) for cell in row])} |" for row in table]


def read_table(text: str) -> Table:
    """The table in a text: its lines that open and close with a bar."""
    lines = [line for line in text.splitlines() if line.startswith("| ") and line.endswith(" |")]
    return tuple([tuple(line[2:-2].split(" | ")) for line in lines])


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "/").split())


# ------------------------------------------------------------------ execution


def split(program: str) -> list[str]:
    """The operations of a program in one line."""
    text = re.sub(r",?\s*EOF\s*$", "", program.strip())
    names = "|".join(OPERATIONS)
    return [part.strip() for part in re.split(rf"(?<=\)),\s*(?=(?:{names})\s*\()", text)]


def execute(operations: Sequence[str], table: Table) -> list[float | str]:
    """The result of each operation: a number, or ``yes`` or ``no``.

    Raises:
        InputError: One is not of the form, refers to what is not there, or has no finite result.
    """
    results: list[float | str] = []
    for text in operations:
        said = _ANSWER.sub("", text, count=1).strip()
        if said != text and _RESULT.fullmatch(said):  # answer = #1
            results.append(_earlier(said, results))
            continue
        match = _CALL.fullmatch(said)
        if match is None:
            raise InputError(
                f"expected an operation such as add(2, #0), one of {', '.join(OPERATIONS)}, got "
                f"{text[:80]!r}"
            )
        first, second = _arguments(match["name"], match["arguments"])
        result: float | str
        try:
            if match["name"] in _ROWS:
                result = _over_row(match["name"], _row(first, table))
            else:
                result = _of_two(match["name"], _value(first, results), _value(second, results))
        except (ArithmeticError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{text[:80]!r} has no result: {error}") from error
        if isinstance(result, float) and not math.isfinite(result):
            raise InputError(f"{text[:80]!r} has no finite result")
        results.append(result)
    return results


def rounded(value: float | str) -> str:
    """A result as text: at most five decimals, no zeros behind them."""
    if isinstance(value, str):
        return value
    text = f"{round(value, 5):.5f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _arguments(name: str, text: str) -> tuple[str, str]:
    """The two arguments; the name of a row may hold commas, and needs no ``none`` behind it."""
    if name in _ROWS:
        row, _, none = text.rpartition(",")
        return (row.strip(), "none") if none.strip().lower() == "none" else (text.strip(), "none")
    parts = text.split(", ") if text.count(",") > 1 else text.split(",")
    if len(parts) != 2:
        raise InputError(f"expected two arguments for {name}, got {text[:80]!r}")
    return parts[0].strip(), parts[1].strip()


def _of_two(name: str, a: float, b: float) -> float | str:
    match name:
        case "add":
            return a + b
        case "subtract":
            return a - b
        case "multiply":
            return a * b
        case "divide":
            return a / b
        case "exp":
            return math.pow(a, b)
    return "yes" if a > b else "no"


def _over_row(name: str, row: Sequence[float]) -> float:
    match name:
        case "table_max":
            return max(row)
        case "table_min":
            return min(row)
        case "table_sum":
            return sum(row)
    return sum(row) / len(row)


def _value(text: str, results: Sequence[float | str]) -> float:
    """The number that an argument stands for."""
    if _RESULT.fullmatch(text):
        known = _earlier(text, results)
        if isinstance(known, str):
            raise InputError(f"expected a number as {text}, got {known!r}")
        return known
    found = number_of(text)
    if found is None:
        raise InputError(f"expected a number, const_... or #k, got {text[:80]!r}")
    return found


def _earlier(text: str, results: Sequence[float | str]) -> float | str:
    """The result that ``#k`` refers to."""
    place = int(text[1:])
    if place >= len(results):
        raise InputError(f"expected the result of an operation before, got {text}")
    return results[place]


def number_of(text: str) -> float | None:
    """A number as FinQA writes it: ``1,234``, ``$ 12.5``, ``12.5%``, ``const_100``; or None."""
    plain = text.replace(",", "").replace("$", "").strip().lower()
    constant = re.fullmatch(r"const_(m?)(\d+(?:\.\d+)?)", plain)
    if constant:
        return -float(constant[2]) if constant[1] else float(constant[2])
    percent = plain.endswith("%")
    plain = plain.rstrip("%").strip()
    if not re.fullmatch(r"[-+]?\s?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?", plain):
        return None
    value = float(plain.replace(" ", ""))
    return value / 100.0 if percent else value


def _row(name: str, table: Table) -> list[float]:
    """The numbers of a row; of two rows with one name the lower one counts."""
    rows = {row[0]: row[1:] for row in table if row}
    wanted = name if name in rows else _cell(name)
    if wanted not in rows or not rows[wanted]:
        raise InputError(f"expected the name of a row with numbers, got {name[:80]!r}")
    values = [number_of(cell.replace("$", "").split("(")[0]) for cell in rows[wanted]]
    found = [value for value in values if value is not None]
    if len(found) < len(values):
        raise InputError(f"expected numbers only in the row {name[:80]!r}, got {rows[wanted]!r}")
    return found


# ------------------------------------------------------------------ the form


@final
@dataclass(frozen=True, kw_only=True)
class Program:
    """Steps are operations; the last one opens with ``answer =``. Results are worked out here.

    Args:
        tokens: Most tokens of a step; a step that is cut there ends its path.
    """

    tokens: int = 64

    __cite__: ClassVar[str] = PAPER

    def __post_init__(self) -> None:
        whole("program tokens", self.tokens, 1)

    @property
    def sampling(self) -> Sampling:
        """Up to the end of the line, or to the arrow before a result."""
        return Sampling(max_tokens=self.tokens, stop=("\n", " ->"))

    @property
    def rules(self) -> str:
        """What a prompt says of the form."""
        return (
            "Write a program, one operation in each step: add(a, b), subtract(a, b), "
            "multiply(a, b), divide(a, b), exp(a, b) for a to the power b, greater(a, b) for yes "
            "or no, and table_max, table_min, table_sum or table_average(name of a row, none). An "
            "argument is a number, const_100 for a number that is not in the text, or #0, #1, ... "
            "for the result of an earlier step. Percentages are parts of 1: 20% is 0.2. Open the "
            'last step with "answer =". The result behind the arrow is worked out for you.'
        )

    def head(self, number: int, question: str) -> str:
        """The question with its label."""
        return f"Question: {question}"

    def shown(self, number: int, question: str, steps: Sequence[str]) -> list[str]:
        """The operations with their results."""
        results = execute(steps, read_table(question))
        return [
            f"{self.opening(number, place)} {text} -> #{place} = {rounded(result)}"
            for place, (text, result) in enumerate(zip(steps, results, strict=True))
        ]

    def opening(self, number: int, depth: int) -> str:
        """The label of the step after ``depth`` others."""
        return f"Step {depth + 1}:"

    def tidy(self, written: str) -> str:
        """One operation, without labels, results and stops."""
        text = re.sub(r"^#\d+\s*=\s*", "", unlabelled("Step", written)).partition("->")[0]
        return " ".join(text.split()).rstrip(".;,`* ").lstrip("`* ")

    def sound(self, question: str, steps: Sequence[str]) -> bool:
        """Whether the program can be run so far."""
        try:
            execute(steps, read_table(question))
        except InputError:
            return False
        return True

    def closes(self, text: str) -> bool:
        """Whether the step opens with ``answer =``."""
        return _ANSWER.match(text) is not None

    def claim(self, question: str, steps: Sequence[str]) -> str | None:
        """The result of the last step, if it is the answer."""
        if not self.closes(steps[-1]):
            return None
        return rounded(execute(steps, read_table(question))[-1])

    def worked(self, example: Worked) -> list[str]:
        """The operations of a solved example."""
        *first, last = [part.worked for part in example.parts]
        return [*first, f"answer = {last}"]

    def slip(self, example: Worked) -> str:
        """The wrong first operation of a solved example."""
        return example.slip.worked
