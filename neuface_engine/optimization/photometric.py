"""L_photometric, beyond the paper's Eq. (1): a place of the face looks the same in all views of a moment.

A detector may see a landmark a little beside its place, and in every view beside it in another direction; what the
pixels show of the skin cannot. As with Mhat, the E-step averages over the views that see a place, and the M-step draws
every view to that average.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from neuface_engine.face_model import FaceModel, FaceParameters

FINE, BROAD = 1 / 170, 1 / 25
"""Standard deviations of the two blurs between which the appearance lies, of the crop's side."""
NOISE = (0.05, 0.02, 0.02)
"""Contrast of brightness (natural logarithm) and of the two colours (share of brightness) that is taken for noise."""
NEAR = 0.03
"""Metres around the landmarks within the outline in which a vertex belongs to the face."""
ROUND = 0.1
"""Differences below this count by their square, larger ones by their length (Charbonnier et al. 1994)."""
_BATCH = 32


@torch.no_grad()
def appearance(crops: Tensor) -> Tensor:
    """What of crops uint8 [F, V, 3, S, S] can be compared between views: [F, V, 3, S / 2, S / 2], about -3 to 3.

    Brightness (logarithm) and two differences of colour, each less its surroundings and over the contrast found there,
    so that neither exposure nor white balance of a camera matters, nor slowly varying light.
    """
    flat = crops.flatten(0, 1)
    side = flat.shape[-1] // 2
    found = [_local_contrast(F.avg_pool2d(part.float() / 255, 2), side) for part in flat.split(_BATCH)]
    return torch.cat(found).unflatten(0, crops.shape[:2])


def _local_contrast(colour: Tensor, side: int) -> Tensor:
    red, green, blue = colour.unbind(1)
    grey = colour.mean(1)
    channels = torch.stack(
        [(grey + 0.05).log(), (red - green) / (grey + 0.1), (blue - green) / (grey + 0.1)], 1
    )
    detail = _blur(channels, FINE * side) - _surroundings(channels)
    contrast = _surroundings(detail.square()).sqrt()
    noise = torch.tensor(NOISE, device=colour.device)[:, None, None]
    return detail / (contrast + noise)


def _surroundings(images: Tensor) -> Tensor:
    """Blurred by `BROAD` of the side, at a quarter of the resolution: nothing finer is left in it."""
    side = images.shape[-1]
    small = F.interpolate(images, size=side // 4, mode="area")
    return F.interpolate(_blur(small, BROAD * (side // 4)), size=side, mode="bilinear")


def _blur(images: Tensor, sd: float) -> Tensor:
    """Gaussian blur of [B, C, H, W] by `sd` pixels; the border goes on outside."""
    reach = max(round(3 * sd), 1)
    x = torch.arange(-reach, reach + 1, dtype=images.dtype, device=images.device)
    kernel = torch.exp(-0.5 * (x / sd).square())
    kernel = (kernel / kernel.sum()).expand(images.shape[1], 1, 1, -1)
    for weight, pad in ((kernel, (reach, reach, 0, 0)), (kernel.mT, (0, 0, reach, reach))):
        images = F.conv2d(F.pad(images, pad, mode="replicate"), weight, groups=images.shape[1])
    return images


@torch.no_grad()
def face_vertices(head: FaceModel) -> Tensor:
    """Numbers of the vertices within `NEAR` of the mean face's landmarks, its outline left out: any head has those."""
    mean = FaceParameters.neutral(1, n_shape=head.n_shape, n_expression=head.n_expression)
    face = head.decode(mean.to(head.joint_template.device, head.joint_template.dtype))
    inner = face.landmarks("static", "canonical")[0, 17:]
    return (torch.cdist(face.vertices("canonical")[0], inner).amin(1) < NEAR).nonzero()[:, 0]


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


def mean_appearance(seen: Tensor, weight: Tensor) -> Tensor:
    """E-step: what a vertex looks like in a frame, over the views that see it.

    seen [F, V, K, C], weight [F, V, K] >= 0 -> [F, K, C].
    """
    total = weight.sum(1)[..., None].clamp_min(1e-6)
    return torch.einsum("fvk,fvkc->fkc", weight, seen) / total


def photometric_loss(seen: Tensor, mean: Tensor, weight: Tensor) -> Tensor:
    """How far the views' appearances [F, V, K, C] lie from their mean [F, K, C], in local contrasts, weighted mean.

    weight [F, V, K] >= 0. Rounded off within `ROUND` of 0.
    """
    apart = (seen - mean[:, None]).square()
    length = ((apart + ROUND**2).sqrt() - ROUND).mean(-1)
    return (length * weight).sum() / weight.sum().clamp_min(1e-6)
