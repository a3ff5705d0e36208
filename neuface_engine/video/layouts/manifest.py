"""A CSV manifest: which files are which view of which sequence, wherever they are.

    name,view,path,identity,fps,cameras,ground_truth
    clip1,left,a/left.mp4,anna,,cameras.json,
    clip1,right,a/right.mp4,anna,,,
    clip2,,b/{frame}.png,ben,30,,

`path` is the only column that must be there: a video, an image, a folder of images or a pattern with {frame}. Rows of
one `name` (default: the stem of the path) are views of one sequence, named by `view` (default: the stem). `identity`,
`fps` (of images), `cameras` (rotations) and `ground_truth` (folder of meshes) may stand in any row of a sequence; other
columns are kept as details. Commas may also be semicolons or tabs, and `name` may be called `sequence`. Paths are
relative to the manifest; those that leave its folder, and absolute ones, are refused unless allowed.
`manifest.csv#clip1` opens one sequence of it.
"""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterator
from pathlib import Path

from neuface_engine.errors import MediaError
from neuface_engine.video import patterns
from neuface_engine.video.sources import SequenceSource, ViewFiles
from neuface_engine.video.views import find_views

NAME = "manifest"
_KNOWN = ("name", "view", "path", "identity", "fps", "cameras", "ground_truth")
_MAX_BYTES = 256 * 2**20
_MAX_LINE = 2**16


def recognises(path: Path) -> bool:
    """A csv file."""
    return path.is_file() and path.suffix.lower() == ".csv"


def find(path: Path, *, allow_outside: bool = False) -> list[SequenceSource]:
    """The sequences in the order of their first rows. Raises MediaError naming file and line."""
    rows: dict[str, list[tuple[int, dict[str, str]]]] = {}
    for line, row in _rows(path):
        name = row.get("name") or _stem(row["path"])
        rows.setdefault(name, []).append((line, row))
    if not rows:
        raise MediaError(f"{path}: has no rows; give one row a view, with a column 'path'")
    return [_source(path, name, listed, allow_outside) for name, listed in rows.items()]


def _source(
    path: Path, name: str, rows: list[tuple[int, dict[str, str]]], allow_outside: bool
) -> SequenceSource:
    views = []
    for line, row in rows:
        where = _inside(path, line, row["path"], allow_outside)
        try:
            found = find_views(where)
        except MediaError as reason:
            raise MediaError(f"{path}: line {line}: {reason}") from None
        if len(found) > 1 and (len(rows) > 1 or row.get("view")):
            raise MediaError(
                f"{path}: line {line}: {row['path']} has {len(found)} views; give one row for each"
            )
        for reader in found:
            views.append(ViewFiles(row.get("view") or reader.name, reader.files))
    names = [view.name for view in views]
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice is not None:
        raise MediaError(f"{path}: sequence {name!r} has two views {twice!r}; name them in the column 'view'")

    def value(column: str) -> tuple[int, str] | None:
        return next(((line, row[column]) for line, row in rows if row.get(column)), None)

    def file(column: str) -> Path | None:
        given = value(column)
        return None if given is None else _inside(path, *given, allow_outside)

    fps, identity = value("fps"), value("identity")
    return SequenceSource(
        name=name,
        path=Path(f"{path}#{name}"),
        views=tuple(views),
        identity=None if identity is None else identity[1],
        fps=None if fps is None else _rate(path, *fps),
        cameras=file("cameras"),
        ground_truth=file("ground_truth"),
        layout=NAME,
        details={k: v for k, v in rows[0][1].items() if k not in _KNOWN and v},
    )


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise MediaError(f"{path}: larger than {_MAX_BYTES >> 20} MB; split the manifest")
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline(_MAX_LINE)
            file.seek(0)
            reader = csv.DictReader(file, strict=True, delimiter=max(",;\t", key=first.count))
            columns = [column.strip().lower() for column in reader.fieldnames or []]
            if "name" not in columns:
                columns = ["name" if column == "sequence" else column for column in columns]
            if "path" not in columns:
                raise MediaError(f"{path}: has no column 'path'; its first line names the columns")
            for row in reader:
                values = {
                    column: (row[raw] or "").strip()
                    for column, raw in zip(columns, reader.fieldnames or [], strict=True)
                }
                if not any(values.values()):
                    continue
                if not values["path"] or not all(text.isprintable() for text in values.values()):
                    raise MediaError(
                        f"{path}: line {reader.line_num}: no path, or odd characters; name a video, image or folder"
                    )
                yield reader.line_num, values
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise MediaError(f"{path}: not a csv file in UTF-8 ({error}); save it as one") from None


def _inside(path: Path, line: int, text: str, allow_outside: bool) -> Path:
    """The file that a row names, below the manifest's folder. Links in the folder are the user's own."""
    folder = Path(os.path.normpath(path.absolute().parent))
    given = Path(text.replace("\\", "/"))
    target = Path(os.path.normpath(folder / given))
    inside = not given.is_absolute() and not given.drive and target.is_relative_to(folder)
    if ".." in given.parts and patterns.fields_of(text):
        inside = False  # a field may stand for a folder that is a link
    if not inside and not allow_outside:
        raise MediaError(
            f"{path}: line {line}: {text} lies outside of the manifest's folder; move it there, or allow it "
            "(--allow-outside)"
        )
    return target


def _stem(text: str) -> str:
    path = Path(text.replace("\\", "/"))
    plain = [part for part in path.parts if not patterns.fields_of(part)]
    return Path(plain[-1]).stem if plain else "sequence"


def _rate(path: Path, line: int, text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 < rate < 100_000:
        raise MediaError(f"{path}: line {line}: fps is {text!r}; give frames per second, such as 25")
    return rate
