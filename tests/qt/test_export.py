"""What is taken away from the window: videos, pictures, tracks."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

import neuface_engine as nf
from neuface_engine.tracks.formats import FORMATS
from neuface_studio.scene import exporting
from neuface_studio.scene.composing import Composer
from neuface_studio.widgets.commands import FileCommands
from neuface_studio.widgets.export_sheet import ExportSheet
from neuface_studio.widgets.main_window import MainWindow


def files(window: MainWindow) -> FileCommands:
    return next(group for group in window._commands if isinstance(group, FileCommands))


def test_a_video_has_every_frame_of_all_views_with_the_layers(
    ready: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    path = tmp_path / "out" / "overlay.mp4"
    assert files(ready).export(path)
    qtbot.waitUntil(lambda: not ready.exporter.busy, timeout=60_000)
    assert "Written" in ready.notices.text.full_text() and not ready.status_line._bar.isVisible()
    video = cv2.VideoCapture(str(path))
    frames = []
    while (read := video.read())[0]:
        frames.append(read[1])
    assert len(frames) == ready.session.num_frames
    ready.session.set_layers(mesh=False)
    plain = tmp_path / "plain.mp4"
    assert files(ready).export(plain)
    qtbot.waitUntil(lambda: not ready.exporter.busy, timeout=60_000)
    _, bare = cv2.VideoCapture(str(plain)).read()
    assert bare.shape == frames[0].shape
    assert (np.abs(bare.astype(int) - frames[0]) > 20).mean() > 0.02, "the mesh is in the video"


def test_a_picture_shows_all_views_of_the_frame(ready: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "views.png"
    ready.session.set_layers(detected=True, projected=True, ghost=True)
    assert files(ready).export(path, frame=2)
    qtbot.waitUntil(lambda: not ready.exporter.busy, timeout=60_000)
    image = cv2.imread(str(path))
    assert image.shape[0] >= 900 and image.std() > 20


def test_writing_can_be_cancelled_and_closing_does_not_wait_for_it(
    ready: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: object
) -> None:
    real = Composer.compose

    def slow(self: Composer, frame: int) -> np.ndarray:
        QTest.qSleep(150)
        return real(self, frame)

    monkeypatch.setattr(exporting.Composer, "compose", slow)
    path = tmp_path / "overlay.mp4"
    assert files(ready).export(path)
    qtbot.waitUntil(lambda: ready.status_line._bar.value() > 0, timeout=20_000)
    assert not files(ready).export(tmp_path / "second.mp4"), "one at a time"
    qtbot.mouseClick(ready.status_line._cancel, Qt.MouseButton.LeftButton)
    assert not ready.exporter.busy and not path.exists() and not list(tmp_path.glob(".*part*"))
    assert files(ready).export(path)
    ready.close()
    assert not ready.exporter.busy and not path.exists()


def test_a_place_that_cannot_be_written_is_named(ready: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "overlay.mp4", tmp_path / "file" / "views.png"):
        assert files(ready).export(path, frame=0 if path.suffix == ".png" else None)
        qtbot.waitUntil(lambda: not ready.exporter.busy, timeout=60_000)
        assert ready.notices.shown.level == "error" and path.name in ready.notices.text.full_text()
        ready.notices.clear()
    assert ready.settings.value("export/folder") is None, "such a place is not proposed again"


def test_the_shown_iteration_is_written_as_a_track(ready: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "track.npz"
    assert files(ready).export_track(path)
    track = nf.FaceTrack.load(path)
    np.testing.assert_array_equal(
        track.parameters.pose.numpy(), ready.session.record(0).parameters.pose.numpy()
    )
    assert not files(ready).export_track(tmp_path / "track.npz" / "no")
    assert ready.notices.shown.level == "error"
    assert ready.settings.value("export/folder") == str(tmp_path), "where the last one came to its end"


def test_the_shown_iteration_is_written_in_another_format(
    ready: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    ready.actions_by_id["export_format"].trigger()
    sheet = ready.findChild(ExportSheet)
    assert [sheet.format.itemData(row) for row in range(sheet.format.count())] == list(FORMATS)
    sheet.format.setCurrentIndex(list(FORMATS).index("ply"))
    assert sheet.space.count() == 2 and sheet.description.text() == FORMATS["ply"].description
    sheet.place.setText(str(tmp_path / "heads"))
    qtbot.mouseClick(sheet.go_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not ready.exporter.busy, timeout=60_000)
    assert "Written" in ready.notices.text.full_text()
    assert len(list((tmp_path / "heads").rglob("*.ply"))) >= ready.session.num_frames
    assert ready.settings.value("export/folder") == str(tmp_path)
    assert files(ready).export_format("gltf", "posed", tmp_path / "elsewhere" / "heads.glb")
    ready.exporter.cancel()
    assert ready.settings.value("export/folder") == str(tmp_path)
    assert not (tmp_path / "elsewhere" / "heads.glb").exists() and not ready.exporter.busy


def test_layers_are_exported_as_they_are_shown(ready: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    pictures = []
    for number, layers in enumerate(({}, {"residual": True, "mesh": False}, {"heat": "cross", "mesh": True})):
        ready.session.set_layers(residual=False, heat="")
        ready.session.set_layers(**layers)
        path = tmp_path / f"{number}.png"
        assert files(ready).export(path, frame=2)
        qtbot.waitUntil(lambda: not ready.exporter.busy, timeout=60_000)
        pictures.append(cv2.imread(str(path)).astype(int))
    assert np.abs(pictures[0] - pictures[1]).max() > 50 and np.abs(pictures[0] - pictures[2]).max() > 50
