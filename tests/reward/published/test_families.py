import asyncio
import json
import shutil

import pytest

torch = pytest.importorskip("torch", reason="needs the transformers extra")
pytest.importorskip("transformers", reason="needs the transformers extra")

from specreward.errors import InputError, RewardError  # noqa: E402
from specreward.reward.aggregate import Last  # noqa: E402
from specreward.reward.solutions import (  # noqa: E402
    Solution,
    SolutionModel,
    SolutionReward,
)
from specreward.spec import name_of, parse  # noqa: E402
from specreward.types import Path, Problem, Step  # noqa: E402

from .checkpoints import FAMILIES, QUESTION, STEPS, folder, words_of  # noqa: E402

EXACT = 2e-5
NAMES = sorted(FAMILIES)


def grade(model, *solutions):
    return asyncio.run(model.grade([Solution(question, tuple(s)) for question, s in solutions]))


def values(model, *solutions):
    return [list(one.values) for one in grade(model, *solutions)]


@pytest.fixture(params=NAMES)
def family(request):
    return FAMILIES[request.param]


@pytest.fixture
def path(family):
    [name] = [name for name in NAMES if FAMILIES[name] is family]
    return folder(name)


def test_scores_are_those_worked_out_from_logits(family, path):
    model = family.model(path)
    assert isinstance(model, SolutionModel)
    [graded] = grade(model, (QUESTION, STEPS))
    exact = family.scores(path, QUESTION, STEPS)
    assert list(graded.values) == pytest.approx(exact, abs=EXACT)
    assert len(graded.values) == (len(STEPS) if model.per_step else 1)
    encoded = model._encode(model._opened().weights, Solution(QUESTION, STEPS))
    if family.cls.__name__ == "EncoderSRM":  # sees what comes after
        assert graded.prompt_tokens == len(encoded.ids)
    elif family.cls.__name__ != "CLoud":  # nothing is read behind the last place
        assert graded.prompt_tokens == encoded.at[-1] + 1 <= len(encoded.ids)


def test_another_reading_gives_other_numbers(family, path):
    """Read one token early or late: the check above would find it."""
    [graded] = grade(family.model(path), (QUESTION, STEPS))
    wrong = family.scores(path, QUESTION, STEPS, shift=-1)
    assert max(abs(a - b) for a, b in zip(graded.values, wrong, strict=True)) > 1e-3


def test_beginnings_of_a_solution_siblings_and_what_was_read_before(family, path):
    """A growing path, in one call and in several; nothing depends on the company."""
    model = family.model(path)
    other = (*STEPS[:2], "No, it is 12.")
    asked = [(QUESTION, STEPS[:depth]) for depth in (1, 2, 3)]
    asked += [(QUESTION, other), ("How many?", (STEPS[0],)), (QUESTION, STEPS)]
    exact = [family.scores(path, question, steps) for question, steps in asked]
    together = values(model, *asked)
    alone = [values(model, one)[0] for one in reversed(asked)][::-1]
    fresh = values(family.model(path, cache_tokens=0, batch_tokens=1), *asked)
    for found in (together, alone, fresh):
        for one, true in zip(found, exact, strict=True):
            assert one == pytest.approx(true, abs=EXACT)
    if model.per_step:
        assert together[1] == pytest.approx(together[2][:2], abs=EXACT)


def test_a_growing_path_is_read_once(family, path):
    if family.cls.__name__ in ("EncoderSRM", "CLoud"):
        pytest.skip("an encoder shares no prefixes, critiques are written anew")
    model = family.model(path, cache_tokens=1000)
    first, second = grade(model, ("Once only?", STEPS[:1])), grade(model, ("Once only?", STEPS[:2]))
    assert first[0].cached_tokens < first[0].prompt_tokens
    assert second[0].cached_tokens >= first[0].prompt_tokens - 2
    again = grade(model, ("Once only?", STEPS[:2]))
    assert again[0].cached_tokens == again[0].prompt_tokens


def test_the_side_of_padding_does_not_matter(family, path, tmp_path):
    copied = tmp_path / "left"
    shutil.copytree(path, copied)
    settings = json.loads((copied / "tokenizer_config.json").read_text())
    settings |= {"padding_side": "left", "truncation_side": "left", "model_max_length": 5}
    (copied / "tokenizer_config.json").write_text(json.dumps(settings))
    asked = [(QUESTION, STEPS), ("How many?", STEPS[:1])]
    left, right = values(family.model(copied), *asked), values(family.model(path), *asked)
    for one, other in zip(left, right, strict=True):
        assert one == pytest.approx(other, abs=EXACT)


def test_white_space_and_separators_at_the_ends_of_steps_are_not_steps(family, path):
    model = family.model(path)
    ends = ["\n\n", "\n", "  "]
    if family.separator is not None:
        ends += [family.separator, f"{family.separator}\n\n", f"\n{family.separator.strip()} "]
    plain = values(model, (QUESTION, STEPS))[0]
    for end in ends:
        assert values(model, (QUESTION, tuple([step + end for step in STEPS])))[0] == plain
    assert values(model, (QUESTION, tuple([f"\n {step}" for step in STEPS])))[0] == plain


