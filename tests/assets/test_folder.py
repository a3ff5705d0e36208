"""The folder of assets: what is in it is found by its name, said to be sound or not, and added only when sound."""

from __future__ import annotations

import json
import pickle
import zipfile

import numpy as np
import pytest
import torch

import neuface_engine as nf
from neuface_engine.assets import CATALOGUE, assets_folder, locate, survey
from neuface_engine.assets.adding import add
from neuface_engine.assets.catalogue import asset
from neuface_engine.cli.main import main
from tests.face_model import tiny_flame


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("NEUFACE_ASSETS", str(tmp_path / "assets"))
    return tmp_path / "assets"


@pytest.fixture
def downloads(tmp_path):
    """FLAME2020 as it is unpacked, and DECA's embedding."""
    place = tmp_path / "downloads" / "FLAME2020"
    place.mkdir(parents=True)
    for name in ("generic_model.pkl", "female_model.pkl"):
        (place / name).write_bytes(pickle.dumps(tiny_flame.model(), protocol=2))
    tiny_flame.save_object(place.parent / "landmark_embedding.npy", tiny_flame.embedding())
    return place.parent


def states():
    return {state.asset.name: state for state in survey()}


def test_an_empty_folder_says_where_everything_is_obtained(folder):
    assert assets_folder() == folder
    for state in survey():
        assert state.status == "missing"
        assert state.asset.url in state.words
    for entry in CATALOGUE:
        assert entry.purpose
        assert entry.licence
        assert entry.steps
        assert all(asset(name) for name in entry.needs)
    with pytest.raises(nf.AssetError, match=r"deca_model\.tar.*neuface assets how deca"):
        locate("deca")
    with pytest.raises(nf.ConfigError, match="there is no asset 'nothing'"):
        asset("nothing")


def test_a_folder_is_added_as_it_was_unpacked(folder, downloads):
    assert add(downloads / "FLAME2020").detail.startswith("FLAME 2020")
    assert states()["flame"].status == "incomplete"
    assert "Landmark embedding" in states()["flame"].words
    add(downloads / "landmark_embedding.npy")
    found = states()["flame"]
    assert found.usable
    assert found.path == folder / "FLAME2020" / "generic_model.pkl"
    assert [path.name for path in found.others] == ["female_model.pkl"]
    assert nf.FaceModel.load("flame").release.name == "2020"


def test_a_single_file_keeps_the_folder_that_says_what_it_is(folder, downloads):
    state = add(downloads / "FLAME2020" / "generic_model.pkl")
    assert state.path == folder / "FLAME2020" / "generic_model.pkl"
    assert add(state.path).path == state.path


def test_a_head_may_be_given_as_its_folder(downloads):
    head = nf.FaceModel.load(downloads / "FLAME2020", landmarks=downloads / "landmark_embedding.npy")
    assert (head.name, head.release.gender) == ("generic_model", "generic")
    (downloads / "empty").mkdir()
    with pytest.raises(nf.AssetError, match="without a FLAME model"):
        nf.FaceModel.load(downloads / "empty")


def test_emocas_folder_comes_with_its_settings(folder, tmp_path, monkeypatch):
    """The checkpoint's content is of no account here; where it is put is."""
    monkeypatch.setattr("neuface_engine.assets.adding.examine", lambda entry, path: "sound")
    top = tmp_path / "EMOCA_v2_lr_mse_20"
    inside = "detail/checkpoints/deca-epoch=10-val_loss/dataloader_idx_0=3.25.ckpt"
    (top / inside).parent.mkdir(parents=True)
    (top / inside).write_bytes(b"weights")
    (top / "cfg.yaml").write_text("detail:")
    assert add(top).path == folder / top.name / inside
    assert (folder / top.name / "cfg.yaml").read_text() == "detail:"
    assert locate("emoca") == folder / top.name / inside


def test_a_zip_file_is_unpacked(folder, downloads):
    archive = downloads / "FLAME2020.zip"
    with zipfile.ZipFile(archive, "w") as out:
        out.write(downloads / "FLAME2020" / "generic_model.pkl", "FLAME2020/generic_model.pkl")
    assert add(archive).path == folder / "FLAME2020" / "generic_model.pkl"
    assert not list(folder.glob("*.unpacking"))


def test_a_file_of_unknown_name_is_known_by_what_it_is(folder, downloads):
    renamed = downloads / "mine.npy"
    (downloads / "landmark_embedding.npy").rename(renamed)
    assert add(renamed).path == folder / "landmark_embedding.npy"
    assert states()["landmark-embedding"].usable
    unknown = downloads / "FLAME2020" / "x.pkl"
    unknown.write_bytes((downloads / "FLAME2020" / "generic_model.pkl").read_bytes())
    assert add(unknown).path == folder / "FLAME2020" / "generic_model.pkl"
    assert nf.FaceModel.load("flame").release.name == "2020"


