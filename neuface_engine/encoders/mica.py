"""MICA (Zielonka et al. 2022): the identity of a face, 300 coefficients of FLAME 2020 in metric size.

It says nothing of pose, expression or camera, so it is no encoder: it gives others the shape to begin with
(`shape_prior`).
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neuface_engine.encoders.arcface import EMBEDDING, IResNet100, aligned, five_points
from neuface_engine.encoders.checkpoints import (
    below,
    check_parts,
    load_parts,
    part_of,
    read_checkpoint,
    unfilled,
)
from neuface_engine.errors import AssetError, ConfigError

if TYPE_CHECKING:
    from neuface_engine.video import Sequence

COMPONENTS = 300
HIDDEN_LAYERS = 4
SLOPE = 0.2
FACES = 8
"""So many of a clip's most frontal faces are looked at; MICA's answers for one person differ little."""
REMEDY = "give mica.tar, from MICA's project page"


class _Mapping(nn.Module):
    """ArcFace's embedding [B, 512] -> shape [B, 300]: four hidden layers and an output."""

    def __init__(self) -> None:
        super().__init__()
        sizes = [EMBEDDING, *[COMPONENTS] * HIDDEN_LAYERS]
        self.network = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.output = nn.Linear(COMPONENTS, COMPONENTS)

    def forward(self, embedding: Tensor) -> Tensor:
        x = embedding
        for layer in self.network:
            x = F.leaky_relu(layer(x), SLOPE)
        return torch.as_tensor(self.output(x))


class MicaShape(nn.Module):
    """Aligned faces [B, 3, 112, 112] in 0..1 -> beta [B, 300] of FLAME 2020.

    head_template: the mean face [V, 3] of the FLAME that it was trained with, from its checkpoint.
    """

    name = "mica"
    flame_version = "2020"
    n_shape = COMPONENTS
    head_template: Tensor | None = None

    def __init__(self) -> None:
        super().__init__()
        self.arcface = IResNet100()
        self.regressor = _Mapping()
        self.requires_grad_(False)
        self.eval()

    @classmethod
    def load(cls, checkpoint: Path | str | None) -> MicaShape:
        """The weights in mica.tar.

        Raises ConfigError where no file is given and AssetError where it is missing, unreadable or of another layout.
        """
        if checkpoint is None:
            raise ConfigError(
                "shape prior 'mica' needs its weights; give mica.tar (from MICA's project page) with "
                "--shape-checkpoint, or put it into the folder of assets (`neuface assets add FILE`)"
            )
        path = Path(checkpoint)
        parts, template = _weights(path)
        prior = unfilled(cls)
        load_parts(prior, parts, path, remedy=REMEDY)
        prior.head_template = template
        return prior.eval()

    @classmethod
    def check_file(cls, path: Path) -> str:
        """What the file is, in words, without reading its weights. Raises AssetError."""
        prior = unfilled(cls)
        check_parts(prior, _weights(path, shapes_only=True)[0], path, remedy=REMEDY)
        return "MICA, 300 shape components"

    def forward(self, faces: Tensor) -> Tensor:
        return torch.as_tensor(self.regressor(self.arcface(faces)))

    @torch.no_grad()
    def of_sequence(self, sequence: Sequence) -> Tensor:
        """beta [300] of the person in a clip: the mean over its most frontal faces."""
        chosen = _most_frontal(sequence)
        faces = [
            aligned(
                np.ascontiguousarray(_pixels(sequence.crops[f, v])), sequence.landmarks[f, v].cpu().numpy()
            )
            for f, v in chosen
        ]
        batch = torch.from_numpy(np.stack(faces)).permute(0, 3, 1, 2).float() / 255
        device = next(self.parameters()).device
        return torch.cat([self(part.to(device)) for part in batch.split(4)]).mean(0).cpu()


def _pixels(crop: Tensor) -> np.ndarray[Any, Any]:
    """[3, S, S] -> uint8 [S, S, 3]."""
    values = crop if crop.dtype == torch.uint8 else (crop * 255).round().clamp(0, 255).to(torch.uint8)
    return values.permute(1, 2, 0).cpu().numpy()


def _most_frontal(sequence: Sequence) -> list[tuple[int, int]]:
    """(frame, view) of the faces whose nose is nearest to the middle between the eyes, in units of their distance."""
    points = five_points(sequence.landmarks.cpu().numpy())
    left, right, nose = points[..., 0, :], points[..., 1, :], points[..., 2, :]
    across = right - left
    distance = np.maximum(np.linalg.norm(across, axis=-1), 1e-6)
    off_centre = np.abs(((nose - (left + right) / 2) * across).sum(-1)) / distance**2
    off_centre[~sequence.detected.cpu().numpy()] = np.inf
    order = np.argsort(off_centre, axis=None, kind="stable")[:FACES]
    frames, views = np.unravel_index(order, off_centre.shape)
    return [(int(f), int(v)) for f, v in zip(frames, views, strict=True) if np.isfinite(off_centre[f, v])]


def _weights(path: Path, *, shapes_only: bool = False) -> tuple[dict[str, Any], Tensor | None]:
    """Of the two networks, and the mean face of the FLAME that lies beside them."""
    content = read_checkpoint(path, remedy=REMEDY, shapes_only=shapes_only)
    flame = part_of(content, "flameModel")
    if not isinstance(flame, dict):
        raise AssetError(f"{path}: has no weights of flameModel, so it is not MICA's; {REMEDY}")
    flame = {str(name): value for name, value in flame.items()}
    template = flame.get("generator.v_template")
    mean_face = torch.as_tensor(template).float() if isinstance(template, np.ndarray | Tensor) else None
    return {"arcface": part_of(content, "arcface"), "regressor": below(flame, "regressor.")}, mean_face
