"""L_photometric, beyond the paper's Eq. (1): a place of the face looks the same in all views of a moment.

A detector may see a landmark a little beside its place, and in every view beside it in another direction; what the
pixels show of the skin cannot. As with Mhat, the E-step averages over the views that see a place, and the M-step draws
every view to that average. What a camera's exposure and the light on the skin add varies slowly over the face: the
E-step finds it for each view (`expected_appearance`) and the M-step leaves it alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from neuface_engine.face_model import FaceModel, FaceParameters
from neuface_engine.face_model.model import Decoded

BLUR = 1 / 170
"""Standard deviation of the blur before sampling, of the crop's side."""
CONTRAST = (0.1, 0.04)
"""What is one unit: of brightness (natural logarithm), of redness (share of brightness)."""
NEAR = 0.03
"""Metres around the landmarks within the outline in which a vertex belongs to the face."""
POINTS, SUPPORTS = 1500, 100
"""Places of the face that are compared, and those among them that carry a view's light."""
LIGHT = 0.012
"""Standard deviation [m] of what counts as light: finer than this a view's appearance is the skin's."""
ROUND = 0.2
"""Differences below this count by their square, larger ones by their length (Charbonnier et al. 1994)."""
_BATCH = 32


@torch.no_grad()
def appearance(crops: Tensor) -> Tensor:
    """Of crops uint8 [F, V, 3, S, S] the brightness (logarithm) and the redness, in units of `CONTRAST`:
    [F, V, 2, S / 2, S / 2]."""
    found = []
    for part in crops.flatten(0, 1).split(_BATCH):
        colour = F.avg_pool2d(part.float() / 255, 2)
        red, green, _ = colour.unbind(1)
        grey = colour.mean(1)
        looks = torch.stack([(grey + 0.05).log(), (red - green) / (grey + 0.1)], 1)
        unit = torch.tensor(CONTRAST, device=looks.device)[:, None, None]
        found.append(_blur(looks / unit, BLUR * colour.shape[-1]))
    return torch.cat(found).unflatten(0, crops.shape[:2])


def _blur(images: Tensor, sd: float) -> Tensor:
    """Gaussian blur of [B, C, H, W] by `sd` pixels; the border goes on outside."""
    reach = max(round(3 * sd), 1)
    x = torch.arange(-reach, reach + 1, dtype=images.dtype, device=images.device)
    kernel = torch.exp(-0.5 * (x / sd).square())
    kernel = (kernel / kernel.sum()).expand(images.shape[1], 1, 1, -1)
    for weight, pad in ((kernel, (reach, reach, 0, 0)), (kernel.mT, (0, 0, reach, reach))):
        images = F.conv2d(F.pad(images, pad, mode="replicate"), weight, groups=images.shape[1])
    return images


def _mean_face(head: FaceModel) -> Decoded:
    mean = FaceParameters.neutral(1, n_shape=head.n_shape, n_expression=head.n_expression)
    return head.decode(mean.to(head.joint_template.device, head.joint_template.dtype))


@torch.no_grad()
def face_vertices(head: FaceModel) -> Tensor:
    """Numbers of the vertices within `NEAR` of the mean face's landmarks, its outline left out: any head has those."""
    face = _mean_face(head)
    inner = face.landmarks("static", "canonical")[0, 17:]
    return (torch.cdist(face.vertices("canonical")[0], inner).amin(1) < NEAR).nonzero()[:, 0]


