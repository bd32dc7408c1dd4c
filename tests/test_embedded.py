import asyncio
import shutil

import pytest
from generate import tiny

from specreward import embedded
from specreward.embedded import EmbeddedDraft, embedded_draft, embedded_models, embedded_tasks
from specreward.engines import TokenModel
from specreward.errors import InputError
from specreward.types import Sampling


@pytest.fixture
def models(tmp_path):
    for task in ("letters", "words"):
        shutil.copytree(tiny.folder(), tmp_path / f"{task}-policy")
    shutil.copytree(tiny.folder(outputs=1), tmp_path / "letters-srm")
    return tmp_path


def test_both_models_of_a_task(models):
    assert embedded_tasks(models) == ["letters"]  # words has no reward model
    policy, srm = embedded_models("letters", folder=models)
    (completion,) = asyncio.run(policy.complete(["a b"], [0], Sampling(max_tokens=2)))
    assert completion.tokens == 2
    assert 0 < asyncio.run(srm.values(["a b"]))[0].value < 1


def test_threads_are_checked(models):
    with pytest.raises(InputError, match="at least 1 thread"):
        embedded_models("letters", threads=0, folder=models)


def test_a_task_without_models_is_told_which_have_them(models):
    with pytest.raises(InputError, match="no embedded models for the task 'lettrs'"):
        embedded_models("lettrs", folder=models)
    with pytest.raises(InputError, match="are for letters"):
        embedded_models("words", folder=models)


def test_the_models_in_the_package_load_and_answer():
    for task in embedded_tasks():
        policy, srm = embedded_models(task)
        assert policy.name.startswith(f"{task}-policy@")
        assert srm.parameters * 5 <= policy.parameters


# ------------------------------------------------------------------------------ drafts


@pytest.fixture
def drafts(models, monkeypatch):
    """The draft of the letters, as if it were in the package."""
    shutil.copytree(tiny.folder(), models / "letters-draft")
    monkeypatch.setattr(embedded, "_own", lambda: models)
    embedded._shared_draft.cache_clear()
    yield models
    embedded._shared_draft.cache_clear()


def test_a_task_has_a_draft_or_none(drafts):
    draft, other = embedded_draft("letters"), embedded_draft("letters", threads=1, folder=drafts)
    assert draft.name == other.name
    assert embedded_draft("words") is None
    with pytest.raises(InputError, match="at least 1 thread"):
        embedded_draft("letters", threads=0)
    (drafts / "letters-draft/weights.data").write_bytes(b"")
    with pytest.raises(InputError, match="damaged"):
        embedded_draft("letters")


def test_the_draft_can_be_named(drafts):
    named, engine = EmbeddedDraft("letters"), embedded_draft("letters")
    assert isinstance(named, TokenModel)
    assert (named.name, named.parameters) == (engine.name, engine.parameters)
    assert named.count(["a b", "c"]) == [2, 1]
    assert named.tokenizer() == engine.tokenizer()
    sampling = Sampling(temperature=0.7, max_tokens=4)
    [one], [two] = (asyncio.run(lm.complete(["a b"], [3], sampling)) for lm in (named, engine))
    assert (one.text, one.ids, one.logprob) == (two.text, two.ids, two.logprob)
    [again] = asyncio.run(named.token_logprobs(["a b"], [one.ids], 0.7))
    assert again.value == pytest.approx(one.logprob, abs=1e-5)
    texts = [("a b", "c")]
    [one], [two] = (asyncio.run(lm.logprobs(texts)) for lm in (named, engine))
    assert one.value == two.value


def test_a_draft_that_is_not_there_is_said(drafts):
    with pytest.raises(InputError, match=r"no embedded draft for the task 'words'.* for letters;"):
        EmbeddedDraft("words")


def test_the_drafts_in_the_package_have_the_words_of_their_policies():
    for task in embedded_tasks():
        policy, _ = embedded_models(task)
        draft = embedded_draft(task)
        assert draft.name.startswith(f"{task}-draft@")
        assert draft.parameters * 4 <= policy.parameters
        assert draft.tokenizer() == policy.tokenizer()
