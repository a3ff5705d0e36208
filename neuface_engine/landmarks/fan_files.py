"""The weight files of face-alignment: which ones are needed, where they lie, and that none is ever downloaded.

face-alignment 1.5 keeps them in $TORCH_HOME/hub/checkpoints (default ~/.cache/torch/hub/checkpoints) and fetches
what is missing while it constructs its objects. Here they are looked for first, and its downloads are closed.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neuface_engine.errors import AssetError, ConfigError, in_short

_BULAT = "https://www.adrianbulat.com/downloads/python-fan/"
_BLAZE = "https://github.com/hollance/BlazeFace-PyTorch/raw/master/"
_ZOO = "https://github.com/opencv/opencv_zoo/raw/main/models/face_detection_yunet/"
_SCRFD = "https://github.com/yakhyo/facial-analysis/releases/download/v0.0.1/"


@dataclass(frozen=True)
class WeightFile:
    """The name under which face-alignment keeps a file, and where its authors offer it."""

    name: str
    url: str


FAN_2D = WeightFile("2DFAN4-11f355bf06.pth.tar", _BULAT + "2DFAN4-11f355bf06.pth.tar")
FAN_3D = WeightFile("3DFAN4-7835d9f11d.pth.tar", _BULAT + "3DFAN4-7835d9f11d.pth.tar")
DEPTH = WeightFile("depth-2a464da4ea.pth.tar", _BULAT + "depth-2a464da4ea.pth.tar")
FINDERS: dict[str, tuple[WeightFile, ...]] = {
    "sfd": (WeightFile("s3fd-619a316812.pth", _BULAT + "s3fd-619a316812.pth"),),
    "blazeface": (
        WeightFile("blazeface.pth", _BLAZE + "blazeface.pth"),
        WeightFile("anchors.npy", _BLAZE + "anchors.npy"),
    ),
    "retinaface": (WeightFile("retinaface_mobilenet0.25.pth", _BULAT + "retinaface_mobilenet0.25.pth"),),
    "yunet": (WeightFile("face_detection_yunet_2023mar.onnx", _ZOO + "face_detection_yunet_2023mar.onnx"),),
    "scrfd": (WeightFile("scrfd_2.5g_bnkps.onnx", _SCRFD + "det_2.5g.onnx"),),
    "open": (),
}
"""The face detectors of face-alignment, and ours (BlazeFace of the open detector)."""


_FAN_LAYOUT: dict[str, tuple[int, ...]] = {
    "conv1.weight": (64, 3, 7, 7),
    "l0.weight": (68, 256, 1, 1),
    "l3.weight": (68, 256, 1, 1),
}
_LAYOUTS: dict[str, dict[str, tuple[int, ...]]] = {
    FAN_2D.name: _FAN_LAYOUT,
    FAN_3D.name: _FAN_LAYOUT,
    DEPTH.name: {"conv1.weight": (64, 71, 7, 7), "fc.weight": (68, 2048)},
    "s3fd-619a316812.pth": {"conv1_1.weight": (64, 3, 3, 3), "conv5_1.weight": (512, 512, 3, 3)},
    "blazeface.pth": {"backbone1.0.weight": (24, 3, 5, 5)},
    "retinaface_mobilenet0.25.pth": {"body.stage1.0.0.weight": (8, 3, 3, 3)},
}
"""Of each file of weights some that no other has; the detector itself checks every one when it loads them."""
_ANCHORS = (896, 4)
_SMALLEST_ONNX = 100_000


def examine(path: Path) -> str:
    """What one of face-alignment's files is, in words, by names and shapes of its weights. Raises AssetError."""
    remedy = "download it again"
    if path.suffix == ".npy":
        try:
            anchors = np.load(path, allow_pickle=False)
        except Exception as error:  # numpy parses the header as Python source
            raise AssetError(f"{path}: cannot be read as anchors ({in_short(error)}); {remedy}") from None
        if anchors.shape != _ANCHORS:
            raise AssetError(f"{path}: is {list(anchors.shape)}, not {list(_ANCHORS)} anchors; {remedy}")
        return f"{len(anchors)} anchors"
    if path.suffix == ".onnx":
        size = path.stat().st_size
        with path.open("rb") as stream:
            begins = stream.read(1)
        if begins != b"\x08" or size < _SMALLEST_ONNX:
            raise AssetError(f"{path}: not an ONNX network, or cut off ({size} bytes); {remedy}")
        return f"an ONNX network of {size / 1e6:.1f} MB"
    from neuface_engine.encoders.checkpoints import read_checkpoint, shape_of

    content = read_checkpoint(path, remedy=remedy, shapes_only=True)
    inner = content.get("state_dict", content)
    weights = inner if isinstance(inner, dict) else {}
    shapes = {str(name).removeprefix("module."): shape_of(w) for name, w in weights.items()}
    for name, shape in _LAYOUTS.get(path.name, {}).items():
        if shapes.get(name) != shape:
            found = f"is {list(shapes[name] or ())}" if name in shapes else "is missing"
            raise AssetError(f"{path}: {name} {found}, {list(shape)} is needed; {remedy}")
    return f"{len(shapes)} weights of its network"


def folder() -> Path:
    """Where face-alignment keeps its weights."""
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints"


def needed(*, three_d: bool, finder: str) -> tuple[WeightFile, ...]:
    """All files of a detector. Raises ConfigError for an unknown finder."""
    if finder not in FINDERS:
        raise ConfigError(f"face-alignment has no face detector {finder!r} here; give {', '.join(FINDERS)}")
    return (*((FAN_3D, DEPTH) if three_d else (FAN_2D,)), *FINDERS[finder])


def check(files: tuple[WeightFile, ...], where: Path) -> None:
    """Raises AssetError that names the first file that is not there, its folder, and where to get it."""
    missing = [file for file in files if not (where / file.name).is_file()]
    if not missing:
        return
    others = f" (and {', '.join(file.name for file in missing[1:])})" if missing[1:] else ""
    saved = missing[0].url.rsplit("/", 1)[1]
    rename = "" if saved == missing[0].name else f", under the name {missing[0].name}"
    raise AssetError(
        f"{where / missing[0].name}: not there{others}; download {missing[0].url} into the folder {where}{rename}; "
        "nothing is downloaded by this software"
    )


def fingerprint(files: tuple[WeightFile, ...], where: Path) -> str:
    """sha256 over the files, its first 12 digits."""
    digest = hashlib.sha256()
    for file in files:
        try:
            with (where / file.name).open("rb") as stream:
                while block := stream.read(2**20):
                    digest.update(block)
        except OSError as error:
            raise AssetError(
                f"{where / file.name}: cannot be read ({error.strerror}); copy it again"
            ) from None
    return digest.hexdigest()[:12]


@contextlib.contextmanager
def no_downloads() -> Iterator[None]:
    """While it lasts, face-alignment and torch.hub raise AssetError where they would fetch a file."""
    import face_alignment.utils as fa_utils
    import torch.hub

    def refuse(url: str, dst: Any = None, *_: Any, **__: Any) -> None:
        raise AssetError(
            f"{dst or folder()}: face-alignment wants to download {url}; put the file there yourself"
        )

    places = ((torch.hub, "download_url_to_file"), (fa_utils, "download_url_to_file"))
    before = [(module, name, getattr(module, name)) for module, name in places if hasattr(module, name)]
    for module, name, _ in before:
        setattr(module, name, refuse)
    try:
        yield
    finally:
        for module, name, function in before:
            setattr(module, name, function)
