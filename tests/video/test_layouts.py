"""Datasets as they are downloaded, built here of links to real footage: the right views in the right order."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import neuface_engine as nf
from neuface_engine.errors import ConfigError, MediaError, NeuFaceError
from neuface_engine.video import (
    find_sequences,
    find_views,
    is_footage,
    load_frames,
    load_sequence,
    open_source,
)
from neuface_engine.video.ground_truth import MeshTruth
from neuface_engine.video.patterns import find

from .conftest import FakeDetector, disc_frame


def link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.symlink_to(source)
    except OSError:  # Windows without the right to
        target.write_bytes(source.read_bytes())


def picture(path: Path, x: float = 40, *, width: int = 96) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), disc_frame(x, 30, width=width)[..., ::-1])


def names(path: Path, layout: str = "auto", **options: object) -> list[str]:
    return [source.name for source in find_sequences(path, layout, **options)]  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def clips(shared: Path) -> list[Path]:
    return [shared / "media" / "mv_nersemble_038" / f"view{v}.mp4" for v in range(3)]


SEVEN = ("down", "front", "left_30", "left_60", "right_30", "right_60", "top")


def test_mead_as_downloaded(tmp_path: Path, clips: list[Path]) -> None:
    for k, view in enumerate(SEVEN):
        for take in ("001", "002", "010"):
            link(clips[k % 3], tmp_path / f"M003/video/{view}/angry/level_1/{take}.mp4")
    link(clips[0], tmp_path / "W009/video/front/neutral/level_1/001.mp4")
    (tmp_path / "M003/audio/angry/level_1").mkdir(parents=True)
    (tmp_path / "M003/audio/angry/level_1/001.m4a").write_bytes(b"sound")
    found = find_sequences(tmp_path)
    assert [s.name for s in found] == [
        "M003_angry_level_1_001", "M003_angry_level_1_002", "M003_angry_level_1_010", "W009_neutral_level_1_001",
    ]  # fmt: skip
    first = found[0]
    assert tuple(view.name for view in first.views) == SEVEN
    assert first.views[1].files[0].resolve() == clips[1].resolve()
    assert (first.layout, first.identity) == ("mead", "M003")
    assert first.details == {"emotion": "angry", "level": "level_1", "take": "001"}
    assert names(tmp_path / "M003") == [s.name for s in found[:3]], "one actor's folder will do"
    again = find_views(first.path)
    assert [(v.name, v.files) for v in again] == [(v.name, v.files) for v in first.views]


def test_mead_as_frames(tmp_path: Path, detector: FakeDetector) -> None:
    for view in ("front", "left_30"):
        for frame in (1, 2, 10, 9):
            picture(tmp_path / f"M003/images/happy/level_3/004/img_{frame:04d}_{view}.jpg", 30 + 2 * frame)
    picture(tmp_path / "W011/video/top/sad/level_2/001/0001.png")
    by_view, in_folder = find_sequences(tmp_path, "mead")
    assert [view.name for view in by_view.views] == ["front", "left_30"]
    assert [file.name for file in by_view.views[0].files] == [f"img_{n:04d}_front.jpg" for n in (1, 2, 9, 10)]
    assert in_folder.name == "W011_sad_level_2_001"
    sequence = load_sequence(by_view, detector=detector)
    assert (sequence.name, sequence.identity, sequence.fps) == ("M003_happy_level_3_004", "M003", 30)
    assert sequence.views == ("front", "left_30")
    again = load_frames(sequence.path, views=sequence.views)
    np.testing.assert_array_equal(again[2, 1], sequence.frames[2, 1])


def test_voxceleb2_from_any_depth(tmp_path: Path, clips: list[Path]) -> None:
    link(clips[0], tmp_path / "dev/mp4/id00012/21Uxsk56VDQ/00001.mp4")
    link(clips[1], tmp_path / "dev/mp4/id00012/31Lq_Kkc1r8/00016.mp4")
    link(clips[2], tmp_path / "test/mp4/id00017/01dfn2spqyE/00001.mp4")
    expected = ["id00012_21Uxsk56VDQ_00001", "id00012_31Lq_Kkc1r8_00016", "id00017_01dfn2spqyE_00001"]
    found = find_sequences(tmp_path)
    assert [s.name for s in found] == expected
    assert [s.identity for s in found] == ["id00012", "id00012", "id00017"]
    assert {s.layout for s in found} == {"voxceleb2"}
    assert names(tmp_path / "dev") == names(tmp_path / "dev/mp4") == expected[:2]
    assert names(tmp_path / "dev/mp4/id00012") == expected[:2]


def test_celebvhq_with_its_json(tmp_path: Path, clips: list[Path]) -> None:
    for stem in ("M2Ohb0FAaJU_1", "M2Ohb0FAaJU_10", "-0Xy_abc_2"):
        link(clips[0], tmp_path / f"clips/{stem}.mp4")
    clip = {
        "ytb_id": "M2Ohb0FAaJU",
        "duration": {"start_sec": 81.62, "end_sec": 86.17},
        "bbox": {"top": 0.0, "bottom": 0.8815, "left": 0.1964, "right": 0.6922},
        "attributes": {
            "appearance": [0, 1],
            "action": [1],
            "emotion": {"sep_flag": False, "labels": "neutral"},
        },
    }
    content = {
        "meta_info": {"appearance_mapping": ["blurry", "young"], "action_mapping": ["talk"]},
        "clips": {"M2Ohb0FAaJU_1": clip, "gone_1": clip},
    }
    (tmp_path / "celebvhq_info.json").write_text(json.dumps(content))
    found = {s.name: s for s in find_sequences(tmp_path)}
    assert set(found) == {"M2Ohb0FAaJU_1", "M2Ohb0FAaJU_10", "-0Xy_abc_2"}
    first = found["M2Ohb0FAaJU_1"]
    assert first.identity == "M2Ohb0FAaJU" == found["M2Ohb0FAaJU_10"].identity
    assert found["-0Xy_abc_2"].identity == "-0Xy_abc"
    assert first.details["appearance"] == ["young"] and first.details["emotion"] == "neutral"
    (tmp_path / "celebvhq_info.json").write_text("{")
    with pytest.raises(MediaError, match=r"celebvhq_info\.json: not json"):
        find_sequences(tmp_path)


def test_clips_of_celebvhq_are_not_views_of_one_person(tmp_path: Path, clips: list[Path]) -> None:
    """The folder of the clips, with the json above it, as it is downloaded."""
    for stem in ("M2Ohb0FAaJU_1", "05zYKyTFFPk_0"):
        link(clips[0], tmp_path / f"35666/{stem}.mp4")
    (tmp_path / "celebvhq_info.json").write_text(json.dumps({"clips": {}}))
    found = find_sequences(tmp_path / "35666")
    assert [(s.name, len(s.views)) for s in found] == [("05zYKyTFFPk_0", 1), ("M2Ohb0FAaJU_1", 1)]


def test_a_part_of_a_dataset_is_read_as_the_whole_is(tmp_path: Path, clips: list[Path]) -> None:
    """What stands in one folder for all cameras must not become the frames of one."""
    for view in ("front", "left_30"):
        link(clips[0], tmp_path / f"M003/video/{view}/sad/level_2/001.mp4")
        for frame in (1, 2):
            picture(tmp_path / f"M003/images/happy/level_3/004/img_{frame:04d}_{view}.jpg")
    assert names(tmp_path / "M003/video") == names(tmp_path / "M003")
    (take,) = find_sequences(tmp_path / "M003/images/happy/level_3/004")
    assert (take.name, take.identity) == ("M003_happy_level_3_004", "M003")
    assert take.details == {"emotion": "happy", "level": "level_3", "take": "004"}
    assert [(view.name, len(view.files)) for view in take.views] == [("front", 2), ("left_30", 2)]

    cameras = tmp_path / "038/calibration/camera_params.json"
    cameras.parent.mkdir(parents=True)
    cameras.write_text("{}")
    performance = tmp_path / "038/sequences/EXP-2-eyes"
    for serial in ("220700191", "222200037"):
        for step in (0, 3, 6):
            picture(performance / f"images/cam_{serial}_{step:06d}.jpg")
    for folder in (performance, performance / "images"):
        (found,) = find_sequences(folder)
        assert (found.name, found.identity, found.fps) == ("038_EXP-2-eyes", "038", pytest.approx(73 / 3))
        assert found.cameras == cameras.resolve()
        assert [(view.name, len(view.files)) for view in found.views] == [("220700191", 3), ("222200037", 3)]
    videos = tmp_path / "038/sequences/FREE"
    for number, serial in enumerate(("220700191", "222200037")):
        link(clips[number], videos / f"images/cam_{serial}.mp4")
    (found,) = find_sequences(videos)
    assert (found.name, found.cameras) == ("038_FREE", cameras.resolve())
    assert [view.name for view in found.views] == ["220700191", "222200037"]


def test_a_dataset_without_pictures_is_named(tmp_path: Path) -> None:
    meshes = tmp_path / "unposedcleaneddata/FaceTalk_170728_03272_TA/sentence01"
    meshes.mkdir(parents=True)
    with pytest.raises(MediaError, match="looks like vocaset but has no pictures"):
        find_sequences(tmp_path)


def test_manifests_as_spreadsheets_write_them(tmp_path: Path, clips: list[Path]) -> None:
    for number in (0, 1):
        link(clips[number], tmp_path / f"cam{number}.mp4")
    for separator in (";", "\t"):
        rows = [["Sequence", "View", "Path"], ["s1", "front", "cam0.mp4"], ["s1", "left", "cam1.mp4"]]
        text = "\r\n".join(separator.join(row) for row in rows)
        (tmp_path / "list.csv").write_text(text + "\r\n", encoding="utf-8-sig")
        (found,) = find_sequences(tmp_path / "list.csv")
        assert (found.name, [view.name for view in found.views]) == ("s1", ["front", "left"])


def ply(path: Path, vertices: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    header = f"ply\nformat ascii 1.0\nelement vertex {len(vertices)}\n"
    header += "".join(f"property float {axis}\n" for axis in "xyz") + "end_header\n"
    path.write_text(header + "\n".join(" ".join(f"{x:.6f}" for x in v) for v in vertices) + "\n")


def test_vocaset_with_its_true_meshes(tmp_path: Path, detector: FakeDetector) -> None:
    person, meshes = "FaceTalk_170728_03272_TA", np.random.default_rng(0).normal(size=(3, 5, 3))
    for f in range(3):
        for camera in ("26_C", "34_C"):
            picture(tmp_path / f"images/{person}/sentence01/sentence01.{f + 1:06d}.{camera}.jpg", 30 + f)
        ply(tmp_path / f"unposedcleaneddata/{person}/sentence01/sentence01.{f + 1:06d}.ply", meshes[f])
    (source,) = find_sequences(tmp_path)
    assert (source.name, source.layout, source.identity, source.fps) == (
        f"{person}_sentence01", "vocaset", person, 60,
    )  # fmt: skip
    assert [view.name for view in source.views] == ["26_C", "34_C"]
    sequence = load_sequence(source, detector=detector)
    assert isinstance(sequence.ground_truth, MeshTruth)
    assert sequence.ground_truth.vertices.shape == (3, 2, 5, 3)
    np.testing.assert_allclose(sequence.ground_truth.vertices[2, 1], meshes[2], atol=1e-5)
    part = sequence.select(frames=[1], views=[0])
    assert isinstance(part.ground_truth, MeshTruth)
    assert part.ground_truth.vertices.shape == (1, 1, 5, 3)
    (tmp_path / f"unposedcleaneddata/{person}/sentence01/sentence01.000003.ply").unlink()
    with pytest.raises(MediaError, match="2 true meshes for 3 frames"):
        load_sequence(source, detector=detector)


ROTATIONS = {"222200036": np.eye(4).tolist(), "222200037": np.eye(4).tolist()}


@pytest.mark.parametrize("version", ["1", "2"])
def test_nersemble_with_its_cameras(
    tmp_path: Path, clips: list[Path], detector: FakeDetector, version: str
) -> None:
    calibration = {"intrinsics": np.eye(3).tolist(), "world_2_cam": ROTATIONS}
    if version == "1":
        cameras, images = tmp_path / "camera_params/038/camera_params.json", tmp_path / "038/EMO-1/images"
        for serial in ROTATIONS:
            for step in (0, 3, 6, 9, 12):
                picture(images / f"cam_{serial}_{step:04d}.jpg", 30 + step)
    else:
        cameras = tmp_path / "038/calibration/camera_params.json"
        images = tmp_path / "038/sequences/EMO-1/images"
        for serial, clip in zip(ROTATIONS, clips, strict=False):
            link(clip, images / f"cam_{serial}.mp4")
    cameras.parent.mkdir(parents=True, exist_ok=True)
    cameras.write_text(json.dumps(calibration))
    (source,) = find_sequences(tmp_path)
    assert (source.name, source.identity, source.layout) == ("038_EMO-1", "038", "nersemble")
    assert source.details["version"] == version
    assert [view.name for view in source.views] == list(ROTATIONS)
    assert source.cameras == cameras
    if version == "1":
        assert source.fps == pytest.approx(73 / 3)
        sequence = load_sequence(source, detector=detector)
        assert sequence.camera_file == cameras
        from neuface_engine.optimization.cameras import load_camera_rotations

        assert load_camera_rotations(sequence.camera_file, sequence.views).shape == (2, 3, 3)


def test_a_folder_by_pattern(tmp_path: Path) -> None:
    for person in ("ann", "ben"):
        for camera in ("c2", "c10"):
            for frame in (8, 9, 10):
                picture(tmp_path / f"{person}/talk/{camera}/f{frame}.png")
    (tmp_path / "ann/talk/c2/notes.txt").write_text("x")
    found = find_sequences(tmp_path, pattern="{identity}/{sequence}/{view}/f{frame}.png", fps=50)
    assert [(s.name, s.identity, s.fps) for s in found] == [("ann_talk", "ann", 50), ("ben_talk", "ben", 50)]
    assert [view.name for view in found[0].views] == ["c2", "c10"]
    assert [file.name for file in found[0].views[0].files] == ["f8.png", "f9.png", "f10.png"]
    one_view = find_sequences(tmp_path / "ann" / "talk", pattern="{sequence}/f{frame}.png")
    assert [(s.name, s.views[0].name) for s in one_view] == [("c2", "c2"), ("c10", "c10")]
    with pytest.raises(ConfigError, match="below the folder"):
        find_sequences(tmp_path / "ann", pattern="../{view}/{frame}.png")
    with pytest.raises(MediaError, match="matches the pattern"):
        find_sequences(tmp_path, pattern="{view}.mov")


def test_a_field_that_comes_twice_has_one_value(tmp_path: Path) -> None:
    for name in ("a/a_1.png", "a/b_1.png", "b/b_2.png"):
        picture(tmp_path / name)
    matches = [(m.path.name, dict(m.fields)) for m in find(tmp_path, "{take}/{take}_{frame}.png")]
    assert matches == [("a_1.png", {"take": "a", "frame": "1"}), ("b_2.png", {"take": "b", "frame": "2"})]


def test_folders_videos_and_single(tmp_path: Path, clips: list[Path]) -> None:
    link(clips[0], tmp_path / "take2/left.mp4")
    link(clips[1], tmp_path / "take2/right.mp4")
    link(clips[2], tmp_path / "take10/left.mp4")
    (tmp_path / "empty").mkdir()
    assert names(tmp_path, "folders") == names(tmp_path) == ["take2", "take10"]
    assert names(tmp_path, "videos") == ["take2_left", "take2_right", "take10_left"]
    assert [v.name for v in find_sequences(tmp_path / "take2")[0].views] == ["left", "right"]
    with pytest.raises(MediaError, match="no video and no image"):
        find_sequences(tmp_path, "single")
    with pytest.raises(MediaError, match="no footage of the layout 'mead'"):
        find_sequences(tmp_path, "mead")
    with pytest.raises(ConfigError, match="layout 'lab' is unknown"):
        find_sequences(tmp_path, "lab")
    with pytest.raises(MediaError, match="no such file"):
        find_sequences(tmp_path / "gone")


def manifest(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_manifest_names_files_as_they_are(tmp_path: Path, detector: FakeDetector) -> None:
    for f in range(3):
        picture(tmp_path / f"a/{f}.png", 30 + f)
        picture(tmp_path / f"b/{f}.png", 30 + f)
    table = manifest(
        tmp_path / "list.csv",
        "name,view,path,identity,fps,emotion\n"
        "clip1,right,a,anna,50,happy\n"
        "clip1,left,b/{frame}.png,,,\n"
        ",,a/0.png,,,\n",
    )
    first, second = find_sequences(table)
    assert (first.name, first.identity, first.fps, dict(first.details)) == (
        "clip1",
        "anna",
        50,
        {"emotion": "happy"},
    )
    assert [view.name for view in first.views] == ["right", "left"], "as the manifest orders them"
    assert second.name == "0"
    sequence = load_sequence(first, detector=detector)
    assert (sequence.views, sequence.fps) == (("right", "left"), 50)
    assert is_footage(first.path) and not is_footage(f"{table}#clip9")
    assert open_source(first.path).views == first.views
    assert load_sequence(str(first.path), detector=detector).content_hash == sequence.content_hash


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("path\n../secret.mp4\n", "line 2: ../secret.mp4 lies outside"),
        ("path\n/etc/passwd\n", "lies outside"),
        ("path\na/../../x/{frame}.png\n", "lies outside"),
        ("path,cameras\nv.png,/etc/passwd\n", "lies outside"),
        ("file\na.mp4\n", "no column 'path'"),
        ("path\n", "has no rows"),
        ("name,path\nx,\n", "line 2: no path"),
        ("name,path,fps\nx,v.png,fast\n", "fps is 'fast'"),
        ("name,path\nx,v.png\nx,v.png\n", "two views 'v'"),
        ("path\ngone.mp4\n", "no such file"),
    ],
)
def test_a_manifest_that_means_nothing_or_leaves_its_folder(tmp_path: Path, rows: str, words: str) -> None:
    table = manifest(tmp_path / "data/list.csv", rows)
    picture(tmp_path / "data/v.png")
    with pytest.raises(MediaError) as caught:
        find_sequences(table)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_outside_are_taken_where_that_is_allowed(tmp_path: Path) -> None:
    picture(tmp_path / "other/v.png")
    table = manifest(tmp_path / "data/list.csv", "path\n../other/v.png\n")
    (source,) = find_sequences(table, allow_outside=True)
    assert source.views[0].files[0].name == "v.png"


def test_the_command_lists_and_tracks_what_it_finds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], clips: list[Path]
) -> None:
    from neuface_engine.cli import main

    for k, view in enumerate(("front", "left_30")):
        link(clips[k], tmp_path / f"M003/video/{view}/angry/level_1/001.mp4")
        link(clips[k], tmp_path / f"M003/video/{view}/angry/level_1/002.mp4")
    assert main(["footage", str(tmp_path), "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["sequences"]
    assert [s["name"] for s in listed] == ["M003_angry_level_1_001", "M003_angry_level_1_002"]
    assert list(listed[0]["views"]) == ["front", "left_30"]
    assert main(["footage", str(tmp_path), str(tmp_path / "gone")]) == 2
    shown = capsys.readouterr()
    assert "2 sequences of 1 people" in shown.out and "gone" in shown.err
    out = tmp_path / "tracks"
    arguments = ["--layout", "mead", "--method", "encoder", "--max-frames", "1", "--out", str(out), "--json"]
    assert main(["track", str(tmp_path), *arguments]) == 0
    tracks = json.loads(capsys.readouterr().out)["tracks"]
    assert [Path(t["track"]).stem for t in tracks] == [s["name"] for s in listed]
    track = nf.FaceTrack.load(out / "M003_angry_level_1_001.npz")
    assert track.provenance["source"]["identity"] == "M003"
    assert main(["compare", str(tmp_path), "--max-frames", "2"]) == 2
    assert "give one of them" in capsys.readouterr().err


def test_every_error_of_a_layout_is_ours(tmp_path: Path) -> None:
    (tmp_path / "celebvhq_info.json").write_text('{"clips": []}')
    with pytest.raises(NeuFaceError, match='has no "clips"'):
        find_sequences(tmp_path)
