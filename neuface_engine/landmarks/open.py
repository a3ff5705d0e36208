"""The open detector: BlazeFace finds a face, the face-mesh network follows it, both from MediaPipe."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from neuface_engine.landmarks.base import Detections, FrameStore, Progress
from neuface_engine.landmarks.blazeface import INPUT_SIZE, BlazeFace, weighted_suppression
from neuface_engine.landmarks.face_mesh import CROP_SIZE, FaceMesh
from neuface_engine.landmarks.roi import Roi, extract_crop
from neuface_engine.landmarks.topology import NUM_MEDIAPIPE
from neuface_engine.weights import load_weights, use_channels_last

MIN_PRESENCE = 0.5
_TILE_GRIDS = (2, 3)
_TILE_INTERVAL = 8
"""While a view shows no face, only every so many frames are searched with tiles."""
_TILE_CANDIDATES = 3
_PLACING_PASSES = 3
_BATCH = 16

Image = NDArray[np.uint8]
_Module = TypeVar("_Module", bound=nn.Module)


@dataclass
class _Track:
    """State of one view while time runs in one direction."""

    roi: Roi | None = None
    last_seen: Roi | None = None
    frames_lost: int = 0


class OpenDetector:
    """BlazeFace and the face mesh, tracked over frames and batched over views.

    The region of interest of a frame comes from the landmarks of the frame before; where there are none, from
    BlazeFace (whole frame, then overlapping tiles for small faces). A second walk, backwards in time, fills frames
    before a face was first found. One face per view: the largest and most central, then the same one.
    """

    name = "open"
    version = "1"

    def __init__(
        self, face_mesh: FaceMesh, blazeface: BlazeFace, *, device: str | torch.device = "cpu"
    ) -> None:
        self.device = torch.device(device)
        self.face_mesh = _frozen(face_mesh, self.device)
        self.blazeface = _frozen(blazeface, self.device)

    @classmethod
    def load(cls, path: Path, *, device: str | torch.device = "cpu") -> OpenDetector:
        """From a safetensors file of ``tools/build_open_detector.py``; raises AssetError."""
        face_mesh, blazeface = FaceMesh(), BlazeFace()
        load_weights(
            path, {"face_mesh": face_mesh, "blazeface": blazeface}, rebuild="tools/build_open_detector.py"
        )
        return cls(face_mesh, blazeface, device=device)

    def detect(self, frames: FrameStore, *, progress: Progress | None = None) -> Detections:
        """Landmarks and confidence of one face per frame and view; confidence 0 where there is none."""
        shape = (len(frames), frames.num_views)
        found = Detections(np.zeros((*shape, NUM_MEDIAPIPE, 3), np.float32), np.zeros(shape, np.float32))
        self._walk(frames, range(shape[0]), found, search=True, progress=progress)
        if (found.confidence.max(0, initial=0) > 0).any():
            self._walk(frames, range(shape[0] - 1, -1, -1), found, search=False)
        return found

    def detect_image(self, image: Image) -> tuple[NDArray[np.float32], float]:
        """Landmarks ``[478, 3]`` in px and confidence of the main face of one ``[H, W, 3]`` RGB image."""
        found = self.detect(_SingleImage(image))
        return found.landmarks[0, 0], float(found.confidence[0, 0])

    def _walk(
        self,
        frames: FrameStore,
        order: Iterable[int],
        found: Detections,
        *,
        search: bool,
        progress: Progress | None = None,
    ) -> None:
        """Track every view along ``order``, writing where ``found`` is empty; ``search`` also looks for lost faces."""
        tracks = [_Track() for _ in range(frames.num_views)]
        for done, f in enumerate(order):
            images: dict[int, Image] = {}
            for v, track in enumerate(tracks):
                if found.confidence[f, v] > 0:
                    track.roi = Roi.around_landmarks(found.landmarks[f, v])
                elif track.roi is not None or search:
                    images[v] = frames[f, v]
            followed = {v: roi for v in images if (roi := tracks[v].roi) is not None}
            self._locate(images, followed, f, found)
            if search:
                self._search(images, {v: tracks[v] for v in images if found.confidence[f, v] == 0}, f, found)
            for v in images:
                _update(tracks[v], found.landmarks[f, v] if found.confidence[f, v] > 0 else None)
            if progress is not None:
                progress(done + 1, len(frames))

    def _locate(
        self, images: dict[int, Image], rois: dict[int, Roi], f: int, found: Detections, *, passes: int = 1
    ) -> None:
        """Run the face mesh in the given regions of frame ``f`` and keep what is a face.

        Further ``passes`` move each region to the landmarks of the pass before: BlazeFace places them roughly.
        """
        for last in range(passes - 1, -1, -1):
            landmarks, presence = self.mesh([images[v] for v in rois], list(rois.values()))
            if last:
                rois = {v: Roi.around_landmarks(points) for v, points in zip(rois, landmarks, strict=True)}
        for v, points, score in zip(rois, landmarks, presence, strict=True):
            if score >= MIN_PRESENCE:
                found.landmarks[f, v], found.confidence[f, v] = points, score

    def mesh(self, images: list[Image], rois: list[Roi]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Landmarks ``[N, 478, 3]`` in frame px and presence ``[N]`` of the face in each image's region."""
        landmarks = np.zeros((len(rois), NUM_MEDIAPIPE, 3), np.float32)
        presence = np.zeros(len(rois), np.float32)
        for start in range(0, len(rois), _BATCH):
            part = slice(start, start + _BATCH)
            pairs = zip(images[part], rois[part], strict=True)
            crops = [extract_crop(image, roi.transform(CROP_SIZE), CROP_SIZE) for image, roi in pairs]
            with torch.inference_mode():
                points, scores = self.face_mesh(self._tensor(crops))
            presence[part] = scores.float().cpu().numpy()
            for k, (roi, local) in enumerate(zip(rois[part], points.float().cpu().numpy(), strict=True)):
                landmarks[start + k] = roi.landmarks_to_frame(local, CROP_SIZE)
        return landmarks, presence

    def _search(self, images: dict[int, Image], lost: dict[int, _Track], f: int, found: Detections) -> None:
        """Look for a face in whole frames; where that fails, and not in every frame, in tiles."""
        views = list(lost)
        in_frame = self.boxes([images[v] for v in views])
        rois = {v: _rank(b, images[v], lost[v])[0] for v, b in zip(views, in_frame, strict=True) if len(b)}
        self._locate(images, rois, f, found, passes=_PLACING_PASSES)
        for v in views:
            if found.confidence[f, v] > 0 or lost[v].frames_lost % _TILE_INTERVAL:
                continue
            for roi in _rank(self._boxes_in_tiles(images[v]), images[v], lost[v])[:_TILE_CANDIDATES]:
                self._locate(images, {v: roi}, f, found, passes=_PLACING_PASSES)
                if found.confidence[f, v] > 0:
                    break

    def boxes(self, images: list[Image]) -> list[NDArray[np.float32]]:
        """Faces in each image: ``[K, 8, 2]`` in px (centre, size, six keypoints), best first."""
        result = []
        for start in range(0, len(images), _BATCH):
            prepared = [_letterbox(image) for image in images[start : start + _BATCH]]
            with torch.inference_mode():
                values, scores = self.blazeface(self._tensor([p[0] for p in prepared]) * 2 - 1)
            for k, (_, scale, offset) in enumerate(prepared):
                merged, _ = weighted_suppression(values[k].cpu().numpy(), scores[k].cpu().numpy())
                result.append(_shifted(merged * INPUT_SIZE, -offset) / np.float32(scale))
        return result

    def _boxes_in_tiles(self, image: Image) -> NDArray[np.float32]:
        """Faces too small for the whole frame, from the coarsest grid of overlapping tiles that shows any."""
        height, width = image.shape[:2]
        for grid in _TILE_GRIDS:
            side = int(np.ceil(max(height, width) * 1.5 / (grid + 0.5)))
            if side < INPUT_SIZE // 2:
                break
            corners = [(x, y) for y in _starts(height, side) for x in _starts(width, side)]
            tiles = [image[y : y + side, x : x + side] for x, y in corners]
            found = [
                _shifted(boxes, np.array(c)) for c, boxes in zip(corners, self.boxes(tiles), strict=True)
            ]
            merged = np.concatenate(found)
            if len(merged):
                return merged
        return np.zeros((0, 8, 2), np.float32)

    def _tensor(self, images: list[Image]) -> torch.Tensor:
        stacked = torch.from_numpy(np.stack(images)).to(self.device)
        # [B, H, W, 3] seen as [B, 3, H, W] already is channels_last.
        return stacked.permute(0, 3, 1, 2).float().div(255.0)


