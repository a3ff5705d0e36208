"""The synthetic assets of the golden arrays, made again from their seeds."""

from __future__ import annotations

import importlib.util
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

import neuface_engine as nf


@dataclass(frozen=True)
class Golden:
    """The folder of golden arrays, its module of assets, and those assets as files of the public layouts."""

    folder: Path
    assets: ModuleType
    flame: Path
    deca: Path

    @property
    def embedding(self) -> Path:
        return self.folder / "landmark_embedding.npy"

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        with np.load(self.folder / f"{name}.npz", allow_pickle=False) as file:
            return {key: file[key] for key in file.files}

    def triangles(self) -> np.ndarray:
        return self.head().faces.numpy()

    def head(self) -> nf.FaceModel:
        return nf.FaceModel.load(self.flame, landmarks=self.embedding)


@pytest.fixture(scope="session")
def golden(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Golden:
    folder = shared / "golden"
    if not folder.is_dir():
        pytest.skip(f"no golden arrays at {folder}")
    spec = importlib.util.spec_from_file_location("synth_assets", folder / "synth_assets.py")
    assets = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(assets)
    made = tmp_path_factory.mktemp("golden")
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):  # a file it leaves open
        assets.save_flame_pkl(
            assets.make_flame_dict(str(folder / "head_template.obj")), str(made / "generic_model.pkl")
        )
    weights = {name: torch.from_numpy(np.array(array)) for name, array in assets.make_eflame().items()}
    torch.save({"E_flame": weights, "E_detail": {}, "D_detail": {}}, made / "deca_model.tar")
    return Golden(folder, assets, made / "generic_model.pkl", made / "deca_model.tar")
