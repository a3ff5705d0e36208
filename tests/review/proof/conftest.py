"""Small projects whose failures are known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from neuface_engine.review import Project, Verdict
from neuface_engine.review.proof import Item

WATCHED = {"frames": 1.0, "views": ["front", "left"], "of_views": 2, "seconds": 30.0, "sufficient": True}
GLANCED = {**WATCHED, "frames": 0.4, "sufficient": False}


def says(item: Item, word: str = "accept", reviewer: str = "anna", **more: Any) -> Verdict:
    """A verdict on the bytes as released, by somebody who watched."""
    return Verdict(item.name, word, item.track_hash, reviewer, **{"coverage": WATCHED, **more})


@pytest.fixture
def items() -> list[Item]:
    return [Item(f"clip {i:03d}", f"{i:064x}", f"person {i // 4}") for i in range(120)]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project.create(tmp_path / "lab") as project:
        yield project


@pytest.fixture
def filled(project: Project) -> Callable[[int], Project]:
    """The project with so many sequences that have a track."""

    def fill(count: int) -> Project:
        (project.folder / "tracks").mkdir(exist_ok=True)
        for number in range(count):
            (project.folder / "tracks" / f"{number:03d}.npz").write_bytes(b"track %d" % number)
        project.add_sequences({"name": f"{n:03d}", "identity": f"person {n // 3}"} for n in range(count))
        return project

    return fill
