"""JETTS: what a judge is worth at test time.

Y. Zhou, A. Xu, P. Wang, C. Xiong, S. Joty (2025), "Evaluating Judges as Evaluators: The JETTS
Benchmark of LLM-as-Judges as Test-Time Scaling Evaluators", arXiv 2504.15253.

    rerank       p_judge = truth of the highest-scored response, p_first that of the first one
                 (greedy), p_oracle that of the best
    beam search  on a tree that is expanded already: of N first steps keep the K = N / M best, of
                 their M children each again, ..., and at last the best finished one;
                 p_first follows the first child (greedy), p_oracle takes the best leaf
    refinement   rerank among the seed, which is the first response, and what came of critiques

    helpfulness             h = (p_judge - p_first) / (p_oracle - p_first), for each file or folder;
                            0 as good as greedy, 1 as the oracle; NaN where these two are equal
    effective improvement   delta = p_judge / p_first

All p are means over the queries of a file (of the trees of a folder); the headline is the mean over
those for which h is defined. The protocols are reward models: round robin and knock-out are
``llm_judge(..., grading=pairwise(tournament=...))``, a Likert scale is ``rating(low=1, high=5)``.

Ties: the published code adds noise of 1e-6; here a tie of responses gives the mean of their truths,
and a tie of steps is drawn from the tree's id. Not here: looking ahead from a step. The formula of
h, and that a tree's node has its text in ``value``, are not checked against the released code. A
judge that only compares sees all steps of a tree at once; in the paper those of a level.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import isfinite, nan
from pathlib import Path
from typing import Any, ClassVar, final

from specreward.bench.benchmark import Answer, Item, Judged
from specreward.bench.files import Row, read_files
from specreward.bench.groups import grouped, mean
from specreward.bench.pairs import scores_of, spoken
from specreward.bench.pools import top
from specreward.seeds import uniform

__all__ = ["JETTS"]

Outcome = tuple[float, float, float]
"""Truth of what the judge chose, of the first, of the best."""


@final
@dataclass(frozen=True, kw_only=True)
class JETTS:
    """JETTS; rows ``query, responses`` (rerank, refinement) or trees of ``value, children``."""

    per_step: ClassVar[bool] = False
    folder: ClassVar[str] = "jetts"

    __cite__: ClassVar[str] = """@misc{zhou2025evaluating,
  title = {Evaluating Judges as Evaluators: The {JETTS} Benchmark of {LLM}-as-Judges as Test-Time
           Scaling Evaluators},
  author = {Zhou, Yilun and Xu, Austin and Wang, Peifeng and Xiong, Caiming and Joty, Shafiq},
  year = {2025},
  note = {arXiv:2504.15253}
}"""

    def items(self, folder: Path) -> list[Item]:
        """The queries and trees of a file or folder."""
        rows = enumerate(read_files(folder, "*.jsonl"))
        return [_tree(row) if row.has("children") else _query(row, place) for place, row in rows]

    def metrics(self, judged: Sequence[Judged]) -> dict[str, float]:
        """``helpfulness``, ``effective improvement``, and what they are made of for each group."""
        found: dict[str, float] = {}
        each: list[tuple[float, float]] = []
        for group, own in grouped(judged).items():
            outcomes = [
                _searched(one) if "parents" in one.item.gold else _ranked(one) for one in own
            ]
            chosen, first, best = (mean(column) for column in zip(*outcomes, strict=True))
            helps = (chosen - first) / (best - first) if best != first else nan
            gains = chosen / first if first else nan
            each.append((helps, gains))
            found |= {
                f"{group} helpfulness": helps,
                f"{group} effective improvement": gains,
                f"{group} judge": chosen,
                f"{group} first": first,
                f"{group} oracle": best,
            }
        heads = {
            "helpfulness": _defined([helps for helps, _ in each]),
            "effective improvement": _defined([gains for _, gains in each]),
        }
        return heads | found


def _defined(values: Iterable[float]) -> float:
    return mean([value for value in values if isfinite(value)])


# ---------------------------------------------------------------------------------- outcomes


def _ranked(judged: Judged) -> Outcome:
    truth = judged.item.gold["truth"]
    return top(scores_of(judged), truth), truth[0], max(truth)


def _searched(judged: Judged) -> Outcome:
    """Beam search in a tree whose steps all have a score."""
    gold, scores = judged.item.gold, scores_of(judged)
    parents: Sequence[int] = gold["parents"]
    truth: Sequence[float | None] = gold["truth"]
    children: dict[int, list[int]] = {}
    for node, parent in enumerate(parents):
        children.setdefault(parent, []).append(node)
    first = children[-1]
    width = max([len(own) for parent, own in children.items() if parent >= 0], default=1)
    keep = max(1, len(first) // width)

    def rank(node: int) -> tuple[float, float]:
        return scores[node], uniform(0, "jetts", judged.item.id, node)

    found: list[int] = []
    beam = first
    while beam:
        kept = sorted(beam, key=rank, reverse=True)[:keep]
        found += [node for node in kept if node not in children]
        beam = [child for node in kept for child in children.get(node, ())]
    greedy = first[0]
    while greedy in children:
        greedy = children[greedy][0]
    known = [-1.0 if one is None else one for one in truth]
    leaves = [one for one in truth if one is not None]
    chosen = top([scores[node] for node in found], [known[node] for node in found])
    return chosen, known[greedy], max(leaves)


# ---------------------------------------------------------------------------------- rows


def _query(row: Row, place: int) -> Item:
    query = _content(row, row.value("query"), "query")
    told = row.value("responses")
    if not isinstance(told, list) or len(told) < 2:
        raise row.refused("two or more responses as 'responses'", told)
    answers = tuple([Answer((_content(row, one, "responses"),)) for one in told])
    truth = [_score(row, one) for one in told]
    return Item(f"{row.file.stem}-{place}", row.file.stem, query, answers, {"truth": truth})


def _content(row: Row, value: Any, name: str) -> str:  # noqa: ANN401
    """The text of a query or response."""
    content = value.get("content") if isinstance(value, dict) else None
    if isinstance(content, str):
        return content
    if isinstance(content, list) and content and all(isinstance(one, dict) for one in content):
        return spoken([(str(one.get("role", "")), str(one.get("content", ""))) for one in content])
    raise row.refused(f"'content' with a text or messages in {name!r}", value)


def _score(row: Row, value: Any) -> float:  # noqa: ANN401
    """How good a response or leaf is, as the benchmark says."""
    kept = value.get("metadata") if isinstance(value, dict) else None
    score = kept.get("score") if isinstance(kept, dict) else None
    if not isinstance(score, bool | int | float) or not isfinite(score):
        raise row.refused("a number as 'score' in the metadata of each response or leaf", value)
    return float(score)


@dataclass(slots=True)
class _Nodes:
    """The steps of a tree, in order of depth."""

    parents: list[int] = field(default_factory=list)
    truth: list[float | None] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)


def _tree(row: Row) -> Item:
    nodes = _Nodes()
    level: list[tuple[int, tuple[str, ...], Any]] = [
        (-1, (), child) for child in _children(row, row.fields)
    ]
    if not level:
        raise row.refused("a tree with steps", dict(row.fields))
    while level:
        below = []
        for parent, before, node in level:
            if not isinstance(node, dict) or not isinstance(node.get("value"), str):
                raise row.refused("a text as 'value' of each node", node)
            steps = (*before, node["value"])
            own = _children(row, node)
            nodes.parents.append(parent)
            nodes.truth.append(None if own else _score(row, node))
            nodes.answers.append(Answer(steps))
            below += [(len(nodes.parents) - 1, steps, child) for child in own]
        level = below
    group = row.file.parent.name
    gold = {"parents": nodes.parents, "truth": nodes.truth}
    name = f"{group}-{row.file.stem}-{row.where.rpartition(':')[2]}"
    return Item(name, group, row.text("value"), tuple(nodes.answers), gold)


def _children(row: Row, node: Any) -> list[Any]:  # noqa: ANN401
    """The nodes below one."""
    children = node.get("children") or []
    if not isinstance(children, list):
        raise row.refused("a list as 'children'", children)
    return children
