"""Trained folders as reward models; needs no torch."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from specreward.assemble import assemble
from specreward.embedded import EmbeddedDraft, EmbeddedPolicy, EmbeddedSRM
from specreward.errors import InputError
from specreward.reward.catalogue import read_reward
from specreward.reward.solutions import Graded
from specreward.reward.trained import Trained, _CalibratedSolutions
from specreward.spec import name_of, parse
from specreward.tasks.game24 import Game24
from specreward.types import Path as Steps
from specreward.types import Problem, Step

TASK = Game24()
WAY = Steps(
    Problem("p", "4 9 10 13"),
    (Step("13 - 9 = 4 (left: 4 4 10)"), Step("10 - 4 = 6 (left: 4 6)")),
)


@pytest.fixture
def folder(tmp_path):
    """A trained folder: the embedded SRM with a ``model.json``."""
    place = tmp_path / "model"
    shutil.copytree(EmbeddedSRM("game24").folder, place)
    write(place)
    return place


def write(place, **changes):
    card = {"format": 1, "kind": "embedded", "combine": "last()", "revision": "1"} | changes
    (place / "model.json").write_text(json.dumps(card))


def score(reward, task=TASK):
    return asyncio.run(assemble(task, reward=reward).reward.score([WAY]))[0]


def raw():
    texts = [TASK.reward_text(Steps(WAY.problem, WAY.steps[: n + 1])) for n in range(2)]
    return [one.value for one in asyncio.run(EmbeddedSRM("game24").values(texts))]


def test_it_scores_as_the_model_in_the_folder(folder):
    model = Trained(str(folder))
    assert score(model) == raw()[1]
    assert model.names == EmbeddedSRM("game24").name.split("|")
    assert name_of(model) == f"trained(folder={str(folder)!r})"
    assert parse(name_of(model)) == model


def test_steps_are_combined_as_model_json_says(folder):
    first, second = raw()
    write(folder, combine="product()")
    assert score(Trained(str(folder))) == pytest.approx(first * second)
    assert "Product" in repr(assemble(TASK, reward=Trained(str(folder))).reward)


def test_a_folder_is_a_reward_model_of_the_command_line(folder):
    assert read_reward(str(folder)) == Trained(str(folder))


def test_it_can_be_configured_before_the_folder_is_there(tmp_path):
    model = Trained(str(tmp_path / "later"))
    with pytest.raises(InputError, match=r"expected a folder with model\.json"):
        score(model)
    shutil.copytree(EmbeddedSRM("game24").folder, tmp_path / "later")
    write(tmp_path / "later")
    assert score(model) == raw()[1]


def test_scores_are_calibrated_where_the_folder_says_how(folder):
    model = Trained(str(folder))
    names = [model.names]
    for temperature in (2.0, 4.0):
        how = {"method": "temperature", "temperature": temperature}
        (folder / "calibration.json").write_text(json.dumps(how))
        odds = raw()[1] / (1 - raw()[1])
        root = odds ** (1 / temperature)
        assert score(model) == pytest.approx(root / (1 + root), rel=1e-6)
        names.append(model.names)
    assert len({tuple(one) for one in names}) == 3  # stored values of one are not another's


def test_what_was_trained_again_is_read_again(folder):
    model = Trained(str(folder))
    before = model.scorer
    assert model.scorer is before  # loaded once
    write(folder, revision="2")
    assert model.scorer is not before


def test_numbers_of_solutions_are_calibrated_one_by_one():
    class Model:
        name, parameters, per_step, combine, most_tokens = "m", 3, True, None, 0

        async def grade(self, solutions):
            return [Graded((0.5, 0.2), 7) for _ in solutions]

    found = _CalibratedSolutions(Model(), calibrate=lambda x: x / 2, stamp="s")
    graded = asyncio.run(found.grade([None]))
    assert graded == [Graded((0.25, 0.1), 7)]
    assert (found.name, found.parameters, found.per_step) == ("m+s", 3, True)
    assert (found.combine, found.most_tokens) == (None, 0)


@pytest.mark.parametrize("task", [None, "game24()"])
def test_steps_of_a_log_ratio_are_calibrated(tmp_path, task):
    for part, model in (("policy", EmbeddedPolicy), ("reference", EmbeddedDraft)):
        shutil.copytree(model("game24").folder, tmp_path / part)
    more = {"engine": "embedded", "beta": 0.5, "task": task, "delimiter": " ; "}
    write(tmp_path, kind="log_ratio", combine="minimum()", **more)

    def steps(**settings):
        model = assemble(TASK, reward=Trained(str(tmp_path), **settings)).reward
        return asyncio.run(model.steps([WAY]))[0], asyncio.run(model.score([WAY]))[0], repr(model)

    plain, _, named = steps()
    before = Trained(str(tmp_path)).names
    (tmp_path / "calibration.json").write_text('{"method": "temperature", "temperature": 0.5}')
    assert Trained(str(tmp_path)).names != before  # what was found before is not taken for it
    found, whole, other = steps()
    assert found == pytest.approx([x**2 / (x**2 + (1 - x) ** 2) for x in plain])
    assert whole == min(found)
    assert named != other  # results of one are not another's
    assert steps(calibrated=False)[0] == plain


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ("{", "damaged"),
        ("[]", "expected format 1"),
        ('{"format": 2, "kind": "embedded"}', "expected format 1, got 2"),
        ('{"format": 1, "kind": "oracle"}', "kind: expected one of embedded, .*got 'oracle'"),
        ('{"format": 1, "kind": "embedded", "combine": "best()"}', "aggregate"),
    ],
)
def test_folders_that_cannot_be_read(folder, card, said):
    (folder / "model.json").write_text(card)
    with pytest.raises(InputError, match=said):
        score(Trained(str(folder)))


def test_weights_that_were_changed_are_refused(folder):
    weights = folder / "weights.data"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(InputError, match="damaged or edited"):
        score(Trained(str(folder)))


@pytest.mark.parametrize("graph", [b"", b"no graph"])
def test_a_damaged_graph_is_one_line(folder, graph):
    (folder / "read.onnx").write_bytes(graph)
    with pytest.raises(InputError, match=r"read\.onnx is damaged.*train it again") as caught:
        score(Trained(str(folder)))
    assert "\n" not in str(caught.value)


def test_the_home_folder_can_be_written_short(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    assert score(Trained(str(Path("~") / "model"))) == raw()[1]
