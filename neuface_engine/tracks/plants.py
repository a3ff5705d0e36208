"""Failures made on purpose: a track with one of the failures that reviewers must catch, made when it is looked at.

The ladder has four severities; 2 is the size that a failure is named by ("late by a frame", "jaw turned by 3 degrees").

    kind               severity 1         2                  3                  4
    left_right_swap    a tenth            a quarter          half               all of the frames
    lag                1 frame, half      1 frame            2 frames           4 frames
    frozen_frames      a tenth            a quarter          half               all of the frames
    wrong_shape        1                  2                  3                  4 standard deviations, norm
    jaw                1.5                3                  6                  12 degrees, open or shut
    closed_lips        a quarter          half               three quarters     all of the opening taken away
    one_view_turned    1                  2                  4                  8 degrees
    slow_drift         2                  4                  8                  16 mm at the last frame
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neuface_engine.errors import TrackError
from neuface_engine.face_model import FaceModel, FaceParameters
from neuface_engine.face_model.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from neuface_engine.landmarks.topology import LIPS
from neuface_engine.tracks.track import FaceTrack

_SHARE = (0.1, 0.25, 0.5, 1.0)
_LAG = (1, 1, 2, 4)
_SHAPE_SD = (1.0, 2.0, 3.0, 4.0)
_JAW_DEG = (1.5, 3.0, 6.0, 12.0)
_LIPS = (0.25, 0.5, 0.75, 1.0)
_VIEW_DEG = (1.0, 2.0, 4.0, 8.0)
_DRIFT_MM = (2.0, 4.0, 8.0, 16.0)
_SHAPE_COMPONENTS = 20
VISIBLE_MM = 0.5
"""A plant that moves no vertex by this much is nobody's failure to miss."""


class PlantedTrack(FaceTrack):
    """A track with a planted failure. It refuses to be saved."""

    def save(self, path: str | Path, *, extra: Mapping[str, Any] | None = None) -> None:
        raise TrackError(f"{path}: a planted failure is never stored; save the track it was made from")


def plant(track: FaceTrack, kind: str, severity: int, seed: str) -> PlantedTrack:
    """The track with one failure; the same arguments give the same failure.

    kind, severity, seed   as in `neuface_engine.review.proof.Plant`
    Raises ValueError for another kind or severity. For kinds that need motion (lag, frozen frames, lips) and for
    one view of one, look at `effect_mm`: where there is nothing to spoil, nothing is spoilt.
    """
    if kind not in _KINDS or severity not in (1, 2, 3, 4):
        raise ValueError(f"no plant of kind {kind!r} and severity {severity}")
    digest = hashlib.sha256(f"{seed} {kind} {severity}".encode()).digest()
    dice = np.random.default_rng(np.frombuffer(digest, np.uint32))
    changed = _KINDS[kind](track, severity - 1, dice)
    values: dict[str, Any] = {field.name: getattr(track, field.name) for field in fields(FaceTrack)}
    return PlantedTrack(**{**values, "parameters": changed})


def visible_plant(
    track: FaceTrack, kind: str, severity: int, seed: str, *, least_mm: float = VISIBLE_MM
) -> tuple[PlantedTrack, str, float]:
    """The plant, or the first of the other kinds that can be seen on this track: (track, kind, effect in mm).

    A still face cannot lag or freeze. Raises TrackError where no kind shows, as on a track without frames.
    """
    if not isinstance(track, FaceTrack):
        raise TrackError("failures are planted in face parameters; this track holds meshes without them")
    kinds = list(_KINDS)
    start = kinds.index(kind)
    for candidate in kinds[start:] + kinds[:start]:
        planted = plant(track, candidate, severity, seed)
        effect = effect_mm(track, planted)
        if effect >= least_mm:
            return planted, candidate, effect
    raise TrackError("this track shows no planted failure; plant on another sequence")


