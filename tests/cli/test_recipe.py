"""``specreward recipe``."""

import ast
import shutil
from pathlib import Path

import pytest

from specreward.cli import recipe as module

ROOT = Path(__file__).parents[2]
RECIPES = sorted((ROOT / "recipes").glob("*.py"))


def test_the_list_has_a_line_for_each_recipe(call):
    done = call("recipe")
    assert done.exit_code == 0, done.stderr
    lines = {
        line.split()[0]: line.split(maxsplit=1)[1] for line in done.stdout.splitlines() if line
    }
    for file in RECIPES:
        first = ast.get_docstring(ast.parse(file.read_text("utf-8"))).splitlines()[0]
        assert lines[file.stem].rstrip() == first
    assert "srm_plus" in lines


@pytest.mark.parametrize("file", RECIPES, ids=lambda file: file.stem)
def test_each_recipe_is_copied_with_what_it_imports(call, tmp_path, file):
    done = call("recipe", file.stem, "-o", tmp_path)
    assert done.exit_code == 0, done.stderr
    written = sorted(tmp_path.glob("*.py"))
    assert sorted(done.stdout.splitlines()) == [str(one) for one in written]
    for one in written:
        assert one.read_bytes() == (ROOT / "recipes" / one.name).read_bytes()
    theirs = {one.stem for one in RECIPES}
    for one in written:
        tree = ast.walk(ast.parse(one.read_text("utf-8")))
        named = {node.module for node in tree if isinstance(node, ast.ImportFrom)}
        assert named & theirs <= {one.stem for one in written}
    assert len(written) == (2 if file.stem in ("game24_draft", "game24_srm") else len(written))


def test_a_copy_in_this_folder_or_under_another_name(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert call("recipe", "orm").stdout == "orm.py\n"
    assert call("recipe", "orm").exit_code == 0  # the same is there already
    assert call("recipe", "blocksworld_draft", "-o", "mine.py").exit_code == 0
    assert {one.name for one in tmp_path.iterdir()} == {
        "orm.py",
        "mine.py",
        "blocksworld_policy.py",
    }


def test_what_is_there_is_never_overwritten(call, tmp_path):
    mine = tmp_path / "blocksworld_policy.py"
    mine.write_text("# changed\n")
    done = call("recipe", "blocksworld_srm", "-o", tmp_path)
    assert done.exit_code == 2
    assert f"got {mine}, where something else is" in " ".join(done.stderr.split())
    assert [one.name for one in tmp_path.iterdir()] == [mine.name]  # nothing else either
    assert mine.read_text() == "# changed\n"
    (tmp_path / "folder.py" / "orm.py").mkdir(parents=True)
    assert call("recipe", "orm", "-o", tmp_path / "folder.py").exit_code == 2


def test_what_it_refuses(call, tmp_path):
    unknown = call("recipe", "srm_pluss")
    assert unknown.exit_code == 2
    assert "unknown recipe 'srm_pluss': did you mean 'srm_plus'?" in unknown.stderr
    assert "expected the name of a recipe" in call("recipe", "-o", tmp_path / "x.py").stderr
    same = call("recipe", "blocksworld_srm", "-o", tmp_path / "blocksworld_policy.py")
    assert "that of a recipe that blocksworld_srm imports" in same.stderr
    nowhere = call("recipe", "orm", "-o", tmp_path / "none" / "orm.py")
    assert nowhere.exit_code == 2
    assert "expected a file that can be written" in nowhere.stderr
    assert not list(tmp_path.iterdir())


def test_an_installed_package_has_them_inside(call, tmp_path, monkeypatch):
    package = tmp_path / "site-packages" / "specreward"
    (package / "cli").mkdir(parents=True)
    monkeypatch.setattr(module, "__file__", str(package / "cli" / "recipe.py"))
    none = call("recipe")
    assert none.exit_code == 2
    assert "install the package" in none.stderr
    shutil.copytree(ROOT / "recipes", package / "recipes")
    (package / "recipes" / "only_here.py").write_text('"""One more."""\n')
    assert "One more." in call("recipe").stdout


def test_the_page_has_every_recipe():
    page = (ROOT / "docs" / "recipes.md").read_text("utf-8")
    for file in RECIPES:
        assert f"`{file.stem}`" in page, file.stem
