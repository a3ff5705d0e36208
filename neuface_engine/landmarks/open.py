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

from neuface_engine.weights import load_weights
from neuface_engine.landmarks.base import Detections, FrameStore, Progress
from neuface_engine.landmarks.blazeface import INPUT_SIZE, BlazeFace, weighted_suppression
from neuface_engine.landmarks.face_mesh import CROP_SIZE, FaceMesh
from neuface_engine.landmarks.roi import Roi, extract_crop
from neuface_engine.landmarks.topology import NUM_MEDIAPIPE

MIN_PRESENCE = 0.5
_TILE_GRIDS = (2, 3)
_TILE_INTERVAL = 8
"""While a view shows no face, only every so many frames are searched with tiles."""
_BATCH = 16

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

    def __init__(self, face_mesh: FaceMesh, blazeface: BlazeFace, *, device: str | torch.device = "cpu") -> None:
        self.device = torch.device(device)
        self.face_mesh = _frozen(face_mesh, self.device)
        self.blazeface = _frozen(blazeface, self.device)

    @classmethod
    def load(cls, path: Path, *, device: str | torch.device = "cpu") -> OpenDetector:
        """From a safetensors file of ``tools/build_open_detector.py``; raises AssetError."""
        face_mesh, blazeface = FaceMesh(), BlazeFace()
        load_weights(path, {"face_mesh": face_mesh, "blazeface": blazeface}, rebuild="tools/build_open_detector.py")
        return cls(face_mesh, blazeface, device=device)

    def detect(self, frames: FrameStore, *, progress: Progress | None = None) -> Detections:
        """Landmarks and confidence of one face per frame and view; confidence 0 where there is none."""
        shape = (len(frames), frames.num_views)
        found = Detections(np.zeros((*shape, NUM_MEDIAPIPE, 3), np.float32), np.zeros(shape, np.float32))
        self._walk(frames, range(shape[0]), found, search=True, progress=progress)
        if (found.confidence.max(0, initial=0) > 0).any():
            self._walk(frames, range(shape[0] - 1, -1, -1), found, search=False)
        return found

    def detect_image(self, image: NDArray[np.uint8]) -> tuple[NDArray[np.float32], float]:
        """Landmarks ``[478, 3]`` in px and confidence of the main face of one ``[H, W, 3]`` RGB image."""
        found = self.detect(_SingleImage(image))
        return found.landmarks[0, 0], float(found.confidence[0, 0])

    def _walk(
        self, frames: FrameStore, order: Iterable[int], found: Detections, *, search: bool, progress: Progress | None = None
    ) -> None:
        """Track every view along ``order``, writing where ``found`` is empty; ``search`` also looks for lost faces."""
        tracks = [_Track() for _ in range(frames.num_views)]
        for done, f in enumerate(order):
            images: dict[int, NDArray[np.uint8]] = {}
            for v, track in enumerate(tracks):
                if found.confidence[f, v] > 0:
                    track.roi = Roi.around_landmarks(found.landmarks[f, v])
                elif track.roi is not None or search:
                    images[v] = frames[f, v]
            followed = {v: tracks[v].roi for v in images if tracks[v].roi is not None}
            self._locate(images, {v: roi for v, roi in followed.items() if roi is not None}, f, found)
            if search:
                lost = [v for v in images if found.confidence[f, v] == 0]
                self._locate(images, self._search({v: (images[v], tracks[v]) for v in lost}), f, found)
            for v in images:
                _update(tracks[v], found.landmarks[f, v] if found.confidence[f, v] > 0 else None)
            if progress is not None:
                progress(done + 1, len(frames))

    def _locate(self, images: dict[int, NDArray[np.uint8]], rois: dict[int, Roi], f: int, found: Detections) -> None:
        """Run the face mesh in the given regions of frame ``f``; keep what is a face."""
        landmarks, presence = self.mesh([images[v] for v in rois], list(rois.values()))
        for v, points, score in zip(rois, landmarks, presence, strict=True):
            if score >= MIN_PRESENCE:
                found.landmarks[f, v], found.confidence[f, v] = points, score

    def mesh(self, images: list[NDArray[np.uint8]], rois: list[Roi]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Landmarks ``[N, 478, 3]`` in frame px and presence ``[N]`` of the face in each image's region."""
        landmarks = np.zeros((len(rois), NUM_MEDIAPIPE, 3), np.float32)
        presence = np.zeros(len(rois), np.float32)
        for start in range(0, len(rois), _BATCH):
            part = slice(start, start + _BATCH)
            crops = [extract_crop(i, r.transform(CROP_SIZE), CROP_SIZE) for i, r in zip(images[part], rois[part], strict=True)]
            with torch.inference_mode():
                points, scores = self.face_mesh(self._tensor(crops))
            presence[part] = scores.float().cpu().numpy()
            for k, (roi, local) in enumerate(zip(rois[part], points.float().cpu().numpy(), strict=True)):
                landmarks[start + k] = roi.landmarks_to_frame(local, CROP_SIZE)
        return landmarks, presence

    def _search(self, lost: dict[int, tuple[NDArray[np.uint8], _Track]]) -> dict[int, Roi]:
        """Look for a face in whole frames, then (not in every frame) in tiles."""
        views = list(lost)
        boxes = dict(zip(views, self.boxes([lost[v][0] for v in views]), strict=True))
        for v in views:
            if not len(boxes[v]) and lost[v][1].frames_lost % _TILE_INTERVAL == 0:
                boxes[v] = self._boxes_in_tiles(lost[v][0])
        chosen = {}
        for v in views:
            if len(boxes[v]):
                chosen[v] = _choose(boxes[v], lost[v][0].shape, lost[v][1].last_seen)
        return chosen

    def boxes(self, images: list[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        """Faces in each image: ``[K, 8, 2]`` in px (centre, size, six keypoints), best first."""
        result = []
        for start in range(0, len(images), _BATCH):
            part = images[start : start + _BATCH]
            prepared = [_letterbox(image) for image in part]
            with torch.inference_mode():
                values, scores = self.blazeface(self._tensor([p[0] for p in prepared]) * 2 - 1)
            for (_, scale, offset), value, score in zip(prepared, values.cpu().numpy(), scores.cpu().numpy(), strict=True):
                merged, _ = weighted_suppression(value, score)
                pixels = merged * INPUT_SIZE
                is_point = np.ones((1, merged.shape[1], 1), np.float32)
                is_point[:, 1] = 0
                result.append((pixels - is_point * offset) / scale)
        return result

    def _boxes_in_tiles(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Faces too small for the whole frame, from the coarsest grid of overlapping tiles that shows any."""
        height, width = image.shape[:2]
        for grid in _TILE_GRIDS:
            side = int(np.ceil(max(height, width) * 1.5 / (grid + 0.5)))
            if side < INPUT_SIZE // 2:
                break
            corners = [(x, y) for y in _starts(height, side) for x in _starts(width, side)]
            tiles = [image[y : y + side, x : x + side] for x, y in corners]
            found = []
            for (x, y), boxes in zip(corners, self.boxes(tiles), strict=True):
                is_point = np.ones((1, boxes.shape[1], 1), np.float32)
                is_point[:, 1] = 0
                found.append(boxes + is_point * np.array([x, y], np.float32))
            merged = np.concatenate(found)
            if len(merged):
                return merged
        return np.zeros((0, 8, 2), np.float32)

    def _tensor(self, images: list[NDArray[np.uint8]]) -> torch.Tensor:
        stacked = torch.from_numpy(np.stack(images)).to(self.device)
        # [B, H, W, 3] seen as [B, 3, H, W] already is channels_last.
        return stacked.permute(0, 3, 1, 2).float().div(255.0)


class _SingleImage:
    num_views = 1

    def __init__(self, image: NDArray[np.uint8]) -> None:
        self.image = image

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: tuple[int, int]) -> NDArray[np.uint8]:
        return self.image


def _frozen(module: _Module, device: torch.device) -> _Module:
    return module.eval().requires_grad_(False).to(device, memory_format=torch.channels_last)


def _update(track: _Track, landmarks: NDArray[np.float32] | None) -> None:
    if landmarks is None:
        track.roi = None
        track.frames_lost += 1
    else:
        track.roi = track.last_seen = Roi.around_landmarks(landmarks)
        track.frames_lost = 0


def _choose(boxes: NDArray[np.float32], shape: tuple[int, ...], last_seen: Roi | None) -> Roi:
    """The face that was followed before, if one is where it was; else the largest and most central."""
    rois = [Roi.around_box(box) for box in boxes]
    if last_seen is not None:
        nearest = min(rois, key=last_seen.distance)
        if last_seen.distance(nearest) < 0.5:
            return nearest
    centre = Roi(shape[1] / 2, shape[0] / 2, float(max(shape[:2])), 0.0)
    return max(rois, key=lambda roi: roi.size * (1 - 0.5 * min(1.0, 2 * centre.distance(roi))))


def _letterbox(image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float, NDArray[np.float32]]:
    """Fit an image into the centre of BlazeFace's square; also the scale and offset of frame px -> square px."""
    height, width = image.shape[:2]
    scale = INPUT_SIZE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    x, y = (INPUT_SIZE - size[0]) // 2, (INPUT_SIZE - size[1]) // 2
    canvas = np.zeros((INPUT_SIZE, INPUT_SIZE, 3), np.uint8)
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    canvas[y : y + size[1], x : x + size[0]] = cv2.resize(image, size, interpolation=interpolation)
    return canvas, scale, np.array([x, y], np.float32)


def _starts(length: int, side: int) -> list[int]:
    """Starts of tiles of ``side`` px over ``length`` px that overlap by about a third."""
    if length <= side:
        return [0]
    count = int(np.ceil((length - side) / (side * 2 / 3))) + 1
    return [int(round(k * (length - side) / (count - 1))) for k in range(count)]
