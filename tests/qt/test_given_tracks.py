"""Results of other trackers in the window: meshes of any topology are shown, measured and judged as they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pytestqt.qtbot import QtBot

import neuface_engine as nf
from neuface_engine.review import Project, file_hash
from neuface_engine.tracks import MeshTrack
from neuface_studio import given_tracks, projects
from neuface_studio.scene.decoding import MeshDecoder
from neuface_studio.session import Footage
from neuface_studio.widgets.commands import CompareCommands
from neuface_studio.widgets.main_window import MainWindow

from .conftest import SIZE, open_and_wait


def meshes_of(footage: Footage, *, camera: bool = True, cut: bool = False) -> MeshTrack:
    """The mean head in every picture, as an OBJ sequence would bring it; ``cut``: of half the triangles."""
    frames, views = footage.sequence.landmarks.shape[:2]
    theta = nf.FaceParameters.neutral(frames, views, scale=7.0)
    vertices, triangles = footage.head.vertices(theta), footage.faces
    if cut:
        used, triangles = np.unique(triangles[::2], return_inverse=True)
        vertices, triangles = (
            vertices[:, :, torch.from_numpy(used)],
            triangles.reshape(-1, 3).astype(np.int32),
        )
    detected = footage.sequence.detected.clone()
    detected[1, 0] = False
    vertices = torch.where(detected[..., None, None], vertices, torch.nan)
    sequence = footage.sequence
    return MeshTrack(
        meshes=vertices,
        triangles=triangles,
        views=sequence.views,
        fps=sequence.fps,
        frame_indices=sequence.frame_indices,
        crop_transforms=sequence.crop_transforms,
        crop_size=sequence.crop_size,
        image_sizes=sequence.image_sizes,
        detected=detected,
        landmarks_2d=sequence.landmarks,
        provenance={"method": "mesh sequence", "head": None},
        camera=theta.camera if camera else None,
    )


def saved_in_project(path: Path, track: MeshTrack) -> Path:
    """As `neuface review add` leaves it."""
    folder = projects.default_project_folder(path)
    project = Project.create(folder)
    file = project.add_sequence("synthetic", source=path)
    project.close()
    track.save(file)
    return file


def still(window: MainWindow, qtbot: QtBot) -> None:
    qtbot.wait(50)
    qtbot.waitUntil(lambda: not window.view_grid.busy, timeout=20_000)


def test_an_imported_mesh_sequence_opens_is_drawn_measured_and_judged(
    window: MainWindow, synthetic: Path, footage: Footage, qtbot: QtBot
) -> None:
    track = meshes_of(footage, cut=True)
    file = saved_in_project(synthetic, track)
    open_and_wait(window, synthetic, qtbot)
    session = window.session
    record = session.record()
    assert record.given is not None and record.title == "result of mesh sequence"
    qtbot.waitUntil(lambda: np.isfinite(session.record().cvd_mm).any(), timeout=20_000)
    still(window, qtbot)
    drawn = window.view_grid.drawn(1)
    expected = track.project(0, 1)
    np.testing.assert_allclose(drawn.meshes.points[1], expected, atol=1e-3)
    plain = footage.sequence.frames[0, 1]
    assert drawn.shown.image.shape[0] and np.isfinite(drawn.meshes.points).all() and plain.shape[0] == SIZE
    assert drawn.meshes.faces.shape == track.triangles.shape
    session.set_frame(1)  # no mesh in the first view here: the picture alone
    still(window, qtbot)
    assert not np.isfinite(window.view_grid.drawn(0).meshes.points[0]).any()
    why = window.figures.absent.full_text()
    assert "NME" in why and "topology" in why
    assert np.isnan(session.record().nme_percent).all()
    window.review_bar.judge("accept", stay=True)
    assert session.judgement is not None and not session.judgement.stale
    verdict = window.controller.results.book.last()
    assert verdict.track_hash == file_hash(file)


def test_meshes_of_the_heads_own_topology_have_landmarks_and_compare_with_the_encoder(
    ready: MainWindow, footage: Footage, tmp_path: Path, qtbot: QtBot
) -> None:
    track = meshes_of(footage)
    track.save(tmp_path / "other.npz")
    commands = next(group for group in ready._commands if isinstance(group, CompareCommands))
    assert commands.compare_with(tmp_path / "other.npz")
    ready.session.comparison.flip(True)
    still(ready, qtbot)
    shown = ready.view_grid.drawn(1).meshes
    reference = MeshDecoder(footage)._in_frame(track.projected_landmarks()[0].numpy(), 0)
    np.testing.assert_allclose(shown.projected[1], reference[1], atol=1e-3)
    qtbot.waitUntil(lambda: ready.analyst.reference is not None, timeout=20_000)
    assert np.isfinite(ready.analyst.reference.nme_percent[0]).all()
    ready.session.comparison.flip(False)


def test_meshes_without_a_camera_stay_out_of_the_tiles_and_say_why(
    ready: MainWindow, footage: Footage, tmp_path: Path, qtbot: QtBot
) -> None:
    meshes_of(footage, camera=False).save(tmp_path / "bare.npz")
    commands = next(group for group in ready._commands if isinstance(group, CompareCommands))
    assert commands.compare_with(tmp_path / "bare.npz")
    ready.session.comparison.flip(True)
    still(ready, qtbot)
    assert ready.view_grid.drawn(1).meshes is None
    assert "no camera" in ready.view_grid.tiles[1].flag
    heads = MeshDecoder(footage).heads(ready.session.displayed(), 0, posed=False)
    assert np.isfinite(heads).all()  # in 3D they are there
    ready.session.comparison.flip(False)


def test_what_cannot_be_measured_says_why(footage: Footage) -> None:
    own, other = meshes_of(footage), meshes_of(footage, cut=True)
    assert set(given_tracks.absent_figures(own)) == {"shape_rms_sd", "mpve_mm"}
    assert "topology" in given_tracks.absent_figures(other)["msi"]
    assert "camera" in given_tracks.absent_figures(replace(own, camera=None))["nme"]


def test_a_track_of_other_frames_is_refused_with_both_counts(footage: Footage) -> None:
    shorter = meshes_of(footage).select(frames=slice(0, 2))
    with pytest.raises(nf.TrackError, match=r"it has \(2, 3\) frames and views, the footage has \(6, 3\)"):
        given_tracks.record_of_track(shorter, footage)
