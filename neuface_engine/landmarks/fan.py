"""FAN (Bulat & Tzimiropoulos 2017) through face-alignment 1.5: 68 landmarks, many crops in one forward pass.

The networks and the face detectors are face-alignment's own classes under its own weights. Cropping, batching over
frames and views, and reading the heat maps are done here: face-alignment runs FAN frame by frame, and rounds to
whole pixels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from neuface_engine.errors import AssetError, ConfigError, in_short
from neuface_engine.landmarks import fan_files
from neuface_engine.landmarks.base import Detections, FrameStore, Progress
from neuface_engine.landmarks.boxes import BoxPath, follow_boxes
from neuface_engine.landmarks.roi import Roi, extract_crop
from neuface_engine.landmarks.scene import Scene

NUM_LANDMARKS = 68
CROP_SIZE = 256
HEATMAP_SIZE = 64
MIN_SCORE = 0.2
"""Mean peak of the 68 heat maps below which a crop shows no face."""
_REFERENCE_SIDE = 200.0
_CENTRE_UP = 0.12
"""The crop's centre lies this part of the box's height above the box's."""
_SEARCH_INTERVAL = 5
_SEARCH_SIDE = 640
"""Pictures are made no larger than this for the face detector."""
_BATCH = 16
_KERNEL_SIGMA, _KERNEL_HALF = 3.25, 6
_MIRRORED = (
    *range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, 35, 34, 33, 32, 31, 45, 44, 43, 42, 47, 46, 39, 38, 37,
    36, 41, 40, 54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65,
)  # fmt: skip
"""iBUG's points in a mirrored face."""

Image = NDArray[np.uint8]
Floats = NDArray[np.float64]


