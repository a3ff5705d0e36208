"""FAN's weights and face detectors in the catalogue: looked for where face-alignment looks, known by their layout."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from neuface_engine.assets import survey
from neuface_engine.assets.adding import add
from neuface_engine.assets.catalogue import asset
from neuface_engine.assets.detectors import DETECTORS
from neuface_engine.assets.folder import home_of
from neuface_engine.cli.main import main
from neuface_engine.errors import AssetError
from neuface_engine.landmarks import fan_files


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NEUFACE_ASSETS", str(tmp_path / "assets"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path


def weights(path: Path, layout: dict[str, tuple[int, ...]]) -> Path:
    torch.save({name: torch.zeros(shape) for name, shape in layout.items()}, path)
    return path


def states() -> dict[str, str]:
    return {state.asset.name: state.status for state in survey()}


def test_the_catalogue_names_the_very_files_that_the_detector_asks_for() -> None:
    asked = {*fan_files.needed(three_d=False, finder="open"), *fan_files.needed(three_d=True, finder="open")}
    asked |= {file for files in fan_files.FINDERS.values() for file in files}
    assert {(entry.files[0], entry.url) for entry in DETECTORS} == {(f.name.lower(), f.url) for f in asked}
    assert home_of(asset("fan")) == fan_files.folder()
    assert all(entry.licence and entry.steps[0].startswith("download https://") for entry in DETECTORS)


def test_a_sound_file_goes_to_face_alignments_folder_and_what_it_needs_is_said(folders: Path) -> None:
    file = weights(folders / fan_files.FAN_2D.name, fan_files._FAN_LAYOUT)
    state = add(file)
    assert state.path == fan_files.folder() / fan_files.FAN_2D.name
    assert states()["fan"] == "incomplete"
    finder = fan_files.FINDERS["sfd"][0].name
    add(weights(folders / finder, fan_files._LAYOUTS[finder]))
    assert (states()["fan"], states()["sfd"], states()["fan3d"]) == ("ready", "ready", "missing")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (fan_files.FAN_2D.name, {"conv1.weight": (64, 71, 7, 7)}, r"conv1.weight is \[64, 71, 7, 7\]"),
        (fan_files.DEPTH.name, {"conv1.weight": (64, 71, 7, 7)}, "fc.weight is missing"),
        ("s3fd-619a316812.pth", b"<html>404</html>", "is a web page"),
        ("face_detection_yunet_2023mar.onnx", b"\x08cut", "cut off"),
        ("anchors.npy", np.zeros((3, 4)), r"\[3, 4\], not \[896, 4\]"),
    ],
)
def test_a_damaged_or_other_file_says_what_is_wrong(
    folders: Path, name: str, content: object, words: str
) -> None:
    path = folders / name
    if isinstance(content, dict):
        weights(path, content)
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.save(path, content)
    with pytest.raises(AssetError, match=words) as caught:
        add(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_the_command_line_says_where_from_and_where_to(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["assets", "how", "fan3d", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["folder"] == str(fan_files.folder()) and told["needs"] == ["fan-depth", "sfd"]
    assert main(["assets", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["assets"]
    assert listed["yunet"]["status"] == "missing" and str(fan_files.folder()) in listed["yunet"]["words"]
