"""OBJ, PLY and landmark files, and the one line that a bad one earns."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest

from neuface_engine.errors import ConfigError, MediaError
from neuface_engine.metrics import Scan, load_scans
from neuface_engine.metrics.scan_files import guess_unit, read_landmarks, read_scan

POINTS = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.25, -2]])


def obj(path, points=POINTS):
    lines = [
        "# a comment",
        "vn 0 0 1",
        *(f"v {x} {y} {z} 0.1 0.2 0.3" for x, y, z in points),
        "f 1//1 2//1 3//1",
    ]
    path.write_text("\n".join(lines))
    return path


def ply(path, order):
    header = [
        "ply",
        f"format {order} 1.0",
        "comment made by hand",
        "element camera 1",
        "property short id",
        f"element vertex {len(POINTS)}",
        *(f"property {kind} {name}" for kind, name in (("uchar", "red"), *(("float", c) for c in "xyz"))),
        "element face 1",
        "property list uchar int vertex_indices",
        "end_header",
    ]
    if order == "ascii":
        body = ["7", *(f"255 {x} {y} {z}" for x, y, z in POINTS), "3 0 1 2"]
        path.write_text("\n".join([*header, *body]) + "\n")
    else:
        mark = "<" if "little" in order else ">"
        body = struct.pack(mark + "h", 7) + b"".join(struct.pack(mark + "B3f", 255, *p) for p in POINTS)
        path.write_bytes("\n".join([*header, ""]).encode() + body + struct.pack(mark + "B3i", 3, 0, 1, 2))
    return path


@pytest.mark.parametrize("order", ["ascii", "binary_little_endian", "binary_big_endian"])
def test_ply_in_all_three_orders(tmp_path, order):
    np.testing.assert_allclose(read_scan(ply(tmp_path / "a.ply", order)), POINTS)


def test_obj_with_colours_normals_and_faces(tmp_path):
    np.testing.assert_allclose(read_scan(obj(tmp_path / "a.OBJ")), POINTS)


def test_points_that_are_not_finite_are_left_out(tmp_path):
    path = obj(tmp_path / "a.obj", np.vstack([POINTS, [[np.nan, 0, 0]]]))
    assert len(read_scan(path)) == len(POINTS)


def broken(tmp_path):
    whole = ply(tmp_path / "whole.ply", "binary_little_endian").read_bytes()
    return {
        "missing.obj": None,
        "scan.stl": b"solid",
        "empty.ply": b"",
        "text.ply": b"hello\n",
        "headless.ply": b"ply\nformat ascii 1.0\nelement vertex 5\n",
        "short.ply": whole[: whole.index(b"end_header") + 30],
        "order.ply": whole.replace(b"binary_little_endian", b"binary_middle_endian"),
        "type.ply": whole.replace(b"property float x", b"property quark x"),
        "noxyz.ply": whole.replace(b"property float x", b"property float u"),
        "huge.ply": whole.replace(b"element vertex 5", b"element vertex 99999999999999"),
        "letters.obj": b"v 1 2 three\n" * 5,
        "two.obj": b"v 1 2 3\nv 4 5 6\n",
        "ragged.obj": b"v 1 2 3\nv 4 5\n",
    }


BAD = "missing.obj scan.stl empty.ply text.ply headless.ply short.ply order.ply type.ply noxyz.ply huge.ply"
BAD_OBJ = "letters.obj two.obj ragged.obj"


@pytest.mark.parametrize("name", (BAD + " " + BAD_OBJ).split())
def test_a_bad_scan_is_refused_in_one_line_that_names_it(tmp_path, name):
    content = broken(tmp_path)[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(MediaError, match=name) as caught:
        read_scan(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("size", "unit"), [(0.25, "m"), (25, "cm"), (250, "mm")])
def test_the_unit_is_guessed_by_the_size_of_a_head(size, unit):
    assert guess_unit(size * np.array([[0, 0, 0], [0.8, 1, 0.9]])) == unit


def test_a_scan_is_in_metres_once_loaded(tmp_path):
    path = obj(tmp_path / "a.obj", POINTS * 100)
    marks = tmp_path / "marks.txt"
    marks.write_text("\n".join(["10, 20 30"] * 7))
    scan = Scan.load(path, landmarks=marks)
    assert scan.unit == "mm"
    np.testing.assert_allclose(scan.points, POINTS * 0.1)
    np.testing.assert_allclose(scan.landmarks, np.tile([0.01, 0.02, 0.03], (7, 1)))
    np.testing.assert_allclose(Scan.load(path, unit="cm").points, POINTS)
    with pytest.raises(ConfigError, match="inch"):
        Scan.load(path, unit="inch")


def test_landmarks_in_every_kind_of_file(tmp_path):
    points = np.arange(21.0).reshape(7, 3)
    np.save(tmp_path / "a.npy", points)
    (tmp_path / "a.json").write_text(json.dumps(points.tolist()))
    (tmp_path / "a.txt").write_text("\n".join(" ".join(map(str, p)) for p in points))
    picked = "".join(
        f'<point y="{y}" active="1" x="{x}" name="{i}" z="{z}"/>\n' for i, (x, y, z) in enumerate(points)
    )
    (tmp_path / "a.pp").write_text(f"<!DOCTYPE PickedPoints>\n<PickedPoints>\n{picked}</PickedPoints>\n")
    for kind in ("npy", "json", "txt", "pp"):
        np.testing.assert_array_equal(read_landmarks(tmp_path / f"a.{kind}"), points)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("missing.txt", None),
        ("five.txt", "1 2 3\n" * 5),
        ("words.txt", "one two three\n" * 7),
        ("ragged.txt", "1 2 3\n" * 6 + "1 2\n"),
        ("nan.txt", "1 2 3\n" * 6 + "1 2 nan\n"),
        ("object.json", '{"a": 1}'),
        ("cut.json", "[[1, 2, 3], "),
        ("empty.pp", "<PickedPoints/>"),
        ("half.pp", '<point x="1" y="2"/>' * 7),
        ("text.npy", "hello"),
    ],
)
def test_bad_landmarks_are_refused_in_one_line_that_names_them(tmp_path, name, content):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(MediaError, match=name) as caught:
        read_landmarks(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_pickle_is_not_opened(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(MediaError, match=r"a\.npy"):
        read_landmarks(tmp_path / "a.npy")


def test_a_folder_of_scans_goes_by_number(tmp_path):
    for number in range(12):
        obj(tmp_path / f"frame_{number}.obj", POINTS + number)
    scans = load_scans(tmp_path, unit="m", every=5)
    assert list(scans) == [0, 5, 10]
    assert scans[10].points[0, 0] == 10
    (tmp_path / "none").mkdir()
    with pytest.raises(MediaError, match="none"):
        load_scans(tmp_path / "none")