@torch.no_grad()
def effect_mm(track: FaceTrack, planted: FaceTrack) -> float:
    """The largest move of a landmark in any frame and view, posed and shifted as the camera sees it, in millimetres."""
    if not track.parameters.shape.numel():
        return 0.0
    points = [t.landmarks() for t in (track, planted)]
    shifts = [t.parameters.camera[..., None, 1:] for t in (track, planted)]
    moves = points[1] - points[0]
    moves[..., :2] += shifts[1] - shifts[0]
    return 1000 * float(torch.linalg.vector_norm(moves, dim=-1).max())


def _left_right_swap(track: FaceTrack, level: int, dice: np.random.Generator) -> FaceParameters:
    """Face and head orientation mirrored in a run of frames."""
    p = track.parameters
    turn = torch.tensor([1.0, -1.0, -1.0])
    shape, expression = mirror_maps(track.head)
    mirrored = p.replace(
        shape=p.shape @ shape.T,
        expression=p.expression @ expression.T,
        pose=p.pose * turn.repeat(2),
    )
    return _in_run(p, mirrored, _SHARE[level], dice)


def _lag(track: FaceTrack, level: int, dice: np.random.Generator) -> FaceParameters:
    """The face of some frames ago; the place in the picture stays."""
    p = track.parameters
    frames = len(track.frame_indices)
    late = p[torch.arange(frames).sub(_LAG[level]).clamp_min(0)].replace(camera=p.camera)
    return _in_run(p, late, 0.5 if level == 0 else 1.0, dice)


def _frozen_frames(track: FaceTrack, level: int, dice: np.random.Generator) -> FaceParameters:
    """Expression and jaw stand still; the head goes on."""
    p = track.parameters
    begin, end = _run(len(track.frame_indices), _SHARE[level], dice)
    expression, pose = p.expression.clone(), p.pose.clone()
    expression[begin:end] = expression[begin : begin + 1]
    pose[begin:end, :, 3:] = pose[begin : begin + 1, :, 3:]
    return p.replace(expression=expression, pose=pose)


def _wrong_shape(track: FaceTrack, level: int, dice: np.random.Generator) -> FaceParameters:
    p = track.parameters
    direction = np.zeros(p.shape.shape[-1], np.float32)
    direction[:_SHAPE_COMPONENTS] = dice.standard_normal(len(direction[:_SHAPE_COMPONENTS]))
    direction *= _SHAPE_SD[level] / np.linalg.norm(direction)
    return p.replace(shape=p.shape + torch.from_numpy(direction).to(p.shape.dtype))


def _jaw(track: FaceTrack, level: int, dice: np.random.Generator) -> FaceParameters:
    p = track.parameters
    sign = 1.0 if dice.random() < 0.5 else -1.0
    pose = p.pose.clone()
    pose[..., 3] += sign * math.radians(_JAW_DEG[level])
    return p.replace(pose=pose)


def _closed_lips(track: FaceTrack, level: int, dice: np.random.Generator) -> FaceParameters:
    """The lips' opening beyond that at rest is taken away: by the jaw, then by the smallest change of expression."""
    p, share = track.parameters, _LIPS[level]
    pose = p.pose.clone()
    pose[..., 3] *= 1 - share
    neutral = FaceParameters.neutral(n_shape=p.shape.shape[-1], n_expression=p.expression.shape[-1])
    units = FaceParameters.neutral(
        p.expression.shape[-1], n_shape=p.shape.shape[-1], n_expression=p.expression.shape[-1]
    ).replace(expression=torch.eye(p.expression.shape[-1]))
    rest = _lip_gaps(track.head, neutral)
    per_unit = _lip_gaps(track.head, units) - rest  # [n_expression, 3]
    opening = p.expression @ per_unit.to(p.expression.dtype)
    change = opening.clamp_min(0) @ torch.linalg.pinv(per_unit).to(p.expression.dtype)
    return p.replace(pose=pose, expression=p.expression - share * change)


def _one_view_turned(track: FaceTrack, level: int, dice: np.random.Generator) -> FaceParameters:
    """About an axis across the line of sight: a yaw or a pitch, or something between."""
    p = track.parameters
    view, angle = int(dice.integers(len(track.views))), dice.uniform(0, 2 * math.pi)
    axis = torch.tensor([math.cos(angle), math.sin(angle), 0.0], dtype=p.pose.dtype)
    turn = axis_angle_to_matrix(axis * math.radians(_VIEW_DEG[level]))
    pose = p.pose.clone()
    pose[:, view, :3] = matrix_to_axis_angle(turn @ axis_angle_to_matrix(pose[:, view, :3]))
    return p.replace(pose=pose)


