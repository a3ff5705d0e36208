"""Where the posed meshes of one view stand before its camera, for formats that have nodes and cameras (glTF, USD).

Weak perspective knows no distance: a face is a mesh turned, scaled and shifted in the picture. So the camera is
orthographic and the mesh stands at z = 0, moved in the plane of the picture; its scale is 1 in the median frame.
A track with pinhole cameras gets those: the mesh then keeps its size and stands where it was.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuface_engine.tracks import FaceTrack, Track

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Stage:
    """One view: translation [F, 3] metres, angle [F] radians about z, scale [F] of the posed mesh before the camera.

    The camera looks along -z with y up from `camera_z`. Orthographic: `half` = half the width and height that it sees,
    metres. Pinhole: half is None, `focal` and `centre` in pixels (of the median frame).
    A point (x, y, z) in the camera's frame is seen, orthographically, at (W/2 (1 + x / half_w), H/2 (1 - y / half_h)).
    """

    translation: Floats
    angle: Floats
    scale: Floats
    size: tuple[int, int]
    camera_z: float
    half: tuple[float, float] | None
    focal: tuple[float, float] | None = None
    centre: tuple[float, float] | None = None


def stage_of(track: Track, view: int) -> Stage | None:
    """The stage of one view; None where the track has no camera."""
    frames, size = len(track.frame_indices), track.image_sizes[view]
    if track.lens is not None:
        lens = track.lens[:, view]
        return Stage(
            translation=lens.shift,
            angle=np.zeros(frames),
            scale=np.ones(frames),
            size=size,
            camera_z=0.0,
            half=None,
            focal=_pair(np.median(lens.focal, axis=0)),
            centre=_pair(np.median(lens.centre, axis=0)),
        )
    camera = track.parameters.camera if isinstance(track, FaceTrack) else track.camera
    if camera is None:
        return None
    s, tx, ty = camera[:, view].double().numpy().T
    width, height = size
    flip = np.diag([1.0, -1.0])  # pictures have y down
    back = np.linalg.inv(track.crop_transforms[:, view, :, :2])
    # crop pixel = S/2 (1 + s (x + tx), 1 - s (y + ty)); frame pixel = back (crop pixel - shift of the crop)
    linear = flip @ back @ flip * (track.crop_size / 2 * s)[:, None, None]
    origin = (
        track.crop_size / 2 * np.stack([1 + s * tx, 1 - s * ty], 1) - track.crop_transforms[:, view, :, 2]
    )
    place = np.einsum("fij,fj->fi", back, origin)
    place = np.stack([place[:, 0] - width / 2, height / 2 - place[:, 1]], 1)
    pixels_per_metre = np.sqrt(np.abs(np.linalg.det(linear)))
    seen = track.detected[:, view].numpy()
    metre = 1.0 / float(np.median(pixels_per_metre[seen] if seen.any() else pixels_per_metre))
    return Stage(
        translation=np.column_stack([place * metre, np.zeros(frames)]),
        angle=np.arctan2(linear[:, 1, 0], linear[:, 0, 0]),
        scale=pixels_per_metre * metre,
        size=size,
        camera_z=1.0,
        half=(width / 2 * metre, height / 2 * metre),
    )


def _pair(values: Floats) -> tuple[float, float]:
    return float(values[0]), float(values[1])
