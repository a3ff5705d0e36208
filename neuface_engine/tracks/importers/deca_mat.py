"""What DECA's demo saves with --saveMat: RESULTS/NAME/NAME.mat, one MATLAB file (version 5) a picture.

Of its arrays are read: verts [1, N, 3] in metres, turned by the head's pose; trans_verts [1, N, 3], the same under the
weak-perspective camera s (x + tx, y + ty), y down, in units of the crop; landmarks2d [1, 68, 2], the landmarks of the
mesh in the same units. It holds neither codes, nor triangles (FLAME's), nor where the crop lay in the picture.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import torch

from neuface_engine.errors import ConfigError, TrackError
from neuface_engine.face_model import FaceModel
from neuface_engine.tracks.importers import assembling, placing
from neuface_engine.tracks.importers.assembling import Known
from neuface_engine.tracks.importers.files import AGAIN, number_of
from neuface_engine.tracks.importers.matlab_files import read_matlab
from neuface_engine.tracks.importers.reading import Arrays, Reading, frame_numbers
from neuface_engine.tracks.meshes import MeshTrack

SOFTWARE = "DECA"
SUFFIX = ".mat"
CROP_SIZE = 224
_NAMES = ("verts", "trans_verts", "landmarks2d")
_FITS = 1e-2  # crop units that the file's camera may miss its own points by


def matches(path: Path) -> bool:
    """A file of it, a folder of such files, or the demo's folder of results."""
    return path.suffix.lower() == SUFFIX if path.is_file() else bool(_files(path))


def read(path: Path, known: Known, *, head: FaceModel | None = None) -> MeshTrack:
    """Meshes with DECA's own camera. Raises TrackError for the files, ConfigError where --head or more is needed."""
    files = [path] if path.is_file() else _files(path)
    if not files:
        raise TrackError(f"{path}: no .mat files; give what DECA's demo saved with --saveMat")
    numbers = [number_of(file) for file in files]
    if len(files) > 1 and (None in numbers or len(set(numbers)) < len(files)):
        raise TrackError(f"{path}: names of .mat files without a frame number each; give one video's results")
    files = [file for _, file in sorted(zip(numbers, files, strict=True), key=lambda pair: pair[0] or 0)]
    found = [_arrays(file) for file in files]
    counts = {arrays["verts"].shape[1] for arrays in found}
    if len(counts) > 1:
        raise TrackError(
            f"{path}: its meshes have {' and '.join(map(str, sorted(counts)))} vertices; {AGAIN}"
        )
    meshes, seen, marks = (np.stack([arrays[name] for arrays in found]) for name in _NAMES)
    head = _checked(path, head, counts.pop())
    camera = placing.fitted_camera(torch.from_numpy(meshes), torch.from_numpy(seen[..., :2])).numpy()
    scale, shift = camera[..., None, :1], camera[..., None, 1:]
    drawn = scale * (meshes[..., :2] + shift) * np.array([1, -1])
    if np.abs(drawn - seen[..., :2]).max() > _FITS:
        raise TrackError(f"{path}: 'trans_verts' are not 'verts' under one camera; {AGAIN}")
    reading = Reading(
        SOFTWARE,
        path,
        {"shape": meshes.reshape(*meshes.shape[:2], -1), "camera": camera, "marks": marks},
        frame_numbers(path, np.sort([number or 0 for number in numbers])),
        crop_size=CROP_SIZE,
        # DECA names pictures that it took from a video itself, by default every tenth, after the video's frames.
        exact_frames=all(re.search(r"_frame\d+$", file.stem) for file in files),
    )
    return _track(reading, head, known)


def _track(reading: Reading, head: FaceModel, known: Known) -> MeshTrack:
    reading = assembling.named(assembling.filled(assembling.numbered_from(reading, known)), known)
    sequence, notes = assembling.chosen(reading, known), list(reading.notes)
    frames = len(reading.frames)
    if sequence is None:
        place = placing.whole_picture(frames, ((CROP_SIZE, CROP_SIZE),))
        notes.append(assembling.NO_PLACE)
    else:
        marks, points = reading.parameters["marks"].astype(np.float64), assembling.picture_points(sequence)
        place, note = placing.crops_from_landmarks(reading, marks, points, sequence.image_sizes, CROP_SIZE)
        notes.append(note)
    camera = torch.from_numpy(reading.parameters["camera"])
    track = assembling.mesh_track(
        reading, head.faces.numpy(), place, sequence, known, notes, camera=camera, given_head=head
    )
    track.provenance.update(assembling.provenance(reading, sequence, notes, head))
    return track


def _files(folder: Path) -> list[Path]:
    """FOLDER/*.mat, else FOLDER/NAME/NAME.mat; of a folder of one picture its file. By name."""
    try:
        here = sorted(file for file in folder.iterdir() if file.suffix.lower() == SUFFIX and file.is_file())
        below = (sub / f"{sub.name}{SUFFIX}" for sub in sorted(folder.iterdir()) if sub.is_dir())
        return here or [file for file in below if file.is_file()]
    except OSError as error:
        raise TrackError(f"{folder}: cannot be read ({error.strerror}); give yourself permission") from None


def _checked(path: Path, head: FaceModel | None, vertices: int) -> FaceModel:
    if head is None:
        raise ConfigError(
            f"{path}: DECA's .mat holds no triangles; give the FLAME model it ran with, --head FILE"
        )
    if head.num_vertices != vertices:
        raise ConfigError(
            f"{path}: meshes of {vertices} vertices, {head.name!r} has {head.num_vertices}; give FLAME with --head FILE"
        )
    return head


def _arrays(file: Path) -> dict[str, Any]:
    """[1, N, 3], [1, N, 3] and [1, 68, 2]. Raises TrackError."""
    try:
        content = read_matlab(file, _NAMES)
    except FileNotFoundError:
        raise TrackError(f"{file}: no such file; give what DECA's demo saved with --saveMat") from None
    except OSError as error:
        raise TrackError(f"{file}: cannot be read ({error.strerror}); give yourself permission") from None
    except (ValueError, struct.error) as error:
        reason = error if isinstance(error, ValueError) else "cut off"
        raise TrackError(f"{file}: damaged, or not by DECA's demo ({reason}); {AGAIN}") from None
    arrays = Arrays(file, content)
    found = {"verts": (3,), "trans_verts": (3,), "landmarks2d": (2,)}
    result = {name: arrays.numbers(name, 1, None, *width) for name, width in found.items()}
    if result["verts"].shape != result["trans_verts"].shape or result["landmarks2d"].shape[1] != 68:
        raise TrackError(f"{file}: its arrays do not belong to one face; {AGAIN}")
    return result
