"""The real window on a small synthetic sequence, and a guard against threads, timers and windows left behind."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("LIBGL_ALWAYS_SOFTWARE", "1")
if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")  # without a display Qt would abort the whole run

pytest.importorskip("PySide6")

import shiboken6
import torch
from PySide6.QtCore import QSettings, QThread, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

import neuface_engine as nf
from neuface_engine import raster
from neuface_engine.encoders.base import Encoder
from neuface_engine.video import FrameStore, Sequence
from neuface_studio import app, worker
from neuface_studio.session import Footage, RunState
from neuface_studio.widgets.main_window import MainWindow

from .own_display import open_own_display

open_own_display()

ONE_SHOTS_S = 1.0  # within this time what was put off by a one-shot timer must be done

HERE = Path(__file__).parent
SIZE = 160
CROP = 64


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in Path(str(item.fspath)).parents:
            item.add_marker(pytest.mark.gui)


@pytest.fixture(scope="session")
def qapp_cls() -> type[QApplication]:
    return QApplication


@pytest.fixture(scope="session")
def qapp(qapp_args: list[str]) -> QApplication:
    return app.make_application(qapp_args)


class TinyEncoder(Encoder):
    """Two linear layers over a coarse picture; enough to be optimised, and fast."""

    name = "tiny"
    input_size = CROP
    crop_scale = 1.6

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.trunk = torch.nn.Linear(3 * 64, 32)
        self.head = torch.nn.Linear(32, 159)
        torch.nn.init.normal_(self.head.weight, std=0.002)
        torch.nn.init.zeros_(self.head.bias)

    def features(self, crops: torch.Tensor) -> tuple[torch.Tensor, ...]:
        small = torch.nn.functional.adaptive_avg_pool2d(crops, 8).flatten(1)
        return (torch.tanh(self.trunk(small)),)

    def decode(self, features: tuple[torch.Tensor, ...]) -> nf.FaceParameters:
        out = self.head(features[0])
        camera = out[:, 156:] + torch.tensor([7.0, 0.0, 0.0])
        return nf.FaceParameters(out[:, :100], out[:, 100:150], out[:, 150:156], camera)

    def trainable_parameters(self, trainable: str) -> list[torch.nn.Parameter]:
        return list(self.parameters() if trainable == "all" else self.head.parameters())


def make_footage(views: int = 3, frames: int = 6) -> Footage:
    """A head that turns and opens its mouth, seen by ``views`` cameras; one frame of the last view has no face."""
    head = nf.FaceModel.load("open")
    faces = np.ascontiguousarray(head.faces.numpy(), dtype=np.int32)
    truth = nf.FaceParameters.neutral(frames, views, scale=7.0)
    time = torch.linspace(0, 1, frames)[:, None]
    truth.pose[..., 1] = 0.25 * (torch.arange(views) - (views - 1) / 2) + 0.1 * time
    truth.pose[..., 3] = 0.2 * time
    store = FrameStore(views)
    with torch.no_grad():
        posed = head.vertices(truth)
        points = nf.project_depth(posed, truth.camera)
        landmarks = nf.project(head.landmarks(truth), truth.camera)
    pixels = (points.numpy() * [1, 1, 1] + [1, 1, 0]) * SIZE / 2
    for view in range(views):
        for frame in range(frames):
            canvas = np.full((SIZE, SIZE, 3), (70, 80, 95), np.uint8)
            picture = raster.draw_shaded(
                canvas,
                pixels[frame, view].astype(np.float32),
                None,
                faces,
                colour=(220, 170, 140),
                opacity=1.0,
            )
            store.append(view, picture)
    detected = torch.ones(frames, views, dtype=torch.bool)
    if views > 1:
        detected[frames // 2, views - 1] = False
    transforms = np.zeros((frames, views, 2, 3))
    transforms[..., 0, 0] = transforms[..., 1, 1] = CROP / SIZE
    crops = torch.zeros(frames, views, 3, CROP, CROP, dtype=torch.uint8)
    for frame in range(frames):
        for view in range(views):
            small = store[frame, view][:: SIZE // CROP][:CROP, :: SIZE // CROP][:, :CROP]
            crops[frame, view, :, : small.shape[0], : small.shape[1]] = torch.from_numpy(
                small.copy()
            ).permute(2, 0, 1)
    sequence = Sequence(
        name="synthetic",
        path=Path("synthetic"),
        views=tuple(f"cam_{view}" for view in range(views)),
        fps=25.0,
        frames=store,
        frame_indices=np.arange(frames),
        image_sizes=((SIZE, SIZE),) * views,
        landmarks=landmarks,
        landmarks_dense=torch.zeros(frames, views, 478, 3),
        confidence=detected.float(),
        detected=detected,
        crops=crops,
        crop_transforms=transforms,
        content_hash="0" * 64,
        detector="none",
    )
    return Footage(sequence=sequence, head=head, encoder=TinyEncoder(), faces=faces)


@pytest.fixture(scope="session")
def footage() -> Footage:
    return make_footage()


@pytest.fixture
def synthetic(monkeypatch: pytest.MonkeyPatch, footage: Footage) -> Path:
    """A path that opens as the synthetic footage; everything but decoding and detecting is real."""
    real = worker.LoadWorker._load
    path = Path("synthetic").resolve()

    def load(self: worker.LoadWorker) -> Footage:
        return footage if self._request.path == path else real(self)

    monkeypatch.setattr(worker.LoadWorker, "_load", load)
    return path


@pytest.fixture(autouse=True)
def _own_projects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEUFACE_PROJECTS", str(tmp_path / "projects"))


@pytest.fixture
def make_window(qtbot: QtBot, tmp_path: Path) -> Iterator[Callable[..., MainWindow]]:
    """Opens windows; closes at the end what the test left open."""
    windows: list[MainWindow] = []

    def make(**options: Any) -> MainWindow:
        settings = QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)
        window = MainWindow(settings=settings, **options)
        windows.append(window)
        window.resize(1200, 800)
        window.show()
        qtbot.waitExposed(window)
        window.activateWindow()
        return window

    yield make
    for window in filter(shiboken6.isValid, windows):  # a test may have deleted its own
        window.close()
        window.deleteLater()
    QGuiApplication.processEvents()


@pytest.fixture
def window(make_window: Callable[..., MainWindow]) -> MainWindow:
    return make_window()


@pytest.fixture
def ready(window: MainWindow, synthetic: Path, qtbot: QtBot) -> MainWindow:
    """A window with the synthetic footage open and the encoder's meshes shown."""
    window.session.set_target(20)
    open_and_wait(window, synthetic, qtbot)
    return window


