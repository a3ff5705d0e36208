"""OBJ and PLY with their triangles, vertices in the file's order (metrics/scan_files.py reads scans, without them)."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from neuface_engine.errors import TrackError
from neuface_engine.polygon_files import (
    Element,
    is_obj,
    points_of,
    read_columns,
    read_obj_points,
    read_ply_header,
    read_text_rows,
)

Mesh = tuple[NDArray[np.float64], NDArray[np.int32]]


def read_mesh(path: Path) -> Mesh:
    """Vertices [N, 3] in the file's unit and triangles [T, 3] (polygons are cut into fans).

    Raises TrackError where the file is missing, damaged, not finite or without a surface.
    """
    try:
        with path.open("rb") as stream:
            vertices, faces = _read_obj(stream) if path.suffix.lower() == ".obj" else _read_ply(stream)
    except FileNotFoundError:
        raise TrackError(f"{path}: no such mesh; give an OBJ or PLY file") from None
    except (OSError, ValueError, IndexError, KeyError, OverflowError, MemoryError, TypeError) as error:
        raise TrackError(
            f"{path}: damaged, or no {path.suffix[1:].upper()} file ({type(error).__name__}); export it again"
        ) from None
    if len(vertices) < 3 or not len(faces):
        raise TrackError(
            f"{path}: {len(vertices)} vertices and {len(faces)} triangles are no surface; export it again"
        )
    if not np.isfinite(vertices).all() or np.abs(vertices).max() > 1e9:
        raise TrackError(f"{path}: vertices that are not finite; export it again")
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise TrackError(f"{path}: triangles name vertices that there are not; export it again")
    return vertices, faces


def _fans(polygons: list[list[int]]) -> NDArray[np.int32]:
    rows = [(p[0], p[i], p[i + 1]) for p in polygons for i in range(1, len(p) - 1)]
    return np.array(rows, np.int64).reshape(-1, 3).clip(-1, 2**31 - 1).astype(np.int32)


def _read_obj(stream: BinaryIO) -> Mesh:
    points: list[bytes] = []
    polygons: list[list[int]] = []
    for line in stream:
        if is_obj(line, b"v"):
            points.append(line)
        elif is_obj(line, b"f"):
            numbers = [int(corner.split(b"/")[0]) for corner in line.split()[1:]]
            polygons.append([n - 1 if n > 0 else len(points) + n for n in numbers])
    return read_obj_points(points), _fans(polygons)


def _read_ply(stream: BinaryIO) -> Mesh:
    order, elements = read_ply_header(stream)
    vertices, faces = np.empty((0, 3)), np.empty((0, 3), np.int32)
    for element in elements:
        if element.has_lists:
            polygons = _lists(stream, element, order)
            if element.name == "face":
                faces = _fans(polygons)
        else:
            columns = read_columns(stream, element, order)
            if element.name == "vertex":
                vertices = points_of(columns)
    return vertices, faces


def _lists(stream: BinaryIO, element: Element, order: str) -> list[list[int]]:
    """The list property of every row; other properties of the row are passed over."""
    if not order:
        rows = read_text_rows(stream, element.count)
        return [_text_list([float(word) for word in row], element) for row in rows]
    if len(element.properties) == 1:
        fast = _triangles_alone(stream, element, order)
        if fast is not None:
            return fast
    polygons = []
    for _ in range(element.count):
        polygon: list[int] = []
        for entry in element.properties:
            many = 1 if entry.length is None else int(_numbers(stream, order + entry.length, 1)[0])
            values = _numbers(stream, order + entry.kind, many)
            if entry.length is not None and not polygon:
                polygon = [int(value) for value in values]
        polygons.append(polygon)
    return polygons


def _triangles_alone(stream: BinaryIO, element: Element, order: str) -> list[list[int]] | None:
    """All rows at once where every one is a triangle; None (and the stream as it was) where not."""
    entry = element.properties[0]
    record = np.dtype([("count", f"{order}{entry.length}"), ("corner", order + entry.kind, 3)])
    start = stream.tell()
    content = stream.read(element.count * record.itemsize)
    if len(content) == element.count * record.itemsize:
        data = np.frombuffer(content, record, element.count)
        if (data["count"] == 3).all():
            corners: list[list[int]] = data["corner"].astype(np.int64).tolist()
            return corners
    stream.seek(start)
    return None


def _text_list(row: list[float], element: Element) -> list[int]:
    place = 0
    polygon: list[int] = []
    for entry in element.properties:
        many = 1 if entry.length is None else int(row[place])
        place += entry.length is not None
        if entry.length is not None and not polygon:
            polygon = [int(value) for value in row[place : place + many]]
        place += many
    return polygon


def _numbers(stream: BinaryIO, kind: str, count: int) -> NDArray[np.generic]:
    width = np.dtype(kind).itemsize
    if not 0 <= count <= 10_000:
        raise ValueError("a polygon of so many corners cannot be meant")
    return np.frombuffer(stream.read(count * width), kind, count)
