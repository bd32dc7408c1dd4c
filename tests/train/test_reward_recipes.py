"""The recipes of published reward models at tiny sizes: what they hand on, and what they learn."""

import asyncio
import importlib
import json
from pathlib import Path as File

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("accelerate", reason="needs the train extra")
pytest.importorskip("onnx", reason="needs the train extra")

from specreward.errors import InputError  # noqa: E402
from specreward.label.labelled import Labelled, dump_labelled  # noqa: E402
from specreward.label.reading import read_labelled  # noqa: E402
from specreward.reward.solutions import Solution  # noqa: E402
from specreward.reward.trained import Trained  # noqa: E402
from specreward.tasks.game24 import Game24  # noqa: E402
from specreward.train.networks import Causal, Encoder, SmallDecoder  # noqa: E402
from specreward.train.objectives import BiRM  # noqa: E402
from specreward.types import Problem  # noqa: E402

pytestmark = pytest.mark.train

RECIPES = File(__file__).parents[2] / "recipes"
SMALL = "small_decoder(game24(), width=16, layers=1, heads=2)"
MADE = ("athena_prm", "birm", "implicit_prm", "orm", "sprm", "srm_plus", "td_values")


@pytest.fixture(autouse=True)
def folder_of_recipes(monkeypatch):
    monkeypatch.syspath_prepend(str(RECIPES))
    torch.set_num_threads(1)


def recipe(name):
    return importlib.import_module(name)


def held(found):
    """The problems of a recipe's data."""
    return {one.problem.question for one in found}


def first_steps(problems):
    """Of each problem a sum, which is good here, and a product, which is not; one step each."""
    made = []
    for problem in Game24().generate(problems, "train", 0):
        a, b, *rest = map(int, problem.question.partition("->")[0].split())
        for sign, value, good in (("+", a + b, 1.0), ("*", a * b, 0.0)):
            left = " ".join(map(str, sorted([*rest, value])))
            made.append(
                Labelled(
                    problem=problem,
                    steps=(f"{a} {sign} {b} = {value} (left: {left})",),
                    labels=(good,),
                    kind="prefix",
                    outcome=good,
                )
            )
    return made


def sums(problems):
    """Of each problem a right and a wrong solution of two steps in words."""
    made = []
    for number in range(problems):
        problem = Problem(f"p{number}", f"What is {number} + {number}?")
        for off in (0, 1):
            good = float(off == 0)
            steps = ("We add.", f"The sum is {2 * number + off}.")
            made.append(
                Labelled(
                    problem=problem, steps=steps, labels=(1.0, good), kind="step", outcome=good
                )
            )
    return made


def written(file, data):
    file.write_text("".join([f"{dump_labelled(one)}\n" for one in data]), "utf-8")
    return str(file)


@pytest.fixture(scope="module")
def games(tmp_path_factory):
    return written(tmp_path_factory.mktemp("games") / "labels.jsonl", first_steps(120))


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    return written(tmp_path_factory.mktemp("texts") / "labels.jsonl", sums(16))


@pytest.fixture
def handed(monkeypatch):
    """What a recipe hands to ``fit``, call by call, and no training."""

    def catch(module, calls=1):
        seen = []

        def fit(network, objective, train, held_out, settings, out, *, combine=None):
            names = ("network", "objective", "train", "held_out", "settings", "out", "combine")
            values = (network, objective, train, held_out, settings, out, combine)
            seen.append(dict(zip(names, values, strict=True)))
            if len(seen) == calls:
                raise KeyboardInterrupt
            return type("Fitted", (), {"folder": out, "after": {}})

        monkeypatch.setattr(module, "fit", fit)
        return seen

    return catch


def asked(module, handed, *words, calls=1):
    """What a recipe hands on for these words."""
    seen = handed(module, calls)
    with pytest.raises(KeyboardInterrupt):
        module.main([str(word) for word in words])
    return seen


@pytest.mark.parametrize("file", sorted(RECIPES.glob("*.py")), ids=lambda file: file.stem)
def test_every_recipe_says_what_it_takes(file, capsys):
    module = recipe(file.stem)
    with pytest.raises(SystemExit) as ended:
        module.main(["--help"])
    assert ended.value.code == 0
    assert "--out" in capsys.readouterr().out
    assert f"python recipes/{file.stem}.py" in module.__doc__
    assert file.stem not in MADE or "\nTime:   " in module.__doc__


# ------------------------------------------------------------------------------ srm_plus


