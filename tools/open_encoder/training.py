"""Loss, first guess and measurement of the parameter head."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn import functional

from neuface_engine import face_model as fm
from neuface_engine.encoders import head as bounds
from neuface_engine.encoders.head import ParameterHead, frame_inputs
from neuface_engine.face_model import FaceModel, FaceParameters, rotations
from neuface_engine.face_model.model import JAW, ROOT

MM = 1000.0


@dataclass(frozen=True)
class Examples:
    """What the backbone says ``seen [B, 478, 3]``, where the landmarks are ``target [B, 478, 2]`` (both with y down,
    in one unit of which ``metre [B]`` make a metre), the true ``canonical [B, 478, 3]`` ones, and the ``truth``."""

    seen: Tensor
    target: Tensor
    metre: Tensor
    canonical: Tensor
    truth: FaceParameters

    def __getitem__(self, index: Tensor | slice) -> Examples:
        return Examples(*(getattr(self, field.name)[index] for field in fields(self)))

    @classmethod
    def cat(cls, parts: list[Examples]) -> Examples:
        return cls(
            *(
                torch.cat([getattr(p, name) for p in parts])
                for name in ("seen", "target", "metre", "canonical")
            ),
            truth=FaceParameters.cat([p.truth for p in parts]),
        )


class Geometry:
    """The head model as the losses need it."""

    def __init__(self, head: FaceModel, face_vertices: Tensor) -> None:
        self.head = head
        self.face_vertices = face_vertices
        self._landmark_basis, self._jaw_weights = _landmark_basis(head)
        basis = self._vertex_basis().flatten(1)
        self.gram = basis @ basis.T / len(face_vertices) * MM**2

    @torch.no_grad()
    def _vertex_basis(self) -> Tensor:
        """Displacement ``[150, face vertices, 3]`` of every coefficient."""
        count = self.head.n_shape + self.head.n_expression
        eye = torch.eye(count)
        parameters = FaceParameters.neutral(count).replace(shape=eye[:, :100], expression=eye[:, 100:])
        moved = self.head.canonical_vertices(parameters)[:, self.face_vertices]
        rest = self.head.canonical_vertices(FaceParameters.neutral(1))[:, self.face_vertices]
        return moved - rest

    def landmarks(self, parameters: FaceParameters) -> tuple[Tensor, Tensor]:
        """Canonical and posed landmarks ``[B, 478, 3]``, as the head model's own but several times as fast."""
        coefficients = torch.cat([parameters.shape, parameters.expression], 1)
        joints = self.head.joint_template + torch.einsum("bk,kjc->bjc", coefficients, self.head.joint_basis)
        rotation, jaw = (
            rotations.axis_angle_to_matrix(a) for a in (parameters.head_rotation, parameters.jaw)
        )
        change = jaw - torch.eye(3)
        inputs = torch.cat([torch.ones(len(jaw), 1), coefficients, change.flatten(1)], 1)
        rest, moving = (inputs @ self._landmark_basis).unflatten(1, (2, -1, 3)).unbind(1)
        lever = moving - self._jaw_weights[:, None] * joints[:, JAW, None]
        canonical = rest + lever @ change.transpose(1, 2)
        root = joints[:, ROOT]
        posed = (canonical - root[:, None]) @ rotation.transpose(1, 2) + root[:, None]
        return canonical, posed

    def vertex_difference(self, a: FaceParameters, b: FaceParameters) -> Tensor:
        """Mean squared distance [mm^2] of the face vertices ``[B]`` by shape and expression alone."""
        d = torch.cat([a.shape - b.shape, a.expression - b.expression], 1)
        return ((d @ self.gram) * d).sum(1)


@torch.no_grad()
def _landmark_basis(head: FaceModel) -> tuple[Tensor, Tensor]:
    """Blend skinning at the landmarks, where it is linear in (1, coefficients, jaw rotation - 1).

    Returns ``[160, 2 * 478 * 3]``: the landmarks at rest and the same weighted with the jaw's skinning weight of the
    vertices they hang on; and these weights ``[478]``.
    """
    table = head._landmarks["mediapipe"]
    surface = table.surface
    parts = [surface.template.flatten()[None], surface.basis, surface.pose_basis[9 * (JAW - 1) : 9 * JAW]]
    vertices = torch.cat(parts).unflatten(1, (-1, 3))
    weights = surface.weights[:, JAW]

    def at_landmarks(values: Tensor) -> Tensor:
        return torch.einsum("mnkc,nk->mnc", values[:, table.fixed_corners], table.fixed_barycentric)

    rest, moving = at_landmarks(vertices), at_landmarks(vertices * weights[:, None])
    return torch.cat([rest.flatten(1), moving.flatten(1)], 1), at_landmarks(weights[None, :, None])[0, :, 0]