def test_what_is_damaged_is_not_added_and_said_to_be_damaged(folder, downloads, tmp_path):
    broken = downloads / "deca_model.tar"
    broken.write_bytes(b"PK\x03\x04 half of it")
    with pytest.raises(nf.AssetError, match=r"deca_model\.tar"):
        add(broken)
    with pytest.raises(nf.AssetError, match="none of the models"):
        add(tmp_path / "downloads" / ".." / "x.txt" if (tmp_path / "x.txt").write_text("hello") else tmp_path)
    with pytest.raises(nf.AssetError, match="no such file"):
        add(tmp_path / "absent")
    assert not folder.exists()
    folder.mkdir()
    (folder / "deca_model.tar").write_bytes(broken.read_bytes())
    state = states()["deca"]
    assert (state.status, state.usable) == ("damaged", False)
    assert "deca_model.tar" in state.words


def test_published_files_are_known_by_their_bytes(folder, shared):
    state = add(shared / "golden" / "landmark_embedding.npy")
    assert state.detail.endswith("known file (sha256)")


def test_a_zip_file_cannot_write_elsewhere(folder, tmp_path):
    archive = tmp_path / "evil.zip"
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("../../generic_model.pkl", "x")
    with pytest.raises(nf.AssetError, match="written elsewhere"):
        add(archive)
    assert not (tmp_path / "generic_model.pkl").exists()


def test_a_file_that_changed_is_looked_at_again(folder, downloads):
    folder.mkdir()
    path = folder / "landmark_embedding.npy"
    path.write_bytes(b"\x93NUMPY nothing")
    assert states()["landmark-embedding"].status == "damaged"
    path.write_bytes((downloads / "landmark_embedding.npy").read_bytes())
    assert states()["landmark-embedding"].usable


def test_the_command_line_says_all_this(folder, downloads, tmp_path, capsys):
    def neuface(*words):
        code = main(["assets", *map(str, words), "--json"])
        return code, json.loads(capsys.readouterr().out)

    code, added = neuface("add", downloads / "FLAME2020", downloads / "landmark_embedding.npy")
    assert code == 0
    assert len(added["added"]) == 2
    listed = neuface("list")[1]
    assert listed["folder"] == str(folder)
    assert listed["assets"]["flame"]["status"] == "ready"
    assert neuface("how", "flame2023-open")[1]["licence"].startswith("CC-BY-4.0")
    code, made = neuface(
        "convert", folder / "FLAME2020" / "generic_model.pkl", "--out", tmp_path / "f.safetensors"
    )
    assert (code, made["output"]) == (0, str(tmp_path / "f.safetensors"))
    assert nf.FaceModel.load(tmp_path / "f.safetensors").release.name == "2020"
    assert neuface("convert", downloads, "--out", tmp_path / "f.txt")[0] == 2
    assert neuface("how", "nothing")[0] == 2
    assert neuface("path")[1]["folder"] == str(folder)


def test_an_encoders_checkpoint_is_converted_to_the_same_bits(tmp_path):
    from neuface_engine.assets.converting import convert
    from tests.encoders import layouts

    source, out = tmp_path / "SMIRK_em1.pt", tmp_path / "smirk.safetensors"
    torch.save(layouts.weights(layouts.smirk()), source)
    assert "SMIRK" in convert(source, out)
    before, after = (nf.load_encoder("smirk", checkpoint=path) for path in (source, out))
    assert before.fingerprint == after.fingerprint
    with pytest.raises(nf.ConfigError, match=r"as \.safetensors"):
        convert(source, tmp_path / "smirk.npz")
    with pytest.raises(nf.AssetError):
        convert(tmp_path / "absent", out)
    np.save(tmp_path / "x.npy", np.zeros(3))
    with pytest.raises(nf.AssetError, match="no landmark embedding"):
        convert(tmp_path / "x.npy", out)


def test_what_cannot_be_added_says_what_it_is(folder, tmp_path):
    page = tmp_path / "download.bin"
    page.write_bytes(b"<!DOCTYPE html><title>Google Drive - Virus scan warning</title>")
    with pytest.raises(nf.AssetError, match=r"download\.bin: is a web page"):
        add(page)
    torch.save({"E_detail": {"w": torch.ones(2)}}, tmp_path / "my_deca.pt")
    with pytest.raises(nf.AssetError, match=r"my_deca\.pt: E_flame is missing"):
        add(tmp_path / "my_deca.pt")
    (tmp_path / "FLAME_masks.pkl").write_bytes(pickle.dumps({"face": np.array([6000])}, protocol=2))
    with pytest.raises(nf.AssetError, match="face has vertex 6000, the model 5023"):
        add(tmp_path / "FLAME_masks.pkl")


def test_a_file_that_is_damaged_within_a_zip_is_named_by_the_zip(folder, tmp_path):
    with zipfile.ZipFile(tmp_path / "FLAME2020.zip", "w") as archive:
        archive.writestr("generic_model.pkl", pickle.dumps(tiny_flame.model(), protocol=2)[:-100])
    with pytest.raises(nf.AssetError) as caught:
        add(tmp_path / "FLAME2020.zip")
    assert str(caught.value).startswith(f"{tmp_path / 'FLAME2020.zip'}: generic_model.pkl: cannot be read")
    assert not list(folder.glob("*"))
