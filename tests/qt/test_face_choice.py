"""One of several faces is chosen with the mouse or by keys; what was done on the former one is set aside, not lost."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from neuface_engine.review import Project, Repair, Undo
from neuface_studio import faces
from neuface_studio.face_choosing import OneFace
from neuface_studio.session import RunState
from neuface_studio.widgets.main_window import MainWindow

RESTING = (RunState.READY, RunState.PAUSED, RunState.FINISHED)
LEFT = ("main", "0:10,20")


def opened(window: MainWindow, path: Path | None, qtbot: QtBot, face: Callable[[], bool]) -> None:
    if path is not None:
        window.open_path(path, max_frames=2)
    session = window.session
    qtbot.waitUntil(lambda: session.footage is not None and face(), timeout=60_000)
    qtbot.waitUntil(lambda: session.run_state in RESTING, timeout=60_000)
    qtbot.waitUntil(lambda: not window.view_grid.busy, timeout=20_000)


def choosing(window: MainWindow, qtbot: QtBot) -> tuple[OneFace, ...]:
    QTest.keyClick(window, Qt.Key.Key_M, Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: bool(window.face_chooser.faces), timeout=60_000)
    qtbot.wait(50)
    qtbot.waitUntil(lambda: not window.view_grid.busy, timeout=20_000)
    return window.face_chooser.faces


def click(window: MainWindow, face: OneFace) -> None:
    tile, drawn = window.view_grid.tiles[face.view], window.view_grid.drawn(face.view)
    scale = drawn.viewport.scale * tile.width() / drawn.shown.image.shape[1]
    corner = np.array([drawn.viewport.left, drawn.viewport.top])
    place = np.rint((np.array(face.middle) - corner) * scale).astype(int)
    QTest.mouseClick(tile, Qt.MouseButton.LeftButton, pos=QPoint(*place.tolist()))


def middle_x(window: MainWindow) -> float:
    """Where the middle of the followed face's crop lies, px of the video."""
    sequence = window.session.footage.sequence
    transform = sequence.crop_transforms[0, 0]
    return float(np.linalg.solve(transform[:, :2], sequence.crop_size / 2 - transform[:, 2])[0])


