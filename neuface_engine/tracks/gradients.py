"""The gradient maps of a track's last iteration, in a file of their own beside the track."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuface_engine.errors import TrackError
from neuface_engine.face_model import FaceParameters
from neuface_engine.files import written_whole
from neuface_engine.tracks.track import FaceTrack

FORMAT = "neuface-gradients"
FORMAT_VERSION = 1

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class TrackGradients:
    """F frames, V views; see neuface_engine.optimization.gradient_maps.

    iteration: the track's; parameters_digest: of its parameters; vertex |dL/dM| [F, V, N] per metre;
    landmark |dL/dj| [F, V, K] per crop unit at points [F, V, K, 2] (crop units, as detected);
    pixel |dL/dI| [F, V, S, S] float16 in units of pixel_peak [F, V], None for FLAME fitting;
    update |M(t) - M(t-1)| [F, V, N] in metres, posed, None where no step was made.
    """

    iteration: int
    parameters_digest: str
    vertex: Floats
    landmark: Floats
    points: Floats
    pixel: NDArray[np.float16] | None
    pixel_peak: Floats | None
    update: Floats | None

    @staticmethod
    def path_of(track: Path) -> Path:
        """Where the maps of the track at `track` lie."""
        return track.with_suffix(".gradients")

    def save(self, path: Path) -> None:
        """Write an npz without pickles, all or nothing. Raises TrackError where the disk refuses."""
        header = {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "iteration": self.iteration,
            "parameters_digest": self.parameters_digest,
        }
        arrays: dict[str, Any] = {
            name: value for name, value in vars(self).items() if isinstance(value, np.ndarray)
        }
        with written_whole(path, TrackError) as stream:
            np.savez_compressed(stream, header=np.array(json.dumps(header)), **arrays)

    @classmethod
    def load(cls, path: Path, track: FaceTrack) -> TrackGradients:
        """Read what `save` wrote. Raises TrackError for a missing or damaged file, and for that of another track."""
        again = "track again with --save-gradients"
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                arrays = {key: file[key] for key in file.files}
            header = json.loads(str(arrays.pop("header")))
            if header["format"] != FORMAT or header["version"] > FORMAT_VERSION:
                raise TrackError(f"{path}: format {header['version']} is newer than this software; update it")
            optional = {name: arrays.get(name) for name in ("pixel", "pixel_peak", "update")}
            maps = cls(
                iteration=int(header["iteration"]),
                parameters_digest=str(header["parameters_digest"]),
                vertex=arrays["vertex"],
                landmark=arrays["landmark"],
                points=arrays["points"],
                **optional,
            )
        except FileNotFoundError:
            raise TrackError(f"{path}: no such gradient maps; {again}") from None
        except TrackError:
            raise
        except Exception as error:  # a damaged archive can raise anything
            raise TrackError(
                f"{path}: not readable gradient maps ({type(error).__name__}); {again}"
            ) from None
        if maps.parameters_digest != parameters_digest(track.parameters):
            raise TrackError(f"{path}: these are the gradient maps of another track; {again}")
        crops = track.detected.shape
        shapes = [value.shape[:2] for value in vars(maps).values() if isinstance(value, np.ndarray)]
        if any(shape != crops for shape in shapes):
            raise TrackError(f"{path}: its maps are not of {crops[0]} frames and {crops[1]} views; {again}")
        return maps


def parameters_digest(parameters: FaceParameters) -> str:
    """sha256 of face parameters, by which maps and track know each other."""
    digest = hashlib.sha256()
    for name, tensor in parameters.items():
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(tensor.numpy()).tobytes())
    return digest.hexdigest()
