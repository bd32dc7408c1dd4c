"""OmegaPRM's trees of Monte-Carlo values, as nodes or as a list of beginnings.

    {"question", "final_answer", "question_id",
     "reasoning_steps": {"text": question, "mc_value", "children": [{"text", "mc_value", ...}]}}
    "reasoning_steps": [{"solution_prefix": question and steps, "mc_value"}]             flat

L. Luo et al. (2024), "Improve Mathematical Reasoning in Language Models by Automated Process
Supervision", arXiv 2406.06592. The fields are those that the openr project writes.

Each way from the root to a leaf is a solution with labels of kind ``value``. A state is labelled in
the first solution that goes through it, so that no value counts twice; ``repeat`` labels it in all.
The value of the bare question is kept in ``source`` as ``root_value``. A written leaf also has the
``outcome`` of its solution where somebody knows it.

In the flat form a beginning belongs under the longest other one that it continues after white
space; one that is listed several times has the mean of its values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, final

from specreward.checks import flag
from specreward.errors import InputError
from specreward.label.formats.fields import (
    items,
    mapping,
    number,
    optional_number,
    optional_text,
    problem_of,
    text,
)
from specreward.label.formats.format import check_held, check_kind
from specreward.label.labelled import Labelled
from specreward.label.omega_prm import OmegaPRM

__all__ = ["OmegaFormat"]

_SPACE = " \t\r\n"
_BETWEEN = "\n\n"


@dataclass(slots=True)
class _Node:
    """A state: the step that led to it, its value, and what follows."""

    text: str
    value: float | None
    outcome: float | None = None
    children: list[_Node] = field(default_factory=list)


@final
@dataclass(frozen=True, kw_only=True)
class OmegaFormat:
    """Labels of kind ``value``.

    Args:
        flat: Write the list of beginnings; else the tree. Both are read.
        repeat: Label a state in every solution that goes through it, not in the first alone. On
            writing, equal labels of equal beginnings are then one state; else each label is one.
        unlabelled: Write states that have no value, with null, as no published tree has them; else
            they are refused. Not in the flat form.
    """

    flat: bool = False
    repeat: bool = False
    unlabelled: bool = False

    joins: ClassVar[bool] = True
    __cite__: ClassVar[str] = OmegaPRM.__cite__

    def __post_init__(self) -> None:
        flag("flat", self.flat)
        flag("repeat", self.repeat)
        flag("unlabelled", self.unlabelled)
        if self.flat and self.unlabelled:
            raise InputError(
                "expected flat=True or unlabelled=True, got both: a list of beginnings has values"
            )

    def fits(self, row: Mapping[str, Any]) -> bool:
        """Whether there are reasoning steps of a question."""
        return {"question", "reasoning_steps"} <= row.keys()

    def read(self, row: Mapping[str, Any], where: str) -> list[Labelled]:
        """One solution for each leaf; none where there is the bare question alone.

        Raises:
            InputError: A field is missing, or a value is no number.
        """
        question = text(row, "question")
        flat = isinstance(row.get("reasoning_steps"), list)
        root = _flat_tree(question, row) if flat else _tree(mapping(row, "reasoning_steps"))
        problem = problem_of(
            question, optional_text(row, "final_answer"), optional_text(row, "question_id")
        )
        source = {"format": "omega", "place": where, "root_value": root.value}
        return [
            Labelled(
                problem=problem,
                steps=tuple([node.text for node in way]),
                labels=labels,
                kind="value",
                outcome=way[-1].outcome,
                source=source,
            )
            for way, labels in _ways(root, self.repeat)
        ]

    def write(self, solutions: Sequence[Labelled]) -> list[dict[str, Any]]:
        """One record of all solutions of a problem.

        Raises:
            InputError: Labels of another kind, a state that no solution has a value for; in the
                flat form, texts that begin alike or end with white space.
        """
        for one in solutions:
            check_kind(one, "value", "omega_format")
        problem = solutions[0].problem
        root = _Node(problem.question, solutions[0].source.get("root_value"))
        for one in solutions:
            _grow(root, one, self)
        steps = _beginnings(root) if self.flat else _as_row(root)
        row = {
            "question": problem.question,
            "final_answer": problem.answer,
            "question_id": problem.id,
            "reasoning_steps": steps,
        }
        check_held(solutions, self.read(row, ""), "omega_format")
        return [row]


# ------------------------------------------------------------------------------ record to tree


def _tree(row: Mapping[str, Any]) -> _Node:
    """The nodes of a record, without recursion: trees may be deep."""
    root = _Node(text(row, "text"), _value(row))
    todo = [(row, root)]
    while todo:
        one, node = todo.pop()
        for child in items(one, "children") if one.get("children") is not None else []:
            if not isinstance(child, dict):
                raise InputError(f"children: expected objects, got {child!r:.80}")
            outcome = optional_number(child, "outcome")
            node.children.append(_Node(text(child, "text"), _value(child), outcome))
            todo.append((child, node.children[-1]))
    return root


def _value(row: Mapping[str, Any]) -> float | None:
    value = row.get("mc_value")
    return None if value is None else number(value, "mc_value")


def _flat_tree(question: str, row: Mapping[str, Any]) -> _Node:
    """The states of a list of beginnings, under one another."""
    values: dict[str, list[float]] = {}
    outcomes: dict[str, float | None] = {}
    for one in items(row, "reasoning_steps"):
        if not isinstance(one, dict):
            raise InputError(f"reasoning_steps: expected objects, got {one!r:.80}")
        prefix = text(one, "solution_prefix")
        if not prefix.startswith(question):
            raise InputError(
                f"solution_prefix: expected the question and steps, got {prefix!r:.80}"
            )
        values.setdefault(prefix, []).append(number(one.get("mc_value"), "mc_value"))
        outcomes[prefix] = optional_number(one, "outcome")
    means = {prefix: sum(found) / len(found) for prefix, found in values.items()}
    root = _Node(question, means.pop(question, None))
    over: dict[str, str] = {}
    open_ones: list[str] = []
    for prefix in sorted(means):
        while open_ones and not _goes_on(open_ones[-1], prefix):
            open_ones.pop()
        over[prefix] = open_ones[-1] if open_ones else question
        open_ones.append(prefix)
    nodes = {prefix: _Node("", value, outcomes[prefix]) for prefix, value in means.items()}
    nodes[question] = root
    for prefix in means:  # children in the order of the file
        nodes[prefix].text = prefix[len(over[prefix]) :].strip()
        nodes[over[prefix]].children.append(nodes[prefix])
    return root


def _goes_on(start: str, prefix: str) -> bool:
    """Whether a text goes on after another one, at white space."""
    return prefix.startswith(start) and (prefix[len(start)] in _SPACE or start[-1] in _SPACE)


def _ways(
    root: _Node, repeat: bool
) -> Iterator[tuple[tuple[_Node, ...], tuple[float | None, ...]]]:
    """The way to each leaf with its labels, in order."""
    seen: set[int] = set()
    todo: list[tuple[_Node, tuple[_Node, ...]]] = [(root, ())]
    while todo:
        node, way = todo.pop()
        todo += [(child, (*way, child)) for child in reversed(node.children)]
        if node.children or not way:
            continue
        labels = tuple([one.value if repeat or id(one) not in seen else None for one in way])
        seen.update([id(one) for one in way])
        yield way, labels


# ------------------------------------------------------------------------------ tree to record


def _grow(root: _Node, one: Labelled, form: OmegaFormat) -> None:
    """Add a solution: through known states where it has no label, or where labels are repeated."""
    node = root
    for at, (step, label) in enumerate(zip(one.steps, one.labels, strict=True)):
        last = at + 1 == len(one.steps)
        known = [
            child
            for child in node.children
            if child.text == step
            and (label is None or (form.repeat and child.value == label and not last))
        ]
        if known:
            node = known[-1]
        elif label is None and not form.unlabelled:
            raise InputError(
                f"problem {one.problem.id!r}: omega_format holds a value of every state, got none "
                f"for step {at} of a solution: label it, or write it with unlabelled=True"
            )
        else:
            node.children.append(_Node(step, label))
            node = node.children[-1]
    node.outcome = one.outcome


def _as_row(root: _Node) -> dict[str, Any]:
    """The nodes as objects, without recursion."""
    found: dict[str, Any] = {"text": root.text, "mc_value": root.value, "children": []}
    todo = [(root, found)]
    while todo:
        node, row = todo.pop()
        for child in node.children:
            row["children"].append({"text": child.text, **_facts(child), "children": []})
            todo.append((child, row["children"][-1]))
    return found


def _facts(node: _Node) -> dict[str, Any]:
    value: dict[str, Any] = {"mc_value": node.value}
    return value if node.outcome is None else value | {"outcome": node.outcome}


def _beginnings(root: _Node) -> list[dict[str, Any]]:
    found = [] if root.value is None else [{"solution_prefix": root.text, **_facts(root)}]
    todo = [(child, root.text) for child in reversed(root.children)]
    while todo:
        node, before = todo.pop()
        prefix = before + _BETWEEN + node.text
        found.append({"solution_prefix": prefix, **_facts(node)})
        todo += [(child, prefix) for child in reversed(node.children)]
    return found
