"""Plausibility against a reference: the angle between the mesh's normals and given normal maps of the same footage."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from neuface_engine.errors import MediaError
from neuface_engine.raster import rasterize, vertex_normals

if TYPE_CHECKING:
    from neuface_engine.tracks import FaceTrack

Floats = NDArray[np.floating]
ROTATIONS = "derived_camera_rotations.json"
FLAME_TO_OPENCV = np.array(
    [1.0, -1.0, -1.0], np.float32
)  # y up, z out of the face -> y down, z into the scene


@torch.no_grad()
def reference_normal_angles(track: FaceTrack, folder: Path, *, every: int = 5) -> NDArray[np.float64]:
    """Mean angle in degrees [F, V] between the normals of the mesh and those of the maps; NaN where not compared.

    `folder` holds ref_normals_VIEW.mp4, one map a frame of the footage: rgb = (n + 1) / 2 in world axes, mid grey where
    there is no surface; and derived_camera_rotations.json with "R_world_to_cam" (OpenCV axes): {view: matrix}, or a
    list in which a view finds itself by the number in its name. Compared in every `every`-th frame with a face, inside
    the hull of the 68 detected landmarks, where both show a surface; views without maps are left out.
    Raises MediaError where the folder has maps of no view, or a file cannot be read.
    """
    folder = Path(folder)
    files = {view: folder / f"ref_normals_{name}.mp4" for view, name in enumerate(track.views)}
    files = {view: file for view, file in files.items() if file.is_file()}
    if not files:
        raise MediaError(
            f"{folder}: no ref_normals_VIEW.mp4 for any view of the track ({', '.join(track.views)}); "
            "give the folder of its normal maps"
        )
    rotations = _camera_rotations(folder / ROTATIONS)
    faces = track.head.skin_faces.numpy().astype(np.int32)
    result = np.full(tuple(track.detected.shape), np.nan)
    for view, file in files.items():
        to_camera = _rotation_of(rotations, track.views[view], folder / ROTATIONS)
        chosen = {int(track.frame_indices[f]): f for f in range(0, len(track.frame_indices), every)}
        for number, given in _frames(file, max(chosen, default=-1)):
            frame = chosen.get(number)
            if frame is None or not bool(track.detected[frame, view]):
                continue
            height, width = given.shape[:2]
            if (width, height) != track.image_sizes[view]:
                raise MediaError(
                    f"{file}: {width} x {height} px, the view has {track.image_sizes[view][0]} x "
                    f"{track.image_sizes[view][1]}; give maps of the same size as the footage"
                )
            normals = given.astype(np.float32) / 127.5 - 1
            ours = _rendered_normals(track, frame, view, faces, (height, width))
            inside = _hull(track, frame, view, (height, width))
            result[frame, view] = mean_angle_deg(ours, normals, to_camera, inside)
    return result


def mean_angle_deg(ours: Floats, given: Floats, to_camera: Floats, inside: NDArray[np.bool_]) -> float:
    """Mean angle between two normal maps [H, W, 3] where `inside` [H, W] and both show a surface; NaN if nowhere.

    `ours` in the camera's axes, of any length (zero: no surface); `given` in world axes, about unit length where there
    is a surface; to_camera [3, 3].
    """
    length = np.linalg.norm(given, axis=-1)
    both = inside & (length > 0.8) & (length < 1.25) & (np.abs(ours).sum(-1) > 0)
    if not both.any():
        return float("nan")
    a, b = ours[both], given[both] @ to_camera.T.astype(given.dtype)
    cosine = (a * b).sum(-1) / np.maximum(np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1), 1e-9)
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))).mean())


def _rendered_normals(
    track: FaceTrack, frame: int, view: int, faces: NDArray[np.int32], size: tuple[int, int]
) -> Floats:
    buffers = rasterize(track.project(frame, view), faces, *size)
    posed = track.head.vertices(track.parameters[frame, view]).numpy()
    normals = vertex_normals(posed, faces) * FLAME_TO_OPENCV
    corners = normals[faces[np.maximum(buffers.triangle, 0)]]
    image = (corners * buffers.barycentric[..., None]).sum(-2)
    image[buffers.triangle < 0] = 0
    return image


def _hull(track: FaceTrack, frame: int, view: int, size: tuple[int, int]) -> NDArray[np.bool_]:
    from neuface_engine.tracks import crop_to_frame

    points = np.c_[track.landmarks_2d[frame, view].numpy(), np.zeros(68)].astype(np.float32)
    pixels = crop_to_frame(points, track.crop_transforms[frame, view], track.crop_size)[:, :2]
    mask = np.zeros(size, np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(np.round(pixels).astype(np.int32)), 1)
    return mask > 0


def _frames(path: Path, last: int) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """RGB pictures of a video by number, up to `last`."""
    try:
        with av.open(str(path)) as container:
            for number, frame in enumerate(container.decode(video=0)):
                if number > last:
                    return
                yield number, frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
    except (av.FFmpegError, IndexError, OSError) as error:
        raise MediaError(f"{path}: not a readable video ({type(error).__name__}); copy it again") from None


def _camera_rotations(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))["R_world_to_cam"]
    except FileNotFoundError:
        raise MediaError(f"{path}: missing; normal maps need the rotations of their cameras") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MediaError(
            f'{path}: has no readable "R_world_to_cam" ({type(error).__name__}); write it anew'
        ) from None


def _rotation_of(rotations: Any, view: str, path: Path) -> NDArray[np.float64]:
    number = re.search(r"(\d+)$", view)
    try:
        key = view if isinstance(rotations, dict) else int(number[1] if number else "")
        matrix = np.array(rotations[key], np.float64)
    except (KeyError, IndexError, ValueError, TypeError):
        matrix = np.zeros(0)
    if matrix.shape != (3, 3) or not np.allclose(matrix @ matrix.T, np.eye(3), atol=0.05):
        raise MediaError(f"{path}: no rotation [3, 3] for view {view}; name it in R_world_to_cam")
    return matrix
