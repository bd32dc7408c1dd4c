"""``recipes/export_model.py --to``: from a model folder and from a run."""

import importlib
import json
from pathlib import Path

import pytest
from generate.llama_server import MODELS

safetensors = pytest.importorskip("safetensors.numpy", reason="the train extra is not installed")

from specreward.train.unpack import unpack  # noqa: E402

ABOUT = ("--task", "game24", "--kind", "policy", "--heads", 6)


@pytest.fixture
def main(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "recipes"))
    run = importlib.import_module("export_model").main
    return lambda *words: run([str(word) for word in words])


def test_a_model_folder_for_llama_cpp_and_transformers(main, tmp_path):
    gguf = pytest.importorskip("gguf", reason="gguf is not installed")
    folder = MODELS / "blocksworld-policy"
    main("--folder", folder, "--to", "gguf", "--out", tmp_path / "model.gguf")
    main("--folder", folder, "--to", "hf", "--out", tmp_path / "hf")
    reader = gguf.GGUFReader(tmp_path / "model.gguf")
    revision = json.loads((folder / "config.json").read_text())["revision"]
    assert reader.fields["general.name"].contents() == f"blocksworld-policy@{revision}"
    written = safetensors.load_file(tmp_path / "hf" / "model.safetensors")
    count = sum(int(tensor.n_elements) for tensor in reader.tensors)
    assert count == sum(array.size for array in written.values()) == 1_006_272


def test_a_run_by_way_of_a_model_folder(main, tmp_path):
    pytest.importorskip("gguf", reason="gguf is not installed")
    run = tmp_path / "run"
    run.mkdir()
    trained = unpack(MODELS / "game24-policy").weights
    safetensors.save_file(dict(trained), run / "model.safetensors")
    (run / "log.jsonl").write_text(json.dumps({"step": 1, "minutes": 1.0, "loss": 1.0}) + "\n")
    about = ("--run", run, *ABOUT)
    main(*about, "--to", "gguf", "--out", tmp_path / "run.gguf")
    main(*about, "--to", "hf", "--out", tmp_path / "run-hf")
    main("--folder", MODELS / "game24-policy", "--to", "gguf", "--out", tmp_path / "folder.gguf")
    main("--folder", MODELS / "game24-policy", "--to", "hf", "--out", tmp_path / "hf")
    assert (tmp_path / "run.gguf").read_bytes() == (tmp_path / "folder.gguf").read_bytes()
    for file in (tmp_path / "hf").iterdir():
        assert (tmp_path / "run-hf" / file.name).read_bytes() == file.read_bytes()
    assert not (tmp_path / "card.md").exists()


def test_what_cannot_be_read_is_said_in_one_line(main, tmp_path):
    for source in (["--folder", tmp_path], ["--run", tmp_path, *ABOUT]):
        with pytest.raises(SystemExit, match=r"^error: [^\n]+$"):
            main(*source, "--to", "hf", "--out", tmp_path / "out")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--folder", MODELS / "game24-policy"), "a model folder already: add --to gguf"),
        (("--run", "runs/x", "--to", "gguf"), "--run needs --task, --kind and --heads"),
        (("--to", "gguf"), "one of the arguments --run --folder is required"),
    ],
)
def test_words_that_do_not_go_together(main, tmp_path, capsys, words, message):
    with pytest.raises(SystemExit):
        main(*words, "--out", tmp_path / "out")
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
