"""The E-step's targets of one frame: what the next M-step pulls the meshes towards."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

import neuface_engine as nf
from neuface_engine.face_model.rotations import axis_angle_to_quaternion
from neuface_engine.optimization.evidence import believed
from neuface_engine.optimization.objective import orientation_target
from neuface_studio.model import Footage, IterationRecord
from neuface_studio.worker.analysing import merged_views


@torch.no_grad()
def target_vertices(footage: Footage, record: IterationRecord, frame: int) -> NDArray[np.float32]:
    """[V, N, 3] m: the mesh merged from all views, turned for each view by its smoothed head orientation.

    With one view there is nothing to merge: the view's own mesh with the smoothed orientation. The settings, with the
    window of the smoothing and what is excluded, are those of the record's run.
    """
    sequence, head = footage.sequence, footage.head
    config = record.settings or nf.NeuFaceConfig()
    valid = believed(sequence, config).float()
    quaternions = axis_angle_to_quaternion(record.parameters.pose[..., :3])
    orientation = orientation_target(quaternions, valid, config, sequence.cuts)[frame]
    parameters = record.parameters[frame : frame + 1]
    meshes = head.vertices(parameters, space="canonical")
    if valid.shape[1] > 1:
        merged = merged_views(meshes, parameters.pose[..., :3], head.faces, valid[frame : frame + 1])
        meshes = merged[:, None].expand_as(meshes)
    pose = torch.cat([quaternion_to_axis_angle(orientation), parameters.pose[0, :, 3:]], dim=-1)
    posed = head.pose(parameters[0].replace(pose=pose), meshes[0])
    return np.ascontiguousarray(posed.numpy(), dtype=np.float32)


def quaternion_to_axis_angle(quaternion: torch.Tensor) -> torch.Tensor:
    """Unit quaternions [..., 4] (w first) -> axis times angle [..., 3], the angle at most pi."""
    q = torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)
    sine = torch.linalg.vector_norm(q[..., 1:], dim=-1, keepdim=True)
    angle = 2 * torch.atan2(sine, q[..., :1])
    return torch.where(sine > 1e-8, q[..., 1:] / sine.clamp_min(1e-12) * angle, 2 * q[..., 1:])
