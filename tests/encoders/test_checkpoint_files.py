"""torch's two kinds of files, with what a training run leaves in them, are read without torch.load or its libraries."""

from __future__ import annotations

import io
import os
import sys
import types
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

import neuface_engine as nf
from neuface_engine.assets.converting import convert
from neuface_engine.encoders.checkpoints import read_checkpoint
from neuface_engine.torch_files import Shape, read_torch_stream, read_torch_zip

REMEDY = "obtain it again"


def saved(path: Path, content: object, *, zipped: bool) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


def training_run() -> dict[str, object]:
    """As Lightning saves it: a callback's class for a key, an optimiser, numpy's numbers, a tensor held twice."""
    module = types.ModuleType("pytorch_lightning")
    callback = type("ModelCheckpoint", (), {"__module__": "pytorch_lightning"})
    module.ModelCheckpoint = callback  # type: ignore[attr-defined]
    sys.modules["pytorch_lightning"] = module
    weights = torch.arange(12.0).reshape(3, 4)
    return {
        "state_dict": {
            "a": weights,
            "transposed": weights.T,
            "again": weights,
            "part": weights[1:, ::2],
            "half": torch.ones(2, dtype=torch.float16),
            "count": torch.tensor(7),
            "flags": torch.tensor([True, False]),
            "parameter": torch.nn.Parameter(torch.zeros(2)),
        },
        "callbacks": {callback: {"best_model_score": torch.tensor(3.25)}},
        "validator": {"average": np.float64(1.5), "embeddings": [np.zeros(4, np.float32)], "best": np.inf},
        "optimizer_states": [{"state": {0: {"step": 3, "exp_avg": torch.zeros(2)}}}],
        "epoch": 10,
    }


@pytest.fixture
def run():
    before = sys.modules.get("pytorch_lightning")
    yield training_run()
    if before is None:
        sys.modules.pop("pytorch_lightning", None)
    else:
        sys.modules["pytorch_lightning"] = before


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "stream"])
def test_what_a_training_run_left_does_not_stand_in_the_way(run, zipped, tmp_path):
    path = saved(tmp_path / "model.ckpt", run, zipped=zipped)
    sys.modules.pop("pytorch_lightning")
    content = read_checkpoint(path, remedy=REMEDY)
    assert content["epoch"] == 10
    for name, tensor in run["state_dict"].items():
        assert np.array_equal(content["state_dict"][name], tensor.detach().numpy()), name
    shapes = read_checkpoint(path, remedy=REMEDY, shapes_only=True)["state_dict"]
    assert shapes["transposed"] == (4, 3)
    assert isinstance(shapes["a"], Shape)


def test_both_kinds_of_files_give_the_same(tmp_path):
    content = {"w": torch.randn(5, 3), "n": [np.arange(3), {"x": torch.ones(2, dtype=torch.int32)}]}
    one = read_torch_zip(saved(tmp_path / "a", content, zipped=True), arrays=True)
    other = read_torch_stream(saved(tmp_path / "b", content, zipped=False), arrays=True)
    assert np.array_equal(one["w"], other["w"])
    assert np.array_equal(one["n"][0], other["n"][0])
    assert np.array_equal(one["n"][1]["x"], other["n"][1]["x"])


class Runs:
    def __reduce__(self):
        return os.system, ("exit 3",)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "stream"])
def test_a_file_that_names_a_command_is_refused_whatever_else_is_in_it(zipped, tmp_path):
    path = saved(tmp_path / "deca_model.tar", {"E_flame": {"w": torch.ones(2)}, "x": Runs()}, zipped=zipped)
    with pytest.raises(nf.AssetError, match=r"wants to call (posix|nt)\.system"):
        read_checkpoint(path, remedy=REMEDY)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "stream"])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.98])
def test_a_file_that_was_cut_short_is_refused(zipped, share, tmp_path):
    path = saved(tmp_path / "deca_model.tar", {"w": torch.randn(4000), "v": torch.randn(4000)}, zipped=zipped)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(
        nf.AssetError, match="its end is missing" if zipped else "instead of|too early"
    ) as caught:
        read_checkpoint(path, remedy=REMEDY)
    assert str(path) in str(caught.value)


def test_a_tensor_that_unfolds_to_a_multiple_is_refused(tmp_path):
    """The archive of torch.save, its tensors packed: twenty kilobytes that mean twenty megabytes."""
    stream = io.BytesIO()
    torch.save({"w": torch.zeros(5_000_000)}, stream)
    path = tmp_path / "deca_model.tar"
    with (
        zipfile.ZipFile(stream) as old,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new,
    ):
        for name in old.namelist():
            new.writestr(name, old.read(name))
    with pytest.raises(nf.AssetError, match="would unfold to"):
        read_checkpoint(path, remedy=REMEDY)
    assert read_checkpoint(path, remedy=REMEDY, shapes_only=True)["w"] == (5_000_000,)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("deca_model.tar", r"E_flame is missing; give DECA's deca_model\.tar"),
        ("spectre_model.tar", "spectre_model.tar: "),
        ("something.pt", "neither a FLAME model nor a checkpoint of .*deca"),
    ],
)
def test_a_checkpoint_that_cannot_be_converted_is_judged_by_its_name(name, words, tmp_path):
    path = saved(tmp_path / name, {"E_detail": {"w": torch.ones(2)}, "D_detail": {}}, zipped=True)
    with pytest.raises(nf.AssetError, match=words):
        convert(path, tmp_path / "out.safetensors")
