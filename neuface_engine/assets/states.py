"""What lies in the folder of assets, and whether it is sound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

from neuface_engine.assets.catalogue import CATALOGUE, Asset
from neuface_engine.assets.detectors import DETECTORS
from neuface_engine.assets.folder import assets_folder, find_all, home_of
from neuface_engine.errors import AssetError, NeuFaceError

FLAME_VERTICES = 5023
Status = Literal["ready", "incomplete", "damaged", "missing"]


@dataclass(frozen=True)
class AssetState:
    """One entry of the catalogue as it is in the folder.

    status: "ready" to be used; "incomplete": sound, but what it needs is not there; "damaged": not of its layout;
    "missing". words: one line that says so, with the remedy where there is one; detail: what the file is, e.g. the
    release of FLAME; path: the file that would be taken; others: further files of the same kind.
    """

    asset: Asset
    status: Status
    words: str
    path: Path | None = None
    detail: str = ""
    size_bytes: int = 0
    others: tuple[Path, ...] = ()

    @property
    def usable(self) -> bool:
        return self.status == "ready"


def survey(folder: Path | None = None) -> list[AssetState]:
    """Every entry of the catalogue, in its order. Weights are not read, their names and shapes are: well under a second
    per file, and nothing for a file that was looked at before."""
    folder = folder or assets_folder()
    ours = [entry for entry in CATALOGUE if entry.kind != "detector"]
    found = find_all(ours, folder) | find_all(list(DETECTORS), home_of(DETECTORS[0]))
    states = {entry.name: _state(entry, found[entry.name], folder) for entry in CATALOGUE}
    return [_with_needs(state, states) for state in states.values()]


def examine(entry: Asset, path: Path) -> str:
    """What the file is, in words. Raises AssetError where it is not what `entry` says."""
    stat = path.stat()
    verdict, words = _examined(entry.name, str(path), stat.st_size, stat.st_mtime_ns)
    if not verdict:
        raise AssetError(words)
    return words


def _state(entry: Asset, paths: list[Path], folder: Path) -> AssetState:
    if not paths:
        where = f"not in {home_of(entry)}" if entry.kind == "detector" else "not there"
        words = f"{where}; obtain it from {entry.url}, then `neuface assets add FILE`"
        return AssetState(entry, "missing", words)
    first: AssetState | None = None
    for path in paths[:4]:  # the first sound one is taken
        others = tuple(p for p in paths if p != path)
        try:
            stat = path.stat()
            sound, words = _examined(entry.name, str(path), stat.st_size, stat.st_mtime_ns)
        except OSError as error:
            sound, words, stat = False, f"{path}: cannot be read ({error.strerror})", folder.stat()
        state = AssetState(
            entry,
            "ready" if sound else "damaged",
            "ready" if sound else words,
            path,
            words if sound else "",
            stat.st_size,
            others,
        )
        if sound:
            return state
        first = first or state
    assert first is not None
    return first


def _with_needs(state: AssetState, states: dict[str, AssetState]) -> AssetState:
    if state.status != "ready":
        return state
    absent = [
        states[name].asset.title
        for name in state.asset.needs
        if states[name].status in ("missing", "damaged")
    ]
    if not absent:
        return state
    return replace(state, status="incomplete", words=f"needs also: {', '.join(absent)}")


@lru_cache(maxsize=256)
def _examined(name: str, path: str, size: int, modified: int) -> tuple[bool, str]:
    """size and modified are part of the key: a changed file is examined anew."""
    from neuface_engine.assets.known import is_known

    try:
        words = _EXAMINERS[name](Path(path))
        known = is_known(Path(path)) and "sha256" not in words
        return True, words + "; known file (sha256)" * known
    except NeuFaceError as error:
        return False, str(error)


def _flame(path: Path) -> str:
    from neuface_engine.face_model.flame_files import SHAPE_COMPONENTS, read_flame_file
    from neuface_engine.face_model.releases import recognise

    model = read_flame_file(path)
    release = recognise(path)
    components = model["shapedirs"].shape[2]
    name = f"FLAME {release.name}" if release.name else "FLAME"
    return (
        f"{name}, {release.gender} ({release.how}); {len(model['v_template'])} vertices, "
        f"{SHAPE_COMPONENTS} + {components - SHAPE_COMPONENTS} components"
    )


def _embedding(path: Path) -> str:
    from neuface_engine.face_model.embeddings import read_embedding

    table = read_embedding(path)
    return "68 landmarks, contour that follows the yaw" if not table.notes else "68 landmarks, fixed contour"


def _mediapipe(path: Path) -> str:
    from neuface_engine.face_model.extras import read_mediapipe

    return f"{len(read_mediapipe(path)[0])} landmarks"


def _masks(path: Path) -> str:
    from neuface_engine.face_model.extras import read_masks

    return f"{len(read_masks(path, FLAME_VERTICES))} regions"


def _eyelids(path: Path) -> str:
    from neuface_engine.face_model.extras import EYELIDS, read_offsets

    missing = [name for name in EYELIDS if not (path.parent / name).is_file()]
    if missing:
        raise AssetError(f"{path}: {missing[0]} is not beside it; both lids are needed")
    return f"{len(read_offsets(path))} vertices"


def _detector(path: Path) -> str:
    from neuface_engine.landmarks import fan_files

    return fan_files.examine(path)


def _encoder(name: str) -> Callable[[Path], str]:
    def examine(path: Path) -> str:
        from neuface_engine.encoders import check_checkpoint

        return check_checkpoint(name, path)

    return examine


_EXAMINERS: dict[str, Callable[[Path], str]] = {
    "flame": _flame,
    "flame2023": _flame,
    "flame2023-open": _flame,
    "landmark-embedding": _embedding,
    "mediapipe-embedding": _mediapipe,
    "flame-masks": _masks,
    "eyelids": _eyelids,
    **{entry.name: _detector for entry in DETECTORS},
    **{name: _encoder(name) for name in ("deca", "emoca", "smirk", "spectre", "mica")},
}
