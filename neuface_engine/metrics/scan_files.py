"""Scans as they lie on disk: the vertices of OBJ and PLY files, and landmarks picked on them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from neuface_engine.errors import MediaError
from neuface_engine.polygon_files import (
    SUFFIXES,
    is_obj,
    points_of,
    read_columns,
    read_obj_points,
    read_ply_header,
)

UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001}


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
            with path.open("rb") as stream:
                points = np.load(stream, allow_pickle=False)
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
    return read_obj_points([line for line in stream if is_obj(line, b"v")])


def _read_ply(stream: BinaryIO) -> NDArray[np.float64]:
    order, elements = read_ply_header(stream)
    for element in elements:
        if element.has_lists:
            raise ValueError("a list stands before the vertices")
        columns = read_columns(stream, element, order)
        if element.name == "vertex":
            return points_of(columns)
    raise ValueError("no vertices")
