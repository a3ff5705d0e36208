"""The open detector: BlazeFace finds a face, the face-mesh network follows it, both from MediaPipe."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
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
from neuface_engine.landmarks.following import NEAR, Follower
from neuface_engine.landmarks.roi import EXPANSION, Roi, extract_crop
from neuface_engine.landmarks.scene import Scene
from neuface_engine.landmarks.topology import NUM_MEDIAPIPE
from neuface_engine.weights import load_weights, use_channels_last

MIN_PRESENCE = 0.5
_TILE_GRIDS = (2, 3)
_TILE_INTERVAL = 8
"""While a view shows no face, only every so many frames are searched with tiles."""
_TILE_CANDIDATES = 3
_PLACING_PASSES = 3
_RIVAL_INTERVAL = 8
"""While a face is followed, every so many frames BlazeFace looks for others beside it."""
MAX_SPREAD = 0.028
"""How far (in units of the face) landmarks may move when the region is moved a little. Real faces of the test media
stay below 0.019, the mesh that the network makes up on a dog's muzzle or on a hidden profile moves by 0.038 or more."""
_NUDGES = (
    (0.1, 0.0, 1.0, 0.0),
    (0.0, -0.1, 1.0, 0.0),
    (0.0, 0.0, 1.25, 0.0),
    (0.0, 0.0, 0.85, 0.0),
    (0.0, 0.0, 1.0, 0.25),
)
"""Moves of a region: x and y in its size, factor of the size, turn in rad."""
_BATCH = 16

Image = NDArray[np.uint8]
_Module = TypeVar("_Module", bound=nn.Module)


@dataclass
class _Track:
    """State of one view while time runs in one direction."""

    follower: Follower
    starts: dict[int, int]
    """For each frame the one at which the search begins in its shot: the shot's first, or the one pointed at."""
    roi: Roi | None = None
    met: dict[int, list[Roi]] = field(default_factory=dict)
    """The rivals known when the search began, by that frame."""


