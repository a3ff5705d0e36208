"""The repository as a whole: what is shipped, and that the two packages keep apart."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest


def test_exactly_one_opencv_is_installed() -> None:
    wheels = {d.metadata["Name"] for d in metadata.distributions() if "opencv" in (d.metadata["Name"] or "")}
    assert len(wheels) == 1, f"two OpenCV wheels shadow each other: {wheels}"


def test_importing_the_engine_imports_no_qt_and_no_viewer() -> None:
    code = (
        "import sys, neuface_engine; "
        "bad = {'PySide6', 'pyvista', 'pyqtgraph', 'vtk', 'neuface_studio'} & set(sys.modules); "
        "sys.exit(f'imported {bad}' if bad else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_pinned_version_is_allowed_by_the_project(repository: Path) -> None:
    from packaging.requirements import Requirement

    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    lines = (repository / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    normal = {name.lower().replace("_", "-"): version for name, version in pins.items()}
    for text in wanted:
        requirement = Requirement(text)
        name = requirement.name.lower().replace("_", "-")
        assert name in normal, f"{name} has no version in constraints.txt"
        assert requirement.specifier.contains(normal[name]), f"{text} does not allow {normal[name]}"


def test_no_file_in_the_repository_is_over_ten_megabytes(repository: Path) -> None:
    if shutil.which("git") is None or not (repository / ".git").exists():
        pytest.skip("no git, or no checkout of it")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=repository, capture_output=True, text=True, check=True
    )
    files = [repository / name for name in listed.stdout.split("\0") if name]
    large = [f.name for f in files if f.is_file() and f.stat().st_size > 10_000_000]
    assert not large
