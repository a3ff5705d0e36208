"""What VHAP exports (vhap/export_as_nerf_dataset.py): transforms.json, and flame_param/00000.npz for each time step.

transforms.json: "frames", a row for each time step and camera, with timestep_index, camera_id (or camera_index), w, h,
fl_x, fl_y, cx, cy in pixels, transform_matrix (camera to world, x right, y up, looking along -z) and flame_param_path.
A time step's file is as `vhap` has it, for one frame. The pictures are renumbered from 0.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from neuface_engine.errors import TrackError
from neuface_engine.tracks.importers.files import read_container
from neuface_engine.tracks.importers.reading import LARGEST, Arrays, Pinhole, Reading, frame_numbers, matrices

SOFTWARE = "VHAP"
TRANSFORMS = "transforms.json"
PARAMETERS = "flame_param"
OFFSETS = ("static_offset", "dynamic_offset")
LARGEST_FILE = 512 << 20
AGAIN = "export the dataset again"


def matches_folder(path: Path) -> bool:
    return (path / TRANSFORMS).is_file() and (path / PARAMETERS).is_dir()


def read(path: Path, *, views: Sequence[str] | None = None) -> Reading:
    """One view for each camera, named as it is there, or by `views` in the same order. Raises TrackError."""
    file = path / TRANSFORMS
    rows = _rows(file)
    cameras, steps = sorted({row.camera for row in rows}), sorted({row.step for row in rows})
    by_place = {(row.step, row.camera): row for row in rows}
    if len(by_place) != len(steps) * len(cameras):
        raise TrackError(f"{file}: not every camera has every time step; {AGAIN}")
    if views is not None and len(views) != len(cameras):
        raise TrackError(f"{file}: has {len(cameras)} cameras and {len(views)} names are given; name each")
    first = [by_place[step, cameras[0]] for step in steps]
    heads = [Arrays(path / row.parameters, read_container(path / row.parameters)) for row in first]
    single = {"shape": (None,), "expr": (1, None), "jaw_pose": (1, 3), "eyes_pose": (1, 6)}
    single |= {"rotation": (1, 3), "translation": (1, 3), "neck_pose": (1, 3)}
    try:
        values = {
            name: np.repeat(
                np.stack([arrays.numbers(name, *shape).reshape(1, -1) for arrays in heads]),
                len(cameras),
                axis=1,
            )
            for name, shape in single.items()
        }
    except ValueError:
        raise TrackError(f"{path}: its time steps have codes of different length; {AGAIN}") from None
    lens = [[by_place[step, camera] for camera in cameras] for step in steps]
    to_world = np.array([[row.matrix for row in view] for view in lens])
    turn = np.swapaxes(to_world[..., :3, :3], -1, -2)
    away = -(turn @ to_world[..., :3, 3:])
    return Reading(
        SOFTWARE,
        path,
        {
            "shape": values["shape"],
            "expression": values["expr"],
            "pose": np.concatenate([np.zeros_like(values["jaw_pose"]), values["jaw_pose"]], -1),
            "eyes": values["eyes_pose"],
        },
        frame_numbers(file, np.array(steps)),
        views=tuple(views) if views is not None else tuple(row.name for row in lens[0]),
        pinhole=Pinhole(
            rotation=matrices(values["rotation"]),
            translation=values["translation"],
            focal=np.array([[row.focal for row in view] for view in lens], np.float32),
            centre=np.array([[row.centre for row in view] for view in lens], np.float32),
            neck=matrices(values["neck_pose"]),
            world=np.concatenate([turn, away], -1).astype(np.float32),
            on_root=True,
        ),
        image_sizes=tuple(row.size for row in lens[0]),
        notes=(
            "the neck's rotation is taken into the head's: the mesh is exact above the neck",
            *(f"{name} is not part of the head and left out" for name in OFFSETS if name in heads[0]),
        ),
    )


@dataclass(frozen=True)
class _Row:
    """One picture: a time step seen by a camera. matrix [4, 4]: camera to world; focal, centre and size in pixels."""

    step: int
    camera: int
    name: str
    size: tuple[int, int]
    focal: tuple[float, float]
    centre: tuple[float, float]
    matrix: list[list[float]]
    parameters: str


def _rows(file: Path) -> list[_Row]:
    try:
        if file.stat().st_size > LARGEST_FILE:
            raise TrackError(f"{file}: larger than {LARGEST_FILE >> 20} MB; {AGAIN}")
        content = json.loads(file.read_text(encoding="utf-8"))
        rows = [_row(content, entry) for entry in content["frames"]]
    except OSError as error:
        raise TrackError(f"{file}: cannot be read ({error.strerror}); {AGAIN}") from None
    except KeyError as missing:
        raise TrackError(f"{file}: has no {missing.args[0]!r}; {AGAIN}") from None
    except (ValueError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise TrackError(f"{file}: damaged ({type(error).__name__}); {AGAIN}") from None
    if not rows:
        raise TrackError(f"{file}: names no pictures; {AGAIN}")
    return rows


def _row(shared: dict[str, Any], entry: dict[str, Any]) -> _Row:
    """What a row does not say stands once for all."""

    def number(name: str) -> float:
        value = float(entry[name] if name in entry else shared[name])
        if not 0 < value < LARGEST:
            raise ValueError(name)
        return value

    matrix = np.array(entry["transform_matrix"], np.float64)
    turn = matrix[:3, :3]
    if (
        matrix.shape != (4, 4)
        or not np.abs(matrix).max() < LARGEST
        or not np.allclose(turn @ turn.T, np.eye(3), atol=1e-3)
    ):
        raise ValueError("transform_matrix")
    parameters = PurePosixPath(str(entry["flame_param_path"]))
    if parameters.is_absolute() or ".." in parameters.parts:
        raise ValueError("flame_param_path")
    camera = int(entry["camera_index"])
    return _Row(
        step=int(entry["timestep_index"]),
        camera=camera,
        name=str(entry.get("camera_id", camera)),
        size=(int(number("w")), int(number("h"))),
        focal=(number("fl_x"), number("fl_y")),
        centre=(number("cx"), number("cy")),
        matrix=matrix.tolist(),
        parameters=str(parameters),
    )
