"""EMOCA from a folder as it is downloaded: found, read without its libraries, run end to end."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch

import neuface_engine as nf
from neuface_engine.cli.main import main
from neuface_engine.encoders import EmocaEncoder, check_checkpoint
from neuface_engine.encoders.emoca_files import Settings, find_checkpoint, read_settings

CFG = """\
coarse:
  data:
    path: /ps/scratch/somewhere
  model:
    n_shape: 100
    exp_deca_jaw_pose: false
detail:
  inout:
    checkpoint_dir: /is/cluster/work
  learning:
    batch_size_train: 4
    train_K: 1
  model:
    deca_class: ExpDECA
    expression_backbone: deca_clone
    exp_deca_global_pose: false
    exp_deca_jaw_pose: true
    n_shape: 100
    n_exp: 50
    param_list:
    - n_shape
    - n_tex
    flame_lmk_embedding_path: /ps/scratch/data/landmark_embedding.npy
    flame_mediapipe_lmk_embedding_path: /ps/scratch/data/mediapipe.npz
"""
ODD_NAME = "deca-epoch=10-val_loss/dataloader_idx_0=3.25521111.ckpt"


@contextlib.contextmanager
def training_objects():
    """What a Lightning checkpoint holds besides weights, of libraries that are not there to read it."""

    class DictConfig(dict):
        def __reduce__(self):
            return (DictConfig, (), {"_content": {"lr": 1e-4}, "_metadata": object()})

    class ModelCheckpoint:
        pass

    module = types.ModuleType("omegaconf.dictconfig")
    for kind in (DictConfig, ModelCheckpoint):
        kind.__module__, kind.__qualname__ = module.__name__, kind.__name__
        setattr(module, kind.__name__, kind)
    parent = types.ModuleType("omegaconf")
    parent.dictconfig = module
    sys.modules |= {"omegaconf": parent, module.__name__: module}
    try:
        yield {
            "hyper_parameters": {"model_params": DictConfig(), "stage_name": "detail"},
            "callbacks": {ModelCheckpoint: {"best_model_path": "/ps/x.ckpt"}},
            "optimizer_states": [{"state": {}, "param_groups": []}],
            "numpy": np.float64(3.5),
            "epoch": 10,
        }
    finally:
        del sys.modules[module.__name__], sys.modules["omegaconf"]


def state_of(deca_state, *, shared=False, template=None):
    """E_flame is DECA's; E_expression the same network with 53 outputs, its jaw half open."""
    state = {f"deca.E_flame.{n}": t for n, t in deca_state.items()}
    head = {n: t[:53].clone() for n, t in deca_state.items() if n.startswith("layers.2")}
    head["layers.2.bias"][50:] = torch.tensor([0.2, 0.0, 0.0])
    backbone = "resnet." if shared else ""
    state |= {
        f"deca.E_expression.{backbone}{n}": t
        for n, t in deca_state.items()
        if shared or not n.startswith("layers.2")
    }
    if shared:
        state |= {f"deca.E_expression.{n}": t for n, t in deca_state.items() if n.startswith("layers.0")}
    state |= {f"deca.E_expression.{n}": t for n, t in head.items()}
    state["deca.D_detail.l1.0.weight"] = torch.zeros(4, 4)
    if template is not None:
        state["deca.flame.v_template"] = template
    return state


def save(folder: Path, state) -> Path:
    file = folder / "detail" / "checkpoints" / ODD_NAME
    file.parent.mkdir(parents=True)
    with training_objects() as rest:
        torch.save({"state_dict": state, **rest}, file)
    (folder / "cfg.yaml").write_text(CFG)
    return file


@pytest.fixture(scope="module")
def folder(tmp_path_factory, deca_state):
    folder = tmp_path_factory.mktemp("assets") / "EMOCA_v2_lr_mse_20"
    head = nf.resources.path("open_head.npz")
    with np.load(head) as file:
        template = torch.from_numpy(file["v_template"])
    save(folder, state_of(deca_state, template=template))
    return folder


@pytest.fixture(scope="module")
def encoder(folder):
    return nf.load_encoder("emoca", checkpoint=folder)


def test_expression_and_jaw_come_from_the_second_network(encoder, public_files):
    crops = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        theta, deca = encoder(crops), nf.load_encoder("deca", checkpoint=public_files.deca)(crops)
    for name in ("shape", "camera", "texture", "light"):
        assert torch.allclose(getattr(theta, name), getattr(deca, name), atol=1e-5), name
    assert torch.allclose(theta.head_rotation, deca.head_rotation, atol=1e-5)
    # E_expression's first outputs are rows 0..52 of DECA's last layer here: of its shape.
    assert torch.allclose(theta.expression, deca.shape[:, :50], atol=1e-5)
    assert torch.allclose(theta.jaw, deca.shape[:, 50:53] + torch.tensor([0.2, 0, 0]), atol=1e-5)


def test_one_backbone_for_both_networks_gives_the_same_numbers(tmp_path, deca_state, encoder):
    save(tmp_path, state_of(deca_state, shared=True))
    shared = nf.load_encoder("emoca", checkpoint=tmp_path)
    assert shared.settings.shared
    crops = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        for name, tensor in shared(crops).items():
            assert torch.allclose(tensor, getattr(encoder(crops), name), atol=1e-5), name


