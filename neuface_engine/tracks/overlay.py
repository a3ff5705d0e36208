"""The footage with a track over it, all views side by side, frame by frame: what `neuface render` writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from neuface_engine.errors import ConfigError, TrackError
from neuface_engine.tracks.heat import HEAT, HeatMaps
from neuface_engine.tracks.meshes import MeshTrack
from neuface_engine.tracks.track import FaceTrack

if TYPE_CHECKING:
    from neuface_engine.tracks.loading import Track
    from neuface_engine.video import FrameStore
    from neuface_engine.video.reader import ProgressCallback

Image = NDArray[np.uint8]

LAYERS = ("mesh", *HEAT, "landmarks")
_DETECTED, _PROJECTED, _TEXT = (52, 211, 110), (240, 80, 80), (235, 238, 242)


def check_layers(layers: Sequence[str]) -> None:
    """Raises ConfigError for a layer that does not exist."""
    for name in layers:
        if name not in LAYERS:
            raise ConfigError(f"layer {name!r} is unknown; give some of {','.join(LAYERS)}")


def footage_of(
    track: Track, track_file: Path, footage: Path | None, progress: ProgressCallback | None
) -> FrameStore:
    """The decoded frames, views in the order of the track. Raises TrackError where they are not the track's."""
    from neuface_engine.video import is_footage, load_frames

    source = track.provenance.get("source", {})
    path = footage or (Path(source["path"]) if source.get("path") else None)
    if path is None or not is_footage(path):
        raise TrackError(f"{track_file}: its footage is not at {path}; say where it is with --footage PATH")
    last = int(track.frame_indices.max()) + 1
    pairing = None
    if source.get("view_frames") is not None:  # views that were put in step
        pairing = np.tile(np.arange(last)[:, None], len(track.views))
        pairing[track.frame_indices] = source["view_frames"]
    frames = load_frames(path, views=track.views, max_frames=last, view_frames=pairing, progress=progress)
    sizes = tuple(frames.size(v) for v in range(frames.num_views))
    if sizes != track.image_sizes or len(frames) < last:
        raise TrackError(
            f"{track_file}: made from other footage than {path} ({len(frames)} frames of {sizes}); "
            "give the right one with --footage PATH"
        )
    return frames


class Painter:
    """Paints frame after frame; `heat.source` tells where the heat maps come from.

    Raises TrackError where a layer needs what the track has not, ConfigError for a layer that does not exist.
    """

    def __init__(
        self,
        track_file: Path,
        track: Track,
        frames: FrameStore,
        layers: Sequence[str],
        *,
        height: int,
        opacity: float = 0.65,
    ) -> None:
        check_layers(layers)
        self.track, self.frames, self.layers, self.opacity = track, frames, layers, opacity
        self.faces = track.faces
        wanted = [name for name in layers if name in HEAT]
        self.heat: HeatMaps | None = None
        if wanted and not isinstance(track, FaceTrack):
            raise TrackError(
                f"{track_file}: meshes without parameters have no {wanted[0]}; leave that layer out"
            )
        if isinstance(track, FaceTrack):
            self.heat = HeatMaps(track_file, track, list(layers), self.faces)
        self.projected = None
        if "landmarks" in layers and not (isinstance(track, MeshTrack) and track.head is None):
            self.projected = track.projected_landmarks().numpy()
        self._rows: list[str | None] = [*wanted] or [None]
        count = len(track.views)
        self.columns = count if count <= 4 else (count + 1) // 2
        self.height = min(height, max(h for _, h in track.image_sizes))
        self.width = max(round(w * self.height / h) for w, h in track.image_sizes)

    @property
    def sources(self) -> dict[str, str]:
        """Where each heat map comes from: "saved" or "recomputed"."""
        return {} if self.heat is None else self.heat.source

    def frame(self, number: int) -> Image:
        """All views of frame `number` of the track, uint8 [H, W, 3]."""
        rows: list[Image] = []
        for heat in self._rows:
            tiles = [self._tile(number, v, heat) for v in range(len(self.track.views))]
            tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % self.columns)
            rows += [np.hstack(tiles[i : i + self.columns]) for i in range(0, len(tiles), self.columns)]
        return np.vstack(rows)

    def _tile(self, number: int, view: int, heat: str | None) -> Image:
        from neuface_engine import raster

        track = self.track
        picture = self.frames[int(track.frame_indices[number]), view]
        scale = self.height / picture.shape[0]
        size = (round(picture.shape[1] * scale), self.height)
        interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        image = np.array(cv2.resize(picture, size, interpolation=interpolation), np.uint8)
        label, shown = track.views[view], ""
        if track.detected[number, view]:
            points = track.project(number, view) * np.float32(scale)
            if "mesh" in self.layers and heat != "pixels":  # it would hide the pixels
                raster.draw_shaded(image, points, None, self.faces, opacity=self.opacity, out=image)
            if heat is not None and self.heat is not None:
                self.heat.draw(heat, image, points, number, view)
                shown = "  " + self.heat.label(heat)
            if "landmarks" in self.layers:
                self._landmarks(image, number, view, scale)
        else:
            label += " - no face"
        _write(image, f"{label}  {int(track.frame_indices[number])}{shown}")
        tile = np.zeros((self.height, self.width, 3), np.uint8)
        left = (self.width - image.shape[1]) // 2
        tile[:, left : left + image.shape[1]] = image
        return tile

    def _landmarks(self, image: Image, number: int, view: int, scale: float) -> None:
        from neuface_engine.video import crops

        track = self.track
        back = crops.invert(track.crop_transforms[number, view])
        radius = max(1, round(image.shape[0] / 240))
        both = [(track.landmarks_2d[number, view].numpy(), _DETECTED)]
        if self.projected is not None:
            both.append((self.projected[number, view], _PROJECTED))
        for points, colour in both:
            pixels = crops.apply(back, crops.denormalise(points, track.crop_size)) * scale - 0.5
            pixels = pixels[np.isfinite(pixels).all(1)]
            for x, y in np.rint(pixels).astype(int).tolist():
                if colour is _DETECTED:
                    cv2.circle(image, (x, y), radius + 1, colour, 1, cv2.LINE_AA)
                else:
                    cv2.line(
                        image, (x - radius, y - radius), (x + radius, y + radius), colour, 1, cv2.LINE_AA
                    )
                    cv2.line(
                        image, (x - radius, y + radius), (x + radius, y - radius), colour, 1, cv2.LINE_AA
                    )


def _write(image: Image, text: str) -> None:
    size = max(0.4, image.shape[0] / 900)
    place = (8, round(14 + 20 * size))
    for shift, colour in ((1, (0, 0, 0)), (0, _TEXT)):
        at = (place[0] + shift, place[1] + shift)
        cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, colour, 1, cv2.LINE_AA)
