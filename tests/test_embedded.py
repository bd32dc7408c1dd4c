import asyncio
import shutil

import pytest
from generate import tiny

from specreward.embedded import embedded_models, embedded_tasks
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
