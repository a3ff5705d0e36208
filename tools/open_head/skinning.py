"""Pose the head for a portrait: the same blend skinning as the engine's, for one head and the jaw alone."""

from __future__ import annotations

import numpy as np

from open_head.skeleton import JAW, rotation_x
from open_head.types import Array


def pose_head(head: dict[str, Array], shape: Array, jaw: float) -> Array:
    """Vertices [V,3] of identity `shape` [100] with the jaw opened by `jaw` radians."""
    vertices = head["v_template"] + head["shapedirs"][..., : len(shape)].astype(np.float64) @ shape
    pivot = (head["J_regressor"] @ vertices)[JAW]
    rotation = rotation_x(jaw)
    feature = np.zeros(head["posedirs"].shape[-1])
    feature[9 * (JAW - 1) : 9 * JAW] = (rotation - np.eye(3)).ravel()
    vertices = vertices + head["posedirs"].astype(np.float64) @ feature
    turned = (vertices - pivot) @ rotation.T + pivot
    weight = head["weights"][:, JAW, None]
    return weight * turned + (1 - weight) * vertices
