"""Opening footage in the background: decoding, detecting, and compiling the drawing kernels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PySide6.QtCore import Signal

from neuface_studio.session import Footage, Task
from neuface_studio.worker.long_work import LongWorker
from neuface_studio.worker.threads import worker_threads

STAGES = {
    "decode": "Decoding the videos",
    "detect": "Finding the face in every picture",
    "crop": "Cutting out the faces",
}


@dataclass(frozen=True)
class LoadRequest:
    """What to open: a path, or None for the bundled demo; and with which models."""

    path: Path | None
    views: str | None = None
    max_frames: int | None = None
    encoder: str = "open"
    head: str = "open"
    detector: str = "open"
    face: tuple[str, ...] = ("main",)
    """Which of several faces, as `--face` reads it: a rule, or places such as "left=12:340,220"."""
    sync: Literal["index", "timestamp", "mouth"] = "index"


class LoadWorker(LongWorker):
    """Decodes and detects in a thread of its own; exactly one of ``loaded``, ``failed`` and ``cancelled`` follows."""

    loaded = Signal(object)

    def __init__(self, request: LoadRequest) -> None:
        super().__init__(f"opening {request.path or 'the demo'}")
        self._request = request

    def _work(self) -> None:
        footage = self._load()
        self._check()
        self.loaded.emit(footage)

    def _load(self) -> Footage:
        self._report("Starting the engine", None)
        import torch

        import neuface_engine as nf

        torch.set_num_threads(worker_threads())
        is_demo = self._request.path is None
        path = nf.resources.path("demo") if self._request.path is None else self._request.path
        self._report("Loading the head and the encoder", None)
        head = nf.FaceModel.load(self._request.head)
        encoder = nf.load_encoder(self._request.encoder)
        head = encoder.fitted_head(head)
        self._check()
        sequence = nf.load_sequence(
            path,
            views=self._request.views,
            max_frames=self._request.max_frames,
            detector=self._request.detector,
            face=self._request.face,
            sync=self._request.sync,
            progress=self._progress,
            **encoder.crop_options,
        )
        self._report("Decoding the frames", None)
        sequence.frames[0, 0]  # a cached sequence decodes its frames when the first of them is asked for
        self._check()
        self._report("Preparing the display", None)
        faces = np.ascontiguousarray(head.faces.cpu().numpy(), dtype=np.int32)
        warm_up_raster(faces, head.num_vertices)
        return Footage(sequence=sequence, head=head, encoder=encoder, faces=faces, is_demo=is_demo)

    def _progress(self, stage: str, done: int, total: int) -> None:
        self._check()
        fraction = done / total if total else None
        self._report(STAGES.get(stage, stage), fraction, "" if total else f"{done} frames")

    def _report(self, label: str, fraction: float | None, detail: str = "") -> None:
        self.progressed.emit(Task(label, fraction, detail))


def warm_up_raster(faces: np.ndarray, num_vertices: int) -> None:
    """Compile (or load from the cache) the drawing kernels, so that the first picture is not late."""
    from neuface_engine import raster

    frame = np.zeros((16, 16, 3), np.uint8)
    points = np.zeros((num_vertices, 3), np.float32)
    normals = np.zeros_like(points)
    raster.draw_shaded(frame, points, normals, faces)
    raster.draw_wireframe(frame, points, faces)
    raster.draw_scalar(frame, points, faces, points[:, 0], vmin=0.0, vmax=1.0, normals=normals)
    raster.vertex_normals(points, faces)
