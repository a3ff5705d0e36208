"""`neuface render TRACK`: the footage with the meshes over it, all views side by side, as a video."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from neuface_engine.cli import options as shared
from neuface_engine.cli.heat import HEAT, HeatMaps
from neuface_engine.cli.output import Output, Progress
from neuface_engine.errors import ConfigError, TrackError

if TYPE_CHECKING:
    from neuface_engine.tracks import FaceTrack
    from neuface_engine.video import FrameStore

Image = NDArray[np.uint8]

LAYERS = ("mesh", *HEAT, "landmarks")
_DETECTED, _PROJECTED, _TEXT = (52, 211, 110), (240, 80, 80), (235, 238, 242)


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "render",
        help="an overlay video of a track",
        description="Writes the footage of TRACK with the chosen layers: mesh (shaded), landmarks (detected: green "
        "circles, projected: red crosses), gradient (where the losses pull each vertex), update (how far the last "
        "step moved it), pixels (what in the picture drives NeuFace; for FLAME fitting, landmarks alone). The last "
        "two need a track made with --save-gradients; without that, gradient is worked out anew, without the dense "
        "landmarks. Several of these three stand one below the other.",
    )
    parser.add_argument("track", type=Path, metavar="TRACK")
    parser.add_argument("--out", type=Path, required=True, metavar="VIDEO", help="e.g. overlay.mp4")
    parser.add_argument("--layers", default="mesh,landmarks", metavar="A,B", help="default: mesh,landmarks")
    parser.add_argument(
        "--footage", type=Path, metavar="PATH", help="where the footage is now, if it was moved"
    )
    parser.add_argument(
        "--height", type=int, default=480, metavar="PX", help="of a tile, at most (default: 480)"
    )
    parser.add_argument("--opacity", type=float, default=0.65, help="of the mesh, 0..1 (default: 0.65)")
    parser.add_argument("--head", default="open", metavar="open|FILE", help="the face model of the track")
    parser.add_argument(
        "--head-landmarks", type=Path, metavar="FILE", help="landmark embedding of a FLAME file"
    )
    shared.add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, output: Output) -> int:
    import neuface_engine as nf
    from neuface_engine.video.writer import VideoWriter

    layers = [name.strip() for name in options.layers.split(",") if name.strip()]
    for name in layers:
        if name not in LAYERS:
            raise ConfigError(f"layer {name!r} is unknown; give some of {','.join(LAYERS)}")
    if not 0 <= options.opacity <= 1 or options.height < 16:
        raise ConfigError("--opacity lies in 0..1, --height is 16 or more")
    head = nf.FaceModel.load(options.head, landmarks=options.head_landmarks)
    track = nf.FaceTrack.load(options.track, head=head)
    progress = Progress(options.track.stem)
    try:
        frames = _footage(track, options, progress)
        painter = _Painter(options.track, track, frames, layers, options.height, options.opacity)
        with VideoWriter(options.out, fps=track.fps) as video:
            for number in range(len(track.frame_indices)):
                video.write(painter.frame(number))
                progress("render", number + 1, len(track.frame_indices))
    finally:
        progress.close()
    output.result(
        {
            "video": str(options.out),
            "frames": len(track.frame_indices),
            "views": list(track.views),
            "maps": painter.heat.source,
        }
    )
    output.line(str(options.out))
    return 0


def _footage(track: FaceTrack, options: argparse.Namespace, progress: Progress) -> FrameStore:
    """The decoded frames, views in the order of the track. Raises TrackError where they are not the track's."""
    from neuface_engine.video import load_frames

    recorded = track.provenance.get("source", {}).get("path")
    path = options.footage or (Path(recorded) if recorded else None)
    if path is None or not path.exists():
        raise TrackError(
            f"{options.track}: its footage is not at {path}; say where it is with --footage PATH"
        )
    last = int(track.frame_indices.max()) + 1
    frames = load_frames(path, views=track.views, max_frames=last, progress=progress)
    sizes = tuple(frames.size(v) for v in range(frames.num_views))
    if sizes != track.image_sizes or len(frames) < last:
        raise TrackError(
            f"{options.track}: made from other footage than {path} ({len(frames)} frames of {sizes}); "
            "give the right one with --footage PATH"
        )
    return frames


class _Painter:
    def __init__(
        self,
        path: Path,
        track: FaceTrack,
        frames: FrameStore,
        layers: list[str],
        height: int,
        opacity: float,
    ) -> None:
        import neuface_engine as nf

        self.track, self.frames, self.layers, self.opacity = track, frames, layers, opacity
        head = track.head
        self.faces = getattr(head, "skin_faces", head.faces).cpu().numpy().astype(np.int32)
        self.vertices = track.vertices(space="posed").numpy()
        self.projected = nf.project(track.landmarks(kind="dynamic"), track.parameters.camera).numpy()
        self.heat = HeatMaps(path, track, layers, self.faces)
        self._rows: list[str | None] = [*self.heat.layers] or [None]
        count = len(track.views)
        self.columns = count if count <= 4 else (count + 1) // 2
        self.height = min(height, max(h for _, h in track.image_sizes))
        self.width = max(round(w * self.height / h) for w, h in track.image_sizes)

    def frame(self, number: int) -> Image:
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
            if heat is not None:
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
        both = (track.landmarks_2d[number, view].numpy(), self.projected[number, view])
        for points, colour in zip(both, (_DETECTED, _PROJECTED), strict=True):
            pixels = crops.apply(back, crops.denormalise(points, track.crop_size)) * scale - 0.5
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
