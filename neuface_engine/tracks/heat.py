"""The heat maps that an overlay lays over a tile: from the maps kept with a track, or worked out anew."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from neuface_engine.errors import TrackError

if TYPE_CHECKING:
    from neuface_engine.tracks import FaceTrack
    from neuface_engine.tracks.gradients import TrackGradients

Image = NDArray[np.uint8]

HEAT = ("gradient", "update", "pixels")
_STRONG = 99.5
_WEIGHTS = tuple(
    f"{term}_weight"
    for term in ("landmark", "temporal", "multiview", "shape", "expression", "size", "aperture")
)


class HeatMaps:
    """The chosen heat maps of a track. `source`: where each comes from, "saved" or "recomputed".

    Raises TrackError where a layer needs maps that were not kept.
    """

    def __init__(self, path: Path, track: FaceTrack, layers: list[str], faces: NDArray[np.int32]) -> None:
        from neuface_engine.tracks.gradients import TrackGradients

        self.layers = [name for name in HEAT if name in layers]
        self.source: dict[str, str] = {}
        self._track, self._faces = track, faces
        file = TrackGradients.path_of(path)
        self.saved: TrackGradients | None = None
        if self.layers and file.exists():
            self.saved = TrackGradients.load(file, track)
        self._values: dict[str, NDArray[np.float32]] = {}
        for name in self.layers:
            self._values[name] = self._load(name, file)
            self.source[name] = "recomputed" if self.saved is None else "saved"
        self.strongest = {
            name: float(np.percentile(values[track.detected.numpy()], _STRONG)) or 1.0
            for name, values in self._values.items()
        }

    def _load(self, name: str, file: Path) -> NDArray[np.float32]:
        if self.saved is None:
            if name == "gradient":
                return vertex_gradient(self._track)
            raise TrackError(
                f"{file}: not there, so layer {name!r} is not known; track with --save-gradients"
            )
        if name == "gradient":
            return self.saved.vertex
        if name == "update":
            if self.saved.update is None:
                raise TrackError(f"{file}: no step was made, so there is no update; leave that layer out")
            return self.saved.update
        if self.saved.pixel is None or self.saved.pixel_peak is None:
            return self.saved.landmark
        sample = self.saved.pixel[..., ::4, ::4].astype(np.float32)  # for the range of the colours alone
        return np.asarray(sample * self.saved.pixel_peak[..., None, None], np.float32)

    def label(self, name: str) -> str:
        """What is shown, and the value of the brightest colour."""
        most = self.strongest[name]
        if name == "update":
            return f"update to {1000 * most:.2g} mm"
        if name == "gradient":
            return f"|dL/dM| to {most:.2g}/m"
        return f"|dL/dI| to {most:.2g}" if self._by_pixels else f"|dL/dj| to {most:.2g}"

    @property
    def _by_pixels(self) -> bool:
        return self.saved is not None and self.saved.pixel is not None

    def draw(self, name: str, image: Image, points: NDArray[Any], number: int, view: int) -> None:
        """Over a tile `image` (changed in place); points [N, 3]: the mesh in its pixels.

        Of the values of pixels and landmarks the colour is the root: a few stand far out.
        """
        from neuface_engine import raster

        if name != "pixels":
            scalar = self._values[name][number, view]
            most = self.strongest[name]
            raster.draw_scalar(image, points, self._faces, scalar, vmin=0.0, vmax=most, out=image)
        elif self._by_pixels:
            self._draw_pixels(image, number, view)
        else:
            self._draw_dots(image, number, view)

    def _transform(self, image: Image, number: int, view: int) -> NDArray[np.float64]:
        """[2, 3]: crop pixels -> pixels of the tile."""
        from neuface_engine.video import crops

        scale = image.shape[0] / self._track.image_sizes[view][1]
        return scale * crops.invert(self._track.crop_transforms[number, view])

    def _draw_pixels(self, image: Image, number: int, view: int) -> None:
        from neuface_engine import raster

        assert self.saved is not None
        assert self.saved.pixel is not None
        assert self.saved.pixel_peak is not None
        values = self.saved.pixel[number, view].astype(np.float32) * self.saved.pixel_peak[number, view]
        matrix = self._transform(image, number, view)
        matrix[:, 2] += matrix[:, :2] @ [0.5, 0.5] - 0.5  # OpenCV has the centre of a pixel at a whole number
        height, width = image.shape[:2]
        values = np.asarray(cv2.warpAffine(values, matrix, (width, height), flags=cv2.INTER_LINEAR))
        strength = np.sqrt(np.clip(values / self.strongest["pixels"], 0, 1))[..., None]
        colour = raster.colormap("inferno")[np.rint(255 * strength[..., 0]).astype(np.uint8)]
        weight = 0.9 * strength
        image[:] = np.rint((1 - weight) * image + weight * colour).astype(np.uint8)

    def _draw_dots(self, image: Image, number: int, view: int) -> None:
        from neuface_engine import raster
        from neuface_engine.video import crops

        assert self.saved is not None
        track, most = self._track, self.strongest["pixels"]
        inside = crops.denormalise(self.saved.points[number, view], track.crop_size)
        pixels = crops.apply(self._transform(image, number, view), inside) - 0.5
        strength = np.sqrt(np.clip(self.saved.landmark[number, view] / most, 0, 1))
        colours = raster.colormap("inferno")[np.rint(255 * strength).astype(np.uint8)]
        radius = max(1, round(image.shape[0] / 240))
        for (x, y), colour in zip(np.rint(pixels).astype(int).tolist(), colours.tolist(), strict=True):
            cv2.circle(image, (x, y), radius, colour, -1, cv2.LINE_AA)


def vertex_gradient(track: FaceTrack) -> NDArray[np.float32]:
    """|dL/dM| [F, V, N] of Eq. (1) at the track's parameters, under the weights it was made with.

    Without the dense landmarks and the pixels, which a track does not hold.
    """
    import torch

    from neuface_engine.optimization import NeuFaceConfig
    from neuface_engine.optimization.evidence import Evidence
    from neuface_engine.optimization.objective import Objective

    recorded = track.provenance.get("config") or {}
    weights = {name: float(recorded[name]) for name in _WEIGHTS if name in recorded}
    evidence = Evidence(landmarks=track.landmarks_2d, dense=None, valid=track.detected.float())
    objective = Objective(track.head, evidence, NeuFaceConfig(**weights))  # type: ignore[arg-type]
    with torch.enable_grad():
        theta = track.parameters.map(lambda tensor: tensor.clone().requires_grad_())
        prediction = objective.decode(theta, meshes=True)
        visibility = objective.visibility(prediction) if len(track.views) > 1 else None
        evaluation = objective.evaluate(prediction, objective.expectation(prediction, visibility))
        return objective.vertex_gradient(evaluation).detach().numpy().astype(np.float32)
