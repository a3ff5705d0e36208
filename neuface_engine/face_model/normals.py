"""Vertex normals with a gradient (the rasteriser has faster ones without)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def vertex_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """Unit normals [..., V, 3] of vertices [..., V, 3], area-weighted over the triangles [T, 3] around each."""
    a, b, c = vertices[..., faces, :].unbind(-2)
    doubled_areas = torch.linalg.cross(b - a, c - a)
    total = torch.zeros_like(vertices)
    for corner in faces.unbind(-1):
        total = total.index_add(-2, corner, doubled_areas)
    return F.normalize(total, dim=-1, eps=1e-6)