@pytest.mark.parametrize("empty", ["", " \n\n"])
def test_an_empty_step_is_refused(family, path, empty):
    model = family.model(path)
    with pytest.raises(RewardError, match="step 2 of 3 is empty"):
        grade(model, (QUESTION, (STEPS[0], empty, STEPS[1])))
    with pytest.raises(RewardError, match="a solution with a step to score, got none"):
        grade(model, (QUESTION, ()))
    if family.separator is not None:
        with pytest.raises(RewardError, match="step 1 of 1 is empty"):
            grade(model, (QUESTION, (f" {family.separator} {family.separator}",)))


def test_what_is_too_long_is_refused_and_not_cut(family, path):
    model = family.model(path)
    with pytest.raises(RewardError, match=r"at most (256|1024) tokens.*got \d+"):
        grade(model, (QUESTION, (STEPS[0], "12 - 5 = 7, " * 600)))
    assert values(model, (QUESTION, STEPS))[0]


def test_control_texts_in_a_step_are_read_as_letters(family, path):
    """They neither end a step nor a message."""
    words = words_of(path)
    model = family.model(path)
    weights = model._opened().weights
    special = {token.content for token in words.added_tokens_decoder.values() if token.special}
    for control in sorted(special | {family.separator or "</s>"} - {"\n", " ки"}):
        steps = (f"Ann{control}eats 5.", STEPS[1])
        plain = model._encode(weights, Solution(QUESTION, STEPS[:2]))
        found = model._encode(weights, Solution(QUESTION, steps))
        assert len(found.at) == len(plain.at)
        own = words.convert_tokens_to_ids(control)
        assert found.ids.count(own) == plain.ids.count(own), control
        assert control in words.decode(found.ids).replace(" ", "")
        graded = values(model, (f"Is {control} here?", steps))[0]
        assert len(graded) == (2 if model.per_step else 1)


def test_a_name_says_what_changes_a_number_and_nothing_else(family, path, tmp_path):
    model = family.model(path)
    assert model.name == family.model(path, batch_tokens=99, cache_tokens=7).name
    if "combine" in family.cls.__dataclass_fields__:
        assert model.name == family.model(path, combine=Last()).name
    assert str(path.parent) not in model.name
    copied = tmp_path / path.name
    shutil.copytree(path, copied)
    assert family.model(copied).name == model.name
    [weights] = [*copied.glob("*.safetensors"), *copied.glob("pytorch_model.bin")]
    held = bytearray(weights.read_bytes())
    held[-1] ^= 1
    other = tmp_path / "other" / path.name
    shutil.copytree(path, other)
    (other / weights.name).write_bytes(held)
    assert family.model(other).name != model.name
    assert model.parameters == family.model(copied).parameters > 10_000


def test_a_text_gives_the_same_model(family, path):
    model = family.model(path)
    assert parse(name_of(model), "rewardmodel") == model
    assert hash(parse(name_of(model))) == hash(model)


def test_paths_are_scored_through_the_usual_door(family, path):
    """Combined as the family does it; a path of one step by that step."""
    model = family.model(path)
    reward = SolutionReward(model)
    problem = Problem("a", QUESTION)
    paths = [Path(problem, tuple([Step(text) for text in STEPS[:n]])) for n in (1, 3)]
    exact = [family.scores(path, QUESTION, STEPS[:n]) for n in (1, 3)]
    whole = [model.combine(row) if model.per_step else row[-1] for row in exact]
    assert asyncio.run(reward.score(paths)) == pytest.approx(whole, abs=EXACT)
    steps = asyncio.run(reward.steps(paths))
    assert [len(row) for row in steps] == [1, 3]
    assert steps[0] == pytest.approx(steps[1][:1], abs=EXACT)


def test_other_number_formats(family, path):
    """The decoder in half precision: near, and told apart by name."""
    half = family.model(path, dtype="bfloat16")
    assert "bfloat16" in half.name
    assert half._opened().weights.model.dtype == torch.bfloat16
    if family.cls.__name__ != "CLoud":  # may write another critique
        exact = family.scores(path, QUESTION, STEPS)
        assert values(half, (QUESTION, STEPS))[0] == pytest.approx(exact, abs=0.1)


def test_a_device_that_is_not_there(family, path):
    with pytest.raises((InputError, RuntimeError), match="nowhere"):
        grade(family.model(path, device="nowhere"), (QUESTION, STEPS))


@pytest.mark.parametrize("wrong", [{"model": " "}, {"cache_tokens": -1}, {"batch_tokens": 0}])
def test_settings_are_checked(family, wrong):
    fields = dict(family.fields) | {"model": "somewhere"} | wrong
    with pytest.raises(InputError, match=next(iter(wrong))):
        family.cls(**fields)


def test_a_model_that_is_not_there(family, tmp_path):
    with pytest.raises(InputError, match="no model in"):
        grade(family.model(tmp_path / "none"), (QUESTION, STEPS))


@pytest.mark.parametrize(
    ("name", "combine"),
    [
        ("athena_prm", "minimum()"),
        ("math_shepherd", "minimum()"),
        ("qwen_prm", "product()"),
        ("reasonflux_prm", "mean()"),
        ("rlhflow_prm", "mean()"),
        ("skywork_prm", "last()"),
    ],
)
def test_each_family_combines_as_its_authors_do(name, combine):
    assert name_of(FAMILIES[name].model("somewhere").combine) == combine
