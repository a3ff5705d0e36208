"""PLY and OBJ as far as meshes and scans have them in common: the header, rows of numbers, vertices.

A damaged file raises ValueError, KeyError, IndexError or OverflowError; whoever calls names the file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

SUFFIXES = (".obj", ".ply")
MAX_ELEMENTS = 20_000_000
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


@dataclass(frozen=True)
class Property:
    """One number of a row, or with `length` (the type of its count) a list of them; types as numpy writes them."""

    name: str
    kind: str
    length: str | None = None


@dataclass(frozen=True)
class Element:
    """`count` rows of the same properties."""

    name: str
    count: int
    properties: list[Property] = field(default_factory=list)

    @property
    def has_lists(self) -> bool:
        return any(entry.length is not None for entry in self.properties)


def read_ply_header(stream: BinaryIO) -> tuple[str, list[Element]]:
    """Byte order ("" where the rows are text) and elements of a PLY file, whose rows the stream is left before."""
    if stream.readline().strip() != b"ply":
        raise ValueError("no PLY header")
    order = ""
    elements: list[Element] = []
    while line := stream.readline():
        words = line.decode("ascii").split()
        if words[:1] == ["format"]:
            order = words[1]
        elif words[:1] == ["element"]:
            count = int(words[2])
            if not 0 <= count <= MAX_ELEMENTS:
                raise ValueError("so many elements cannot be meant")
            elements.append(Element(words[1], count))
        elif words[:2] == ["property", "list"]:
            elements[-1].properties.append(Property(words[4], _TYPES[words[3]], _TYPES[words[2]]))
        elif words[:1] == ["property"]:
            elements[-1].properties.append(Property(words[2], _TYPES[words[1]]))
        elif words[:1] == ["end_header"]:
            return _ORDERS[order], elements
    raise ValueError("the header has no end")


def read_text_rows(stream: BinaryIO, count: int) -> list[list[bytes]]:
    """The words of the next `count` lines."""
    rows = []
    for _ in range(count):
        line = stream.readline()
        if not line:
            raise ValueError("the file ends too early")
        rows.append(line.split())
    return rows


def read_columns(stream: BinaryIO, element: Element, order: str) -> dict[str, NDArray[np.float64]]:
    """The rows of an element without lists, [count] for each property."""
    names = [entry.name for entry in element.properties]
    if not order:
        rows = np.array(read_text_rows(stream, element.count), np.float64).reshape(element.count, len(names))
        return {name: rows[:, column] for column, name in enumerate(names)}
    record = np.dtype([(entry.name, order + entry.kind) for entry in element.properties])
    data = np.frombuffer(stream.read(element.count * record.itemsize), record, element.count)
    return {name: data[name].astype(np.float64) for name in names}


def points_of(columns: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """[count, 3]."""
    return np.stack([columns[axis] for axis in "xyz"], axis=1)


def read_obj_points(lines: list[bytes]) -> NDArray[np.float64]:
    """[N, 3] of lines `v x y z ...`."""
    return np.array([line.split()[1:4] for line in lines], np.float64).reshape(-1, 3)


def is_obj(line: bytes, kind: bytes) -> bool:
    """Whether a line of an OBJ file is of this kind: b"v" or b"f"."""
    return line.startswith((kind + b" ", kind + b"\t"))
