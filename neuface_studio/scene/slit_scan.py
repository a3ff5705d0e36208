"""Slit scans: one pixel column through a region of the face, frame beside frame, of the video and of the mesh.

As in the right of the paper's Fig. S4: a mesh that follows the face draws the same wave as the video, jitter makes it
ragged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

import neuface_engine as nf
from neuface_engine import raster
from neuface_studio import theme
from neuface_studio.model import Footage, IterationRecord
from neuface_studio.scene.decoding import MeshDecoder
from neuface_studio.scene.heads_picture import shade

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]

ROWS = 72  # samples along the column
FRAMES_AT_ONCE = 6
FOLLOWING_SECONDS = (
    0.6  # the column follows the face this slowly, so that speech and jitter stay in the picture
)
JITTER_FRAMES = 7
LARGEST_DIFFERENCE = 3.0  # standard deviations at the upper end of the colour map

GREY = np.array([205, 205, 210], np.float32)


@dataclass(frozen=True)
class SlitRegion:
    """``landmarks``: of the 68, whose middle the column goes through; ``reach``: half its length, in face heights."""

    title: str
    landmarks: tuple[int, ...]
    reach: float


REGIONS: dict[str, SlitRegion] = {
    "lips": SlitRegion("Lips", (51, 62, 66, 57), 0.26),
    "right_lid": SlitRegion("Right lid", (37, 38, 40, 41), 0.15),
    "left_lid": SlitRegion("Left lid", (43, 44, 46, 47), 0.15),
    "chin": SlitRegion("Chin", (8,), 0.24),
    "nose": SlitRegion("Nose tip", (30, 33), 0.2),
}


@dataclass(frozen=True)
class SlitRequest:
    """The scan of a region in one view, under one state."""

    record: IterationRecord
    view: int
    region: str


@dataclass(frozen=True)
class SlitScan:
    """A column a frame, top to bottom; frames from ``done`` on are not there yet.

    video, mesh uint8 [ROWS, F, 3]; difference [ROWS, F]: |difference| of the brightness of both, each in its standard
    deviations; detected_rows, projected_rows [K, F]: the region's landmarks, in rows; px_per_row of the video frame.
    """

    request: SlitRequest
    done: int
    video: Image
    mesh: Image
    difference: Floats
    detected_rows: Floats
    projected_rows: Floats
    px_per_row: float

    @property
    def whole(self) -> bool:
        return self.done == self.video.shape[1]

    def roughest(self) -> tuple[int, int, float] | None:
        """The frames first..last in which the mesh shakes most against the detection, and how much, px of the video
        (mean |second difference| of the landmarks' distance to the detected ones); None before there are enough."""
        apart = (self.projected_rows - self.detected_rows)[:, : self.done] * self.px_per_row
        if apart.shape[1] < JITTER_FRAMES + 2:
            return None
        jumps = np.abs(np.diff(apart, n=2, axis=1)).mean(axis=0)
        means = np.convolve(jumps, np.full(JITTER_FRAMES, 1 / JITTER_FRAMES), mode="valid")
        if not np.isfinite(means).any():  # a face is missing now and then
            return None
        first = int(np.nanargmax(means)) + 1
        return first, first + JITTER_FRAMES - 1, float(np.nanmax(means))


class SlitScanner:
    """Makes scans a few frames at a time; remembers the video's part of each view and region."""

    def __init__(self, footage: Footage, decoder: MeshDecoder) -> None:
        self._footage, self._decoder = footage, decoder
        self._albedo = albedo(footage)
        self._videos: dict[tuple[int, str], Image] = {}

    def steps(self, request: SlitRequest) -> Iterator[SlitScan]:
        """The scan as it grows; the last one is whole."""
        sequence, view = self._footage.sequence, request.view
        region = REGIONS[request.region]
        frames = int(sequence.landmarks.shape[0])
        detected = np.stack([self._decoder.detected(frame)[view] for frame in range(frames)])
        centres, half = column_places(detected, region, float(sequence.fps))
        numbers = list(region.landmarks)
        found = sequence.detected[:, view].numpy().astype(bool)
        rows_of = (ROWS / (2 * half)).astype(np.float32)
        detected_rows = (detected[:, numbers, 1] - centres[:, 1:] + half) * rows_of
        detected_rows[~found] = np.nan
        key = view, request.region
        video = self._videos.get(key)
        known = video is not None
        video = video if video is not None else np.zeros((ROWS, frames, 3), np.uint8)
        mesh = np.zeros((ROWS, frames, 3), np.uint8)
        covered = np.zeros((ROWS, frames), bool)
        projected_rows = np.full((frames, len(numbers)), np.nan, np.float32)
        for start in range(0, frames, FRAMES_AT_ONCE):
            end = min(frames, start + FRAMES_AT_ONCE)
            if not known:
                for frame in range(start, end):
                    video[:, frame] = column_of(sequence.frames[frame, view], centres[frame], float(half))
            self._scan_meshes(request, range(start, end), centres, float(half), mesh, covered, projected_rows)
            yield SlitScan(
                request,
                end,
                video.copy(),
                mesh.copy(),
                difference_of(video[:, :end], mesh[:, :end], covered[:, :end], frames),
                np.ascontiguousarray(detected_rows.T),
                np.ascontiguousarray(((projected_rows - centres[:, 1:] + half) * rows_of).T),
                float(1 / rows_of),
            )
        self._videos[key] = video

    @torch.no_grad()
    def _scan_meshes(
        self,
        request: SlitRequest,
        frames: range,
        centres: Floats,
        half: float,
        mesh: Image,
        covered: NDArray[np.bool_],
        projected_rows: Floats,
    ) -> None:
        """Fill in the columns of some frames; ``projected_rows`` gets the landmarks' y in px of the frame."""
        footage, view = self._footage, request.view
        given = self._decoder.given(request.record)
        if given is not None and not given.drawable:
            return
        faces = self._decoder.faces_of(request.record)
        points, landmarks, normals = self._in_video(request, frames)
        colour = self._albedo if given is None else GREY
        numbers = list(REGIONS[request.region].landmarks)
        scale = ROWS / (2 * half)
        for place, frame in enumerate(frames):
            if not bool(footage.sequence.detected[:, view].any()):
                continue
            in_frame = points[place]
            if not np.isfinite(in_frame).all():
                continue
            projected_rows[frame] = landmarks[place][numbers, 1]
            in_frame[:, 0] = (
                in_frame[:, 0] - centres[frame, 0]
            ) * scale + 1.5  # the middle one of three columns
            in_frame[:, 1] = (in_frame[:, 1] - centres[frame, 1] + half) * scale
            in_frame[:, 2] *= scale
            buffers = raster.rasterize(in_frame, faces, ROWS, 3)
            triangles, weights = buffers.triangle[:, 1], buffers.barycentric[:, 1]
            seen = triangles >= 0
            corners = faces[triangles[seen]]
            light = shade(np.asarray(normals[place], np.float32))[:, None] * colour
            colours = np.einsum("pkc,pk->pc", light[corners], weights[seen])
            mesh[:, frame] = theme.rgb(theme.PANEL)
            mesh[seen, frame] = np.clip(colours, 0, 255).astype(np.uint8)
            covered[:, frame] = seen

    def _in_video(self, request: SlitRequest, frames: range) -> tuple[list[Floats], list[Floats], Floats]:
        """Vertices [N, 3] and landmarks [68, 2] of some frames in px of the video, and the normals [F, N, 3]."""
        view, given = request.view, self._decoder.given(request.record)
        if given is not None:
            points = [np.array(given.in_video(frame)[view]) for frame in frames]
            landmarks = [given.landmarks(frame)[view] for frame in frames]
            return points, landmarks, np.stack([given.normals(frame)[view] for frame in frames])
        footage, place = self._footage, self._decoder.in_frame_of
        parameters = request.record.parameters[frames.start : frames.stop, view]
        posed = footage.head.vertices(parameters)
        vertices = nf.project_depth(posed, parameters.camera).numpy()
        projected = nf.project(footage.head.landmarks(parameters, kind="dynamic"), parameters.camera).numpy()
        points = [place(one, frame, view) for one, frame in zip(vertices, frames, strict=True)]
        landmarks = [place(one, frame, view) for one, frame in zip(projected, frames, strict=True)]
        return points, landmarks, np.asarray(raster.vertex_normals(posed.numpy(), footage.faces), np.float32)


def column_places(detected: Floats, region: SlitRegion, fps: float) -> tuple[Floats, np.float32]:
    """Middle (x, y) of the column in each frame [F, 2] and half its length, px of the video frame.

    detected [F, 68, 2] px. The middle is that of the region's landmarks, smoothed over time.
    """
    middle = detected[:, list(region.landmarks)].mean(axis=1)
    window = max(1, round(FOLLOWING_SECONDS * fps)) | 1
    window = min(window, 2 * (len(middle) // 2) + 1)
    padded = np.pad(middle, ((window // 2, window // 2), (0, 0)), mode="edge")
    kernel = np.full(window, 1 / window)
    smooth = np.stack([np.convolve(padded[:, axis], kernel, mode="valid") for axis in (0, 1)], axis=1)
    height = np.median(np.linalg.norm(detected[:, 27] - detected[:, 8], axis=-1))
    return smooth.astype(np.float32), np.float32(max(4.0, region.reach * float(height)))


def column_of(frame: Image, centre: Floats, half: float) -> Image:
    """The column [ROWS, 3] of a video frame around ``centre``, from ``half`` px above to ``half`` px below."""
    rows = (np.arange(ROWS, dtype=np.float32) + 0.5) * np.float32(2 * half / ROWS)
    y = (centre[1] - half + rows - 0.5)[:, None].astype(
        np.float32
    )  # OpenCV: a pixel's centre at whole numbers
    x = np.full_like(y, centre[0] - 0.5)
    column = cv2.remap(frame, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(column, dtype=np.uint8)[:, 0]


def difference_of(video: Image, mesh: Image, covered: NDArray[np.bool_], frames: int) -> Floats:
    """|difference| of brightness [ROWS, frames] where the mesh covers, each in its own standard deviations, else 0."""
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    out = np.zeros((ROWS, frames), np.float32)
    if not covered.any():
        return out
    sides = []
    for picture in (video, mesh):
        brightness = picture.astype(np.float32) @ weights
        known = brightness[covered]
        sides.append((brightness - known.mean()) / max(float(known.std()), 1.0))
    out[:, : video.shape[1]] = np.abs(sides[0] - sides[1]) * covered
    return out


def albedo(footage: Footage) -> Floats:
    """Colour of each vertex [N, 3], 0..255: grey, with darker brows, lids and lips, so that their edges are seen."""
    colours = np.tile(GREY, (footage.head.num_vertices, 1))
    tints = {"brows": (95, 85, 80), "lids": (150, 135, 130), "lips": (175, 95, 95)}
    for name, mask in footage.head.regions.items():
        if name in tints:
            colours[mask.cpu().numpy()] = tints[name]
    return colours