class _SingleImage:
    num_views = 1

    def __init__(self, image: Image) -> None:
        self.image = image

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: tuple[int, int]) -> Image:
        return self.image


def _frozen(module: _Module, device: torch.device) -> _Module:
    use_channels_last(module)
    return module.eval().requires_grad_(False).to(device)


def _update(track: _Track, landmarks: NDArray[np.float32] | None) -> None:
    if landmarks is None:
        track.roi = None
        track.frames_lost += 1
    else:
        track.roi = track.last_seen = Roi.around_landmarks(landmarks)
        track.frames_lost = 0


def _rank(boxes: NDArray[np.float32], image: Image, track: _Track) -> list[Roi]:
    """The face that was followed before, if one is where it was; then the largest and most central ones."""
    height, width = image.shape[:2]
    centre = Roi(width / 2, height / 2, float(max(height, width)), 0.0)
    rois = [Roi.around_box(box) for box in boxes]
    rois.sort(key=lambda roi: -roi.size * (1 - 0.5 * min(1.0, 2 * centre.distance(roi))))
    known = track.last_seen
    if known is not None and rois:
        nearest = min(rois, key=known.distance)
        if known.distance(nearest) < 0.5:
            rois.sort(key=lambda roi: roi is not nearest)
    return rois


def _letterbox(image: Image) -> tuple[Image, float, NDArray[np.float32]]:
    """Fit an image into the centre of BlazeFace's square; also the scale and offset of frame px -> square px."""
    height, width = image.shape[:2]
    scale = INPUT_SIZE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    x, y = (INPUT_SIZE - size[0]) // 2, (INPUT_SIZE - size[1]) // 2
    canvas = np.zeros((INPUT_SIZE, INPUT_SIZE, 3), np.uint8)
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    canvas[y : y + size[1], x : x + size[0]] = cv2.resize(image, size, interpolation=interpolation)
    return canvas, scale, np.array([x, y], np.float32)


def _shifted(boxes: NDArray[np.float32], offset: NDArray[np.generic]) -> NDArray[np.float32]:
    """Boxes ``[K, 8, 2]`` moved by ``offset``; their sizes (the second pair) stay."""
    moves = np.ones((1, boxes.shape[1], 1), np.float32)
    moves[:, 1] = 0
    return boxes + moves * offset.astype(np.float32)


def _starts(length: int, side: int) -> list[int]:
    """Starts of tiles of ``side`` px over ``length`` px that overlap by about a third."""
    if length <= side:
        return [0]
    count = int(np.ceil((length - side) / (side * 2 / 3))) + 1
    return [round(k * (length - side) / (count - 1)) for k in range(count)]
