"""Eq. (1) as a function of the face parameters: decode, E-step targets, weighted losses.

The encoder does not appear here: NeuFace and FLAME fitting minimise the same objective over different variables.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from neuface_engine.face_model import FaceModel, FaceParameters, project
from neuface_engine.face_model.rotations import axis_angle_to_matrix, axis_angle_to_quaternion
from neuface_engine.optimization.config import NeuFaceConfig
from neuface_engine.optimization.losses import (
    Losses,
    landmark_loss,
    multiview_loss,
    plausibility_loss,
    temporal_loss,
)
from neuface_engine.optimization.targets import Targets, merged_mesh, smoothed_orientation
from neuface_engine.raster import vertex_normals, vertex_visibility


@dataclass(frozen=True)
class Evidence:
    """What is fixed during a run: detected landmarks j [F, V, 68, 2] in crop units, valid [F, V] (0 or 1)."""

    landmarks: Tensor
    valid: Tensor


@dataclass(frozen=True)
class Prediction:
    """Decoded parameters, with graph: landmarks [F, V, 68, 3] posed, projected [F, V, 68, 2], quaternions
    [F, V, 4], canonical vertices [F, V, N, 3]."""

    parameters: FaceParameters
    landmarks: Tensor
    projected: Tensor
    quaternions: Tensor
    vertices: Tensor


@dataclass(frozen=True)
class Evaluation:
    """One E-step and the losses at the same parameters; `total` still has its graph."""

    prediction: Prediction
    targets: Targets
    total: Tensor
    losses: Losses


class Objective:
    """L = w_2D L_2D + lambda_temp L_temporal + lambda_view L_multiview + guard, for one sequence."""

    def __init__(self, head: FaceModel, evidence: Evidence, config: NeuFaceConfig) -> None:
        self.head, self.evidence, self.config = head, evidence, config
        self._faces = head.faces.cpu().numpy()

    def decode(self, parameters: FaceParameters) -> Prediction:
        landmarks = self.head.landmarks(parameters, kind="dynamic")
        return Prediction(
            parameters,
            landmarks,
            project(landmarks, parameters.camera),
            axis_angle_to_quaternion(parameters.head_rotation),
            self.head.canonical_vertices(parameters),
        )

    @torch.no_grad()
    def visibility(self, prediction: Prediction) -> Tensor:
        """Confidence of each vertex in each view, [F, V, N]: cosine to the viewing direction, 0 where hidden."""
        rotation = axis_angle_to_matrix(prediction.parameters.head_rotation)
        posed = prediction.vertices @ rotation.transpose(-1, -2)  # orthographic: the translation is of no matter
        flat = posed.flatten(0, 1).cpu().numpy()
        facing = vertex_normals(flat, self._faces)[..., 2].clip(min=0)
        seen = vertex_visibility(flat * np.array([1, -1, 1], np.float32), self._faces)  # image y is down
        confidence = torch.from_numpy(seen * facing).to(prediction.vertices)
        return confidence.reshape(prediction.vertices.shape[:3]) * self.evidence.valid[..., None]

    def expectation(self, prediction: Prediction, visibility: Tensor | None) -> Targets:
        """E-step: qhat and Mhat. `visibility` [F, V, N] is needed with two views or more."""
        orientation = smoothed_orientation(
            prediction.quaternions.detach(), self.config.temporal_window, self.evidence.valid
        )
        mesh = None if visibility is None else merged_mesh(prediction.vertices.detach(), visibility)
        return Targets(orientation, mesh)

    def evaluate(self, prediction: Prediction, targets: Targets) -> Evaluation:
        """The losses at `prediction` against fixed `targets`."""
        config, valid = self.config, self.evidence.valid
        landmark = landmark_loss(prediction.projected, self.evidence.landmarks, valid)
        temporal = temporal_loss(prediction.quaternions, targets.orientation, valid)
        plausibility = plausibility_loss(prediction.parameters, valid)
        total = (
            config.landmark_weight * landmark
            + config.temporal_weight * temporal
            + config.plausibility_weight * plausibility
        )
        multiview = torch.zeros_like(total)
        if targets.mesh is not None:
            multiview = multiview_loss(prediction.vertices, targets.mesh, valid)
            total = total + config.multiview_weight * multiview
        values = torch.stack([total, landmark, temporal, multiview, plausibility]).detach().tolist()
        return Evaluation(prediction, targets, total, Losses(*values))

    def vertex_gradient(self, evaluation: Evaluation) -> Tensor:
        """|dL/dM| [F, V, N] per metre: where the losses pull the mesh. Keeps the graph of `evaluation`.

        L_multiview acts on the vertices, L_2D through the landmarks on the vertices that carry them.
        """
        prediction = evaluation.prediction
        wanted = [prediction.landmarks] + ([] if evaluation.targets.mesh is None else [prediction.vertices])
        gradients = torch.autograd.grad(evaluation.total, wanted, retain_graph=True)
        flat = prediction.parameters.detach().flatten()
        rotation = axis_angle_to_matrix(flat.head_rotation)
        landmarks = gradients[0].flatten(0, 1) @ rotation  # into the canonical pose
        field = self.head.landmark_gradient_to_vertices(landmarks, flat, "dynamic")
        if len(gradients) > 1:
            field = field + gradients[1].flatten(0, 1)
        return torch.linalg.vector_norm(field, dim=-1).reshape(prediction.vertices.shape[:3])