class FanDetector:
    """`fan` gives the outline that is seen (2D), `fan3d` the jaw also where it is hidden, with a depth.

    A face detector (`finder`) looks at every fifth frame; the box of the face that is wanted is followed and
    interpolated between, and FAN runs on the crops of all frames and views in batches.
    """

    def __init__(
        self,
        network: nn.Module,
        finder: Any,
        *,
        name: str,
        version: str,
        depth: nn.Module | None = None,
        device: str | torch.device = "cpu",
        batch: int = _BATCH,
    ) -> None:
        self.name, self.version = name, version
        self.contour: Literal["visible", "fixed"] = "visible" if depth is None else "fixed"
        self.device = torch.device(device)
        self.network = network.eval().requires_grad_(False).to(self.device)
        self.depth = None if depth is None else depth.eval().requires_grad_(False).to(self.device)
        self.finder = finder
        self.batch = batch

    @classmethod
    def load(
        cls,
        *,
        three_d: bool = False,
        finder: str = "sfd",
        folder: Path | None = None,
        device: str | torch.device = "cpu",
    ) -> FanDetector:
        """From the weights in face-alignment's folder (or `folder`); nothing is downloaded.

        Raises AssetError that names the file that is missing or damaged, ConfigError for an unknown finder.
        """
        files = fan_files.needed(three_d=three_d, finder=finder)
        where = folder or fan_files.folder()
        fan_files.check(files, where)
        fan = _face_alignment()
        from face_alignment.models import FAN, ResNetDepth

        network = _loaded(FAN(int(fan.NetworkSize.LARGE)), where / files[0].name)
        depth = _loaded(ResNetDepth(), where / fan_files.DEPTH.name) if three_d else None
        with fan_files.no_downloads():
            found = _finder(finder, where, device)
        kind = fan.LandmarksType.THREE_D if three_d else fan.LandmarksType.TWO_D
        version = f"{fan.__version__} {kind.name} {fan_files.fingerprint(files, where)}"
        name = ("fan3d" if three_d else "fan") + ("" if finder == "sfd" else f":{finder}")
        return cls(network, found, name=name, version=version, depth=depth, device=device)

    def detect(
        self, frames: FrameStore, *, scene: Scene | None = None, progress: Progress | None = None
    ) -> Detections:
        """Landmarks [F, V, 68, 3] and confidence [F, V], the mean peak of the heat maps; 0 = no face."""
        scene = scene or Scene()
        shape = (len(frames), frames.num_views)
        found = Detections(np.zeros((*shape, NUM_LANDMARKS, 3), np.float32), np.zeros(shape, np.float32))
        paths = [self._boxes(frames, v, scene) for v in range(shape[1])]
        places = [(f, v) for f in range(shape[0]) for v in range(shape[1]) if paths[v].present[f]]
        for start in range(0, len(places), self.batch):
            part = places[start : start + self.batch]
            rois = [self.region(paths[v].boxes[f]) for f, v in part]
            points, scores = self.landmarks([frames[place] for place in part], rois)
            for place, own, score in zip(part, points, scores, strict=True):
                if score >= MIN_SCORE:
                    found.landmarks[place], found.confidence[place] = own, min(1.0, score)
            if progress is not None:
                progress(part[-1][0] + 1, shape[0])
        if progress is not None:
            progress(shape[0], shape[0])
        return found

    def landmarks(self, images: list[Image], rois: list[Roi]) -> tuple[NDArray[np.float32], Floats]:
        """Landmarks [N, 68, 3] in frame px and scores [N] of the faces in the regions, in one forward pass."""
        crops = [
            extract_crop(image, roi.transform(CROP_SIZE), CROP_SIZE)
            for image, roi in zip(images, rois, strict=True)
        ]
        pictures = torch.from_numpy(np.stack(crops)).to(self.device).permute(0, 3, 1, 2).float().div(255.0)
        with torch.inference_mode():
            maps = self._heat_maps(pictures)
            points, peaks = read_heat_maps(maps)
            depth = points.new_zeros(len(points), NUM_LANDMARKS)
            if self.depth is not None:
                drawn = draw_points(points * (CROP_SIZE / HEATMAP_SIZE))
                depth = self.depth(torch.cat([pictures, drawn], 1)).reshape(-1, NUM_LANDMARKS)
        centre = np.array([[roi.x, roi.y] for roi in rois])[:, None]
        size = np.array([roi.size for roi in rois])[:, None, None]
        flat = centre + (points.double().cpu().numpy() / HEATMAP_SIZE - 0.5) * size
        z = depth.double().cpu().numpy()[..., None] * (size / CROP_SIZE)
        out = np.concatenate([flat, z], -1).astype(np.float32)
        return out, peaks.clamp(0, 1).mean(1).double().cpu().numpy()

    def region(self, box: Floats) -> Roi:
        """FAN's region of a box (x0, y0, x1, y1) in frame px, by the reference size of the face detector."""
        x0, y0, x1, y1 = box[:4].tolist()
        width, height = x1 - x0, y1 - y0
        side = _REFERENCE_SIDE * (width + height) / float(self.finder.reference_scale)
        return Roi((x0 + x1) / 2, (y0 + y1) / 2 - _CENTRE_UP * height, side, 0.0)

    def _heat_maps(self, pictures: Tensor) -> Tensor:
        """[N, 68, 64, 64], the mean over a picture and its mirror image."""
        both = self.network(torch.cat([pictures, pictures.flip(-1)]))
        last = both[-1] if isinstance(both, (list, tuple)) else both
        straight, mirrored = last.chunk(2)
        return (straight + mirrored[:, list(_MIRRORED)].flip(-1)) / 2

    def _boxes(self, frames: FrameStore, v: int, scene: Scene) -> BoxPath:
        def find(f: int) -> tuple[Floats, tuple[int, int]]:
            image = frames[f, v]
            height, width = image.shape[:2]
            return self._find(image), (width, height)

        return follow_boxes(find, len(frames), scene, v, interval=_SEARCH_INTERVAL)

    def _find(self, image: Image) -> Floats:
        """Boxes [K, 4] (x0, y0, x1, y1) of all faces in a picture."""
        scale = min(1.0, _SEARCH_SIDE / max(image.shape[:2]))
        if scale < 1:
            size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
            image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        with torch.inference_mode():
            boxes = self.finder.detect_from_image(np.array(image))
        rows = [np.asarray(box, np.float64).reshape(-1)[:4] for box in boxes]
        rows = [row for row in rows if len(row) == 4 and np.isfinite(row).all() and (row[2:] > row[:2]).all()]
        return np.stack(rows) / scale if rows else np.zeros((0, 4))


