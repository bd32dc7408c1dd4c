"""Blocksworld problem files in PDDL -> questions of the task ``blocksworld``.

    (define (problem p) (:domain blocksworld-4ops) (:objects a b c)
      (:init (handempty) (ontable a) (on b a) (ontable c) (clear b) (clear c))
      (:goal (and (on c b))))                                                  ->  a b | c -> c on b

The file is read here and not by a PDDL package: those bring a grammar and a planning model (and
several dependencies) for the sake of four facts in brackets, and their messages cannot say what
Blocksworld expected on which line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from specreward.errors import InputError
from specreward.tasks.blocks import State, goal_text, read_goal

__all__ = ["Instance", "read_pddl"]

_TOKEN = re.compile(r";[^\n]*|\n|[()]|[^\s();]+")
_ARITY = {"on": 2, "ontable": 1, "clear": 1, "holding": 1, "handempty": 0}


@dataclass(frozen=True, slots=True)
class Instance:
    """What a problem file says.

    Args:
        question: In the form that ``Blocksworld.parse`` reads.
        names: The file's name of each block, by its name in the question: the same where the file
            uses single letters.
    """

    question: str
    names: dict[str, str]


@dataclass(slots=True)
class _Form:
    """One bracketed list and the line on which it opens."""

    line: int
    items: list[_Form | str] = field(default_factory=list)

    def words(self) -> list[str]:
        return [item for item in self.items if isinstance(item, str)]

    def forms(self) -> list[_Form]:
        return [item for item in self.items if isinstance(item, _Form)]

    def __str__(self) -> str:
        return f"({' '.join(map(str, self.items))})"


def read_pddl(text: str, source: str) -> Instance:
    """The instance in a problem file of the four-operator Blocksworld.

    Args:
        text: What the file holds.
        source: Its name, for messages.

    Raises:
        InputError: ``source:line: expected ..., got ...``.
    """
    top = _form(text, source)
    if not top.items or top.items[0] != "define":
        raise _wrong(source, top.line, "(define (problem ...) ...)", top)
    sections = {str(form.items[0]): form for form in top.forms() if form.items}
    for name in (":objects", ":init", ":goal"):
        if name not in sections:
            raise _wrong(source, top.line, f"a section ({name} ...)", " ".join(sections) or "none")
    blocks = sections[":objects"].words()[1:]
    if not blocks or len(set(blocks)) != len(blocks):
        raise _wrong(source, sections[":objects"].line, "different blocks", sections[":objects"])
    facts = [_fact(form, blocks, source) for form in sections[":init"].forms()]
    state = _state(facts, blocks, source, sections[":init"].line)
    goal = _goal(sections[":goal"], blocks, source)
    names = _names(blocks)
    towers = tuple(sorted(tuple(names[block] for block in tower) for tower in state.towers))
    renamed = State(towers, names[state.hand] if state.hand else None)
    wanted = frozenset((names[up], names[low]) for up, low in goal)
    return Instance(f"{renamed} -> {goal_text(wanted)}", {new: old for old, new in names.items()})


def _wrong(source: str, line: int, expected: str, got: object) -> InputError:
    shown = str(got)
    shown = shown if len(shown) <= 80 else shown[:77] + "..."
    return InputError(f"{source}:{line}: expected {expected}, got {shown}")


def _form(text: str, source: str) -> _Form:
    """The one bracketed list that the text is."""
    line = 1
    open_forms = [_Form(1)]
    for token in _TOKEN.findall(text):
        if token == "\n":
            line += 1
        elif token == "(":
            open_forms.append(_Form(line))
            open_forms[-2].items.append(open_forms[-1])
        elif token == ")":
            if len(open_forms) == 1:
                raise _wrong(source, line, "an opening bracket first", "')'")
            open_forms.pop()
        elif not token.startswith(";"):
            open_forms[-1].items.append(token.lower())
    if len(open_forms) > 1:
        raise _wrong(source, line, f"')' for line {open_forms[-1].line}", "the end of the file")
    match open_forms[0].items:
        case [_Form() as only]:
            return only
        case []:
            raise _wrong(source, 1, "(define (problem ...) ...)", "an empty file")
        case items:
            raise _wrong(source, 1, "one (define (problem ...) ...)", " ".join(map(str, items)))


def _fact(form: _Form, blocks: list[str], source: str) -> tuple[int, list[str]]:
    """The line and words of one fact."""
    words = form.words()
    if form.forms() or not words or _ARITY.get(words[0]) != len(words) - 1:
        known = "(on x y), (ontable x), (clear x), (holding x) or (handempty)"
        raise _wrong(source, form.line, known, form)
    for block in words[1:]:
        if block not in blocks:
            raise _wrong(source, form.line, f"blocks among {' '.join(blocks)}", form)
    return form.line, words


def _state(facts: list[tuple[int, list[str]]], blocks: list[str], source: str, line: int) -> State:
    """The one state of which all these facts hold; a contradiction is refused."""
    place: dict[str, str | None] = {}
    held: list[str] = []
    for at, words in facts:
        if words[0] in ("on", "ontable", "holding"):
            if words[1] in place or words[1] in held:
                raise _wrong(source, at, f"one place for {words[1]}", " ".join(words))
            if words[0] == "holding":
                held.append(words[1])
            else:
                place[words[1]] = words[2] if words[0] == "on" else None
    lost = [block for block in blocks if block not in place and block not in held]
    if lost:
        raise _wrong(source, line, "a place for every block", f"none for {' '.join(lost)}")
    towers = list(_towers(place))
    if sum(map(len, towers)) != len(place):
        got = "blocks in a ring, in one place, or on the block in the hand"
        raise _wrong(source, line, "towers from the table up", got)
    empty = any(words == ["handempty"] for _, words in facts)
    if len(held) + empty != 1:
        raise _wrong(source, line, "either (handempty) or one (holding x)", f"{len(held) + empty}")
    clear = {words[1] for _, words in facts if words[0] == "clear"}
    tops = {tower[-1] for tower in towers}
    if clear != tops:
        expected = f"(clear x) for {' '.join(sorted(tops))}, the blocks with nothing on them"
        raise _wrong(source, line, expected, " ".join(sorted(clear)) or "none")
    return State(tuple(sorted(towers)), held[0] if held else None)


def _towers(place: dict[str, str | None]) -> Iterator[tuple[str, ...]]:
    """Towers as far as they stand on the table; of two blocks in one place, the last counts."""
    above = {low: up for up, low in place.items() if low is not None}
    for block, low in place.items():
        if low is None:
            tower = [block]
            while tower[-1] in above:
                tower.append(above[tower[-1]])
            yield tuple(tower)


def _goal(section: _Form, blocks: list[str], source: str) -> frozenset[tuple[str, str]]:
    forms = section.forms()
    if len(forms) == 1 and forms[0].items and forms[0].items[0] == "and":
        forms = forms[0].forms()
    if not forms:
        raise _wrong(source, section.line, "(:goal (and (on x y) ...))", section)
    for form in forms:
        _, words = _fact(form, blocks, source)
        if words[0] != "on":
            raise _wrong(source, form.line, "goals (on x y), the only ones this task has", form)
    facts = " , ".join(f"{form.items[1]} on {form.items[2]}" for form in forms)
    try:
        return read_goal(facts)
    except InputError:
        raise _wrong(source, section.line, "a goal that some state satisfies", facts) from None


def _names(blocks: list[str]) -> dict[str, str]:
    """Names for the question: the blocks' own where all are letters, else a, b, ..., z, aa, ..."""
    if all(len(block) == 1 and block.isalpha() for block in blocks):
        return {block: block for block in blocks}
    return {block: _letters(index) for index, block in enumerate(blocks)}


def _letters(index: int) -> str:
    rest, last = divmod(index, 26)
    return (_letters(rest - 1) if rest else "") + chr(ord("a") + last)
