r"""Final answers: found in free text, brought to a canonical form, compared.

    final(text)              what stands after the last \boxed{...}, ####, or "answer is"
    boxed(text)              the content of the last \boxed{...}
    number(text)             an exact number; ``number_text`` writes it
    choice(text, letters)    one letter of a multiple choice
    exact(text)              letter case, spaces, quotes and closing punctuation taken away
    same_number(a, b)        whether two texts give the same number
    same_expression(a, b)    whether two LaTeX expressions are equal (needs the ``math`` extra)

Equal answers have equal canonical text, which is what voting counts. Text that holds no answer
gives None, never a default: no answer is not a wrong number.
"""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction

from specreward.errors import MissingExtra

__all__ = [
    "boxed",
    "choice",
    "exact",
    "final",
    "number",
    "number_text",
    "same_expression",
    "same_number",
]

_MARK = re.compile(
    r"\\boxed\s*\{|####|\banswer\s*(?:is\b\s*:?|:|=)",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|\n")
_MOST_DIGITS = 300


def boxed(text: str) -> str | None:
    r"""The content of the last complete ``\boxed{...}``, or None; braces are balanced."""
    for match in reversed(list(re.finditer(r"\\boxed\s*\{", text))):
        inside = _balanced(text, match.end())
        if inside is not None and inside.strip():
            return inside.strip()
    return None


def final(text: str) -> str | None:
    r"""The stated answer: what follows the last mark that has something behind it.

    Marks are ``\boxed{...}``, ``####`` (to the end of the line), and ``answer is``, ``answer:`` or
    ``answer =`` (to the end of the sentence). None where no mark has an answer.
    """
    plain = text.replace("**", "")
    for match in reversed(list(_MARK.finditer(plain))):
        rest = plain[match.end() :]
        if match.group().startswith("\\"):
            found = _balanced(plain, match.end()) or ""
        elif match.group() == "####":
            found = rest.partition("\n")[0]
        else:
            found = _SENTENCE_END.split(rest.lstrip(), maxsplit=1)[0]
        if found.strip():
            return found.strip()
    return None


def _balanced(text: str, start: int) -> str | None:
    """The text from ``start`` to the brace that closes the one before it."""
    depth = 1
    for i in range(start, len(text)):
        if text[i] in "{}" and text[i - 1] != "\\":
            depth += 1 if text[i] == "{" else -1
            if depth == 0:
                return text[start:i]
    return None


# ------------------------------------------------------------------------------------ numbers

_PLAIN = r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)(?![.,]?\d|\s?\^)"
_NUMBER = re.compile(
    rf"""(?<![\w.,^])                                   # not the tail of a word or another number
    (?P<sign>(?<![\d)\]])[-+])?(?:[$€£¥]\s?(?P<sign2>-)?)?
    (?:
        (?:(?P<whole>\d+)\s+)?(?P<top>{_PLAIN})\s*/\s*(?P<bottom>{_PLAIN})
      | (?P<plain>{_PLAIN})
        (?:[eE](?P<e>[-+]?\d+)(?!\w)|\s?(?:x|\*)\s?10\^(?P<power>-?\d+))?
      | (?P<unclear>[\d.,]*\d)                          # 1,23 or 1.2.3
    )
    \s?(?P<percent>%|percent\b)?""",
    re.VERBOSE | re.IGNORECASE,
)


def number(text: str) -> Fraction | None:
    r"""The number that a text gives, exactly.

    It is the last number of ``final(text)``, or of the whole text where no answer is marked. Read
    are signs, decimals, thousands commas (``1,234``), fractions (``3/4``, ``1 1/2``,
    ``\frac{3}{4}``), powers of ten (``2e3``, ``2 \times 10^3``) and percent (``5%`` is 1/20).
    Currency signs and units are passed over; a digit inside a word (``x2``) is no number.

    Returns:
        The number; None where there is none, where it is unclear (``1,23``, ``1.2.3``), where a
        denominator is 0, and where it has more than 300 digits.
    """
    found = _last_number(text)
    return None if found is None else found[0]


def same_number(given: str, reference: str) -> bool | None:
    """Whether two texts give the same number; None where either gives none.

    Where just one of them has a percent sign, it may also be meant as a unit: ``5%`` is the same as
    ``0.05`` and as ``5``.
    """
    a, b = _last_number(given), _last_number(reference)
    if a is None or b is None:
        return None
    (first, first_percent), (second, second_percent) = a, b
    if first == second:
        return True
    if first_percent == second_percent:
        return False
    return first * 100 == second if first_percent else first == second * 100


