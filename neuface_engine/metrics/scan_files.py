"""Scans as they lie on disk: the vertices of OBJ and PLY files, and landmarks picked on them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from neuface_engine.errors import MediaError

UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001}
SUFFIXES = (".obj", ".ply")
_TYPES = {
    **dict.fromkeys(("char", "int8"), "i1"),
    **dict.fromkeys(("uchar", "uint8"), "u1"),
    **dict.fromkeys(("short", "int16"), "i2"),
    **dict.fromkeys(("ushort", "uint16"), "u2"),
    **dict.fromkeys(("int", "int32"), "i4"),
    **dict.fromkeys(("uint", "uint32"), "u4"),
    **dict.fromkeys(("float", "float32"), "f4"),
    **dict.fromkeys(("double", "float64"), "f8"),
}
_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": ""}


def read_scan(path: str | Path) -> NDArray[np.float64]:
    """Vertices [P, 3] of an .obj or .ply in the file's unit; those that are not finite are left out.

    Raises MediaError where the file is missing, of another kind, damaged or has fewer than four vertices.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise MediaError(f"{path}: not an OBJ or PLY file; export the scan as one of them")
    try:
        with path.open("rb") as stream:
            points = _read_obj(stream) if path.suffix.lower() == ".obj" else _read_ply(stream)
    except FileNotFoundError:
        raise MediaError(f"{path}: no such scan; give an OBJ or PLY file") from None
    except (OSError, ValueError, IndexError, KeyError, OverflowError, MemoryError) as error:
        raise MediaError(
            f"{path}: damaged, or no {path.suffix[1:].upper()} file ({type(error).__name__}); export it again"
        ) from None
    points = points[np.isfinite(points).all(1)]
    if len(points) < 4:
        raise MediaError(f"{path}: {len(points)} vertices; give a scan with a surface")
    return points


def guess_unit(points: NDArray[np.float64]) -> str:
    """ "m", "cm" or "mm", by the size of a head or bust: the diagonal of its box is 0.2 to 1.2 m."""
    diagonal = float(np.linalg.norm(np.ptp(points, axis=0)))
    return "m" if diagonal < 3 else "cm" if diagonal < 130 else "mm"


def read_landmarks(path: str | Path) -> NDArray[np.float64]:
    """Points [K, 3] picked on a scan, in its unit: .npy, .json, .txt (three numbers a line), or MeshLab's .pp.

    K is 51 or 68 (iBUG), or 7: corners of the right eye, of the left eye, base of the nose, corners of the mouth (NoW).
    Raises MediaError where the file is missing, damaged or holds another number of points.
    """
    path = Path(path)
    try:
        if path.suffix.lower() == ".npy":
            points = np.load(path, allow_pickle=False)
        else:
            text = path.read_text(encoding="utf-8")
            if path.suffix.lower() == ".json":
                points = json.loads(text)
            elif path.suffix.lower() == ".pp":
                points = [_picked(tag) for tag in re.findall(r"<point\b[^>]*>", text)]
            else:
                points = [line.replace(",", " ").split() for line in text.splitlines() if line.strip()]
        array = np.asarray(points, np.float64)
    except FileNotFoundError:
        raise MediaError(f"{path}: no such file; give the landmarks of the scan") from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise MediaError(
            f"{path}: not readable as landmarks ({type(error).__name__}); pick them again"
        ) from None
    if (
        array.ndim != 2
        or array.shape[1] != 3
        or len(array) not in (7, 51, 68)
        or not np.isfinite(array).all()
    ):
        raise MediaError(
            f"{path}: landmarks of shape {list(array.shape)}; give 7, 51 or 68 points of x, y, z"
        )
    return array


def _picked(tag: str) -> list[float]:
    values = dict(re.findall(r'\b([xyz])\s*=\s*"([^"]*)"', tag))
    return [float(values[axis]) for axis in "xyz"]


def _read_obj(stream: BinaryIO) -> NDArray[np.float64]:
    rows = [line.split()[1:4] for line in stream if line.startswith((b"v ", b"v\t"))]
    return np.array(rows, np.float64).reshape(-1, 3)


def _read_ply(stream: BinaryIO) -> NDArray[np.float64]:
    if stream.readline().strip() != b"ply":
        raise ValueError("no PLY header")
    order = ""
    elements: list[
        tuple[str, int, list[tuple[str, str | None]]]
    ] = []  # name, count, properties; None: a list
    while True:
        line = stream.readline()
        if not line:
            raise ValueError("the header has no end")
        words = line.decode("ascii").split()
        if words[:1] == ["format"]:
            order = words[1]
        elif words[:1] == ["element"]:
            elements.append((words[1], int(words[2]), []))
        elif words[:1] == ["property"]:
            elements[-1][2].append((words[-1], None if words[1] == "list" else _TYPES[words[1]]))
        elif words[:1] == ["end_header"]:
            break
    endian = _ORDERS[order]
    for name, count, properties in elements:
        if any(kind is None for _, kind in properties):
            raise ValueError("a list stands before the vertices")
        if order == "ascii":
            rows = [stream.readline().split() for _ in range(count)]
            table = np.array(rows, np.float64).reshape(count, len(properties))
            columns = {title: table[:, i] for i, (title, _) in enumerate(properties)}
        else:
            record = np.dtype([(title, endian + str(kind)) for title, kind in properties])
            content = stream.read(count * record.itemsize)
            data = np.frombuffer(content, record, count)
            columns = {title: data[title].astype(np.float64) for title, _ in properties}
        if name == "vertex":
            return np.stack([columns[axis] for axis in "xyz"], axis=1)
    raise ValueError("no vertices")
