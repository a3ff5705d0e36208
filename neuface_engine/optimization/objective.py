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
    expression_prior,
    head_size,
    landmark_loss,
    multiview_loss,
    shape_prior,
    size_prior,
    temporal_loss,
)
from neuface_engine.optimization.targets import Targets, merged_mesh, smoothed_orientation
from neuface_engine.raster import vertex_normals, vertex_visibility


@dataclass(frozen=True)
class Evidence:
    """What is fixed during a run, in crop units: landmarks j [F, V, 68, 2], dense [F, V, 478, 2] (None where the
    head or the detector has none), valid [F, V] (0 or 1)."""

    landmarks: Tensor
    dense: Tensor | None
    valid: Tensor


@dataclass(frozen=True)
class Prediction:
    """Decoded parameters, with graph: canonical vertices [F, V, N, 3]; landmarks [F, V, 68, 3] posed; projected
    [F, V, 68, 2] and dense [F, V, 478, 2]; quaternions [F, V, 4]."""

    parameters: FaceParameters
    vertices: Tensor
    landmarks: Tensor
    projected: Tensor
    dense: Tensor | None
    quaternions: Tensor


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
        self._size: Tensor | None = None

    def decode(self, parameters: FaceParameters) -> Prediction:
        face = self.head.decode(parameters)
        vertices = face.vertices("canonical")
        landmarks = face.landmarks("dynamic")
        dense = None
        if self.evidence.dense is not None:
            dense = project(face.landmarks("mediapipe"), parameters.camera)
        return Prediction(
            parameters,
            vertices,
            landmarks,
            project(landmarks, parameters.camera),
            dense,
            axis_angle_to_quaternion(parameters.head_rotation),
        )

    @torch.no_grad()
    def visibility(self, prediction: Prediction) -> Tensor:
        """Confidence of each vertex in each view, [F, V, N]: cosine to the viewing direction, 0 where hidden."""
        rotation = axis_angle_to_matrix(prediction.parameters.head_rotation)
        posed = prediction.vertices @ rotation.transpose(
            -1, -2
        )  # orthographic: the translation is of no matter
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
        """The losses at `prediction` against fixed `targets`. The first one evaluated sets the size of the head."""
        config, valid = self.config, self.evidence.valid
        if self._size is None:
            sizes = head_size(prediction.vertices.detach())
            self._size = (sizes * valid).sum() / valid.sum()
        zero = prediction.projected.new_zeros(())
        landmark = landmark_loss(prediction.projected, self.evidence.landmarks, valid)
        temporal = temporal_loss(prediction.quaternions, targets.orientation, valid)
        multiview = zero if targets.mesh is None else multiview_loss(prediction.vertices, targets.mesh, valid)
        dense = zero
        if prediction.dense is not None and self.evidence.dense is not None:
            dense = landmark_loss(prediction.dense, self.evidence.dense, valid)
        shape = shape_prior(prediction.parameters, valid)
        expression = expression_prior(prediction.parameters, valid)
        size = size_prior(prediction.vertices, self._size, valid)
        total = (
            config.landmark_weight * landmark
            + config.temporal_weight * temporal
            + config.multiview_weight * multiview
            + config.dense_weight * dense
            + config.shape_weight * shape
            + config.expression_weight * expression
            + config.size_weight * size
        )
        terms = torch.stack([total, landmark, temporal, multiview, dense, shape, expression, size])
        return Evaluation(prediction, targets, total, Losses(*terms.detach().tolist()))

    def vertex_gradient(self, evaluation: Evaluation) -> Tensor:
        """|dL/dM| [F, V, N] per metre: where the losses pull the mesh. Keeps the graph of `evaluation`.

        L_multiview acts on every vertex, L_2D on those that carry landmarks; L_temporal turns the head as a whole.
        """
        (gradient,) = torch.autograd.grad(evaluation.total, evaluation.prediction.vertices, retain_graph=True)
        return torch.linalg.vector_norm(gradient, dim=-1)
