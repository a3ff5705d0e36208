"""What every export shares: the table entry, the request, and what is said beside the files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuface_engine.errors import TrackError
from neuface_engine.face_model.model import Space
from neuface_engine.files import written_whole

if TYPE_CHECKING:
    from neuface_engine.tracks import Track

ProgressCallback = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Request:
    """How a track is exported.

    space: "posed" (as the camera saw the head) or "canonical" (head orientation taken out); footage: where the video is
    now, layers: what is drawn on it (both for "video"); track_file: where the track lies, for what lies beside it.
    `progress(stage, done, total)`: what it raises cancels the export, and nothing half-written is left.
    """

    space: Space = "posed"
    footage: Path | None = None
    layers: tuple[str, ...] = ("mesh", "landmarks")
    height: int = 480
    track_file: Path | None = None
    progress: ProgressCallback = lambda stage, done, total: None


Writer = Callable[["Track", Path, Request], list[Path]]


@dataclass(frozen=True)
class Format:
    """name; suffix of the file ("" = a folder); title and description in words; which spaces it knows (none: as is)."""

    name: str
    suffix: str
    title: str
    description: str
    write: Writer
    spaces: tuple[Space, ...] = ("posed", "canonical")
    parameters: bool = False


def write_json(path: Path, content: dict[str, Any]) -> Path:
    """Readable JSON, all or nothing. Raises TrackError where the disk refuses."""
    with written_whole(path, TrackError) as stream:
        stream.write(json.dumps(content, ensure_ascii=False, indent=1).encode() + b"\n")
    return path


def about(track: Track, space: Space | None = None) -> dict[str, Any]:
    """What a format without room for it says in a JSON file beside it: all that maps the export back onto the video."""
    content: dict[str, Any] = {
        "software": "NeuFace Studio",
        "views": list(track.views),
        "frames": len(track.frame_indices),
        "fps": track.fps,
        "frame_indices": track.frame_indices.tolist(),
        "image_sizes": [list(size) for size in track.image_sizes],
        "crop_size": track.crop_size,
        "crop_transforms": track.crop_transforms.tolist(),
        "detected": track.detected.tolist(),
        "provenance": track.provenance,
    }
    from neuface_engine.tracks.meshes import MeshTrack

    camera = track.camera if isinstance(track, MeshTrack) else track.parameters.camera
    if camera is not None:
        content["camera"] = camera.tolist()
    if track.lens is not None:
        content["lens"] = {name: array.tolist() for name, array in vars(track.lens).items()}
    if space is not None:
        content |= {"space": space, "unit": "m", "axes": "x right in the picture, y up, z towards the camera"}
    return content


def file_name(frame: int) -> str:
    """Of one frame of a sequence: its number in the video."""
    return f"{frame:06d}"