def test_srm_plus_learns_the_order_and_is_calibrated_on_problems_of_its_own(
    games, tmp_path, capsys
):
    out = tmp_path / "plus"
    words = [games, "--network", SMALL, "--out", str(out), "--epochs", "8", "--rate", "1e-2"]
    fitted = recipe("srm_plus").main([*words, "--calibrate", "0.5"])
    assert fitted.after["pair_accuracy"] > 0.9
    assert fitted.after["pairs"] > 5
    said = capsys.readouterr().out
    assert f"use it: --reward {out}" in said
    found = json.loads((out / "calibration.json").read_text())
    about = found["data"]
    assert about["problems_fitted"] > 10
    assert about["problems_measured"] > 10
    assert (out / "reliability.html").exists()
    raw = asyncio.run(Trained(str(out), calibrated=False).scorer.values(["target 24 ; 1 2 3 ;"]))
    new = asyncio.run(Trained(str(out)).scorer.values(["target 24 ; 1 2 3 ;"]))
    assert (raw[0].value != new[0].value) == (found["temperature"] != 1)


def test_srm_plus_splits_by_problem_and_hands_on(games, tmp_path, handed, monkeypatch):
    module = recipe("srm_plus")
    words = (games, "--network", SMALL, "--out", tmp_path / "run", "--margin", 0.3, "--scale", 0)
    [seen] = asked(module, handed, *words, "--batch", 4, "--epochs", 2, "--seed", 3)
    assert (seen["objective"].margin, seen["objective"].scale) == (0.3, 0.0)
    learned, chosen = held(seen["train"]), held(seen["held_out"])
    rest = held(read_labelled(games)) - learned - chosen
    assert not learned & chosen
    assert 0.05 < len(chosen) / 120 < 0.3
    assert 0.1 < len(rest) / 120 < 0.35
    assert seen["settings"].steps == round(2 * len(learned) / 4)
    assert (seen["settings"].seed, seen["settings"].rate) == (3, 3e-4)


def test_what_srm_plus_calibrates_on_was_not_seen(games, tmp_path, monkeypatch):
    module = recipe("srm_plus")
    monkeypatch.setattr(module, "calibrate", lambda *_, **__: None)
    sides = []

    def fit(network, objective, train, held_out, settings, out):
        sides.extend((train, held_out))
        out.mkdir()
        after = {"pairs": 1, "pair_accuracy": 1.0}
        return type("Fitted", (), {"folder": out, "before": after, "after": after})

    monkeypatch.setattr(module, "fit", fit)
    module.main([games, "--network", SMALL, "--out", str(tmp_path / "run")])
    apart = held(read_labelled(tmp_path / "run" / "to_calibrate.jsonl"))
    assert len(apart) > 10
    assert not apart & (held(sides[0]) | held(sides[1]))
    assert len(apart) + len(held(sides[0])) + len(held(sides[1])) == len(held(first_steps(120)))


# ------------------------------------------------------------------------------ outcomes


@pytest.mark.parametrize("how", [(), ("--pairs", "--margin", "0.5")])
def test_an_orm_tells_right_from_wrong(games, tmp_path, how):
    words = [games, "--network", SMALL, "--out", str(tmp_path), "--epochs", "8", "--rate", "1e-2"]
    fitted = recipe("orm").main([*words, *how, "--held-out", "0.2"])
    assert fitted.after["pair_accuracy" if how else "auc"] > 0.9
    card = json.loads((tmp_path / "model.json").read_text())
    assert card["combine"] == "last()"
    assert card["objective"].startswith("pairwise_orm(margin=0.5, center=0.01" if how else "orm()")


def test_the_orm_of_pairs_hands_on(games, tmp_path, handed):
    words = (games, "--network", "encoder('x')", "--out", tmp_path, "--pairs", "--center", 0.2)
    [seen] = asked(recipe("orm"), handed, *words, "--most", 3, "--precision", "bfloat16")
    assert (seen["objective"].center, seen["objective"].most) == (0.2, 3)
    assert (seen["objective"].margin, seen["settings"].precision) == (0.0, "bfloat16")
    assert seen["network"] == Encoder("x")


@pytest.mark.parametrize("how", [(), ("--pairs",)])
def test_an_implicit_reward_is_learned_from_outcomes(games, tmp_path, how):
    words = [games, "--task", "game24()", "--start", "embedded_draft('game24')", "--beta", "0.5"]
    more = ["--rate", "1e-3", "--out", str(tmp_path), "--held-out", "0.2", *how]
    fitted = recipe("implicit_prm").main([*words, *more])
    assert fitted.before["auc"] == 0.5  # at the start the two are equal
    assert fitted.after["auc"] > 0.8
    card = json.loads((tmp_path / "model.json").read_text())
    assert card["objective"].startswith("pairwise_orm()" if how else "orm()")
    assert "beta=0.5" in card["network"]


def test_an_implicit_reward_of_text(games, tmp_path, handed):
    words = (games, "--start", "transformers('x')", "--out", tmp_path, "--accumulate", 4)
    [seen] = asked(recipe("implicit_prm"), handed, *words, "--batch", 2)
    assert (seen["network"].task, seen["network"].beta) == (None, 0.05)
    assert (seen["settings"].rate, seen["settings"].accumulate) == (1e-6, 4)
    assert seen["settings"].steps == round(len(seen["train"]) / 8)


