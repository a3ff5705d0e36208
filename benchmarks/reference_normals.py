"""Mean angle between a track's surface normals and reference normal maps of the same footage, in degrees.

    python benchmarks/reference_normals.py TRACK.npz REFERENCE_FOLDER [--json]

REFERENCE_FOLDER holds ref_normals_<view>.mp4, one normal map a frame: rgb = (n + 1) / 2 in world axes, mid grey where
there is no surface; and derived_camera_rotations.json with "R_world_to_cam" (OpenCV axes), one a view. Compared inside
the hull of the 68 detected landmarks, where both show a surface. Only views whose map exists are compared.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

import neuface_engine as nf
from neuface_engine.raster import rasterize, vertex_normals
from neuface_engine.tracks import crop_to_frame

FLAME_TO_OPENCV = np.array([1.0, -1.0, -1.0])  # y up, z out of the face -> y down, z into the scene


def normal_maps(path: Path) -> list[NDArray[np.float32]]:
    """Unit-less normals [H, W, 3] in -1..1 of every frame."""
    with av.open(str(path)) as container:
        return [
            f.to_ndarray(format="rgb24").astype(np.float32) / 127.5 - 1 for f in container.decode(video=0)
        ]


def angles(track: nf.FaceTrack, reference: Path, *, every: int = 5) -> NDArray[np.float64]:
    """Mean angle [deg] of each compared crop."""
    rotations = json.loads((reference / "derived_camera_rotations.json").read_text())["R_world_to_cam"]
    faces = track.head.skin_faces.numpy().astype(np.int32)
    posed = track.vertices(space="posed").numpy()
    result = []
    for view, name in enumerate(track.views):
        file = reference / f"ref_normals_{name}.mp4"
        if not file.exists():
            continue
        maps, to_camera = normal_maps(file), np.array(rotations[int(name.removeprefix("view"))])
        for frame in range(0, len(track.frame_indices), every):
            if track.detected[frame, view]:
                given = maps[track.frame_indices[frame]]
                ours = _render_normals(track, frame, view, posed[frame, view], faces, given.shape[:2])
                inside = _hull(track, frame, view, given.shape[:2])
                result.append(_angle(ours, given @ to_camera.T.astype(np.float32), given, inside))
    return np.array(result)


def _render_normals(track, frame, view, posed, faces, size) -> NDArray[np.float32]:
    buffers = rasterize(track.project(frame, view), faces, *size)
    normals = vertex_normals(posed, faces) * FLAME_TO_OPENCV.astype(np.float32)
    corners = normals[faces[np.maximum(buffers.triangle, 0)]]
    image = (corners * buffers.barycentric[..., None]).sum(-2)
    image[buffers.triangle < 0] = 0
    return image


def _hull(track, frame, view, size) -> NDArray[np.bool_]:
    points = np.c_[track.landmarks_2d[frame, view].numpy(), np.zeros(68)].astype(np.float32)
    pixels = crop_to_frame(points, track.crop_transforms[frame, view], track.crop_size)[:, :2]
    mask = np.zeros(size, np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(np.round(pixels).astype(np.int32)), 1)
    return mask > 0


def _angle(ours, theirs, given, inside) -> float:
    length = np.linalg.norm(given, axis=-1)
    both = inside & (length > 0.8) & (length < 1.25) & (np.abs(ours).sum(-1) > 0)
    cosine = (ours * theirs).sum(-1) / np.maximum(
        np.linalg.norm(ours, axis=-1) * np.linalg.norm(theirs, axis=-1), 1e-9
    )
    return float(np.degrees(np.arccos(np.clip(cosine[both], -1, 1))).mean())


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("track", type=Path)
    parser.add_argument("reference", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    values = angles(nf.FaceTrack.load(options.track), options.reference)
    result = {"mean_angle_deg": float(values.mean()), "crops": len(values)}
    print(
        json.dumps(result) if options.json else f"{result['mean_angle_deg']:.2f} deg over {len(values)} crops"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
