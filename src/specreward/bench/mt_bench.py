"""MT-Bench: questions of two turns, graded, compared, and held against human votes.

L. Zheng et al. (2023), "Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena", arXiv 2306.05685.

What is in the folder decides. With answers (``question.jsonl``, ``model_answer/*.jsonl``):

    single     grade of an answer = 1 + 9 score, on the published scale from 1 to 10;
               mean of turn 1, of turn 2, and of both, for each model
    pairwise   every two models (or each with a baseline) at each question and turn: the higher
               score wins, equal scores tie; a judge asked in both orders ties where it disagrees
               win rate = win / games,  win rate adjusted = (win + tie / 2) / games

With human votes (rows ``question_id, model_a, model_b, winner, judge, turn, conversation_a, ...``):

    agreement  share of votes that say what the scores say, for each turn: of all votes, a tie
               equal to a tie (S1), and of those where neither the vote nor the scores tie (S2); of
               experts alone, and beside it how often two experts agree

The second turn is judged with the first one before it. The question of an item is the first turn of
the user, and the answer all that follows: the first answer, and for turn 2 the second request and
the answer to it. The reference answers are not shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, ClassVar, final

from specreward.bench.benchmark import Answer, Item, Judged
from specreward.bench.files import Row, files_of, read_file
from specreward.bench.groups import mean
from specreward.bench.pairs import scores_of, spoken
from specreward.checks import flag
from specreward.errors import InputError, RewardError
from specreward.reward.judges.llm_judge import JUDGING

__all__ = ["MTBench"]

TURNS = (1, 2)
SIDES = ("model_a", "model_b")
EXPERT = "expert"
"""What the name of a voter begins with whose vote counts; authors and models are others."""
SKIPPED = ("reference_answer", "judge_prompts")
"""What the names of files begin with that hold nothing to be judged."""


@final
@dataclass(frozen=True, kw_only=True)
class MTBench:
    """MT-Bench.

    Args:
        pairwise: Compare the answers of every two models, in place of grading each.
        baseline: Compare each model with this one alone; "" for none.
    """

    pairwise: bool = False
    baseline: str = ""

    per_step: ClassVar[bool] = False
    folder: ClassVar[str] = "mt_bench"

    __cite__: ClassVar[str] = JUDGING

    def __post_init__(self) -> None:
        flag("mt_bench pairwise", self.pairwise)

    def items(self, folder: Path) -> list[Item]:
        """What there is to judge in a file of votes or a folder.

        Raises:
            InputError: There are neither answers nor votes, or a row is not as published.
        """
        questions: dict[str, Row] = {}
        answers: list[Row] = []
        votes: list[Row] = []
        for file in files_of(folder, "*.jsonl", "*.json"):
            if not any(part.startswith(SKIPPED) for part in (file.stem, file.parent.name)):
                for row in read_file(file):
                    if row.has("winner"):
                        votes.append(row)
                    elif row.has("choices"):
                        answers.append(row)
                    elif row.has("turns"):
                        questions[row.text("question_id")] = row
                    else:
                        raise row.refused("a question, an answer or a vote", list(row.fields))
        found = [*self._answered(questions, answers), *_voted(votes)]
        if not found:
            raise InputError(
                f"{folder}: expected human votes, or answers in model_answer/*.jsonl (of two "
                f"models for pairs, the baseline among them), got {len(questions)} questions and "
                f"{len(answers)} answers: there is nothing to judge"
            )
        return found

    def _answered(self, questions: Mapping[str, Row], answers: Sequence[Row]) -> list[Item]:
        known: dict[tuple[str, int], list[Answer]] = {}
        asked: dict[str, str] = {}
        for row in answers:
            name, model = row.text("question_id"), row.text("model_id")
            if name not in questions:
                raise row.refused("a question of question.jsonl", name)
            turns, said = questions[name].texts("turns"), _choice(row)
            if len(said) < len(turns):
                raise row.refused(f"{len(turns)} answers, one for each turn", said)
            asked[name] = turns[0]
            for turn in range(1, len(turns) + 1):
                messages = [*zip(turns, said, strict=False)][:turn]
                known.setdefault((name, turn), []).append(Answer((_told(messages),), model))
        return [
            Item(
                f"{name}-{turn}-{'-'.join([answer.model for answer in own])}",
                f"turn {turn}",
                asked[name],
                own,
                {"kind": "single" if len(own) == 1 else "pair", "turn": turn},
            )
            for (name, turn), all_of in known.items()
            for own in self._together(all_of)
        ]

    def _together(self, answers: Sequence[Answer]) -> list[tuple[Answer, ...]]:
        """Which answers make one item."""
        if not self.pairwise and not self.baseline:
            return [(answer,) for answer in answers]
        return [
            two
            for two in combinations(answers, 2)
            if not self.baseline or self.baseline in [answer.model for answer in two]
        ]

    def metrics(self, judged: Sequence[Judged]) -> dict[str, float]:
        """``score``, ``agreement`` or win rates, by what was judged."""
        kinds: dict[str, list[Judged]] = {"single": [], "pair": [], "votes": []}
        for one in judged:
            kinds[one.item.gold["kind"]].append(one)
        found = _grades(kinds["single"]) if kinds["single"] else {}
        found |= _win_rates(kinds["pair"], self.baseline) if kinds["pair"] else {}
        found |= _agreement(kinds["votes"]) if kinds["votes"] else {}
        return found


# ---------------------------------------------------------------------------------- metrics


def _grades(judged: Sequence[Judged]) -> dict[str, float]:
    rows: list[tuple[str, int, float]] = []
    for one in judged:
        score = scores_of(one)[0]
        if not 0 <= score <= 1:
            raise RewardError(
                f"{one.item.id}: expected a score in [0, 1], to be put on the scale from 1 to 10, "
                f"got {score!r}"
            )
        rows.append((one.item.answers[0].model, one.item.gold["turn"], 1 + 9 * score))
    found = {"score": mean([grade for _, _, grade in rows])}
    for model in sorted({model for model, _, _ in rows}):
        own = [(turn, grade) for who, turn, grade in rows if who == model]
        for turn in TURNS:
            found[f"{model} turn {turn}"] = mean([grade for at, grade in own if at == turn])
        found[f"{model} score"] = mean([grade for _, grade in own])
    return found


def _win_rates(judged: Sequence[Judged], baseline: str) -> dict[str, float]:
    games: dict[str, list[float]] = {}
    for one in judged:
        first, second = scores_of(one)
        result = 0.5 if first == second else float(first > second)
        for answer, own in zip(one.item.answers, (result, 1 - result), strict=True):
            if answer.model != baseline:
                games.setdefault(answer.model, []).append(own)
    found = {f"{model} win rate adjusted": mean(games[model]) for model in sorted(games)}
    for model, results in sorted(games.items()):
        found[f"{model} win rate"] = mean([result == 1 for result in results])
        found[f"{model} loss rate"] = mean([result == 0 for result in results])
    return found


def _agreement(judged: Sequence[Judged]) -> dict[str, float]:
    scored: dict[str, float] = {}
    people: dict[str, float] = {}
    for turn in TURNS:
        own = [one for one in judged if one.item.gold["turn"] == turn]
        said = [(_verdict(one), one.item.gold["votes"]) for one in own]
        against = [(verdict, vote) for verdict, votes in said for vote in votes]
        among = [two for _, votes in said for two in combinations(votes, 2)]
        for pairs, found in ((against, scored), (among, people)):
            decided = [two for two in pairs if "tie" not in two]
            name = f"agreement turn {turn}"
            found[f"{name} without ties"] = mean([one == other for one, other in decided])
            found[f"{name} with ties"] = mean([one == other for one, other in pairs])
    return scored | {f"expert {name}": value for name, value in people.items()}


def _verdict(judged: Judged) -> str:
    first, second = scores_of(judged)
    return "tie" if first == second else SIDES[int(second > first)]


# ---------------------------------------------------------------------------------- rows


def _choice(row: Row) -> list[str]:
    """What a model answered, turn by turn."""
    choices = row.value("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    turns = first.get("turns") if isinstance(first, dict) else None
    if not isinstance(turns, list) or not all(isinstance(one, str) for one in turns):
        raise row.refused('choices like [{"turns": ["...", "..."]}]', choices)
    return turns


def _told(messages: Sequence[tuple[str, str]]) -> str:
    """What follows the first request: (request, answer) for each turn."""
    (_, first), *later = messages
    rest = [part for ask, said in later for part in (("user", ask), ("assistant", said))]
    return "\n\n".join([first, spoken(rest)]) if rest else first


def _voted(rows: Sequence[Row]) -> list[Item]:
    """An item for each two answers that experts compared, the models in order of name."""
    found: dict[tuple[str, int, str, str], tuple[Row, list[str]]] = {}
    for row in rows:
        if not str(row.value("judge")).startswith(EXPERT):
            continue
        winner = row.text("winner")
        if winner not in SIDES and not winner.startswith("tie"):
            raise row.refused("model_a, model_b or tie as 'winner'", winner)
        a, b = (row.text(side) for side in SIDES)
        swapped = a > b
        vote = "tie" if winner.startswith("tie") else SIDES[(winner == "model_b") != swapped]
        key = (row.text("question_id"), row.whole("turn", 1, 2), min(a, b), max(a, b))
        found.setdefault(key, (row, []))[1].append(vote)
    return [
        _compared(row, votes, name=name, turn=turn, models=(a, b))
        for (name, turn, a, b), (row, votes) in found.items()
    ]


def _compared(row: Row, votes: list[str], *, name: str, turn: int, models: tuple[str, str]) -> Item:
    sides = SIDES if row.text("model_a") == models[0] else SIDES[::-1]
    fields = [f"conversation_{side[-1]}" for side in sides]
    talks = [_talk(row, field, turn) for field in fields]
    answers = tuple(
        [Answer((_told(talk),), model) for talk, model in zip(talks, models, strict=True)]
    )
    gold = {"kind": "votes", "turn": turn, "votes": votes}
    item = f"votes-{name}-{turn}-{'-'.join(models)}"
    return Item(item, f"votes turn {turn}", talks[0][0][0], answers, gold)


def _talk(row: Row, field: str, turn: int) -> list[tuple[str, str]]:
    """A conversation up to a turn: (request, answer) for each."""
    value: Any = row.value(field)
    messages = value[: 2 * turn] if isinstance(value, list) else []
    texts = [one.get("content") for one in messages if isinstance(one, dict)]
    said = [text for text in texts if isinstance(text, str)]
    if len(said) < 2 * turn:
        raise row.refused(f"{2 * turn} messages as {field!r}", value)
    return list(zip(said[::2], said[1::2], strict=True))
