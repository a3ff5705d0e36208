"""NeRSemble (Kirschstein et al. 2023): 16 synchronous, calibrated cameras at 73 fps.

    v1  camera_params/038/camera_params.json      038/EMO-1/images/cam_222200037_0000.jpg
    v2  038/calibration/camera_params.json        038/sequences/EMO-1-shout+laugh/images/cam_222200037.mp4

A view is named by the serial number of its camera, as in "world_2_cam" of camera_params.json; these rotations serve
`--camera-weight` (OpenCV's axes). Either version may have pictures (`cam_<serial>_<time step>.jpg`) or videos. Where
pictures skip time steps the frame rate is 73 / step. Colours are taken as they are, without the colour calibration.
Besides the whole, one participant's folder can be given, and one performance's.
"""

from __future__ import annotations

import re
from pathlib import Path

from neuface_engine.video.layouts.grouping import Group, group, mean_step
from neuface_engine.video.patterns import natural_key
from neuface_engine.video.sources import SequenceSource

NAME = "nersemble"
FPS = 73.0
_KINDS = {"identity": r"\d+", "view": r"[0-9A-Za-z]+"}
_FILES = ("cam_{view}_{frame}.*", "cam_{view}.mp4")
_FILE = re.compile(r"cam_\d{6,}(_\d+\.\w+|\.mp4)")
_PATTERNS = tuple(
    (f"{folder}{{sequence}}/images/{file}", version)
    for folder, version in (("", "1"), ("sequences/", "2"))
    for file in _FILES
)


def recognises(root: Path) -> bool:
    """A folder of participants with camera_params.json, of one participant, or the pictures of one performance."""
    if _pictures(root) is not None:
        return True
    people = _people(root)
    return any(_cameras(person) is not None for person in people)


def find(root: Path) -> list[SequenceSource]:
    """One sequence for each participant and performance."""
    pictures = _pictures(root)
    if pictures is not None:
        performance = pictures.parent if pictures.name == "images" else pictures
        version = "2" if performance.parent.name == "sequences" else "1"
        person = performance.parent.parent if version == "2" else performance.parent
        return [
            _source(found, person, version, performance.name)
            for pattern in _FILES
            for found in group(pictures, pattern, kinds=_KINDS)
        ]
    return [
        _source(found, person, version)
        for person in _people(root)
        for pattern, version in _PATTERNS
        for found in group(person, pattern, kinds=_KINDS)
    ]


def _people(root: Path) -> list[Path]:
    if re.fullmatch(r"\d+", root.resolve().name) and _cameras(root) is not None:
        return [root]
    inside = [entry for entry in root.iterdir() if entry.is_dir() and entry.name.isdecimal()]
    return sorted(inside, key=lambda entry: natural_key(entry.name))


def _pictures(root: Path) -> Path | None:
    """The folder of one performance's pictures, of all cameras: `root` itself, or its `images`."""
    for folder in (root.resolve(), root.resolve() / "images"):
        if folder.is_dir() and any(_FILE.fullmatch(file.name) for file in folder.glob("cam_*")):
            return folder
    return None


def _cameras(person: Path) -> Path | None:
    number = person.resolve().name
    for path in (
        person / "calibration" / "camera_params.json",
        person.parent / "camera_params" / number / "camera_params.json",
        person / "camera_params.json",
    ):
        if path.is_file():
            return path
    return None


def _source(found: Group, person: Path, version: str, performance: str | None = None) -> SequenceSource:
    number, performance = person.resolve().name, performance or found.fields["sequence"]
    known = number.isdecimal()
    has_frames = "{frame}" in str(found.locator)
    return SequenceSource(
        name=f"{number}_{performance}" if known else performance,
        path=found.locator,
        views=found.views(),
        identity=number if known else None,
        fps=FPS / mean_step(found.frame_numbers()) if has_frames else None,
        cameras=_cameras(person),
        layout=NAME,
        details={"performance": performance, "version": version},
    )
