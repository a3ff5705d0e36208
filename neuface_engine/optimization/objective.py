"""Eq. (1) as a function of the face parameters: decode, E-step targets, weighted losses.

The encoder does not appear here: NeuFace and FLAME fitting minimise the same objective over different variables.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from neuface_engine.encoders.identity import ShapePosterior
from neuface_engine.face_model import FaceModel, FaceParameters, project
from neuface_engine.face_model.rotations import axis_angle_to_quaternion
from neuface_engine.optimization.config import NeuFaceConfig
from neuface_engine.optimization.evidence import Evidence
from neuface_engine.optimization.losses import (
    Losses,
    aperture_loss,
    expression_prior,
    head_size,
    shape_prior,
    size_prior,
)
from neuface_engine.optimization.photometric import (
    Surface,
    expected_appearance,
    photometric_loss,
    sample,
)
from neuface_engine.optimization.targets import (
    Targets,
    facing_confidence,
    merged_mesh,
    smoothed_orientation,
)
from neuface_engine.optimization.terms import (
    acceleration_loss,
    camera_loss,
    mean_shape,
    robust_loss,
    trust_loss,
)
from neuface_engine.optimization.variant import VARIANTS
from neuface_engine.raster import viewing_confidence


@dataclass(frozen=True)
class Prediction:
    """Decoded parameters, with graph. `parameters` are those given, `faces` those decoded (they differ where a shape
    is shared). mesh: canonical vertices [F, V, N, 3], None where nothing asks for more than landmarks; landmarks
    [F, V, 68, 3] posed; projected [F, V, 68, 2] and dense [F, V, 478, 2]; quaternions [F, V, 4]; still
    [F, V, 68, 3] the static landmarks in the head's own frame, and appearance [F, V, K, 2] what the crops show of
    the face (`photometric.Surface`), where a term looks at them."""

    parameters: FaceParameters
    faces: FaceParameters
    mesh: Tensor | None
    landmarks: Tensor
    projected: Tensor
    dense: Tensor | None
    quaternions: Tensor
    still: Tensor | None = None
    appearance: Tensor | None = None

    @property
    def vertices(self) -> Tensor:
        """The mesh. Raises ValueError where it was not decoded."""
        if self.mesh is None:
            raise ValueError("only landmarks were decoded; decode with meshes=True")
        return self.mesh


@dataclass(frozen=True)
class Evaluation:
    """One E-step and the losses at the same parameters; `total` still has its graph."""

    prediction: Prediction
    targets: Targets
    total: Tensor
    losses: Losses


class Objective:
    """L = w_2D L_2D + lambda_temp L_temporal + lambda_view L_multiview + guards and options, for one sequence."""

    losses: ClassVar[type[Losses]] = Losses

    def __init__(
        self,
        head: FaceModel,
        evidence: Evidence,
        config: NeuFaceConfig,
        identity: ShapePosterior | None = None,
    ) -> None:
        self.head, self.evidence, self.config, self.identity = head, evidence, config, identity
        self.variant = VARIANTS[config.variant]
        self._faces = head.faces.cpu().numpy()
        self._triangles = head.faces.to(evidence.valid.device)
        self._size: Tensor | None = None
        self._initial: FaceParameters | None = None

    @cached_property
    def _surface(self) -> Surface:
        return Surface.of(self.head)

    def chunks(self) -> list[tuple[slice, Objective]]:
        """The frames of each update and the objective on them; the last chunk holds what frames remain."""
        frames = len(self.evidence.valid)
        length = self.variant.chunk or frames
        if length >= frames:
            return [(slice(0, frames), self)]
        slices = [slice(start, min(start + length, frames)) for start in range(0, frames, length)]
        return [(chosen, self._part(chosen)) for chosen in slices]

    def _part(self, frames: slice) -> Objective:
        part = copy.copy(self)
        part.evidence = self.evidence.frames(frames)
        part._initial = None if self._initial is None else self._initial[frames]
        return part

    def faces(self, parameters: FaceParameters) -> FaceParameters:
        """What is decoded of an encoder's output [F, V, ...]: a shared shape is that of the first crop, or the mean of
        all crops (`one_shape`)."""
        if self.config.one_shape:
            return parameters.replace(shape=mean_shape(parameters.shape, self.evidence.valid))
        if not self.variant.shared_shape:
            return parameters
        return parameters.replace(shape=parameters.shape[:1, :1].expand_as(parameters.shape))

    def exported(self, parameters: FaceParameters, views: tuple[str, ...]) -> FaceParameters:
        """What history and track hold of an encoder's output [F, V, ...]: here a shared shape is that of the first
        frame of the front view, found by its name, else of the first view, or the mean (`one_shape`)."""
        if self.config.one_shape:
            return self.faces(parameters)
        if not self.variant.shared_shape:
            return parameters
        front = next((v for v, name in enumerate(views) if "front" in name.lower()), 0)
        return parameters.replace(shape=parameters.shape[:1, front, None].expand_as(parameters.shape))

    def decode(self, parameters: FaceParameters, *, meshes: bool = False) -> Prediction:
        """The faces of an encoder's output [F, V, ...], as far as the losses look at them; `meshes` in any case."""
        faces, views = self.faces(parameters), self.evidence.valid.shape[1]
        face = self.head.decode(faces)
        looks = views > 1 or self.config.size_weight > 0 or self._size is None
        mesh = face.vertices("canonical") if looks or meshes else None
        landmarks = face.landmarks(self.evidence.contour)
        dense = None
        if self.evidence.dense is not None and self.config.dense_weight > 0:
            dense = project(face.landmarks("mediapipe"), parameters.camera)
        return Prediction(
            parameters,
            faces,
            mesh,
            landmarks,
            project(landmarks, parameters.camera),
            dense,
            axis_angle_to_quaternion(parameters.head_rotation),
            face.landmarks("static", "canonical") if self.config.acceleration_weight > 0 else None,
            None if mesh is None else self._appearance(faces, mesh),
        )

    def _appearance(self, faces: FaceParameters, mesh: Tensor) -> Tensor | None:
        """What the crops show of the face, [F, V, K, 2]."""
        if self.evidence.appearance is None or self.config.photometric_weight == 0:
            return None
        places = self.head.pose(faces, self._surface.at(mesh))
        return sample(self.evidence.appearance, project(places, faces.camera))

    def _posed(self, prediction: Prediction) -> Tensor:
        """Vertices [F, V, N, 3] turned about the head's root joint, metres."""
        return self.head.pose(prediction.faces, prediction.vertices)

    @torch.no_grad()
    def visibility(self, prediction: Prediction) -> Tensor:
        """Confidence of each vertex in each view, [F, V, N], without gradient.

        Cosine to the viewing direction, 0 where hidden; with the variant's confidence "facing" see `facing_confidence`.
        """
        valid, posed = self.evidence.valid, self._posed(prediction)
        if self.variant.confidence == "facing":
            return facing_confidence(posed, self._triangles, valid)
        return torch.from_numpy(viewing_confidence(posed.cpu().numpy(), self._faces)).to(prediction.vertices)

    def expectation(self, prediction: Prediction, visibility: Tensor | None) -> Targets:
        """E-step: qhat and Mhat, constants or with the graph of `prediction` as the variant has it.

        `visibility` [F, V, N] is needed with two views or more; the confidence "facing" is computed here instead.
        """
        variant, valid = self.variant, self.evidence.valid
        with torch.set_grad_enabled(torch.is_grad_enabled() and not variant.constant_targets):
            orientation = orientation_target(prediction.quaternions, valid, self.config, self.evidence.cuts)
            if variant.confidence == "facing" and valid.shape[1] > 1:
                visibility = facing_confidence(self._posed(prediction), self._triangles, valid)
            elif visibility is not None:
                visibility = visibility * valid[..., None]
            if visibility is None:
                return Targets(orientation, None)
            mesh = merged_mesh(prediction.vertices, visibility, aligned=variant.aligned)
            if prediction.appearance is None:
                return Targets(orientation, mesh)
            seen = self._surface.at(visibility[..., None])[..., 0].square()
            expected = expected_appearance(prediction.appearance, seen, self._surface.near)
            return Targets(orientation, mesh, expected, seen)

    def sampled(self, draw: int) -> Tensor:
        """[F] 1 for the frames whose meshes are compared at evaluation `draw` (from 0) of a run, else 0.

        The draws follow torch's generator from the run's seed on, so that any of them can be had again.
        """
        frames = len(self.evidence.valid)
        if self.variant.sampled_frames is None or self.variant.sampled_frames >= frames:
            return self.evidence.valid.new_ones(frames)
        generator = torch.Generator().manual_seed(self.config.seed)
        for _ in range(draw + 1):
            order = torch.randperm(frames, generator=generator)
        chosen = torch.zeros(frames)
        chosen[order[: self.variant.sampled_frames]] = 1
        return chosen.to(self.evidence.valid)

    def evaluate(self, prediction: Prediction, targets: Targets, draw: int = 0) -> Evaluation:
        """The losses at `prediction` against `targets`. The first one evaluated sets the size of the head and what the
        trust term trusts; `draw`: see `sampled`."""
        valid = self.evidence.valid
        if self._size is None:
            sizes = head_size(prediction.vertices.detach())
            self._size = (sizes * valid).sum() / valid.sum()
        if self._initial is None:
            self._initial = prediction.parameters.detach()
        terms = self.terms(prediction, targets, draw)
        total = prediction.projected.new_zeros(())
        for name, value in terms.items():
            total = total + getattr(self.config, f"{name}_weight") * value
        values = torch.stack([total, *terms.values()]).detach().tolist()
        return Evaluation(
            prediction, targets, total, self.losses(**dict(zip(["total", *terms], values, strict=True)))
        )

    def terms(self, prediction: Prediction, targets: Targets, draw: int) -> dict[str, Tensor]:
        """The losses, unweighted, by the name that `Losses` and the config's weights have for them."""
        config, variant, evidence = self.config, self.variant, self.evidence
        valid, faces = evidence.valid, prediction.faces
        terms = {
            "landmark": self._misfit(
                _only(prediction.projected, evidence.kept), _only(evidence.landmarks, evidence.kept)
            ),
            "temporal": variant.temporal_loss(prediction.quaternions, targets.orientation, valid),
        }
        if targets.mesh is not None:
            compared = valid * self.sampled(draw)[:, None]
            terms["multiview"] = variant.multiview_loss(prediction.vertices, targets.mesh, compared)
        if prediction.dense is not None and evidence.dense is not None:
            terms["dense"] = self._misfit(
                _only(prediction.dense, evidence.kept_dense), _only(evidence.dense, evidence.kept_dense)
            )
        terms["shape"] = shape_prior(faces, valid, self.identity)
        terms["expression"] = expression_prior(faces, valid)
        if prediction.mesh is not None and self._size is not None:
            terms["size"] = size_prior(prediction.mesh, self._size, valid)
        if evidence.aperture_pairs:
            terms["aperture"] = aperture_loss(
                prediction.projected,
                evidence.landmarks,
                valid,
                pairs=evidence.aperture_pairs,
                loss=self._robust if config.robust_scale > 0 else None,
            )
        if prediction.appearance is not None and targets.appearance is not None and targets.seen is not None:
            terms["photometric"] = photometric_loss(prediction.appearance, targets.appearance, targets.seen)
        if prediction.still is not None:
            terms["acceleration"] = acceleration_loss(prediction.still, valid)
        if evidence.cameras is not None:
            terms["camera"] = camera_loss(prediction.parameters.head_rotation, evidence.cameras, valid)
        if config.trust_weight > 0 and self._initial is not None:
            terms["trust"] = trust_loss(prediction.parameters, self._initial)
        return terms

    def _misfit(self, projected: Tensor, detected: Tensor) -> Tensor:
        """L_2D as the variant has it, or robust."""
        loss = self._robust if self.config.robust_scale > 0 else self.variant.landmark_loss
        return loss(projected, detected, self.evidence.valid)

    def _robust(self, projected: Tensor, detected: Tensor, valid: Tensor) -> Tensor:
        weight = valid if self.evidence.confidence is None else valid * self.evidence.confidence
        return robust_loss(projected, detected, weight, self.config.robust_scale)

    def vertex_gradient(self, evaluation: Evaluation) -> Tensor:
        """|dL/dM| [F, V, N] per metre: where the losses pull the mesh. Keeps the graph of `evaluation`.

        L_multiview acts on every vertex, L_2D on those that carry landmarks; L_temporal turns the head as a whole.
        """
        (gradient,) = torch.autograd.grad(evaluation.total, evaluation.prediction.vertices, retain_graph=True)
        return torch.linalg.vector_norm(gradient, dim=-1)


def orientation_target(
    quaternions: Tensor, valid: Tensor, config: NeuFaceConfig, cuts: tuple[int, ...]
) -> Tensor:
    """qhat [F, V, 4] as a run with these settings has it: `smoothed_orientation` with its window and its variant."""
    variant = VARIANTS[config.variant]
    return smoothed_orientation(
        quaternions,
        config.temporal_window,
        valid,
        order=config.temporal_order,
        sign_care=variant.sign_care,
        ends=variant.ends,
        cuts=cuts,
    )


def _only(points: Tensor, kept: Tensor | None) -> Tensor:
    """[F, V, K, 2] -> [F, V, K', 2]: the landmarks numbered `kept`, all for None."""
    return points if kept is None else points[:, :, kept]
