"""Arrays of numbers in MATLAB files of version 5, read without anything that a damaged file could crash.

The layout is MathWorks' "MAT-File Format, Level 5": 128 bytes that say version and order of bytes, then elements of
(type, length), compressed or not; a matrix holds its flags, dimensions, name and numbers, columns first.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

_HEADER, _PEEK = 128, 1024
_MATRIX, _COMPRESSED = 14, 15
_KINDS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_COMPLEX, _NUMBERS = 0x800, range(6, 16)  # classes double, single, int8 ... uint64
_BYTES = 1 << 28  # of one array: more is not meant


def read_matlab(path: Path, names: Collection[str]) -> dict[str, NDArray[np.generic]]:
    """The arrays of these names that the file has. Raises OSError, ValueError with a reason, or struct.error."""
    found = {}
    with path.open("rb") as stream:
        header = stream.read(_HEADER)
        order = {b"IM": "<", b"MI": ">"}.get(header[126:128])
        if order is None:
            raise ValueError("no MATLAB file of version 5")
        if struct.unpack(order + "H", header[124:126])[0] != 0x0100:
            raise ValueError("a MATLAB file of another version than 5")
        for element in _elements(stream, order):
            matrix = _Matrix(element, order)
            if matrix.name in names:
                found[matrix.name] = matrix.numbers()
    return found


class _Element:
    """One element of a file, of which no more is read than is asked for."""

    def __init__(self, stream: BinaryIO, start: int, length: int, *, compressed: bool) -> None:
        self._stream, self._start, self._length, self._compressed = stream, start, length, compressed

    def read(self, size: int) -> bytes:
        """Its first `size` bytes, without its own tag."""
        self._stream.seek(self._start)
        if not self._compressed:
            return self._stream.read(min(size, self._length))
        data = self._stream.read(self._length)
        try:
            return zlib.decompressobj().decompress(data, size + 8)[8:]
        except zlib.error:
            raise ValueError("compressed parts are damaged") from None


def _elements(stream: BinaryIO, order: str) -> Iterator[_Element]:
    place = _HEADER
    while True:
        stream.seek(place)
        tag = stream.read(8)
        if not tag:
            return
        kind, length = struct.unpack(order + "II", tag)
        if kind not in (_MATRIX, _COMPRESSED) or length > _BYTES:
            raise ValueError("an element that is no matrix")
        yield _Element(stream, place + 8, length, compressed=kind == _COMPRESSED)
        place += 8 + length


class _Matrix:
    """The beginning of a matrix: what it is called, and how large it is."""

    def __init__(self, element: _Element, order: str) -> None:
        self._element, self._order = element, order
        head = element.read(_PEEK)
        flags, place = self._part(head, 0)
        dimensions, place = self._part(head, place)
        name, self._place = self._part(head, place)
        self._flags = int(struct.unpack_from(order + "I", flags)[0])
        self.shape = tuple(np.frombuffer(dimensions, order + "i4").tolist())
        self.name = name.decode("latin-1")

    def numbers(self) -> NDArray[np.generic]:
        """Raises ValueError where it holds none, or not as many as it says."""
        count = int(np.prod(self.shape, dtype=float))
        if self._flags & 0xFF not in _NUMBERS or self._flags & _COMPLEX or min(self.shape, default=-1) < 0:
            raise ValueError(f"{self.name!r} holds no numbers")
        if 8 * count > _BYTES:
            raise ValueError(f"{self.name!r} is too large to be meant")
        whole = self._element.read(self._place + 8 + 8 * count)
        kind = struct.unpack_from(self._order + "I", whole, self._place)[0] & 0xFFFF
        data, _ = self._part(whole, self._place)
        if kind not in _KINDS:
            raise ValueError(f"{self.name!r} holds no numbers")
        values = np.frombuffer(data, self._order + _KINDS[kind])
        if len(values) != count:
            raise ValueError(f"{self.name!r} is cut off")
        return values.reshape(self.shape, order="F")

    def _part(self, data: bytes, place: int) -> tuple[bytes, int]:
        """The bytes of the part at `place`, and where the next one begins."""
        kind, length = struct.unpack_from(self._order + "II", data, place)
        if kind >> 16:  # four bytes or fewer stand in the tag itself
            length, start, end = kind >> 16, place + 4, place + 8
        else:
            start, end = place + 8, place + 8 + length + -length % 8
        part = data[start : start + length]
        if len(part) != length:
            raise ValueError("cut off")
        return part, end