def test_a_click_follows_the_other_face_and_both_keep_their_tracks(
    window: MainWindow, make_window: Callable[..., MainWindow], shared: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    clip = tmp_path / "two.mp4"
    shutil.copy(shared / "media/broken/two_faces_side_by_side.mp4", clip)
    session = window.session

    def face() -> tuple[str, ...]:
        return session.footage.sequence.face

    opened(window, clip, qtbot, lambda: True)
    assert middle_x(window) > 512  # the larger one, at the right
    window.controller.step_once()
    qtbot.waitUntil(lambda: session.newest == 1 and session.run_state in RESTING, timeout=60_000)
    window.review_bar.judge("accept", stay=True)
    track = window.controller.results.book.track_file
    of_main = track.read_bytes()
    left, right = choosing(window, qtbot)
    assert (left.followed, right.followed) == (False, True)
    assert [mark.words for mark in window.view_grid.tiles[0].faces] == ["1", "2  followed"]
    assert window.view_grid.drawn(0).request.layers.whole_frame
    click(window, left)
    opened(window, None, qtbot, lambda: face() != faces.MAIN)
    assert middle_x(window) < 512 and session.num_frames == 2
    assert not window.face_chooser.active and not window.face_bar.isVisible()
    assert session.newest == 0 and not track.exists()  # nothing of the former run is mixed in
    assert session.judgement.stale
    window.controller.step_once()
    qtbot.waitUntil(lambda: session.newest == 1 and session.run_state in RESTING, timeout=60_000)
    qtbot.waitUntil(track.exists, timeout=20_000)
    with np.load(track) as file:
        assert tuple(json.loads(str(file["header"]))["provenance"]["source"]["face"]) == face()
    QTest.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    opened(window, None, qtbot, lambda: face() == faces.MAIN)
    assert track.read_bytes() == of_main and not session.judgement.stale and session.newest == 1
    QTest.keyClick(
        window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    )
    opened(window, None, qtbot, lambda: face() != faces.MAIN)
    chosen = face()
    window.close()
    again = make_window()
    opened(again, clip, qtbot, lambda: again.session.footage.sequence.face == chosen)
    assert again.session.newest == 1 and middle_x(again) < 512


def test_the_keyboard_chooses_among_many_and_escape_leaves_all_as_it_was(
    window: MainWindow, shared: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    picture = tmp_path / "many.jpg"
    shutil.copy(shared / "media/images/pyfeat_multi_face.jpg", picture)
    session, bar = window.session, window.face_bar
    opened(window, picture, qtbot, lambda: True)
    found = choosing(window, qtbot)
    assert [one.number for one in found] == [1, 2, 3, 4, 5] and sum(one.followed for one in found) == 1
    assert bar.hasFocus()
    QTest.keyClick(bar, Qt.Key.Key_Right)
    QTest.keyClick(bar, Qt.Key.Key_Right)
    assert window.face_chooser.current == found[1] and session.frame == 0
    QTest.keyClick(bar, Qt.Key.Key_Escape)
    assert not window.face_chooser.active and session.footage.sequence.face == faces.MAIN
    found = choosing(window, qtbot)
    assert bar.rules["central"].isVisible() and not bar.follow.isEnabled()
    QTest.keyClick(bar, Qt.Key.Key_5)
    opened(window, None, qtbot, lambda: session.footage.sequence.face != faces.MAIN)
    assert abs(middle_x(window) - found[4].middle[0]) < 30
    assert session.judgement is None  # 5 was no verdict, nor is any digit while choosing


# --- what is kept ------------------------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project.create(tmp_path / "project")
    project.add_sequence("clip")
    yield project
    project.close()


def write_track(path: Path, face: tuple[str, ...] | None) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    source = {} if face is None else {"face": list(face)}
    header = {"format": "neuface-track", "provenance": {"source": source}}
    np.savez(path, header=np.array(json.dumps(header)), frame_indices=np.arange(3))
    return path.read_bytes()


def test_the_last_choice_that_stands_is_in_force_else_the_tracks_own(project: Project) -> None:
    assert faces.in_force(project, "clip") == faces.MAIN
    write_track(project.track_file("clip"), ("central",))
    assert faces.in_force(project, "clip") == ("central",)
    chosen = Repair("clip", faces.CHOICE, "ann", data={"face": list(LEFT), "before": ["central"]})
    project.log.append(chosen)
    assert faces.in_force(project, "clip") == LEFT
    project.log.append(Undo(target=chosen.id, reviewer="ann"))
    assert faces.in_force(project, "clip") == ("central",)


def test_tracks_of_faces_change_places_without_loss(project: Project) -> None:
    track = project.track_file("clip")
    of_main = write_track(track, faces.MAIN)
    faces.exchange(project, "clip", faces.MAIN, LEFT)
    assert not track.exists()
    of_left = write_track(track, LEFT)
    faces.exchange(project, "clip", LEFT, faces.MAIN)
    assert track.read_bytes() == of_main
    assert faces.settle(project, "clip", LEFT) and track.read_bytes() == of_left
    assert not faces.settle(project, "clip", LEFT)


def test_a_track_that_names_no_face_stays(project: Project) -> None:
    known = write_track(project.track_file("clip"), None)
    assert not faces.settle(project, "clip", LEFT)
    assert project.track_file("clip").read_bytes() == known


def test_repairs_of_one_face_say_nothing_of_another() -> None:
    of_main = Repair("clip", "mute", "ann", data={"landmark": 3})
    of_left = Repair("clip", "mute", "ann", data=faces.tagged({"landmark": 4}, LEFT))
    assert faces.is_repair_of(of_main, faces.MAIN) and not faces.is_repair_of(of_main, LEFT)
    assert faces.is_repair_of(of_left, LEFT) and faces.untagged(of_left.data) == {"landmark": 4}
    assert not faces.is_repair_of(Repair("clip", faces.CHOICE, "ann", data={"face": ["main"]}), faces.MAIN)
