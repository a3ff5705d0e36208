"""OBJ and PLY sequences: FOLDER/0001.obj ..., or FOLDER/VIEW/0001.obj ...; every file the same triangles.

There are no parameters in them, so the result is a MeshTrack. What our own export put into sequence.json is read;
of others' meshes the unit is told by their size, the axes by `space`, and the camera is fitted to the landmarks of the
footage where the vertices are numbered like those of a head that we have.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from neuface_engine.errors import ConfigError, TrackError
from neuface_engine.face_model import FaceModel
from neuface_engine.metrics.scan_files import UNITS, guess_unit
from neuface_engine.polygon_files import SUFFIXES
from neuface_engine.tracks.importers import assembling, placing
from neuface_engine.tracks.importers.assembling import Known
from neuface_engine.tracks.importers.files import numbered
from neuface_engine.tracks.importers.mesh_files import read_mesh
from neuface_engine.tracks.importers.reading import Reading, frame_numbers
from neuface_engine.tracks.lens import Lens
from neuface_engine.tracks.meshes import MeshTrack

SOFTWARE = "meshes"
LIST = "sequence.json"
SPACES = ("posed", "canonical", "world")


@dataclass(frozen=True)
class _Files:
    """Meshes [F, V, N, 3] metres with NaN where there is none, triangles [T, 3], and what lay beside them."""

    meshes: NDArray[np.float32]
    triangles: NDArray[np.int32]
    frames: NDArray[np.int64]
    views: tuple[str, ...] | None
    beside: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def matches_folder(path: Path) -> bool:
    return bool(_folders(path))


def read(
    path: Path,
    known: Known,
    *,
    head: FaceModel | None = None,
    space: str | None = None,
    unit: str = "auto",
) -> MeshTrack:
    """A folder of meshes, or one file. Raises TrackError for the files, ConfigError for what was said."""
    files = _read_files(path, unit)
    beside = files.beside
    told = beside.get("space")
    space = space or (told if told in SPACES else None)
    if space is not None and space not in SPACES:
        raise ConfigError(f"space {space!r} is unknown; give {', '.join(SPACES)}")
    notes = list(files.notes)
    if space is None:
        notes.append("taken to be in the axes of the camera (--space canonical or world says otherwise)")
    reading = Reading(
        SOFTWARE,
        path,
        {"shape": files.meshes.reshape(*files.meshes.shape[:2], -1)},
        files.frames,
        views=files.views,
        detected=np.asarray(np.isfinite(files.meshes).all((2, 3))),
        exact_frames=bool(beside),
    )
    reading = assembling.filled(assembling.numbered_from(reading, known))
    reading = assembling.named(reading, known)
    sequence = assembling.chosen(reading, known)
    frames, count = len(reading.frames), reading.num_views
    seen = assembling._detected(reading)
    ours = _ours(path, beside, frames, count) if beside and len(files.frames) == frames else None
    if ours is not None:
        seen = seen & ours.detected
        known = Known(known.fps or ours.fps, known.views, known.image_size, known.first_frame, known.sequence)
    sizes = ours.place.image_sizes if ours else ((known.image_size or (512, 512)),) * count
    place = ours.place if ours else placing.whole_picture(frames, sizes)
    if sequence is not None and ours is None:
        place = placing.Place(sequence.crop_transforms, sequence.crop_size, sequence.image_sizes)
    track = assembling.mesh_track(
        reading,
        files.triangles,
        place,
        sequence,
        known,
        notes,
        detected=seen,
        camera=None
        if ours is None or ours.camera is None or space != "posed"
        else torch.from_numpy(ours.camera),
        lens=None if ours is None or space != "posed" else ours.lens,
        given_head=head,
    )
    if not track.has_camera:
        track = _with_camera(track, space or "posed", sequence is not None, notes)
    told_head = (
        beside.get("provenance", {}).get("head") if isinstance(beside.get("provenance"), dict) else None
    )
    track.provenance.update(assembling.provenance(reading, sequence, [*reading.notes, *notes], None))
    if told_head:
        track.provenance["head"] = told_head
    return track


def _with_camera(track: MeshTrack, space: str, footage: bool, notes: list[str]) -> MeshTrack:
    from dataclasses import replace

    if not footage:
        notes.append("no camera: the meshes cannot be laid upon a video without --sequence FOOTAGE")
        return track
    if track.head is None:
        notes.append(
            f"no camera: of {track.meshes.shape[2]} vertices it is not known where the landmarks lie (--head FILE)"
        )
        return track
    if space != "posed":
        track = replace(track, meshes=_turned(track))
        notes.append("head pose and camera were fitted to the landmarks of the footage")
    else:
        notes.append("the camera was fitted to the landmarks of the footage")
    camera = placing.fitted_camera(track.landmarks().nan_to_num(), track.landmarks_2d)
    return replace(track, camera=camera)


def _turned(track: MeshTrack) -> torch.Tensor:
    """The meshes turned as the landmarks in the picture say: weak-perspective pose, frame by frame."""
    points = track.landmarks(kind="static").double()[..., placing.INNER, :]
    seen = track.landmarks_2d.double()[..., placing.INNER, :] * torch.tensor([1.0, -1.0], dtype=torch.double)
    x = (points - points.mean(-2, keepdim=True)).nan_to_num()
    u = seen - seen.mean(-2, keepdim=True)
    power = x.transpose(-1, -2) @ x + 1e-12 * torch.eye(3, dtype=torch.double)
    affine = u.transpose(-1, -2) @ x @ torch.linalg.inv(power)  # [2, 3]
    left, _, right = torch.linalg.svd(affine, full_matrices=False)
    rows = left @ right
    rotation = torch.cat([rows, torch.linalg.cross(rows[..., 0, :], rows[..., 1, :])[..., None, :]], dim=-2)
    middle = track.meshes.mean(-2, keepdim=True)
    return (track.meshes - middle) @ rotation.float().transpose(-1, -2) + middle


def _folders(path: Path) -> list[tuple[str, Path, str]]:
    """(view, folder, suffix) of a folder of meshes; empty where it is none."""
    try:
        below = [("", path), *sorted((sub.name, sub) for sub in path.iterdir() if sub.is_dir())]
        found = []
        for name, folder in below:
            suffixes = {file.suffix.lower() for file in folder.iterdir()} & set(SUFFIXES)
            if suffixes:
                found.append((name, folder, sorted(suffixes)[0]))
    except OSError:
        return []
    return found[:1] if found and found[0][0] == "" else found


def _read_files(path: Path, unit: str) -> _Files:
    if unit != "auto" and unit not in UNITS:
        raise ConfigError(f"unit {unit!r} is unknown; give auto, {', '.join(UNITS)}")
    beside = _beside(path)
    per_view: list[dict[int, Path]] = []
    names: tuple[str, ...] | None = None
    if path.is_file():
        per_view = [{0: path}]
    else:
        folders = _folders(path)
        if beside:
            order = [str(name) for name in beside.get("folders", [])]
            folders = sorted((f for f in folders if f[0] in order), key=lambda f: order.index(f[0]))
            names = tuple(str(name) for name in beside.get("views", []))
            if len(names) != len(folders):
                raise TrackError(f"{path / LIST}: names other folders than there are; take it away")
        elif folders and folders[0][0]:
            names = tuple(name for name, _, _ in folders)
        per_view = [dict(numbered(folder, suffix)) for _, folder, suffix in folders]
    if not per_view or not all(per_view):
        raise TrackError(f"{path}: no OBJ or PLY files whose names have a frame number; give their folder")
    frames = frame_numbers(path, np.array(sorted(set().union(*per_view))))
    if (
        beside
        and isinstance(beside.get("frame_indices"), list)
        and len(beside["frame_indices"]) > len(frames)
    ):
        frames = frame_numbers(path, np.array(beside["frame_indices"]))
    first: tuple[Path, NDArray[np.float64], NDArray[np.int32]] | None = None
    meshes: NDArray[np.float32] | None = None
    scale, notes = 1.0, []
    for v, files in enumerate(per_view):
        for number, file in files.items():
            vertices, faces = read_mesh(file)
            if first is None:
                first = file, vertices, faces
                known = "m" if beside else guess_unit(vertices) if unit == "auto" else unit
                scale = UNITS[known]
                if unit == "auto" and not beside:
                    notes.append(f"its unit is taken to be {known} by its size (--unit says another)")
                meshes = np.full((len(frames), len(per_view), len(vertices), 3), np.nan, np.float32)
            if len(vertices) != len(first[1]) or not np.array_equal(faces, first[2]):
                raise TrackError(f"{file}: other triangles than {first[0].name}; a sequence has one topology")
            assert meshes is not None
            meshes[np.searchsorted(frames, number), v] = vertices * scale
    assert first is not None
    assert meshes is not None
    return _Files(meshes, first[2], frames, names, beside, tuple(notes))


def _beside(path: Path) -> dict[str, Any]:
    file = path / LIST
    if not path.is_dir() or not file.is_file():
        return {}
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        raise TrackError(f"{file}: damaged; restore it, or take it away") from None
    return content if isinstance(content, dict) and isinstance(content.get("folders"), list) else {}


@dataclass(frozen=True)
class _Ours:
    place: placing.Place
    detected: NDArray[np.bool_]
    fps: float
    camera: NDArray[np.float32] | None
    lens: Lens | None


def _ours(path: Path, beside: Mapping[str, Any], frames: int, views: int) -> _Ours:
    try:
        crops = np.asarray(beside["crop_transforms"], np.float64)
        detected = np.asarray(beside["detected"], bool)
        camera = np.asarray(beside["camera"], np.float32) if "camera" in beside else None
        lens = None
        if "lens" in beside:
            lens = Lens(*(np.asarray(beside["lens"][n], np.float64) for n in ("focal", "centre", "shift")))
        sizes = tuple((int(w), int(h)) for w, h in beside["image_sizes"])
        if (
            crops.shape != (frames, views, 2, 3)
            or (np.abs(np.linalg.det(crops[..., :2])) < 1e-12).any()
            or detected.shape != (frames, views)
            or (camera is not None and camera.shape != (frames, views, 3))
            or (lens is not None and [a.shape[2:] for a in vars(lens).values()] != [(2,), (2,), (3,)])
            or len(sizes) != views
        ):
            raise ValueError
        place = placing.Place(crops, int(beside["crop_size"]), sizes)
        return _Ours(place, detected, float(beside["fps"]), camera, lens)
    except (KeyError, ValueError, TypeError, OverflowError, AttributeError, np.linalg.LinAlgError):
        raise TrackError(f"{path / LIST}: does not belong to these meshes; take it away") from None
