import asyncio
import json
import subprocess
import sys

import pytest

from specreward.assemble import Engines, wire
from specreward.errors import InputError, UnknownName
from specreward.ledger import Ledger
from specreward.registry import kind_of, registered
from specreward.reward.catalogue import PUBLISHED, load, published, read_reward
from specreward.spec import name_of
from specreward.store import Store
from specreward.testing import ToyLanguageModel, ToyTask
from specreward.types import Path, Problem, Step

LOCAL = {
    *("athena_prm", "cloud", "encoder_srm", "math_shepherd", "qwen_prm", "reasonflux_prm"),
    *("rlhflow_prm", "sequence_classifier", "skywork_prm"),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_each_name_of_the_table_is_a_reward_model(name):
    row = PUBLISHED[name]
    assert row.name == name
    assert name.count("/") == 1
    assert kind_of(row.family) == "rewardmodel"
    assert 0.5 <= row.billions <= 80
    assert row.gigabytes == 2 * row.billions
    assert read_reward(name) == read_reward(row.text())
    assert name_of(read_reward(name)) == f"{row.family}(model={name!r})"


def test_revisions():
    row, revision = published("Qwen/Qwen2.5-Math-PRM-7B@abc")
    assert (row.family, revision) == ("qwen_prm", "abc")
    assert published("Qwen/Qwen2.5-Math-PRM-7B") == (row, None)
    model = load("Qwen/Qwen2.5-Math-PRM-7B@abc")
    assert name_of(model) == "qwen_prm(model='Qwen/Qwen2.5-Math-PRM-7B@abc')"
    assert model == read_reward(" Qwen/Qwen2.5-Math-PRM-7B@abc ") == read_reward(row.text("abc"))


def test_the_table_has_every_family_with_published_weights():
    assert {row.family for row in PUBLISHED.values()} == LOCAL - {"athena_prm", "encoder_srm"}
    assert set(registered("rewardmodel")) >= LOCAL


def test_texts_of_reward_models_are_read_as_everywhere():
    model = read_reward("sequence_classifier('some/where', scale=4)")
    assert name_of(model) == "sequence_classifier(model='some/where', scale=4.0)"
    with pytest.raises(InputError, match="needs a value for model"):
        read_reward("qwen_prm")
    with pytest.raises(InputError, match="rewardmodel"):
        read_reward("bfs()")


def test_unknown_names_give_the_nearest():
    with pytest.raises(UnknownName, match=r"did you mean 'Qwen/Qwen2\.5-Math-PRM-7B'"):
        read_reward("Qwen/Qwen2.5-Math-PRM-7b")
    with pytest.raises(UnknownName, match="did you mean 'qwen_prm'"):
        read_reward("qwen_pm")
    with pytest.raises(UnknownName, match=r"name their family, such as .*'me/mine@v1'"):
        read_reward("me/mine@v1")
    for text in ("runs/srm-pls", "nofolder", "nofolder/"):
        with pytest.raises(UnknownName, match=f"there is no folder '{text}' either"):
            read_reward(text)
    with pytest.raises(UnknownName) as caught:
        read_reward("runs/srm-pls")
    assert len(str(caught.value)) < 300
    with pytest.raises(UnknownName, match="published reward model 'nothing'"):
        published("nothing")
    with pytest.raises(UnknownName) as caught:
        published("Skywork/Skywork-Reward-V3")
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("config", "family"),
    [
        ({"architectures": ["Qwen2ForPrmModel"]}, "skywork_prm"),
        ({"architectures": ["CLoudRewardModel"], "model_type": "cloud"}, "cloud"),
        ({"architectures": ["FeedbackRewardModel"], "model_type": "cloud"}, "cloud"),
        ({"architectures": ["DebertaV2ForTokenClassification"]}, "encoder_srm"),
        ({"architectures": ["Gemma2ForSequenceClassification"]}, "sequence_classifier"),
    ],
)
def test_folders_that_say_their_family(tmp_path, config, family):
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert name_of(read_reward(str(tmp_path))) == f"{family}(model={str(tmp_path)!r})"


def test_a_folder_with_a_head_beside_its_weights(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"architectures": ["Qwen2ForCausalLM"]}))
    (tmp_path / "reward_head.pt").touch()
    assert name_of(load(str(tmp_path))).startswith("reasonflux_prm(")


@pytest.mark.parametrize(
    ("config", "families"),
    [
        ({"architectures": ["Qwen2ForProcessRewardModel"]}, "qwen_prm, reasonflux_prm"),
        ({"architectures": ["MistralForCausalLM"]}, "math_shepherd, rlhflow_prm"),
        ({"architectures": []}, r"\(none\)"),
        ({}, r"\(none\)"),
    ],
)
def test_folders_that_could_be_of_several_families(tmp_path, config, families):
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=f"say which, such as .*{families}|{families}.*say which"):
        load(str(tmp_path))


def test_a_folder_that_is_called_as_a_published_model_is_a_copy_of_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("Qwen/Qwen2.5-Math-PRM-7B", "Gen-Verse/ReasonFlux-PRM-7B"):
        (tmp_path / name).mkdir(parents=True)
        config = {"architectures": ["Qwen2ForProcessRewardModel"]}
        (tmp_path / name / "config.json").write_text(json.dumps(config))
        assert name_of(read_reward(name)) == f"{PUBLISHED[name].family}(model={name!r})"


@pytest.mark.parametrize("text", [None, "{", "[]", "3"])
def test_folders_that_are_no_models(tmp_path, text):
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    with pytest.raises(InputError, match=r"config\.json.*name the family"):
        load(str(tmp_path))


def test_texts_that_are_no_paths():
    with pytest.raises(UnknownName):
        load("x" * 5000)
    with pytest.raises(UnknownName):
        load("nul\0byte")
    with pytest.raises(UnknownName, match="unknown reward model ''"):
        read_reward(" ")


def test_reward_models_are_named_without_torch():
    """Neither the table nor a family needs it before a score is asked for."""
    code = (
        "import sys; from specreward.reward.catalogue import PUBLISHED, read_reward; "
        "[read_reward(name) for name in PUBLISHED]; "
        "print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_folder_plays_the_reward_model_of_a_search(tmp_path):
    """From its path to scores: stored, merged and metered as any other."""
    pytest.importorskip("torch", reason="needs the transformers extra")
    pytest.importorskip("transformers", reason="needs the transformers extra")
    from .published import checkpoints

    folder = checkpoints.folder("skywork_prm")
    task = ToyTask()
    policy = ToyLanguageModel(task=task)
    question = "Who asks in this search?"  # what other tests asked is remembered
    problem = Problem("a", question)
    steps = tuple([Step(text) for text in checkpoints.STEPS])
    paths = [Path(problem, steps), Path(problem, steps[:1])]
    exact = [
        checkpoints.skywork_scores(folder, question, checkpoints.STEPS[:depth])[-1]
        for depth in (3, 1)
    ]
    ledger, later = Ledger(), Ledger()
    with Store(tmp_path / "run.db") as store:
        engines = Engines(policy=policy, reward=read_reward(str(folder)))
        models = wire(task, engines, store=store)
        with ledger.active():
            assert asyncio.run(models.reward.score(paths)) == pytest.approx(exact, abs=2e-5)
        with later.active():
            asyncio.run(models.reward.score(paths))
    spent = ledger.usage["reward", "score"]
    assert spent.calls == 2
    assert spent.prompt_tokens > 60
    assert 0 < spent.cached_tokens < spent.prompt_tokens
    assert spent.flops > 0
    assert engines.names[1].startswith("skywork_prm(model=")
    assert later.usage["reward", "score"].calls == 2
