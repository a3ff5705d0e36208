"""FLAME and DECA files of the public layouts, made from the open head and from a seed."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import sparse

from neuface_engine.encoders.deca import DecaEncoder
from neuface_engine.face_model.assets import read_open_head


@dataclass(frozen=True)
class PublicFiles:
    flame: Path
    embedding: Path
    deca: Path


def flame_dict() -> dict[str, object]:
    """generic_model.pkl's arrays: 300 + 100 components, of which the open head fills 100 + 50."""
    head = read_open_head()
    vertices = len(head.v_template)
    bases = np.zeros((vertices, 3, 400))
    bases[..., :100], bases[..., 300:350] = head.shape_basis, head.expression_basis
    return {
        "v_template": head.v_template.astype(np.float64),
        "f": head.faces.astype(np.uint32),
        "shapedirs": bases,
        "posedirs": head.pose_basis.astype(np.float64),
        "J_regressor": sparse.csc_matrix(head.joint_regressor),
        "weights": head.weights.astype(np.float64),
        "kintree_table": np.array([[2**32 - 1, 0, 1, 1, 1], [0, 1, 2, 3, 4]], dtype=np.uint32),
        "bs_style": "lbs",
        "bs_type": "lrotmin",
    }


def embedding_dict() -> dict[str, object]:
    """landmark_embedding.npy's dict; as in DECA's file the dynamic tables are tensors."""
    head = read_open_head()
    return {
        "static_lmk_faces_idx": head.static.faces,
        "static_lmk_bary_coords": head.static.barycentric.astype(np.float64),
        "full_lmk_faces_idx": head.full.faces[None],
        "full_lmk_bary_coords": head.full.barycentric[None],
        "dynamic_lmk_faces_idx": torch.from_numpy(head.contour.faces),
        "dynamic_lmk_bary_coords": torch.from_numpy(head.contour.barycentric),
    }


def deca_weights(seed: int = 0) -> dict[str, torch.Tensor]:
    """E_flame with random weights that say: a nearly neutral face, upright, filling the crop."""
    torch.manual_seed(seed)
    encoder = DecaEncoder()
    with torch.no_grad():
        for name, parameter in encoder.named_parameters():
            if parameter.dim() == 4:
                torch.nn.init.kaiming_normal_(parameter, mode="fan_in")
            elif name.endswith("bn3.weight"):
                parameter.fill_(0.3)
        encoder.layers[2].weight.mul_(0.1)
        encoder.layers[2].bias.zero_()
        encoder.layers[2].bias[206] = 8.0
    return {name: tensor.clone().contiguous() for name, tensor in encoder.state_dict().items()}


def save_deca(path: Path, weights: dict[str, torch.Tensor]) -> Path:
    torch.save({"E_flame": weights, "E_detail": {}, "D_detail": {}, "epoch": 7}, path)
    return path


@pytest.fixture(scope="session")
def deca_state() -> dict[str, torch.Tensor]:
    """E_flame, made once; to be copied by whoever changes it."""
    return deca_weights()


@pytest.fixture(scope="session")
def public_files(
    tmp_path_factory: pytest.TempPathFactory, deca_state: dict[str, torch.Tensor]
) -> PublicFiles:
    folder = tmp_path_factory.mktemp("public")
    with (folder / "generic_model.pkl").open("wb") as stream:
        pickle.dump(flame_dict(), stream, protocol=2)
    np.save(folder / "landmark_embedding.npy", np.array(embedding_dict(), dtype=object), allow_pickle=True)
    return PublicFiles(
        folder / "generic_model.pkl",
        folder / "landmark_embedding.npy",
        save_deca(folder / "deca_model.tar", deca_state),
    )
