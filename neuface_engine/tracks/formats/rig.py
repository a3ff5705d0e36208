"""The head as other software can animate it without our code: targets that add up, and joints that skin.

FLAME's formula is linear in shape, expression and the entries of (rotation - identity) of each moving joint, and then
comes linear blend skinning (Li et al. 2017, eqs. 1 to 5). So every term is a morph target and every moving joint a
joint: at the frames this is the mesh itself, not an approximation. The neck does not move and goes with the root.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from neuface_engine.face_model.model import JAW, LEFT_EYE, RIGHT_EYE
from neuface_engine.face_model.rotations import axis_angle_to_matrix
from neuface_engine.tracks import FaceTrack

Floats = NDArray[np.float32]
_JOINTS = {JAW: "jaw", LEFT_EYE: "left_eye", RIGHT_EYE: "right_eye"}
UNMOVED = 1e-6


@dataclass(frozen=True)
class Rig:
    """N vertices, K targets, J joints (the first is the root, at rest), F frames, V views.

    targets [K, N, 3] metres with names [K]; weights [F, V, K]; base [V, N, 3]: each view's mean identity without
    expression; joint_names [J], skin [N, J] rows add up to 1, rotations [F, V, J, 3, 3] and offsets [F, V, J, 3] of
    x -> R x + t, canonical space; pose [F, V, 3, 3] and root [F, V, 3]: the head orientation, about the root joint.
    """

    base: Floats
    targets: Floats
    names: tuple[str, ...]
    weights: Floats
    joint_names: tuple[str, ...]
    skin: Floats
    rotations: Floats
    offsets: Floats
    pose: Floats
    root: Floats


@torch.no_grad()
def rig_of(track: FaceTrack) -> Rig:
    """The rig of a track with the open head or FLAME."""
    head, theta = track.head, track.parameters
    arrays = head.arrays
    mean = theta.shape.mean(0)  # [V, n]
    base = arrays.v_template + np.einsum("vk,nck->vnc", mean.numpy(), arrays.shape_basis)
    names: list[str] = []
    targets: list[Floats] = []
    weights: list[Floats] = []

    def add(prefix: str | tuple[str, ...], basis: Floats, values: torch.Tensor) -> None:
        """basis [N, 3, K], values [F, V, K]; targets that never move are left out."""
        moved = np.abs(values.numpy()).max((0, 1)) > UNMOVED
        for k in np.flatnonzero(moved).tolist():
            names.append(f"{prefix}_{k:03d}" if isinstance(prefix, str) else prefix[k])
            targets.append(np.ascontiguousarray(basis[..., k], dtype=np.float32))
            weights.append(values[..., k].numpy())

    expressions = head.expression_names or "expression"
    add(expressions, arrays.expression_basis, theta.expression)
    add("shape_change", arrays.shape_basis, theta.shape - mean)
    if theta.eyelids is not None and arrays.eyelids is not None:
        add(("left_eyelid", "right_eyelid"), np.moveaxis(arrays.eyelids, 0, -1), theta.eyelids)

    rotations = {JAW: axis_angle_to_matrix(theta.jaw)}
    if theta.eyes is not None:
        rotations |= {LEFT_EYE: axis_angle_to_matrix(theta.eyes[..., :3])}
        rotations |= {RIGHT_EYE: axis_angle_to_matrix(theta.eyes[..., 3:])}
    for joint, rotation in rotations.items():
        change = (rotation - torch.eye(3)).flatten(-2)
        add(f"{_JOINTS[joint]}_corrective", arrays.pose_basis[..., 9 * (joint - 1) : 9 * joint], change)

    coefficients = torch.cat([theta.shape, theta.expression], dim=-1)
    joints = head.joint_template + torch.einsum("...k,kjc->...jc", coefficients, head.joint_basis)
    moving = list(rotations)
    skin = np.concatenate([1 - arrays.weights[:, moving].sum(1, keepdims=True), arrays.weights[:, moving]], 1)
    identity = torch.eye(3).expand(*theta.batch_shape, 3, 3)
    turned = torch.stack([identity, *rotations.values()], dim=-3)
    centres = torch.cat([torch.zeros_like(joints[..., :1, :]), joints[..., moving, :]], dim=-2)
    offsets = centres - (turned @ centres[..., None])[..., 0]
    return Rig(
        base=base.astype(np.float32),
        targets=np.array(targets, np.float32).reshape(-1, len(arrays.v_template), 3),
        names=tuple(names),
        weights=np.moveaxis(np.array(weights, np.float32).reshape(-1, *theta.batch_shape), 0, -1),
        joint_names=("root", *(_JOINTS[joint] for joint in moving)),
        skin=skin.astype(np.float32),
        rotations=turned.numpy(),
        offsets=offsets.numpy(),
        pose=axis_angle_to_matrix(theta.head_rotation).numpy(),
        root=joints[..., 0, :].numpy(),
    )