class OpenDetector:
    """BlazeFace and the face mesh, tracked over frames and batched over views.

    The region of interest of a frame comes from the landmarks of the frame before; where there are none, from
    BlazeFace (whole frame, then overlapping tiles for small faces). A second walk, backwards in time, fills frames
    before a face was first found. One face per view: the one that is wanted (`Scene.face`), followed by its position
    to the end of the shot.
    """

    name = "open"
    version = "2"

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

    def detect(
        self, frames: FrameStore, *, scene: Scene | None = None, progress: Progress | None = None
    ) -> Detections:
        """Landmarks and confidence of one face per frame and view; confidence 0 where there is none."""
        scene = scene or Scene()
        shape = (len(frames), frames.num_views)
        found = Detections(np.zeros((*shape, NUM_MEDIAPIPE, 3), np.float32), np.zeros(shape, np.float32))
        tracks = [_track(scene, v, shape[0]) for v in range(shape[1])]
        self._forwards(frames, tracks, found, progress)
        if (found.confidence.max(0, initial=0) > 0).any():
            self._backwards(frames, tracks, found)
        return found

    def detect_image(self, image: Image) -> tuple[NDArray[np.float32], float]:
        """Landmarks ``[478, 3]`` in px and confidence of the main face of one ``[H, W, 3]`` RGB image."""
        found = self.detect(_SingleImage(image))
        return found.landmarks[0, 0], float(found.confidence[0, 0])

    def _forwards(
        self, frames: FrameStore, tracks: list[_Track], found: Detections, progress: Progress | None
    ) -> None:
        """Follow every view through its shots, and look for the face where it is not or no longer known."""
        for f in range(len(frames)):
            for track in tracks:
                if f == track.starts[f]:
                    track.follower.begin(f)
                    track.roi = None
            active = [v for v, track in enumerate(tracks) if f >= track.starts[f]]
            images = {v: frames[f, v] for v in active}
            self._step(images, tracks, f, found, search=True)
            self._look_for_rivals(images, tracks, f)
            for v in active:
                if f == tracks[v].starts[f]:
                    tracks[v].met[f] = list(tracks[v].follower.rivals)
            if progress is not None:
                progress(f + 1, len(frames))

    def _backwards(self, frames: FrameStore, tracks: list[_Track], found: Detections) -> None:
        """Fill the frames before a face was found in a shot; search those before the frame that was pointed at."""
        for f in range(len(frames) - 1, -1, -1):
            images: dict[int, Image] = {}
            searched = []
            for v, track in enumerate(tracks):
                if f + 1 < len(frames) and track.starts[f] != track.starts[f + 1]:
                    track.roi = None
                if found.confidence[f, v] > 0:
                    track.roi = Roi.around_landmarks(found.landmarks[f, v])
                    if f == track.starts[f]:
                        track.follower.begin(f)
                        track.follower.seen(track.roi)
                        track.follower.meet(track.met.get(f, []))
                    continue
                before = f < track.starts[f] and found.confidence[track.starts[f], v] > 0
                if track.roi is not None or before:
                    images[v] = frames[f, v]
                    if before:
                        searched.append(v)
            self._step({v: images[v] for v in images if v not in searched}, tracks, f, found, search=False)
            self._step({v: images[v] for v in searched}, tracks, f, found, search=True)

    def _step(
        self, images: dict[int, Image], tracks: list[_Track], f: int, found: Detections, *, search: bool
    ) -> None:
        """Frame `f` of some views: where the face was, and where it is not there and `search` is set, anywhere."""
        followed = {v: roi for v in images if (roi := tracks[v].roi) is not None}
        self._locate(images, followed, f, found)
        if search:
            lost = {v: tracks[v].follower for v in images if found.confidence[f, v] == 0}
            self._search(images, lost, f, found)
        for v in images:
            roi = Roi.around_landmarks(found.landmarks[f, v]) if found.confidence[f, v] > 0 else None
            tracks[v].roi = roi
            tracks[v].follower.seen(roi)

    def _look_for_rivals(self, images: dict[int, Image], tracks: list[_Track], f: int) -> None:
        if f % _RIVAL_INTERVAL:
            return
        views = [v for v in images if tracks[v].roi is not None]
        for v, boxes in zip(views, self.boxes([images[v] for v in views]), strict=True):
            tracks[v].follower.meet([Roi.around_box(box) for box in boxes])

    def _locate(
        self, images: dict[int, Image], rois: dict[int, Roi], f: int, found: Detections, *, passes: int = 1
    ) -> None:
        """Run the face mesh in the given regions of frame ``f`` and keep what is a face.

        Further ``passes`` move each region to the landmarks of the pass before: BlazeFace places them roughly, and
        what it finds must hold still when the region is nudged.
        """
        for last in range(passes - 1, -1, -1):
            landmarks, presence = self.mesh([images[v] for v in rois], list(rois.values()))
            if last:
                rois = {v: Roi.around_landmarks(points) for v, points in zip(rois, landmarks, strict=True)}
        for v, points, score in zip(rois, landmarks, presence, strict=True):
            if score >= MIN_PRESENCE and (passes == 1 or self.spread(images[v], points) <= MAX_SPREAD):
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

    def spread(self, image: Image, landmarks: NDArray[np.floating]) -> float:
        """Mean distance, in units of the face, by which landmarks move when their region is nudged: small on a face."""
        roi = Roi.around_landmarks(landmarks)
        nudged = [
            Roi(roi.x + x * roi.size, roi.y + y * roi.size, roi.size * scale, roi.angle + turn)
            for x, y, scale, turn in _NUDGES
        ]
        points, _ = self.mesh([image] * (len(nudged) + 1), [roi, *nudged])
        moved = np.linalg.norm(points[1:, :, :2] - points[:1, :, :2], axis=-1).mean()
        return float(moved) * EXPANSION / max(roi.size, 1e-6)

    def _search(self, images: dict[int, Image], lost: dict[int, Follower], f: int, found: Detections) -> None:
        """Look for a face in whole frames; where that fails, and not in every frame, in tiles."""
        views = list(lost)
        rois: dict[int, Roi] = {}
        for v, boxes in zip(views, self.boxes([images[v] for v in views]), strict=True):
            candidates = _candidates(boxes, images[v], lost[v])
            if candidates:
                rois[v] = candidates[0]
        self._locate(images, rois, f, found, passes=_PLACING_PASSES)
        for v in views:
            if found.confidence[f, v] > 0 or lost[v].frames_lost % _TILE_INTERVAL:
                continue
            candidates = _candidates(self._boxes_in_tiles(images[v]), images[v], lost[v])
            for roi in candidates[:_TILE_CANDIDATES]:
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

    def faces(self, image: Image) -> NDArray[np.float32]:
        """All faces of a picture, large and small, from left to right: the boxes of their landmarks, [K, 4] px
        (x0, y0, x1, y1)."""
        boxes = np.concatenate([self.boxes([image])[0], self._boxes_in_tiles(image)])
        rois = [Roi.around_box(box) for box in boxes]
        for _ in range(_PLACING_PASSES):
            landmarks, presence = self.mesh([image] * len(rois), rois)
            rois = [Roi.around_landmarks(points) for points in landmarks]
        found: list[int] = []
        for k in np.argsort(-presence, kind="stable") if rois else ():
            apart = all(rois[k].distance(rois[other]) >= NEAR for other in found)
            if presence[k] >= MIN_PRESENCE and apart and self.spread(image, landmarks[k]) <= MAX_SPREAD:
                found.append(int(k))
        corners = [[*landmarks[k, :, :2].min(0), *landmarks[k, :, :2].max(0)] for k in found]
        return np.array(sorted(corners), np.float32).reshape(-1, 4)

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


def _track(scene: Scene, v: int, num_frames: int) -> _Track:
    pick = scene.face.pick(scene.name(v))
    bounds = [0, *sorted(cut for cut in scene.cuts(v) if 0 < cut < num_frames), num_frames]
    starts: dict[int, int] = {}
    for first, end in pairwise(bounds):
        begin = pick.frame if pick is not None and first <= pick.frame < end else first
        starts.update(dict.fromkeys(range(first, end), begin))
    return _Track(Follower(scene.face.rule, pick), starts)


def _candidates(boxes: NDArray[np.float32], image: Image, follower: Follower) -> list[Roi]:
    height, width = image.shape[:2]
    return follower.candidates([Roi.around_box(box) for box in boxes], width, height)


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
