"""Opens the containers in which others keep their results; nothing in a file is ever run."""

from __future__ import annotations

import re
import zipfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from neuface_engine.errors import AssetError, TrackError
from neuface_engine.face_model.flame_files import read_arrays
from neuface_engine.torch_files import find_tensors, is_stream, is_zip, read_torch_stream, read_torch_zip
from neuface_engine.unpickling import Refused, unpickle

LARGEST_FILE = 4 << 30
AGAIN = "copy or export it again"
CONTAINERS = (".npz", ".npy", ".pkl", ".pickle", ".pt", ".pth", ".frame", ".safetensors")


def read_container(path: Path) -> dict[str, Any]:
    """The dict in an npz, npy, pickle, torch.save or safetensors file, arrays as numpy. Raises TrackError."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise TrackError(f"{path}: larger than 4 GB; give the parameters alone")
        if path.suffix == ".npy":
            return _read_npy(path)
        if is_zip(path) and _is_torch(path):
            content = read_torch_zip(path, arrays=True)
        elif is_stream(path):
            content = read_torch_stream(path, arrays=True)
        else:
            content = read_arrays(path, what="a tracker's result", remedy=AGAIN)
    except FileNotFoundError:
        raise TrackError(f"{path}: no such file; give a tracker's result") from None
    except Refused as reason:
        raise TrackError(f"{path}: cannot be read as a tracker's result ({reason}); {AGAIN}") from None
    except AssetError as error:
        raise TrackError(str(error)) from None
    except OSError as error:
        raise TrackError(f"{path}: cannot be read ({error.strerror or error}); {AGAIN}") from None
    if not isinstance(content, dict):
        raise TrackError(f"{path}: holds a {type(content).__name__}, not the result of a tracker; {AGAIN}")
    return {str(key): value for key, value in content.items()}


def _is_torch(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.rsplit("/", 1)[-1] == "data.pkl" for name in archive.namelist())
    except (zipfile.BadZipFile, zipfile.LargeZipFile, OSError, ValueError, NotImplementedError, RuntimeError):
        return False


def _read_npy(path: Path) -> dict[str, Any]:
    """An array under its file's name, or the dict that numpy pickled into a 0-d object array."""
    with path.open("rb") as stream:
        try:
            array = np.lib.format.read_array(stream, allow_pickle=False)
            return {path.stem: array}
        except ValueError:
            pass
        except Exception as error:  # numpy's header parser has errors of its own
            raise TrackError(f"{path}: damaged ({type(error).__name__}); {AGAIN}") from None
        stream.seek(0)
        try:
            version = np.lib.format.read_magic(stream)
            header = (
                np.lib.format.read_array_header_1_0
                if version == (1, 0)
                else np.lib.format.read_array_header_2_0
            )
            _, _, dtype = header(stream)
            content = unpickle(stream, find_tensors) if dtype.hasobject else None
        except Refused as reason:
            raise TrackError(f"{path}: cannot be read ({reason}); {AGAIN}") from None
        except Exception as error:
            raise TrackError(f"{path}: damaged ({type(error).__name__}); {AGAIN}") from None
    if isinstance(content, list) and len(content) == 1:
        content = content[0]
    if not isinstance(content, dict):
        raise TrackError(f"{path}: neither an array nor a dict of arrays; {AGAIN}")
    return {str(key): value for key, value in content.items()}


def number_of(path: Path) -> int | None:
    """The last number in a file's name: which frame it is of."""
    found = re.findall(r"\d+", path.stem)
    return int(found[-1]) if found and len(found[-1]) <= 9 else None


def numbered(folder: Path, suffix: str) -> list[tuple[int, Path]]:
    """The files of a folder with that suffix by frame number. Raises TrackError where two have the same."""
    try:
        files = [file for file in folder.iterdir() if file.suffix.lower() == suffix and file.is_file()]
    except OSError as error:
        raise TrackError(f"{folder}: cannot be read ({error.strerror}); give yourself permission") from None
    known = sorted((number, file) for file in files if (number := number_of(file)) is not None)
    for (one, first), (other, second) in pairwise(known):
        if one == other:
            raise TrackError(
                f"{folder}: {first.name} and {second.name} are of the same frame; take one of them away"
            )
    return known
