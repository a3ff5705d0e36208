"""MPVE: how far is the mesh from the true one? Only where a true mesh of the same topology exists."""

from __future__ import annotations

import torch
from torch import Tensor

from neuface_engine.metrics.averages import MM


@torch.no_grad()
def vertex_error_mm(predicted: Tensor, truth: Tensor, valid: Tensor) -> float:
    """MPVE: mean distance to the true mesh in mm, canonical meshes [F, V, N, 3], no alignment; NaN without a face."""
    error = torch.linalg.vector_norm(predicted - truth, dim=-1).mean(-1)
    use = valid > 0
    return float(error[use].mean()) * MM