class OpenFinder:
    """BlazeFace of the open detector under face-alignment's interface: no further weights."""

    reference_scale = 165.0

    def __init__(self, device: str | torch.device = "cpu") -> None:
        from neuface_engine.landmarks import load_detector

        self._detector: Any = load_detector("open", device=device)

    def detect_from_image(self, image: Image) -> list[list[float]]:
        """(x0, y0, x1, y1) of each face."""
        boxes = self._detector.boxes([image])[0]
        return [[*(box[0] - box[1] / 2).tolist(), *(box[0] + box[1] / 2).tolist()] for box in boxes]


def read_heat_maps(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Points [N, K, 2] in cells of the maps [N, K, S, S] (the first cell's centre is 0.5) and their peaks [N, K].

    A quarter of a cell towards the higher neighbour is added, as FAN's authors do.
    """
    side = maps.shape[-1]
    peaks, index = maps.flatten(2).max(-1)
    x, y = index % side, torch.div(index, side, rounding_mode="floor")
    inner = (x > 0) & (x < side - 1) & (y > 0) & (y < side - 1)

    def at(dx: int, dy: int) -> Tensor:
        place = (y + dy).clamp(0, side - 1) * side + (x + dx).clamp(0, side - 1)
        return maps.flatten(2).gather(-1, place[..., None])[..., 0]

    towards = torch.stack([at(1, 0) - at(-1, 0), at(0, 1) - at(0, -1)], -1).sign() * 0.25
    points = torch.stack([x, y], -1).to(maps.dtype) + 0.5
    return points + torch.where(inner[..., None], towards, torch.zeros_like(towards)), peaks


def draw_points(points: Tensor) -> Tensor:
    """The depth network's second input: a bump [N, K, 256, 256] around each of the points [N, K, 2] in crop px.

    face-alignment's `draw_gaussian`: 13 x 13 cells, sigma 3.25, around the cell before the one the point lies in.
    """
    centre = points.floor() - 1
    cells = torch.arange(CROP_SIZE, device=points.device, dtype=points.dtype)
    off = cells - centre[..., None]  # [N, K, 2, 256]
    bump = torch.exp(-0.5 * (off / _KERNEL_SIGMA) ** 2) * (off.abs() <= _KERNEL_HALF)
    inside = (points > 0).all(-1)[..., None, None]
    return bump[..., 1, :, None] * bump[..., 0, None, :] * inside


def _face_alignment() -> Any:
    try:
        import face_alignment
        from face_alignment import models
    except ImportError as error:
        raise ConfigError(
            f"detector 'fan' needs the package face-alignment ({error}); pip install face-alignment"
        ) from None
    if not hasattr(face_alignment.LandmarksType, "THREE_D") or not hasattr(models, "ResNetDepth"):
        raise ConfigError(
            "detector 'fan' needs face-alignment 1.5 or newer; pip install --upgrade face-alignment"
        )
    return face_alignment


def _loaded(network: nn.Module, path: Path) -> nn.Module:
    from neuface_engine.encoders.checkpoints import read_checkpoint, strict_load

    remedy = "download it again"
    content = read_checkpoint(path, remedy=remedy)
    inner = content.get("state_dict", content)
    if not isinstance(inner, dict):
        raise AssetError(f"{path}: holds no weights; {remedy}")
    state = {str(name).removeprefix("module."): value for name, value in inner.items()}
    strict_load(network, state, path, part="face-alignment's network", remedy=remedy)
    return network


def _finder(finder: str, where: Path, device: str | torch.device) -> Any:
    if finder == "open":
        return OpenFinder(device)
    import importlib

    files = [str(where / file.name) for file in fan_files.FINDERS[finder]]
    given = {"path_to_detector": files[0]}
    if finder == "blazeface":
        given["path_to_anchor"] = files[1]
    try:
        module = importlib.import_module(f"face_alignment.detection.{finder}")
        return module.FaceDetector(device=str(device), verbose=False, **given)
    except ImportError as error:
        raise ConfigError(f"face detector {finder!r}: {error}; install it, or take another one") from None
    except AssetError:
        raise
    except Exception as error:  # a damaged file can raise anything
        raise AssetError(
            f"{files[0]}: cannot be used as weights of {finder} ({in_short(error)}); download it again"
        ) from None
