"""pyproject.toml, environment.yml and requirements.lock must name the same packages, in versions that fit."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version
from pydantic import BaseModel, ConfigDict
from rattler import MatchSpec

REPO = Path(__file__).resolve().parent.parent

CONDA_NAMES = {
    "torch": "pytorch",
    "lazy-loader": "lazy_loader",
    "build": "python-build",
    "playwright": "playwright-python",
    "jupyter-server": "jupyter_server",
}
THROUGH_PIP = {"captum", "opencv-contrib-python-headless"}  # environment.yml says why
PROMISED = {"torch", "captum", "matplotlib", "seaborn", "jupyterlab", "pandas", "scipy", "ipywidgets"}

Ranges = dict[str, SpecifierSet]


class PipSection(BaseModel):
    """The one nested entry that conda allows among the dependencies."""

    model_config = ConfigDict(extra="forbid")
    pip: list[str]


class Environment(BaseModel):
    """The keys of an environment.yml that conda, mamba and micromamba all read."""

    model_config = ConfigDict(extra="forbid")
    name: str
    channels: list[str]
    dependencies: list[str | PipSection]

    @property
    def conda_lines(self) -> list[str]:
        return [line for line in self.dependencies if isinstance(line, str)]

    @property
    def pip_lines(self) -> list[str]:
        return [line for part in self.dependencies if isinstance(part, PipSection) for line in part.pip]


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((REPO / "pyproject.toml").read_text("utf-8"))["project"]
    return project


@pytest.fixture(scope="module")
def runtime(project: dict[str, Any]) -> Ranges:
    return ranges(project["dependencies"])


@pytest.fixture(scope="module")
def required(project: dict[str, Any], runtime: Ranges) -> Ranges:
    return runtime | ranges(project["optional-dependencies"]["dev"])


@pytest.fixture(scope="module")
def environment() -> Environment:
    return Environment.model_validate(yaml.safe_load((REPO / "environment.yml").read_text("utf-8")))


@pytest.fixture(scope="module")
def lock_lines() -> list[str]:
    lines = (REPO / "requirements.lock").read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def locked(lock_lines: list[str]) -> dict[str, Version]:
    pairs = [line.split("==") for line in lock_lines]
    return {canonicalize_name(name): Version(version) for name, version in pairs}


def ranges(lines: list[str]) -> Ranges:
    parsed = [Requirement(line) for line in lines]
    return {canonicalize_name(one.name): one.specifier for one in parsed}


def conda_ranges(lines: list[str]) -> Ranges:
    specs = [MatchSpec(line, strict=True) for line in lines]
    return {spec.name.normalized: SpecifierSet(spec.version or "") for spec in specs}


def test_conda_and_pip_ask_for_the_same(project: dict[str, Any], required: Ranges, environment: Environment) -> None:
    through_pip = ranges([line for line in environment.pip_lines if line != "-e ."])
    expected = {CONDA_NAMES.get(name, name): span for name, span in required.items()}
    expected |= {"python": SpecifierSet(project["requires-python"]), "pip": SpecifierSet()}

    assert conda_ranges(environment.conda_lines) | through_pip == expected
    assert through_pip.keys() == THROUGH_PIP


def test_environment_installs_the_project_and_only_from_conda_forge(environment: Environment) -> None:
    assert environment.name == "asm_interp"
    assert environment.channels == ["conda-forge", "nodefaults"]
    assert "-e ." in environment.pip_lines


@pytest.mark.parametrize("name", sorted(PROMISED))
def test_promised_package_is_required_and_locked(name: str, runtime: Ranges, locked: dict[str, Version]) -> None:
    assert name in runtime
    assert name in locked


def test_lock_holds_exact_versions_and_nothing_else(lock_lines: list[str], locked: dict[str, Version]) -> None:
    # No build label (+cpu), index, option, address or path: one lock serves every machine.
    odd = [line for line in lock_lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line)]
    assert odd == []
    assert len(locked) == len(lock_lines), "a package stands twice"
    assert "asm-interp" not in locked


def test_lock_satisfies_the_ranges(required: Ranges, locked: dict[str, Version]) -> None:
    missing = sorted(required.keys() - locked.keys())
    outside = {
        name: str(locked[name]) for name in required.keys() & locked.keys() if locked[name] not in required[name]
    }
    assert (missing, outside) == ([], {})