def _slow_drift(track: FaceTrack, level: int, dice: np.random.Generator) -> FaceParameters:
    """Away from the face, a little more in every frame."""
    p, angle = track.parameters, dice.uniform(0, 2 * math.pi)
    way = torch.tensor([math.cos(angle), math.sin(angle)], dtype=p.camera.dtype) * _DRIFT_MM[level] / 1000
    camera = p.camera.clone()
    camera[..., 1:] += torch.linspace(0, 1, len(camera), dtype=camera.dtype)[:, None, None] * way
    return p.replace(camera=camera)


_KINDS: dict[str, Callable[[FaceTrack, int, np.random.Generator], FaceParameters]] = {
    "left_right_swap": _left_right_swap,
    "lag": _lag,
    "frozen_frames": _frozen_frames,
    "wrong_shape": _wrong_shape,
    "jaw": _jaw,
    "closed_lips": _closed_lips,
    "one_view_turned": _one_view_turned,
    "slow_drift": _slow_drift,
}


@lru_cache(maxsize=2)
@torch.no_grad()
def mirror_maps(head: FaceModel) -> tuple[Tensor, Tensor]:
    """Matrices [n, n] that mirror shape and expression coefficients left to right, by least squares on the vertices.

    Works for any head; what its basis cannot mirror comes as near as it can.
    """
    n_shape, n_expression = head.n_shape, head.n_expression
    neutral = FaceParameters.neutral(n_shape=n_shape, n_expression=n_expression)
    base = head.vertices(neutral)
    partner = _mirror_partners(base)
    maps = []
    for name, count in (("shape", n_shape), ("expression", n_expression)):
        units = FaceParameters.neutral(count, n_shape=n_shape, n_expression=n_expression)
        basis = head.vertices(units.replace(**{name: torch.eye(count)})) - base  # [n, N, 3]
        mirrored = basis[:, partner] * torch.tensor([-1.0, 1.0, 1.0])
        A, B = basis.flatten(1).double(), mirrored.flatten(1).double()
        gram = A @ A.T
        ridge = 1e-6 * torch.linalg.matrix_norm(gram, 2) * torch.eye(count, dtype=gram.dtype)
        maps.append(torch.linalg.solve(gram + ridge, A @ B.T).float())
    return maps[0], maps[1]


def _mirror_partners(vertices: Tensor) -> Tensor:
    """[N]: for each vertex the one nearest to its mirror image."""
    from scipy.spatial import cKDTree

    points = vertices.double().numpy()
    return torch.from_numpy(cKDTree(points).query(points * [-1, 1, 1])[1])


@torch.no_grad()
def _lip_gaps(head: FaceModel, parameters: FaceParameters) -> Tensor:
    """[..., 3]: how far the upper inner lip is above the lower one, metres."""
    points = head.landmarks(parameters, kind="static", space="canonical")
    upper, lower = (list(side) for side in zip(*LIPS, strict=True))
    return points[..., upper, 1] - points[..., lower, 1]


def _run(frames: int, share: float, dice: np.random.Generator) -> tuple[int, int]:
    """A run of frames at a random place."""
    length = min(frames, max(2, round(share * frames)))
    begin = int(dice.integers(frames - length + 1))
    return begin, begin + length


def _in_run(
    true: FaceParameters, wrong: FaceParameters, share: float, dice: np.random.Generator
) -> FaceParameters:
    """`wrong` in a run of frames, `true` elsewhere."""
    frames = true.shape.shape[0]
    begin, end = _run(frames, share, dice)
    inside = torch.zeros(frames, 1, 1, dtype=torch.bool)
    inside[begin:end] = True
    return FaceParameters(
        **{name: torch.where(inside, getattr(wrong, name), tensor) for name, tensor in true.items()}
    )
