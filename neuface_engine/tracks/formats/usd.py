"""USD: a mesh with time-sampled points for each view, and its camera. Needs the package usd-core.

Time codes are frame numbers of the video, timeCodesPerSecond its frame rate; metres, y up. Below /face/VIEW: `stage`
(time-sampled translate, rotateZ, scale: where the head is in the picture; posed space only) with the mesh `head`, and
`camera`. Points are sampled instead of rigged: film pipelines take caches, and so every kind of track is exact.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from neuface_engine import raster
from neuface_engine.errors import ConfigError, TrackError
from neuface_engine.tracks import Track
from neuface_engine.tracks.formats.base import Request
from neuface_engine.tracks.formats.sequence import folder_names
from neuface_engine.tracks.formats.stage import Stage, stage_of

SUFFIXES = (".usdc", ".usda", ".usd")


def write(track: Track, path: Path, request: Request) -> list[Path]:
    """.usdc (binary) or .usda (text). Raises ConfigError without usd-core, TrackError where the disk refuses."""
    try:
        from pxr import Gf, Usd, UsdGeom, Vt
    except ImportError:
        raise ConfigError(
            f"{path}: USD needs the package usd-core; pip install 'neuface-studio[usd]'"
        ) from None
    if path.suffix not in SUFFIXES:
        raise ConfigError(f"{path}: a USD file ends in {', '.join(SUFFIXES)}")
    part = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        usd = Usd.Stage.CreateNew(str(part))
        UsdGeom.SetStageMetersPerUnit(usd, 1.0)
        UsdGeom.SetStageUpAxis(usd, UsdGeom.Tokens.y)
        usd.SetTimeCodesPerSecond(track.fps)
        usd.SetFramesPerSecond(track.fps)
        usd.SetStartTimeCode(int(track.frame_indices[0]))
        usd.SetEndTimeCode(int(track.frame_indices[-1]))
        usd.SetDefaultPrim(UsdGeom.Xform.Define(usd, "/face").GetPrim())
        vertices = track.vertices(space=request.space).numpy()
        for v, name in enumerate(_prim_names(track.views)):
            root = UsdGeom.Xform.Define(usd, f"/face/{name}")
            root.GetPrim().SetCustomDataByKey("neuface:view", track.views[v])
            stage = stage_of(track, v) if request.space == "posed" else None
            place = UsdGeom.Xform.Define(usd, f"/face/{name}/stage")
            if stage is not None:
                _place(place, stage, track, Gf)
                _camera(UsdGeom.Camera.Define(usd, f"/face/{name}/camera"), stage, Gf)
            mesh = UsdGeom.Mesh.Define(usd, f"/face/{name}/stage/head")
            mesh.CreateFaceVertexCountsAttr(Vt.IntArray.FromNumpy(np.full(len(track.triangles), 3, np.int32)))
            mesh.CreateFaceVertexIndicesAttr(
                Vt.IntArray.FromNumpy(np.ascontiguousarray(track.triangles.ravel()))
            )
            mesh.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
            mesh.SetNormalsInterpolation(UsdGeom.Tokens.vertex)
            for f, frame in enumerate(track.frame_indices.tolist()):
                points = vertices[f, v]
                if np.isfinite(points).all():
                    normals = raster.vertex_normals(points, track.triangles)
                    mesh.CreatePointsAttr().Set(Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(points)), frame)
                    mesh.CreateNormalsAttr().Set(Vt.Vec3fArray.FromNumpy(normals), frame)
                    box = np.stack([points.min(0), points.max(0)])
                    mesh.CreateExtentAttr().Set(Vt.Vec3fArray.FromNumpy(box), frame)
            request.progress("export", v + 1, len(track.views))
        usd.GetRootLayer().Save()
        del usd
        with part.open("rb") as stream:
            os.fsync(stream.fileno())
        part.replace(path)
    except (OSError, RuntimeError) as refused:
        reason = getattr(refused, "strerror", None) or type(refused).__name__
        raise TrackError(
            f"{path}: cannot be written ({reason}); free space or choose another folder"
        ) from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return [path]


def _place(xform: Any, stage: Stage, track: Track, gf: Any) -> None:
    translate, rotate, scale = xform.AddTranslateOp(), xform.AddRotateZOp(), xform.AddScaleOp()
    for f, frame in enumerate(track.frame_indices.tolist()):
        translate.Set(gf.Vec3d(*stage.translation[f].tolist()), frame)
        rotate.Set(float(np.degrees(stage.angle[f])), frame)
        scale.Set(gf.Vec3f(*[float(stage.scale[f])] * 3), frame)


def _camera(camera: Any, stage: Stage, gf: Any) -> None:
    """Apertures are in tenths of a scene unit (USD's millimetres of film), here tenths of a metre."""
    camera.AddTranslateOp().Set(gf.Vec3d(0, 0, stage.camera_z))
    camera.CreateClippingRangeAttr(gf.Vec2f(0.01, 100.0))
    width, height = stage.size
    if stage.half is not None:
        camera.CreateProjectionAttr("orthographic")
        camera.CreateHorizontalApertureAttr(20 * stage.half[0])
        camera.CreateVerticalApertureAttr(20 * stage.half[1])
        return
    assert stage.focal is not None
    assert stage.centre is not None
    focal = 50.0
    camera.CreateProjectionAttr("perspective")
    camera.CreateFocalLengthAttr(focal)
    camera.CreateHorizontalApertureAttr(focal * width / stage.focal[0])
    camera.CreateVerticalApertureAttr(focal * height / stage.focal[1])
    camera.CreateHorizontalApertureOffsetAttr(focal * (width / 2 - stage.centre[0]) / stage.focal[0])
    camera.CreateVerticalApertureOffsetAttr(focal * (stage.centre[1] - height / 2) / stage.focal[1])


def _prim_names(views: tuple[str, ...]) -> list[str]:
    """Names of prims: letters, digits and _, not a digit first."""
    names = ["".join(c if c.isascii() and c.isalnum() else "_" for c in n) for n in folder_names(views)]
    return [f"view_{name}" if name[0].isdigit() else name for name in names]