def number_text(value: Fraction) -> str:
    """The canonical text of a number: an integer, else a fraction in lowest terms."""
    return str(value)


def _last_number(text: str) -> tuple[Fraction, bool] | None:
    """The last number and whether it was written in percent."""
    marked = final(text)
    plain = _plain(text if marked is None else marked)
    found = list(_NUMBER.finditer(plain))
    return _value(found[-1]) if found else None


def _plain(text: str) -> str:
    """LaTeX fractions, spaces, signs and Unicode minus signs as plain text."""
    fraction = r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}"
    text = re.sub(rf"(?<=\d)\s*{fraction}", r" \1/\2", text)
    text = re.sub(fraction, r"\1/\2", text)
    text = text.replace("{,}", ",").replace("\\times", "x").replace("\\cdot", "*")
    text = re.sub(r"10\s*\^\s*\{\s*(-?\d+)\s*\}", r"10^\1", text)
    text = re.sub(r"\\([$%#&])", r"\1", text)
    text = re.sub(r"\\[!,;: ]|\\(?:text|mathrm|left|right)\b|[{}]", " ", text)
    return text.translate({0x2212: "-", 0x2013: "-", 0x00D7: "x", 0x00A0: " "})


def _value(match: re.Match[str]) -> tuple[Fraction, bool] | None:
    part = {name: (text or "").replace(",", "") for name, text in match.groupdict().items()}
    if len(match.group()) > _MOST_DIGITS or part["unclear"]:
        return None
    if part["bottom"]:
        bottom = Fraction(part["bottom"])
        if bottom == 0:
            return None
        value = Fraction(part["top"]) / bottom + int(part["whole"] or 0)
    else:
        power = int(part["e"] or part["power"] or 0)
        if abs(power) > _MOST_DIGITS:
            return None
        value = Fraction(part["plain"]) * Fraction(10) ** power
    if "-" in (part["sign"], part["sign2"]):
        value = -value
    return (value / 100, True) if part["percent"] else (value, False)


# ------------------------------------------------------------------------------------ text


def choice(text: str, letters: str = "ABCDE") -> str | None:
    """The letter that a text chooses, in upper case.

    Read from ``final(text)``, or from the whole text where no answer is marked: a letter alone
    (``b``, ``B.``), in parentheses (``(b)``), after ``option`` or ``choice``, or first with a mark
    behind it (``B) Paris``, ``B: Paris``).

    Args:
        text: What was written.
        letters: The letters on offer.

    Returns:
        One of ``letters``; None where there is none, or where more than one is chosen.
    """
    marked = final(text)
    said = (text if marked is None else marked).replace("**", "").strip()
    said = re.sub(r"\\text\w*\s*\{([^{}]*)\}", r"\1", said)
    offered = re.escape(letters.upper()) + re.escape(letters.lower())
    for pattern in (
        rf"^\W*([{offered}])\W*$",
        rf"\(([{offered}])\)",
        rf"\b(?i:option|choice)\s+([{offered}])\b",
        rf"^([{re.escape(letters.upper())}])\s*[.:)]",
    ):
        found = {letter.upper() for letter in re.findall(pattern, said, re.MULTILINE)}
        if found:
            return found.pop() if len(found) == 1 else None
    return None


def exact(text: str) -> str | None:
    """The text in canonical form: lower case, single spaces, no quotes around or stops behind it.

    Read from ``final(text)``, or from the whole text where no answer is marked; None where nothing
    is left.
    """
    marked = final(text)
    said = unicodedata.normalize("NFKC", text if marked is None else marked).casefold()
    said = " ".join(said.split()).strip(" \"'`“”‘’*").rstrip(" .,;:!?")
    return said.strip(" \"'`“”‘’*") or None


def same_expression(given: str, reference: str) -> bool | None:
    """Whether two LaTeX expressions are mathematically equal; None where either cannot be read.

    Raises:
        MissingExtra: math-verify is not installed.
    """
    try:
        from math_verify import parse, verify
    except ImportError as error:
        raise MissingExtra(
            "comparing LaTeX expressions needs math-verify: pip install 'specreward[math]'"
        ) from error
    gold, answer = (parse(_delimited(text)) for text in (reference, given))
    return bool(verify(gold, answer)) if gold and answer else None


def _delimited(text: str) -> str:
    """The stated answer between dollar signs, which math-verify looks for."""
    marked = boxed(text) or final(text) or text
    return marked if "$" in marked else f"${marked}$"
