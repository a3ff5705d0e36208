"""A project is a folder that can be moved whole and never reaches out of itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from neuface_engine.errors import ProjectError
from neuface_engine.review import Project, Verdict, file_hash


def test_a_project_is_there_again_after_a_restart_and_after_a_move(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "lab")
    track = project.add_sequence("clip 001")
    track.parent.mkdir()
    track.write_bytes(b"parameters")
    project.log.append(Verdict("clip 001", "accept", file_hash(track), "anna"))
    (tmp_path / "lab").rename(tmp_path / "moved")
    again = Project.open(tmp_path / "moved")
    verdict = again.verdicts()["clip 001"]
    assert verdict.verdict == "accept"
    assert not again.is_stale(verdict)


def test_a_verdict_is_stale_once_the_track_has_other_bytes(tmp_path: Path) -> None:
    project = Project.create(tmp_path)
    track = project.add_sequence("001")
    track.parent.mkdir()
    track.write_bytes(b"one")
    project.log.append(Verdict("001", "accept", file_hash(track), "anna"))
    track.write_bytes(b"two")
    assert project.is_stale(project.verdicts()["001"])


def test_creating_where_a_project_is_opens_it(tmp_path: Path) -> None:
    Project.create(tmp_path).add_sequence("001")
    assert list(Project.create(tmp_path).sequences) == ["001"]


@pytest.mark.parametrize(
    "path", ["../secret.npz", "/etc/passwd", "tracks/../../x.npz", "C:/x.npz", "..\\x.npz"]
)
def test_a_path_that_leaves_the_folder_is_refused(tmp_path: Path, path: str) -> None:
    Project.create(tmp_path)
    file = tmp_path / "project.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    content["sequences"] = {"001": path}
    file.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ProjectError, match="leaves the project folder"):
        Project.open(tmp_path)


def test_a_link_that_leaves_the_folder_is_refused(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "lab")
    try:
        (tmp_path / "lab" / "tracks").symlink_to(tmp_path)
    except OSError:
        pytest.skip("no symbolic links here")
    with pytest.raises(ProjectError, match="leaves the project folder"):
        project.add_sequence("001")


def test_a_track_from_elsewhere_is_copied_and_never_takes_the_place_of_another(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "lab")
    with pytest.raises(ProjectError, match="no such track"):
        project.add_sequence("001", tmp_path / "other.npz")
    (tmp_path / "other.npz").write_bytes(b"one")
    place = project.add_sequence("001", tmp_path / "other.npz")
    assert place == tmp_path.resolve() / "lab" / "tracks" / "001.npz" and place.read_bytes() == b"one"
    (tmp_path / "other.npz").write_bytes(b"two")
    with pytest.raises(ProjectError, match="another track is there already"):
        project.add_sequence("001", tmp_path / "other.npz")
    assert place.read_bytes() == b"one"


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"format": "other"}', '{"format": "neuface-project", "version": 99}']
)
def test_a_damaged_or_foreign_project_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "project.json").write_text(content, encoding="utf-8")
    with pytest.raises(ProjectError, match=r"project\.json"):
        Project.open(tmp_path)


def test_a_folder_that_is_no_project_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="not a project"):
        Project.open(tmp_path / "nothing")