@pytest.mark.parametrize("groups", [["coarse"], ["expression"], None])
def test_the_parts_that_move_are_an_option(encoder, groups):
    moved = {id(p) for p in encoder.move(groups).trainable_parameters("all")}
    encoder.move(None)
    names = {n.split(".")[0] for n, p in encoder.named_parameters() if id(p) in moved}
    assert names == {{"coarse": "E_flame", "expression": "E_expression"}[g] for g in groups or encoder.groups}


def test_the_checkpoint_is_found_in_its_odd_folder(tmp_path, folder):
    file = folder / "detail" / "checkpoints" / ODD_NAME
    for given in (file, folder, folder.parent, folder / "detail", file.parent):
        assert find_checkpoint(given, remedy="") == file
    for name in (
        "detail/checkpoints/e=02-val_loss/x=4.5.ckpt",
        "detail/checkpoints/last.ckpt",
        "coarse/x=0.1.ckpt",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert find_checkpoint(tmp_path, remedy="").name == "x=4.5.ckpt"
    (tmp_path / "empty").mkdir()
    with pytest.raises(nf.AssetError, match=r"holds no \.ckpt file"):
        nf.load_encoder("emoca", checkpoint=tmp_path / "empty")


def test_settings_are_those_of_the_later_stage_and_nothing_else_is_read(tmp_path, folder):
    found = read_settings(folder / "detail" / "checkpoints" / ODD_NAME, shared=False, outputs=53)
    assert found == Settings(mediapipe=True)
    assert read_settings(tmp_path / "x.ckpt", shared=False, outputs=50) == Settings(jaw_pose=False)
    assert read_settings(tmp_path / "x.ckpt", shared=False, outputs=56) == Settings(head_pose=True)
    (tmp_path / "cfg.yaml").write_bytes(
        b"\xff\x00 detail:\n  model: [\n!!python/object/apply:os.system ['x']\n"
    )
    assert read_settings(tmp_path / "x.ckpt", shared=False, outputs=53) == Settings()


def test_a_checkpoint_that_names_a_command_is_refused(tmp_path, capfd):
    class Malicious:
        def __reduce__(self):
            return (os.system, ("echo this code ran",))

    torch.save(
        {"state_dict": {"deca.E_flame.x": Malicious()}, "hyper_parameters": Malicious()}, tmp_path / "m.ckpt"
    )
    with pytest.raises(nf.AssetError, match=r"wants to call (posix|nt)\.system"):
        nf.load_encoder("emoca", checkpoint=tmp_path / "m.ckpt")
    assert "this code ran" not in capfd.readouterr().out


def test_a_checkpoint_of_another_kind_is_named(tmp_path, public_files):
    with pytest.raises(nf.AssetError, match="no weights of E_expression"):
        nf.load_encoder("emoca", checkpoint=public_files.deca)
    torch.save({"state_dict": {"deca.E_mica.x": torch.zeros(1)}}, tmp_path / "e.ckpt")
    with pytest.raises(nf.AssetError, match="EMICA"):
        nf.load_encoder("emoca", checkpoint=tmp_path / "e.ckpt")


def test_the_mean_face_in_the_checkpoint_tells_another_head(encoder, public_files):
    head = nf.FaceModel.load(public_files.flame, landmarks=public_files.embedding)
    encoder.check_head(head)
    assert not encoder.head_notes(head)
    other = EmocaEncoder.__new__(EmocaEncoder)
    torch.nn.Module.__init__(other)
    other.head_template = encoder.head_template + 0.002
    with pytest.raises(nf.AssetError, match="2 mm away"):
        other.check_head(head)


def test_it_is_recognised_without_its_weights_being_read(folder):
    assert "expression and jaw from E_expression" in check_checkpoint("emoca", folder)


def test_the_command_line_finds_encoder_and_head_and_runs_to_the_end(
    folder, public_files, tmp_path, monkeypatch, capsys
):
    """`neuface track` with nothing but a name, on what lies in the folder of assets."""
    assets = folder.parent
    flame = assets / "FLAME2020"
    flame.mkdir()
    for file in (public_files.flame, public_files.embedding):
        (flame / file.name).hardlink_to(file)
    monkeypatch.setenv("NEUFACE_ASSETS", str(assets))
    command = [
        "track",
        str(nf.resources.path("demo")),
        "--views",
        "front",
        "--max-frames",
        "2",
        "--encoder",
        "emoca",
    ]
    command += [
        "--moving",
        "expression",
        "--iterations",
        "1",
        "--trainable",
        "top",
        "--out",
        str(tmp_path),
        "--json",
    ]
    assert main(command) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["encoder"], result["head"], result["iterations"]) == ("emoca", "generic_model", 1)
    track = nf.FaceTrack.load(result["track"], head=nf.FaceModel.load("flame"))
    assert torch.isfinite(track.vertices()).all()
    assert not any("release of FLAME unknown" in line for line in result["warnings"])
