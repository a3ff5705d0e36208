"""OBJ and PLY with their triangles, vertices in the file's order (metrics/scan_files.py reads scans, without them)."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from neuface_engine.errors import TrackError
from neuface_engine.metrics.scan_files import _ORDERS as ORDERS
from neuface_engine.metrics.scan_files import _TYPES as TYPES

Mesh = tuple[NDArray[np.float64], NDArray[np.int32]]
SUFFIXES = (".obj", ".ply")
MAX_ELEMENTS = 20_000_000


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
    points: list[list[bytes]] = []
    polygons: list[list[int]] = []
    for line in stream:
        if line.startswith((b"v ", b"v\t")):
            points.append(line.split()[1:4])
        elif line.startswith((b"f ", b"f\t")):
            numbers = [int(corner.split(b"/")[0]) for corner in line.split()[1:]]
            polygons.append([n - 1 if n > 0 else len(points) + n for n in numbers])
    return np.array(points, np.float64).reshape(-1, 3), _fans(polygons)


def _read_ply(stream: BinaryIO) -> Mesh:
    if stream.readline().strip() != b"ply":
        raise ValueError("no PLY header")
    order = ""
    elements: list[tuple[str, int, list[tuple[str, str, str | None]]]] = []  # count type only of lists
    while True:
        line = stream.readline()
        if not line:
            raise ValueError("the header has no end")
        words = line.decode("ascii").split()
        if words[:1] == ["format"]:
            order = words[1]
        elif words[:1] == ["element"]:
            count = int(words[2])
            if not 0 <= count <= MAX_ELEMENTS:
                raise ValueError("so many elements cannot be meant")
            elements.append((words[1], count, []))
        elif words[:1] == ["property"] and words[1] == "list":
            elements[-1][2].append((words[4], TYPES[words[3]], TYPES[words[2]]))
        elif words[:1] == ["property"]:
            elements[-1][2].append((words[2], TYPES[words[1]], None))
        elif words[:1] == ["end_header"]:
            break
    endian = ORDERS[order]
    vertices, faces = np.empty((0, 3)), np.empty((0, 3), np.int32)
    for name, count, properties in elements:
        if any(length is not None for _, _, length in properties):
            polygons = _lists(stream, count, properties, endian)
            if name == "face":
                faces = _fans(polygons)
        else:
            columns = _columns(stream, count, properties, endian)
            if name == "vertex":
                vertices = np.stack([columns[axis] for axis in "xyz"], axis=1)
    return vertices, faces


def _columns(
    stream: BinaryIO, count: int, properties: list[tuple[str, str, str | None]], endian: str
) -> dict[str, NDArray[np.float64]]:
    if not endian:
        rows = np.array([stream.readline().split() for _ in range(count)], np.float64)
        rows = rows.reshape(count, len(properties))
        return {title: rows[:, i] for i, (title, _, _) in enumerate(properties)}
    record = np.dtype([(title, endian + kind) for title, kind, _ in properties])
    data = np.frombuffer(stream.read(count * record.itemsize), record, count)
    return {title: data[title].astype(np.float64) for title, _, _ in properties}


def _lists(
    stream: BinaryIO, count: int, properties: list[tuple[str, str, str | None]], endian: str
) -> list[list[int]]:
    """The list property of every row; other properties of the row are passed over."""
    if not endian:
        rows = [[float(word) for word in stream.readline().split()] for _ in range(count)]
        return [_ascii_list(row, properties) for row in rows]
    if len(properties) == 1:
        fast = _triangles_alone(stream, count, properties[0], endian)
        if fast is not None:
            return fast
    polygons = []
    for _ in range(count):
        polygon: list[int] = []
        for _, kind, length in properties:
            many = 1 if length is None else int(_numbers(stream, endian + length, 1)[0])
            values = _numbers(stream, endian + kind, many)
            if length is not None and not polygon:
                polygon = [int(value) for value in values]
        polygons.append(polygon)
    return polygons


def _triangles_alone(
    stream: BinaryIO, count: int, entry: tuple[str, str, str | None], endian: str
) -> list[list[int]] | None:
    """All rows at once where every one is a triangle; None (and the stream as it was) where not."""
    _, kind, length = entry
    record = np.dtype([("count", endian + str(length)), ("corner", endian + kind, 3)])
    start = stream.tell()
    content = stream.read(count * record.itemsize)
    if len(content) == count * record.itemsize:
        data = np.frombuffer(content, record, count)
        if (data["count"] == 3).all():
            corners: list[list[int]] = data["corner"].astype(np.int64).tolist()
            return corners
    stream.seek(start)
    return None


def _ascii_list(row: list[float], properties: list[tuple[str, str, str | None]]) -> list[int]:
    place = 0
    polygon: list[int] = []
    for _, _, length in properties:
        many = 1 if length is None else int(row[place])
        place += length is not None
        if length is not None and not polygon:
            polygon = [int(value) for value in row[place : place + many]]
        place += many
    return polygon


def _numbers(stream: BinaryIO, kind: str, count: int) -> NDArray[np.generic]:
    width = np.dtype(kind).itemsize
    if not 0 <= count <= 10_000:
        raise ValueError("a polygon of so many corners cannot be meant")
    return np.frombuffer(stream.read(count * width), kind, count)