def open_and_wait(window: MainWindow, path: Path | None, qtbot: QtBot, *, timeout_ms: int = 60_000) -> None:
    window.open_path(path)
    resting = (RunState.READY, RunState.PAUSED, RunState.FINISHED)
    qtbot.waitUntil(lambda: window.session.run_state in resting, timeout=timeout_ms)
    qtbot.waitUntil(lambda: not window.view_grid.busy, timeout=10_000)


@pytest.fixture(autouse=True)
def _leaves_nothing(request: pytest.FixtureRequest, qapp: QApplication) -> Iterator[None]:
    """A test fails that leaves a running QThread, an active QTimer, a Python thread or a visible window."""
    threads_before = set(threading.enumerate())
    yield
    # Fixtures that own windows are torn down before this one, because it was set up first.
    qapp.processEvents()
    gc.collect()
    alive = [
        thing
        for thing in gc.get_objects()
        if issubclass(type(thing), (QThread, QTimer)) and shiboken6.isValid(thing)
    ]
    running = [thread.objectName() for thread in alive if isinstance(thread, QThread) and thread.isRunning()]
    timers = [thing for thing in alive if isinstance(thing, QTimer)]
    until = time.monotonic() + ONE_SHOTS_S
    while any(shiboken6.isValid(t) and t.isSingleShot() and t.isActive() for t in timers) and (
        time.monotonic() < until
    ):
        qapp.processEvents()
        time.sleep(0.005)
    active = [repr(t.parent()) for t in timers if shiboken6.isValid(t) and t.isActive()]
    shown = [repr(widget) for widget in qapp.topLevelWidgets() if widget.isVisible()]
    python = [t.name for t in set(threading.enumerate()) - threads_before if not t.daemon]
    assert not running, f"threads left running: {running}"
    assert not active, f"timers left running: {active}"
    assert not shown, f"windows left open: {shown}"
    assert not python, f"Python threads left: {python}"
