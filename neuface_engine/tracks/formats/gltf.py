"""glTF 2.0 (.glb): one animated mesh for each view, with the camera that saw it.

Tracks with face parameters become rigs: morph targets for expressions (named), and jaw and eyes as joints of a skin
(`rig.py`), because that stays editable, names what moves, and costs some hundred bytes a frame instead of 54 kB. It
is exact at the frames. Meshes without parameters have no such terms: they become vertex animation, one morph target a
frame, switched in steps.

Nodes of a view: VIEW (stands beside the other views) > VIEW_stage (where the head is in the picture; posed only) >
VIEW_head (head orientation) > jaw, eyes; VIEW_camera beside the stage. Metres, y up; time 0 is the first frame.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from neuface_engine import raster
from neuface_engine.errors import TrackError
from neuface_engine.files import written_whole
from neuface_engine.tracks import FaceTrack, MeshTrack, Track
from neuface_engine.tracks.formats.base import Request, about
from neuface_engine.tracks.formats.glb import Glb
from neuface_engine.tracks.formats.rig import Rig, rig_of
from neuface_engine.tracks.formats.stage import Stage, stage_of

Floats = NDArray[np.floating[Any]]

APART = 0.4  # metres between views: a head is 0.25 m wide


def write(track: Track, path: Path, request: Request) -> list[Path]:
    """Raises TrackError where the disk refuses, or there is no mesh to write."""
    glb = Glb(about(track, request.space))
    times = glb.times((track.frame_indices - track.frame_indices[0]) / track.fps)
    faces = glb.indices(track.triangles)
    if isinstance(track, FaceTrack):
        rig = rig_of(track)
        shared = [glb.floats(target, bounds=True) for target in rig.targets]
        middle = rig.base.mean(0)
        level = raster.vertex_normals(middle, track.triangles)
        bent = [
            glb.floats(raster.vertex_normals(middle + target, track.triangles) - level)
            for target in rig.targets
        ]
        for v, view in enumerate(track.views):
            mesh = glb.mesh(
                view,
                faces,
                *_surface(glb, rig.base[v], track.triangles),
                shared,
                bent,
                rig.names,
                _skin(glb, rig),
            )
            _rigged(glb, track, v, rig, mesh, times, request)
            request.progress("export", v + 1, len(track.views))
    else:
        for v in range(len(track.views)):
            _flipbook(glb, track, v, faces, times, request)
            request.progress("export", v + 1, len(track.views))
    with written_whole(path, TrackError) as stream:
        stream.write(glb.content())
    return [path]


def _surface(glb: Glb, vertices: Floats, faces: NDArray[np.int32]) -> tuple[int, int]:
    return glb.floats(vertices, bounds=True), glb.floats(raster.vertex_normals(vertices, faces))


def _skin(glb: Glb, rig: Rig) -> tuple[int, int]:
    """JOINTS_0 and WEIGHTS_0: up to four joints a vertex, and there are no more."""
    count = rig.skin.shape[1]
    weights = np.zeros((len(rig.skin), 4), np.float32)
    weights[:, :count] = np.clip(rig.skin, 0, 1)
    weights /= weights.sum(1, keepdims=True)
    joints = np.where(weights > 0, np.arange(4, dtype=np.uint8), 0).astype(np.uint8)
    return glb.bytes4(joints), glb.floats(weights)


def _rigged(glb: Glb, track: FaceTrack, v: int, rig: Rig, mesh: int, times: int, request: Request) -> None:
    view = track.views[v]
    parent = _stage(glb, track, v, times, request)
    head = glb.node(f"{view}_head", parent)
    if request.space == "posed":
        turned = rig.pose[:, v]
        shift = rig.root[:, v] - np.einsum("fij,fj->fi", turned, rig.root[:, v])
        glb.animate(head, times, rotation=_quaternions(turned), translation=shift)
    joints = [head]
    for j, name in enumerate(rig.joint_names[1:], start=1):
        joint = glb.node(f"{view}_{name}", head)
        glb.animate(
            joint, times, rotation=_quaternions(rig.rotations[:, v, j]), translation=rig.offsets[:, v, j]
        )
        joints.append(joint)
    # A skinned mesh stands where its joints are; its own node must not move it.
    node = glb.node(f"{view}_mesh", None, mesh=mesh, skin=glb.skin(joints))
    if len(rig.names):
        glb.animate(node, times, weights=rig.weights[:, v])


def _flipbook(glb: Glb, track: MeshTrack, v: int, faces: int, times: int, request: Request) -> None:
    vertices = track.vertices(space=request.space)[:, v].numpy()
    known = np.isfinite(vertices).all((1, 2))
    if not known.any():
        return
    shown = np.maximum.accumulate(np.where(known, np.arange(len(known)), int(known.argmax())))
    first = vertices[shown[0]]
    targets = [glb.floats(vertices[f] - first, bounds=True) for f in np.flatnonzero(known)]
    names = tuple(f"frame_{track.frame_indices[f]}" for f in np.flatnonzero(known))
    place = {int(f): k for k, f in enumerate(np.flatnonzero(known))}
    weights = np.zeros((len(known), len(targets)), np.float32)
    weights[np.arange(len(known)), [place[int(f)] for f in shown]] = 1
    surface = _surface(glb, first, track.triangles)
    mesh = glb.mesh(track.views[v], faces, *surface, targets, None, names, None)
    parent = _stage(glb, track, v, times, request)
    node = glb.node(f"{track.views[v]}_mesh", parent, mesh=mesh)
    glb.animate(node, times, weights=weights, step=True)


def _stage(glb: Glb, track: Track, v: int, times: int, request: Request) -> int:
    """The node that carries the head of a view, and its camera."""
    view = track.views[v]
    beside = (v - (len(track.views) - 1) / 2) * APART
    root = glb.node(view, None, translation=(beside, 0.0, 0.0))
    stage = stage_of(track, v) if request.space == "posed" else None
    if stage is None:
        return root
    glb.node(f"{view}_camera", root, translation=(0.0, 0.0, stage.camera_z), camera=_camera(glb, view, stage))
    node = glb.node(f"{view}_stage", root)
    glb.animate(
        node,
        times,
        translation=stage.translation,
        rotation=Rotation.from_rotvec(stage.angle[:, None] * [0.0, 0.0, 1.0]).as_quat(),
        scale=np.repeat(stage.scale[:, None], 3, axis=1),
    )
    return node


def _camera(glb: Glb, view: str, stage: Stage) -> int:
    extras: dict[str, Any] = {"image_size": list(stage.size)}
    if stage.half is not None:
        return glb.orthographic(view, *stage.half, extras)
    assert stage.focal is not None
    assert stage.centre is not None
    extras |= {"focal_px": list(stage.focal), "centre_px": list(stage.centre)}
    width, height = stage.size
    return glb.perspective(view, 2 * np.arctan(height / 2 / stage.focal[1]), width / height, extras)


def _quaternions(rotations: Floats) -> Floats:
    """[F, 3, 3] -> [F, 4] x, y, z, w, neighbours in the same half so that in-between frames go the short way."""
    quaternions = Rotation.from_matrix(rotations).as_quat()
    signs = np.sign((quaternions[1:] * quaternions[:-1]).sum(1))
    quaternions[1:] *= np.cumprod(np.where(signs == 0, 1, signs))[:, None]
    return np.asarray(quaternions)