@dataclass(frozen=True)
class Surface:
    """Places of the face, spread evenly over its area: on a mesh, vertices are densest where the model is most
    detailed, lids and lips, and those few square centimetres would outvote the rest.

    corners [K, 3]: the vertices of each place's triangle; share [K, 3]: its barycentric coordinates; near [K, A]: how
    much each of the supports, every K/A-th place, counts there (`LIGHT`)."""

    corners: Tensor
    share: Tensor
    near: Tensor

    @classmethod
    @torch.no_grad()
    def of(cls, head: FaceModel) -> Surface:
        """On the mean face."""
        vertices = _mean_face(head).vertices("canonical")[0]
        chosen = torch.zeros(len(vertices), dtype=torch.bool, device=vertices.device)
        chosen[face_vertices(head)] = True
        faces = head.faces[chosen[head.faces].all(1)]
        a, b, c = vertices[faces].unbind(1)
        area = torch.linalg.vector_norm(torch.linalg.cross(b - a, c - a), dim=-1).cumsum(0)
        order = torch.arange(POINTS, device=area.device, dtype=area.dtype)
        corners = faces[torch.searchsorted(area, (order + 0.5) / POINTS * area[-1]).clamp_max(len(faces) - 1)]
        # Evenly in the unit square (the additive sequence of the plastic number), then over the triangle.
        u, v = ((0.5 + order * step) % 1 for step in (0.7548776662, 0.5698402910))
        root = u.sqrt()
        share = torch.stack([1 - root, root * (1 - v), root * v], -1)
        places = torch.einsum("kc,kcx->kx", share, vertices[corners])
        distance = torch.cdist(places, places[:: POINTS // SUPPORTS])
        return cls(corners, share, torch.exp(-0.5 * (distance / LIGHT).square()))

    def at(self, values: Tensor) -> Tensor:
        """Values at the vertices [..., N, C] -> at the places [..., K, C]."""
        # One row a vertex: the fastest to gather. index_select, not [...]: vertices belong to several places, and its
        # gradient adds them up in a fixed order.
        rows = values.movedim(-2, 0)
        corners = rows.flatten(1).index_select(0, self.corners.flatten()).unflatten(0, self.corners.shape)
        places = torch.einsum("kc,kcx->kx", self.share.to(values), corners)
        return places.unflatten(1, rows.shape[1:]).movedim(0, -2)


def sample(images: Tensor, points: Tensor) -> Tensor:
    """Bilinear: images [F, V, C, H, W] at points [F, V, K, 2] in crop units (-1 to 1) -> [F, V, K, C].

    Has a gradient by the points. Outside the border counts.
    """
    if points.device.type == "mps":  # there grid_sample knows no border, and in older torch no gradient
        return gathered(images, points)
    flat, grid = images.flatten(0, 1), points.flatten(0, 1)[:, :, None]
    found = F.grid_sample(flat, grid, padding_mode="border", align_corners=False)
    return found[..., 0].mT.unflatten(0, images.shape[:2])


def gathered(images: Tensor, points: Tensor) -> Tensor:
    """`sample` in operations that every device has; several times slower on a CPU."""
    height, width = images.shape[-2:]
    limit = points.new_tensor([width - 1.0, height - 1.0])
    at = ((points + 1) * (limit + 1) / 2 - 0.5).clamp(torch.zeros_like(limit), limit)
    corner = torch.minimum(at.detach().floor(), limit - 1)
    (x, y), (u, v) = corner.long().unbind(-1), (at - corner)[..., None, :].unbind(-1)
    flat = images.flatten(-2)

    def pixel(right: int, down: int) -> Tensor:
        number = (y + down) * width + x + right
        return flat.gather(-1, number[:, :, None].expand(-1, -1, images.shape[2], -1)).mT

    upper = (1 - u) * pixel(0, 0) + u * pixel(1, 0)
    lower = (1 - u) * pixel(0, 1) + u * pixel(1, 1)
    return (1 - v) * upper + v * lower


@torch.no_grad()
def expected_appearance(seen: Tensor, weight: Tensor, near: Tensor) -> Tensor:
    """E-step: what each view should show of a place, [F, V, K, C]: the mean of the views that see it, in this view's
    light.

    seen [F, V, K, C], weight [F, V, K] >= 0, near [K, A] as in `Surface`. The light is what of a view's difference from
    the mean varies slowly over the face.
    """
    light = _slow(seen - _mean(seen, weight), weight, near)
    return _mean(seen - light, weight) + light


def _mean(seen: Tensor, weight: Tensor) -> Tensor:
    """Over the views: [F, 1, K, C]."""
    weight = weight[..., None]
    return (weight * seen).sum(1, keepdim=True) / weight.sum(1, keepdim=True).clamp_min(1e-6)


def _slow(values: Tensor, weight: Tensor, near: Tensor) -> Tensor:
    """[F, V, K, C] smoothed over the face where it has weight."""
    counted = torch.cat([values * weight[..., None], weight[..., None]], -1).movedim(-2, 0)
    smooth = near @ (near.T @ counted.flatten(1))
    smooth = smooth.unflatten(1, counted.shape[1:]).movedim(0, -2)
    return smooth[..., :-1] / smooth[..., -1:].clamp_min(1e-3)


def photometric_loss(seen: Tensor, expected: Tensor, weight: Tensor) -> Tensor:
    """How far the views' appearances [F, V, K, C] lie from what is expected of them, in units of `CONTRAST`.

    Mean with weight [F, V, K] >= 0. Rounded off within `ROUND` of 0.
    """
    length = (((seen - expected).square() + ROUND**2).sqrt() - ROUND).mean(-1)
    return (length * weight).sum() / weight.sum().clamp_min(1e-6)
