"""A lower floor never imports a higher one, nor what this table keeps from it, not even inside a function."""

import ast
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPO = Path(__file__).resolve().parent.parent
MODULES = sorted((REPO / "asm_interp").rglob("*.py"))

FLOORS = {
    "_version": 0,
    "__version__": 0,
    "files": 0,
    "geometry": 1,
    "model": 2,
    "data": 2,
    "training": 3,
    "search": 3,
    "evaluation": 3,
    "analysis": 3,
    "plots": 4,
    "report": 5,
    "sweep": 5,
    "audit": 5,
    "paper": 5,
    "widgets": 5,
    "notebooks": 5,
    "gallery": 5,
    "prompt_websocket": 5,
    "cli": 6,
    "__main__": 6,
    "__init__": 6,  # the public names: everything, for everybody outside
}
PICTURES = {"matplotlib", "seaborn", "ipywidgets"}
NOBODY = {"torchvision", "timm"}
FORBIDDEN = {
    "geometry": PICTURES | {"torch.nn", "safetensors", "pathlib", "PIL", "cv2"},
    "model": PICTURES | {"asm_interp.data"},
    "data": PICTURES | {"asm_interp.model"},
    "training": PICTURES | {"asm_interp.analysis"},
    "search": PICTURES,
    "evaluation": PICTURES,
    "analysis": PICTURES,
    "plots": {"ipywidgets", "asm_interp.model"},
    "sweep": PICTURES,
    "audit": PICTURES,
    "widgets": {"matplotlib", "seaborn"},  # a view is painted; figures come from plots
}


def imports(path: Path) -> Iterator[str]:
    """Every name that a file imports, in full: `from ..data import photo` is asm_interp.data.photo."""
    package = path.relative_to(REPO).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            stem = ".".join([*above, *filter(None, [node.module])])
            yield from (f"{stem}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(REPO).as_posix())
def test_module_imports_nothing_from_above(path: Path) -> None:
    part = path.relative_to(REPO).with_suffix("").parts[1]
    assert part in FLOORS, f"give {part} a floor in this test"
    refused = FORBIDDEN.get(part, set()) | NOBODY
    for name in imports(path):
        assert not any(f"{name}.".startswith(f"{other}.") for other in refused), f"{part} may not import {name}"
        if name.split(".")[0] == "asm_interp":
            # The bare package and its public names stand at the top.
            target = (*name.split("."), "__init__")[1]
            assert FLOORS.get(target, FLOORS["__init__"]) <= FLOORS[part], f"{name} stands above {part}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(REPO).as_posix())
def test_module_holds_one_noun(path: Path) -> None:
    lines = len(path.read_text("utf-8").splitlines())
    assert lines <= 450, f"{lines} lines: this is two nouns"


def test_every_imported_package_is_required() -> None:
    lines = tomllib.loads((REPO / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    required = {canonicalize_name(Requirement(line).name) for line in lines}
    used = {name.split(".")[0] for path in MODULES for name in imports(path)}
    owners = packages_distributions()
    borrowed = {
        name
        for name in used - sys.stdlib_module_names - {"asm_interp"}
        if not required & {canonicalize_name(owner) for owner in owners.get(name, [])}
    }
    assert borrowed == set(), "imported, but only there because another package needs it"