def test_values_foretell_the_outcome(games, tmp_path):
    words = [games, "--network", SMALL, "--out", str(tmp_path), "--n", "2", "--gamma", "0.9"]
    fitted = recipe("td_values").main([*words, "--rate", "1e-2", "--held-out", "0.2"])
    assert fitted.after["auc"] > 0.9
    assert json.loads((tmp_path / "model.json").read_text())["objective"] == "td(n=2, gamma=0.9)"


# ------------------------------------------------------------------------------ athena


def test_athena_starts_its_second_stage_from_the_first(games, tmp_path, handed):
    module = recipe("athena_prm")
    more = written(tmp_path / "more.jsonl", first_steps(200))
    words = (games, "--network", SMALL, "--out", tmp_path / "run", "--upsample", 3)
    seen = asked(module, handed, *words, "--outcomes", more, calls=2)
    first, second = seen
    assert first["network"].start is None
    assert second["network"] == SmallDecoder(
        Game24(), width=16, layers=1, heads=2, start=Trained(str(tmp_path / "run" / "orm"))
    )
    assert first["out"] == tmp_path / "run" / "orm"
    assert second["out"] == tmp_path / "run" / "prm"
    assert second["objective"].upsample == 3
    assert len(held(first["train"])) > len(held(second["train"]))
    assert not held(first["train"]) & held(second["held_out"])  # a hash of the question
    assert first["combine"] == second["combine"] == "minimum()"
    # half of the solutions are wrong, and each of them counts three times
    examples = len(second["train"]) * 2
    assert second["settings"].steps == round(3 * examples / 16)
    other = module.started(Causal("x", verdict=("+", "-")), tmp_path)
    assert other == Causal(str(tmp_path), verdict=("+", "-"))
    with pytest.raises(InputError, match=r"expected small_decoder\(\.\.\.\) or causal"):
        module.started(Encoder("x"), tmp_path)


def test_athena_runs(games, tmp_path):
    words = [games, "--network", SMALL, "--out", str(tmp_path), "--epochs", "6", "--rate", "1e-2"]
    first, second = recipe("athena_prm").main(words)
    assert first.after["auc"] > 0.9
    # Here the outcome is the label of the only step: what was learned is there at once.
    assert second.before["auc"] == first.after["auc"]
    assert Trained(str(tmp_path / "prm")).names


# ------------------------------------------------------------------------------ on transformers


@pytest.fixture
def model():
    pytest.importorskip("transformers", reason="needs the transformers extra")
    from generate.hf import tiny

    return tiny.folder("qwen2")


def graded(folder, *steps):
    question = "What is 3 + 3?"
    [found] = asyncio.run(Trained(str(folder)).scorer.grade([Solution(question, steps)]))
    return found.values


def test_birm_trains_both_heads(texts, tmp_path, model):
    words = [texts, "--model", model, "--out", str(tmp_path), "--accumulate", "1", "--batch", "4"]
    fitted = recipe("birm").main([*words, "--rate", "1e-2", "--held-out", "0.3", "--beta", "0.5"])
    assert {"auc", "value_auc", "process_auc"} <= fitted.after.keys()
    assert json.loads((tmp_path / "model.json").read_text())["objective"] == "birm(beta=0.5)"
    assert len(graded(tmp_path, "We add.", "The sum is 6.")) >= 1


def test_birm_has_the_paper_s_settings(texts, tmp_path, handed):
    [seen] = asked(recipe("birm"), handed, texts, "--model", "x", "--out", tmp_path)
    assert seen["network"] == Causal("x", add_tokens=True, outputs=2)
    assert seen["objective"] == BiRM(beta=1.0)
    settings = seen["settings"]
    assert (settings.rate, settings.batch * settings.accumulate) == (5e-6, 256)


def test_sprm_hands_on_and_names_its_efforts(texts, tmp_path, model, handed, capsys):
    words = [texts, "--model", model, "--out", str(tmp_path / "run"), "--step-token", "."]
    small = ["--steps", "4", "--warmup", "2", "--batch", "4", "--held-out", "0.4", "--rate", "1e-3"]
    recipe("sprm").main([*words, *small, "--backbone", "1.0"])
    said = capsys.readouterr().out
    for effort, n in (("low", 2), ("medium", 8), ("high", 32)):
        assert f'{effort}: --strategy "best_of_n({n})" --reward {tmp_path / "run"}' in said
    assert len(graded(tmp_path / "run", "We add.", "The sum is 6.")) == 2
    [seen] = asked(recipe("sprm"), handed, *words)
    assert (seen["objective"].released, seen["objective"].warmup) == (True, 700)
    assert (seen["network"].backbone_grad_scale, seen["network"].dropout) == (1e-4, 0.5)
    assert seen["settings"].rate == 1e-5
    [seen] = asked(recipe("sprm"), handed, *words, "--paper", "--dropout", "0.1", *small)
    assert not seen["objective"].released
    assert (seen["network"].dropout, seen["network"].step_token) == (0.1, ".")
    assert (seen["settings"].steps, seen["objective"].warmup) == (4, 2)
