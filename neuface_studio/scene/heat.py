"""The heat map of one frame: a value per vertex of every view, or a map over the crops' pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuface_engine import raster
from neuface_studio.layers import HEATS
from neuface_studio.maps import PixelMap, rounded_up
from neuface_studio.model import Footage, IterationRecord
from neuface_studio.scene.decoding import FrameMeshes, MeshDecoder

Floats = NDArray[np.float32]
QUANTILE = 0.995  # what the upper end of the colour bar is rounded up from
SMALLEST_MM = 0.05e-3  # m at the upper end: below, a map would show rounding errors


@dataclass(frozen=True)
class HeatWish:
    """What to draw: ``kind`` is one of `HEATS`. What is not at hand is None, and worked out where that goes.

    vertex [V, N] loss per metre with its ``peak``; ``before`` is the iteration before the shown one.
    """

    kind: str
    vertex: Floats | None = None
    peak: float = 0.0
    pixels: PixelMap | None = None
    before: IterationRecord | None = None


@dataclass(frozen=True)
class HeatFrame:
    """The heat map of one frame, from 0 to ``peak``, in the stored unit of its kind (see `HEATS`).

    values [V, N], NaN where there is none; partner [V, N]: for the cross-view distance the view farthest away, or -1.
    """

    kind: str
    peak: float
    values: Floats | None = None
    partner: NDArray[np.int16] | None = None
    pixels: PixelMap | None = None

    def up_to(self, peak: float) -> HeatFrame:
        """The same on another scale."""
        return HeatFrame(self.kind, peak, self.values, self.partner, self.pixels)


def heat_frame(
    decoder: MeshDecoder,
    footage: Footage,
    wish: HeatWish | None,
    record: IterationRecord | None,
    meshes: FrameMeshes | None,
) -> HeatFrame | None:
    """The heat map that ``wish`` asks for, of the frame of ``meshes``; None where there is nothing to show."""
    if wish is None or record is None or meshes is None:
        return None
    if record.given is not None and wish.kind != "cross":
        return None
    if wish.kind == "vertex":
        return None if wish.vertex is None else HeatFrame("vertex", wish.peak, wish.vertex)
    if wish.kind == "pixel":
        return None if wish.pixels is None else HeatFrame("pixel", wish.pixels.peak, pixels=wish.pixels)
    found = footage.sequence.detected[meshes.frame].numpy().astype(bool)
    if wish.kind == "update":
        if wish.before is None:
            return None
        frame = meshes.frame
        moved = decoder.heads(record, frame, posed=True) - decoder.heads(wish.before, frame, posed=True)
        values = np.linalg.norm(moved, axis=-1)
        return HeatFrame("update", scale_of(values[found]), values)
    canonical = decoder.heads(record, meshes.frame, posed=False)
    seen = raster.vertex_visibility(np.nan_to_num(meshes.points), meshes.faces, threads=1) & found[:, None]
    values, partner = farthest_view(canonical, seen)
    return HeatFrame("cross", scale_of(values), values, partner)


def scale_of(values: Floats) -> float:
    """The upper end of the colour bar, m."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return 0.0
    return max(rounded_up(float(np.quantile(finite, QUANTILE))), SMALLEST_MM)


def vertex_colours(heat: HeatFrame) -> Floats:
    """The values as colours [V, N, 3], 0..255; grey where there is none."""
    assert heat.values is not None
    kind = HEATS[heat.kind]
    share = np.clip(np.nan_to_num(heat.values) / max(heat.peak, 1e-30), 0.0, 1.0) ** kind.power
    colours = raster.colormap(kind.colormap)[(share * 255).astype(np.uint8)].astype(np.float32)
    colours[~np.isfinite(heat.values)] = 110.0
    return colours


def farthest_view(canonical: Floats, seen: NDArray[np.bool_]) -> tuple[Floats, NDArray[np.int16]]:
    """For each vertex of each view the largest distance to another view's mesh, where both see the vertex.

    canonical [V, N, 3] m without the head's motion, seen [V, N]. Returns the distance [V, N] in m (a ruler's), NaN
    where no other view sees what this one sees, and which view it is [V, N], -1 where there is none.
    """
    views, vertices = seen.shape
    distance = np.full((views, vertices), np.nan, dtype=np.float32)
    partner = np.full((views, vertices), -1, dtype=np.int16)
    for first in range(views):
        for second in range(first + 1, views):
            both = seen[first] & seen[second]
            apart = np.linalg.norm(canonical[first] - canonical[second], axis=-1)
            for here, there in ((first, second), (second, first)):
                farther = both & ~(apart <= distance[here])
                distance[here, farther] = apart[farther]
                partner[here, farther] = there
    return distance, partner
