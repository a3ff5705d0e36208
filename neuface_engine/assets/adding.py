"""Putting a model into the folder of assets."""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path, PurePosixPath

from neuface_engine.assets.catalogue import CATALOGUE, Asset
from neuface_engine.assets.folder import assets_folder, find_all, home_of, rank
from neuface_engine.assets.states import AssetState, examine
from neuface_engine.errors import AssetError, NeuFaceError, in_short
from neuface_engine.files import written_whole
from neuface_engine.mistaken import mistaken

MAX_UNPACKED_BYTES = 16 << 30


def add(path: Path, folder: Path | None = None) -> AssetState:
    """Copies a file, a folder or what a zip file holds into the folder, once it is known to be sound.

    A file is known by its name (as it is distributed); where that says nothing, by what it is. Raises AssetError,
    naming the file and the remedy, for what is damaged or not in the catalogue; the folder then stays as it was.
    """
    folder = folder or assets_folder()
    if not path.exists():
        raise AssetError(f"{path}: no such file; give the file that you downloaded")
    if path.is_file() and zipfile.is_zipfile(path) and not _is_checkpoint(path) and path.suffix == ".zip":
        return _add_zip(path, folder)
    if path.is_dir():
        return _add_folder(path, folder)
    return _add_file(path, folder)


def _add_file(path: Path, folder: Path) -> AssetState:
    entry, words = _recognised(path)
    if entry.kind == "detector":
        return _placed(path, home_of(entry) / path.name, entry, words)
    parent = path.resolve().parent.name
    # A name like generic_model.pkl says nothing without its folder.
    place = Path(parent if parent.lower().startswith("flame") and entry.kind == "head" else "")
    if rank(entry, place / path.name) is None:
        return _placed(path, folder / place / _usual_name(entry, path), entry, words)
    return _placed(path, folder / place / path.name, entry, words)


def _usual_name(entry: Asset, path: Path) -> str:
    """The name under which the file will be found again."""
    plain = [Path(name).name for name in entry.files if not set(name) & set("*?[")]
    return next((name for name in plain if name.endswith(path.suffix.lower())), f"{entry.name}_{path.name}")


def _placed(path: Path, target: Path, entry: Asset, words: str) -> AssetState:
    if target.exists() and target.samefile(path):
        return AssetState(entry, "ready", "ready", target, words, target.stat().st_size)
    with written_whole(target, AssetError) as stream, path.open("rb") as source:
        shutil.copyfileobj(source, stream, 1 << 20)
    return AssetState(entry, "ready", "ready", target, words, target.stat().st_size)


def _recognised(path: Path) -> tuple[Asset, str]:
    """The entry that a single file is of, and what it is in words."""
    whole = path.resolve()
    for entry in CATALOGUE:
        if rank(entry, whole.relative_to(whole.anchor)) is not None:
            return entry, examine(entry, path)
    wrong = mistaken(path)
    if wrong is not None:
        raise AssetError(f"{path}: {wrong}")
    reasons: dict[str, NeuFaceError] = {}
    for entry in CATALOGUE:
        if entry.kind == "detector":  # face-alignment knows its files by their names alone
            continue
        try:
            return entry, examine(entry, path)
        except NeuFaceError as reason:
            reasons[entry.name] = reason
    meant = [name for name in reasons if name in path.name.lower()]
    if len(meant) == 1:
        raise reasons[meant[0]]
    raise AssetError(
        f"{path}: is none of the models that can be used; `neuface assets list` names them, "
        "`neuface assets how NAME` says where each is obtained"
    )


def _add_folder(path: Path, folder: Path) -> AssetState:
    """Of a folder as it was unpacked: every file of it that the catalogue knows, at the same places."""
    path = path.resolve()
    root = path.parent
    found = find_all(list(CATALOGUE), path, root=root)
    states: list[AssetState] = []
    for entry in CATALOGUE:
        for file in found[entry.name]:
            flat = home_of(entry) / file.name
            target = flat if entry.kind == "detector" else folder / file.relative_to(root)
            state = _placed(file, target, entry, examine(entry, file))
            for beside in _settings_of(file, path):
                _placed(beside, folder / beside.relative_to(root), entry, "")
            states.append(state)
    if not states:
        raise AssetError(
            f"{path}: holds none of the models that can be used; `neuface assets list` names them"
        )
    return states[0]


def _settings_of(checkpoint: Path, top: Path) -> list[Path]:
    """EMOCA's cfg.yaml lies above its checkpoints."""
    above = [p for p in checkpoint.parents if p == top or top in p.parents]
    return [p / "cfg.yaml" for p in above if (p / "cfg.yaml").is_file()]


def _add_zip(path: Path, folder: Path) -> AssetState:
    unpacked = folder / f"{path.stem}.unpacking"
    try:
        with zipfile.ZipFile(path) as archive:
            _extract(archive, unpacked / path.stem, path)
        return _add_folder(_without_doubled(unpacked / path.stem), folder)
    except NeuFaceError as reason:  # its files are gone again: they are named by the archive
        within = str(unpacked.resolve() / path.stem) + os.sep
        raise AssetError(str(reason).replace(within, f"{path}: ", 1)) from None
    except (zipfile.BadZipFile, EOFError, RuntimeError, NotImplementedError, OSError) as error:
        raise AssetError(f"{path}: cannot be unpacked ({in_short(error)}); download it again") from None
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)


def _without_doubled(folder: Path) -> Path:
    """EMOCA_v2.zip holds one folder of its own name."""
    inside = list(folder.iterdir())
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else folder


def _extract(archive: zipfile.ZipFile, target: Path, path: Path) -> None:
    if sum(info.file_size for info in archive.infolist()) > MAX_UNPACKED_BYTES:
        raise AssetError(f"{path}: is larger than any model; give the file that you downloaded")
    for info in archive.infolist():
        parts = PurePosixPath(info.filename.replace("\\", "/")).parts
        if info.is_dir() or not parts:
            continue
        if ".." in parts or parts[0].endswith(":") or info.filename.startswith("/"):
            raise AssetError(f"{path}: a file in it would be written elsewhere; download it again")
        place = target.joinpath(*parts)
        place.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(info) as source, place.open("wb") as stream:
            shutil.copyfileobj(source, stream, 1 << 20)


def _is_checkpoint(path: Path) -> bool:
    """Whether the zip is torch's own."""
    with zipfile.ZipFile(path) as archive:
        return any(name.rsplit("/", 1)[-1] == "data.pkl" for name in archive.namelist())
