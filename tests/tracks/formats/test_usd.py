"""USD, opened by usd-core alone."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import neuface_engine as nf
from neuface_engine.tracks.formats import export
from tests.tracks.conftest import true_pixels


@pytest.mark.parametrize("ending", ["usdc", "usda"])
def test_points_are_sampled_at_the_frames_of_the_video(ending, track, tmp_path):
    Usd = pytest.importorskip("pxr.Usd")
    from pxr import UsdGeom

    export(track, tmp_path / f"face.{ending}")
    stage = Usd.Stage.Open(str(tmp_path / f"face.{ending}"))
    assert UsdGeom.GetStageMetersPerUnit(stage) == 1.0
    assert UsdGeom.GetStageUpAxis(stage) == "Y"
    assert (stage.GetTimeCodesPerSecond(), stage.GetStartTimeCode(), stage.GetEndTimeCode()) == (25, 3, 6)
    mesh = UsdGeom.Mesh(stage.GetPrimAtPath("/face/left_30/stage/head"))
    assert mesh.GetPointsAttr().GetTimeSamples() == [3, 4, 5, 6]
    points = np.array(mesh.GetPointsAttr().Get(5))
    assert np.abs(points - track.vertices()[2, 1].numpy()).max() < 1e-6
    faces = np.array(mesh.GetFaceVertexIndicesAttr().Get()).reshape(-1, 3)
    assert np.array_equal(faces, track.triangles)
    assert not list(tmp_path.glob(".*"))


def test_its_camera_sees_it_where_the_render_has_it(demo_track, tmp_path):
    Usd = pytest.importorskip("pxr.Usd")
    from pxr import Gf, UsdGeom

    export(demo_track, tmp_path / "demo.usdc")
    stage = Usd.Stage.Open(str(tmp_path / "demo.usdc"))
    expected = true_pixels(demo_track)
    for v, view in enumerate(demo_track.views):
        (width, height) = demo_track.image_sizes[v]
        for f, frame in enumerate(demo_track.frame_indices.tolist()):
            mesh = UsdGeom.Mesh(stage.GetPrimAtPath(f"/face/{view}/stage/head"))
            camera = UsdGeom.Camera(stage.GetPrimAtPath(f"/face/{view}/camera")).GetCamera(frame)
            to_world = UsdGeom.Xformable(mesh).ComputeLocalToWorldTransform(frame)
            see = to_world * camera.transform.GetInverse() * camera.frustum.ComputeProjectionMatrix()
            for index in range(0, 4505, 500):
                point = mesh.GetPointsAttr().Get(frame)[index]
                x, y, _ = see.Transform(Gf.Vec3d(point))
                pixel = [width / 2 * (1 + x), height / 2 * (1 - y)]
                assert np.abs(pixel - expected[f, v, index]).max() < 0.05


def test_without_usd_core_the_remedy_is_said(track, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pxr", None)
    with pytest.raises(nf.ConfigError, match="pip install"):
        export(track, tmp_path / "face.usdc")
