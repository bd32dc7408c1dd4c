"""What the packages export: sorted, complete, and cheap to import."""

import importlib
import pkgutil
import subprocess
import sys
from types import ModuleType

import pytest

import specreward
from specreward.registry import load, registered

PACKAGES = [
    "specreward",
    *sorted(f"specreward.{m.name}" for m in pkgutil.iter_modules(specreward.__path__) if m.ispkg),
]
MODULES = sorted(
    m.name
    for m in pkgutil.walk_packages(specreward.__path__, "specreward.")
    if not m.ispkg
    and not m.name.startswith("specreward.train.")
    and not m.name.endswith(".__main__")
)


def _order(name: str) -> tuple[int, str]:
    """CONSTANTS, then Classes, then functions, each by name: the order that the linter keeps."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


def _import(name: str) -> ModuleType:
    if name.startswith("specreward.train"):
        pytest.importorskip("torch", reason="needs the train extra")
    if name.startswith("specreward.serve."):
        for library in ("fastapi", "prometheus_client", "uvicorn"):
            pytest.importorskip(library, reason="needs the serve extra")
    return importlib.import_module(name)


@pytest.mark.parametrize("name", PACKAGES)
def test_exports_of_packages_are_sorted_and_complete(name):
    package = _import(name)
    exported = vars(package).get("__all__", [])  # a package that exports nothing needs none
    assert list(exported) == sorted(set(exported), key=_order)
    public = {
        key
        for key, value in vars(package).items()
        if not (key.startswith("_") or isinstance(value, ModuleType) or key == "annotations")
    }
    assert public <= set(exported), f"not exported: {sorted(public - set(exported))}"
    for key in exported:
        assert getattr(package, key) is not None


@pytest.mark.parametrize("name", MODULES)
def test_modules_say_what_is_public(name):
    module = _import(name)
    assert module.__doc__
    assert list(module.__all__) == sorted(set(module.__all__), key=_order)
    for key in module.__all__:
        assert key in vars(module)


@pytest.mark.parametrize("name", registered())
def test_registered_classes_are_exported_by_their_package(name):
    cls = load(name)
    package = importlib.import_module(cls.__module__.rpartition(".")[0])
    assert getattr(package, cls.__name__) is cls
    assert cls.__name__ in package.__all__


def test_the_package_is_imported_without_engines():
    code = (
        "import sys, specreward; "
        "print(sorted({'torch', 'onnxruntime', 'onnx', 'openai', 'typer'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