def first_guess(head: ParameterHead, geometry: Geometry, examples: Examples, *, ridge: float = 1e-3) -> None:
    """Fill the fixed functionals of ``head`` and fit its linear part by least squares; the rest starts at zero."""
    truth = examples.truth
    mean = geometry.landmarks(FaceParameters.neutral(1))[0][0]
    head.alignment.copy_(torch.linalg.pinv(mean - mean.mean(0)).T)
    inputs = frame_inputs(truth.shape, truth.expression, truth.jaw)
    axes = (examples.canonical - examples.canonical.mean(1, keepdim=True)).transpose(1, 2) @ head.alignment
    outputs = torch.cat([axes.flatten(1), examples.canonical.mean(1)], 1)
    head.frame_basis.copy_(_ridge(inputs, outputs, 1e-7))

    upright, seen = head.upright(examples.seen * torch.tensor([1.0, -1.0, -1.0]))
    head.mean.copy_(upright.mean(0))
    centred = (upright - head.mean).flatten(1)
    values, vectors = torch.linalg.eigh((centred.T @ centred / len(centred)).double())
    count = head.basis.shape[1]
    sd = values.flip(0)[:count].clamp_min(0).sqrt()
    head.basis.copy_((vectors.flip(1)[:, :count] / (sd + 0.02 * sd[0])).float())

    model = head.model_frame(truth.shape, truth.expression, truth.jaw)
    rotation = rotations.axis_angle_to_matrix(truth.head_rotation)
    turned = model.turn @ seen.turn.transpose(1, 2) @ rotation
    zoom = truth.camera[:, :1]
    middle = (rotation @ model.centre[..., None])[:, :2, 0]
    targets = torch.cat(
        [
            bounds.SHAPE_LIMIT * torch.atanh((truth.shape / bounds.SHAPE_LIMIT).clamp(-0.98, 0.98)),
            _inverse_between(truth.expression, *bounds.EXPRESSION_RANGE),
            turned[:, :, 0] - torch.tensor([1.0, 0, 0]),
            turned[:, :, 1] - torch.tensor([0, 1.0, 0]),
            _inverse_between(truth.jaw[:, :1], *bounds.JAW_RANGE),
            torch.atanh((truth.jaw[:, 1:] / torch.tensor(bounds.JAW_TURN_LIMIT)).clamp(-0.9, 0.9)),
            torch.log(zoom * (model.scale / seen.scale)[:, None]),
            (zoom * (truth.camera[:, 1:] + middle) - seen.centre[:, :2]) / seen.scale[:, None],
        ],
        1,
    ) / torch.cat(
        [torch.full((width,), gain) for width, gain in zip(bounds.WIDTHS, bounds.GAINS, strict=True)]
    )
    described = torch.cat([head.describe(upright, seen), torch.ones(len(upright), 1)], 1)
    solution = _ridge(described, targets, ridge)
    with torch.no_grad():
        head.linear.weight.copy_(solution[:-1].T)
        head.linear.bias.copy_(solution[-1])
        head.outer.weight.zero_()
        head.outer.bias.zero_()


def _ridge(inputs: Tensor, outputs: Tensor, ridge: float) -> Tensor:
    x = inputs.double()
    normal = x.T @ x + ridge * len(x) * torch.eye(x.shape[1], dtype=torch.double)
    return torch.linalg.solve(normal, x.T @ outputs.double()).float()


def _inverse_between(value: Tensor, low: float, high: float) -> Tensor:
    share = ((value - low) / (high - low)).clamp(0.03, 0.97)
    return torch.logit(share) - torch.logit(torch.tensor(-low / (high - low)))


def loss(geometry: Geometry, said: FaceParameters, examples: Examples) -> Tensor:
    """What training minimises, all terms in the order of millimetres."""
    truth = examples.truth
    canonical, posed = geometry.landmarks(said)
    projected = fm.project(posed, said.camera)
    reprojection = (projected - examples.target).abs().mean((1, 2)) / examples.metre * MM
    shape3d = (canonical - examples.canonical).abs().mean((1, 2)) * MM
    said_r, true_r = (rotations.axis_angle_to_matrix(p.head_rotation) for p in (said, truth))
    turned = (said_r - true_r).abs().mean((1, 2)) * 100.0
    jaw = (said.jaw - truth.jaw).abs().mean(1) * 60.0
    vertices = 0.15 * geometry.vertex_difference(said, truth)
    coefficients = 0.3 * (
        functional.mse_loss(said.shape, truth.shape) + functional.mse_loss(said.expression, truth.expression)
    )
    return (1.5 * reprojection + shape3d + turned + jaw + vertices).mean() + coefficients


@torch.no_grad()
def measure(geometry: Geometry, said: FaceParameters, examples: Examples) -> dict[str, float]:
    """Held-out error: pose [deg], landmarks [% of the box of the 68], face vertices [mm], and the size of beta."""
    from neuface_engine.landmarks import MEDIAPIPE_TO_IBUG68

    truth = examples.truth
    said_r, true_r = (rotations.axis_angle_to_matrix(p.head_rotation) for p in (said, truth))
    projected = fm.project(geometry.landmarks(said)[1], said.camera)
    index = torch.tensor(MEDIAPIPE_TO_IBUG68)
    target = examples.target[:, index]
    box = (target.amax(1) - target.amin(1)).prod(-1).sqrt()
    distance = (projected[:, index] - target).norm(dim=-1).mean(1)
    said_v, true_v = (geometry.head.canonical_vertices(p)[:, geometry.face_vertices] for p in (said, truth))
    return {
        "pose_deg": torch.rad2deg(rotations.geodesic_angle(said_r, true_r)).mean().item(),
        "landmark_nme_percent": 100 * (distance / box).mean().item(),
        "face_vertex_mm": MM * (said_v - true_v).norm(dim=-1).mean().item(),
        "shape_rms_sd": said.shape.pow(2).mean().sqrt().item(),
        "expression_error": (said.expression - truth.expression).abs().mean().item(),
        "jaw_deg": torch.rad2deg((said.jaw - truth.jaw).norm(dim=-1)).mean().item(),
    }
