"""Results of other trackers as tracks, so that metrics, render and the review work on them; docs/formats.md.

`import_track(path, format="auto", sequence=..., head=...)` gives a FaceTrack, or of bare meshes a MeshTrack.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuface_engine.errors import ConfigError, TrackError
from neuface_engine.face_model import FaceModel
from neuface_engine.polygon_files import SUFFIXES
from neuface_engine.tracks.importers import (
    deca_mat,
    dumps,
    flame_head_tracker,
    mesh_sequence,
    metrical_tracker,
    official,
    vhap,
)
from neuface_engine.tracks.importers.assembling import Known, assemble, stacked
from neuface_engine.tracks.importers.files import CONTAINERS, numbered, read_container
from neuface_engine.tracks.importers.reading import Reading

if TYPE_CHECKING:
    from neuface_engine.tracks.loading import Track
    from neuface_engine.video import Sequence as Footage


@dataclass(frozen=True)
class Importer:
    """name, title, what to give it; matches(path, content of a file), matches_folder(path), read(path, views=...).

    reads_rows: its rows are of several views, in alphabetical order.
    """

    name: str
    title: str
    takes: str
    matches: Callable[[Path, Mapping[str, Any]], bool]
    matches_folder: Callable[[Path], bool]
    read: Callable[..., Reading]
    reads_rows: bool = False


def _never(path: Path) -> bool:
    return False


_ALL = (
    Importer(
        "official", "NeuFace (authors' code)", "params.npz", official.matches, _never, official.read, True
    ),
    Importer(
        "metrical-tracker",
        "metrical-tracker",
        "the actor's folder, its checkpoint folder, or a .frame file",
        metrical_tracker.matches,
        metrical_tracker.matches_folder,
        metrical_tracker.read,
    ),
    Importer(
        "vhap",
        "VHAP",
        "tracked_flame_params_*.npz or its folder",
        vhap.matches,
        vhap.matches_folder,
        vhap.read,
    ),
    Importer(
        "flame-head-tracker",
        "flame-head-tracker",
        "the folder of a video's npz files",
        flame_head_tracker.matches,
        _never,
        flame_head_tracker.read,
    ),
    Importer(
        "codes",
        "DECA, EMOCA, SMIRK",
        "saved codes: npz, npy, pkl or pt, a folder of them, EMOCA's output folder",
        dumps.matches,
        dumps.matches_folder,
        dumps.read,
    ),
)
IMPORTERS: dict[str, Importer] = {entry.name: entry for entry in _ALL}
"""By name; "meshes" (OBJ and PLY sequences) and "deca-mat" besides, which give no parameters."""
MESHES, DECA_MAT = "meshes", "deca-mat"
NAMES = (*IMPORTERS, DECA_MAT, MESHES)


def import_track(
    path: str | Path | Sequence[str | Path],
    *,
    format: str = "auto",  # noqa: A002  (what users call it)
    sequence: Footage | None = None,
    head: FaceModel | None = None,
    views: Sequence[str] | None = None,
    fps: float | None = None,
    image_size: tuple[int, int] | None = None,
    first_frame: int | None = None,
    space: str | None = None,
    unit: str = "auto",
) -> Track:
    """The result at `path` as a track; several paths: one view each, named by `views`.

    sequence: the footage, for sizes, frame rate, landmarks and where crops lay; head: the face model of the parameters;
    first_frame: the number by which the file calls the video's first frame; space ("posed", "canonical", "world") and
    unit ("m", "cm", "mm"): of meshes. What had to be assumed stands in `track.provenance["warnings"]`.
    Raises TrackError for files, ConfigError for options and AssetError for heads, one line each.
    """
    paths = [Path(path)] if isinstance(path, str | Path) else [Path(entry) for entry in path]
    if not paths:
        raise ConfigError("nothing to import; give a tracker's result")
    for entry in paths:
        if not entry.exists():
            raise TrackError(f"{entry}: no such file or folder; give a tracker's result")
    if fps is not None and not 0 < fps < 10_000:
        raise ConfigError(f"--fps {fps:g} cannot be meant; give frames per second")
    known = Known(fps, None if views is None else tuple(views), image_size, first_frame, sequence)
    name = detect(paths[0]) if format == "auto" else format
    if name not in NAMES:
        raise ConfigError(f"format {name!r} is unknown; give one of auto, {', '.join(NAMES)}")
    if name == DECA_MAT:
        if len(paths) > 1:
            raise ConfigError(f"{paths[1]}: DECA's meshes are imported a view at a time; give one PATH")
        return deca_mat.read(paths[0], known, head=head)
    if name == MESHES:
        if len(paths) > 1:
            raise ConfigError(
                "meshes of several views are imported as one folder with a folder for each view"
            )
        return mesh_sequence.read(paths[0], known, head=head, space=space, unit=unit)
    importer = IMPORTERS[name]
    rows_of_footage = views is None and sequence is not None and importer.reads_rows and len(paths) == 1
    if rows_of_footage and sequence is not None:
        views = sequence.views
    if len(paths) == 1:
        reading = importer.read(paths[0], views=views)
        if rows_of_footage and reading.num_views > 1 and reading.head is None:
            named = ", ".join(reading.views or ())
            reading = reading.noted(
                f"its rows are taken to be of the footage's views in alphabetical order: {named}"
            )
    else:
        reading = stacked([importer.read(entry) for entry in paths], tuple(views or ()))
    return assemble(reading, _head(reading, head), known)


def detect(path: Path) -> str:
    """The name of the importer for what lies at `path`, by its content. Raises TrackError where none fits."""
    if deca_mat.matches(path):
        return DECA_MAT
    if path.is_dir():
        for entry in _ALL:
            if entry.matches_folder(path):
                return entry.name
        for suffix in CONTAINERS:
            files = numbered(path, suffix)
            if files:
                return _of_content(files[0][1])
        if mesh_sequence.matches_folder(path):
            return MESHES
        raise TrackError(f"{path}: no result of a tracker that is known ({', '.join(NAMES)}); say --format")
    if path.suffix.lower() in SUFFIXES:
        return MESHES
    return _of_content(path)


def _of_content(path: Path) -> str:
    content = read_container(path)
    if "header" in content:
        raise TrackError(f"{path}: looks like a track of this software, which needs no import")
    for entry in _ALL:
        if entry.matches(path, content):
            return entry.name
    raise TrackError(f"{path}: no result of a tracker that is known ({', '.join(NAMES)}); say --format")


def _head(reading: Reading, head: FaceModel | None) -> FaceModel:
    """The head that decodes these parameters. Raises ConfigError where only the user can know it."""
    told = dict(reading.head or {})
    if head is None:
        if told.get("name") == "open":
            return _checked(FaceModel.load("open"), told, reading)
        raise ConfigError(
            f"{reading.path}: its parameters mean something only with their face model; give FLAME with --head FILE "
            "(or --head open, where they are of the open head)"
        )
    return _checked(head, told, reading)


def _checked(head: FaceModel, told: Mapping[str, Any], reading: Reading) -> FaceModel:
    if told.get("fingerprint") and told["fingerprint"] != head.fingerprint:
        raise TrackError(
            f"{reading.path}: made with the head {told.get('name')!r} ({str(told['fingerprint'])[:12]}), "
            f"not {head.name!r} ({head.fingerprint[:12]}); give that one with --head FILE"
        )
    return head


__all__ = ["IMPORTERS", "NAMES", "Importer", "detect", "import_track"]
