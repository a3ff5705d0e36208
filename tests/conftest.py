"""Fixtures for every test: seeds, threads, a cache of the session's own, and the shared media."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

# Before anything imports cv2 or Qt: cv2's GUI wheel points Qt to plugins of its own.
os.environ.setdefault("QT_API", "pyside6")

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("NEUFACE_SHARED", REPOSITORY.parent / "shared"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Side by side, files with slow tests come first: the last ones to be taken should be short."""
    if hasattr(config, "workerinput"):
        slow = {item.path for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared test material beside the checkout; a test that asks for it skips where it is absent."""
    if not (SHARED / "media").is_dir():
        pytest.skip(
            f"no shared test media at {SHARED} (a fresh clone has none; NEUFACE_SHARED names another folder)"
        )
    return SHARED


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session", autouse=True)
def _own_folders(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The user's detections and models have no say. Workers side by side share what was detected in the demo."""
    top = tmp_path_factory.getbasetemp()
    top = top.parent if hasattr(request.config, "workerinput") else top
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEUFACE_CACHE", str(top / "neuface_cache"))
        patch.setenv("NEUFACE_ASSETS", str(tmp_path_factory.mktemp("neuface_assets")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _threads() -> None:
    """OMP_NUM_THREADS has its way: workers side by side with a thread for every core would wait for one another."""
    import torch

    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, min(4, os.cpu_count() or 1)))


@pytest.fixture(autouse=True)
def _seeds() -> None:
    import numpy as np
    import torch

    random.seed(0)
    np.random.seed(0)  # noqa: NPY002  (libraries that still use the global generator)
    torch.manual_seed(0)
