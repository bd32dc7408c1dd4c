import shutil

import numpy as np
import pytest
from generate import tiny

from specreward.errors import InputError
from specreward.train.export import export
from specreward.train.unpack import unpack

SETTINGS = {"name": "tiny", "task": "letters", "heads": tiny.HEADS, "context": 64}


def write(folder, weights, **settings):
    export(weights, tiny.WORDS, folder, **(SETTINGS | {"precision": np.float32} | settings))
    return unpack(folder)


def same(found, wanted):
    return set(found) == set(wanted) and all(np.array_equal(found[k], wanted[k]) for k in wanted)


@pytest.mark.parametrize("outputs", [tiny.SIZE, 1])
@pytest.mark.parametrize("heads", [2, 4])  # four heads of 8 stand in room for 16
def test_what_was_exported_comes_back(tmp_path, outputs, heads):
    model = write(tmp_path, tiny.weights(outputs), heads=heads)
    assert same(model.weights, tiny.weights(outputs))
    assert model.config.heads == heads
    assert model.config.kind == ("reward" if outputs == 1 else "policy")
    assert all(array.dtype == np.float32 for array in model.weights.values())


def test_16_bits_are_turned_into_32(tmp_path):
    model = write(tmp_path, tiny.weights(), precision=np.float16)
    wanted = {
        name: array if array.ndim == 1 else array.astype(np.float16).astype(np.float32)
        for name, array in tiny.weights().items()
    }
    assert same(model.weights, wanted)


def test_a_head_that_is_the_embedding_is_not_there(tmp_path):
    tied = {k: v for k, v in tiny.weights().items() if k != "head.weight"}
    assert same(write(tmp_path, tied).weights, tied)


@pytest.mark.parametrize("heads", [2, 4])
@pytest.mark.parametrize("theta", [100.0, 10000.0, 500000.0, 1000000.0])
def test_the_rotary_base_is_read_from_the_angles(tmp_path, heads, theta):
    assert write(tmp_path, tiny.weights(), heads=heads, rope_theta=theta).rope_theta == theta


def test_one_rotary_angle_has_no_base(tmp_path):
    assert write(tmp_path, tiny.weights(), heads=16, rope_theta=7.0).rope_theta == 10000.0


def test_folders_that_are_none(tmp_path):
    with pytest.raises(InputError, match=r"expected a model folder with config\.json"):
        unpack(tmp_path)
    folder = shutil.copytree(tiny.folder(), tmp_path / "copy")
    (folder / "read.onnx").write_bytes(b"no graph")
    with pytest.raises(InputError, match=r"expected a graph in .*read\.onnx.*export the folder"):
        unpack(folder)
    (folder / "read.onnx").write_bytes(b"")  # a graph without weights
    with pytest.raises(InputError, match=r"copy/read\.onnx is damaged.*export the folder again"):
        unpack(folder)
    (folder / "weights.data").write_bytes(b"")
    with pytest.raises(InputError, match="damaged or edited"):
        unpack(folder)
