"""The thread that draws. The window says what it wants to see and gets finished pictures; it never draws a mesh."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Qt, Signal, Slot

from neuface_engine import raster
from neuface_studio import theme
from neuface_studio.scene.camera import OrbitCamera, fit, side_by_side
from neuface_studio.scene.decoding import FrameMeshes, MeshDecoder
from neuface_studio.scene.heads_picture import HeadsPainter
from neuface_studio.scene.heat import HeatFrame, HeatWish, heat_frame, vertex_colours
from neuface_studio.scene.overlay import TilePainter, TilePicture, Viewport
from neuface_studio.scene.paper_pictures import PaperPainter, PaperPicture, PaperRequest
from neuface_studio.scene.slit_scan import SlitRequest, SlitScan, SlitScanner
from neuface_studio.session import Footage, IterationRecord, Layers, Session
from neuface_studio.worker import BackgroundThread, end_worker
from neuface_studio.worker.waiting import WaitingWorker

log = logging.getLogger(__name__)

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]
ORDER = ("footage", "tiles", "heads", "paper", "slit")  # what is drawn first


@dataclass(frozen=True)
class TilesRequest:
    """Draw these views: ``sizes`` view -> (width, height) px; ``heat``: which heat map, or None.

    ``reference`` is drawn as a second picture of the same size and the same part of the frame, with its own heat map on
    the same scale.
    """

    sizes: dict[int, tuple[int, int]]
    frame: int
    record: IterationRecord | None
    layers: Layers
    heat: HeatWish | None = None
    reference: IterationRecord | None = None
    reference_heat: HeatWish | None = None


@dataclass(frozen=True)
class TileDrawn:
    """One finished tile, and the comparison's picture if one was asked for."""

    view: int
    request: TilesRequest
    viewport: Viewport
    shown: TilePicture
    reference: TilePicture | None
    meshes: FrameMeshes | None
    heat: HeatFrame | None = None


@dataclass(frozen=True)
class HeadsRequest:
    """Heads of ``views``. With a ``camera`` they are drawn at ``size`` px; without, only decoded. With ``heat`` they
    are coloured by that heat map, not by view."""

    record: IterationRecord
    frame: int
    views: tuple[int, ...]
    posed: bool
    size: tuple[int, int]
    camera: OrbitCamera | None = None
    smooth: bool = False
    wireframe: bool = False
    heat: HeatWish | None = None


@dataclass(frozen=True)
class HeadsDrawn:
    """``vertices`` and ``normals`` [V, N, 3] of the views asked for, with their triangles; ``image`` and its camera if
    one was given; ``painted`` [V, N, 3] colours 0..255 of the vertices where a heat map was to be had."""

    request: HeadsRequest
    vertices: Floats
    normals: Floats
    faces: NDArray[np.int32]
    image: Image | None
    camera: OrbitCamera | None
    seconds: float
    painted: Floats | None = None


class RenderWorker(WaitingWorker):
    """Lives in the drawing thread. One request of each kind waits at most, the newest one; tiles come first, and a slit
    scan is made a few frames at a time while nothing else waits."""

    tile_drawn = Signal(object)
    round_drawn = Signal(float)
    heads_drawn = Signal(object)
    paper_drawn = Signal(object)
    slit_drawn = Signal(object)
    failed = Signal(str)

    def __init__(self, footage: Footage) -> None:
        super().__init__()
        self._footage = footage
        self._waiting: dict[str, Any] = {}
        self._slit: Iterator[SlitScan] | None = None

    def ask(self, kind: str, request: Any) -> None:
        """From any thread, ``kind`` "tiles", "heads", "paper" or "slit": replaces a request that was not begun."""
        with self._wake:
            self._waiting[kind] = request
            self._wake.notify()

    @Slot()
    def run(self) -> None:
        try:
            # Decoding one frame is small work: more threads would only wait, and take the optimiser's core.
            torch.set_num_threads(1)
            self._decoder = MeshDecoder(self._footage)
            self._painter = TilePainter(self._footage)
            self._heads_painter = HeadsPainter(self._footage.faces, self._footage.head.num_vertices)
            self._paper_painter = PaperPainter(self._footage, self._decoder, self._heads_painter)
            self._slit_scanner = SlitScanner(self._footage, self._decoder)
            self._loop()
        finally:
            self.finished.emit()

    def _has_work(self) -> bool:
        return bool(self._waiting) or self._slit is not None

    def _take(self) -> tuple[str, Any]:
        kind = next((kind for kind in ORDER if kind in self._waiting), "")
        return kind, self._waiting.pop(kind, None)

    def _loop(self) -> None:
        for kind, request in self._items():
            if kind == "footage":
                self._exchange(request)
            elif kind == "tiles":
                started = time.perf_counter()
                self._guarded(self._draw_tiles, request)
                self.round_drawn.emit(time.perf_counter() - started)
            elif kind == "heads":
                self.heads_drawn.emit(self._guarded(self._draw_heads, request))
            elif kind == "paper":
                self.paper_drawn.emit(self._guarded(self._paper_painter.draw, request))
            elif kind == "slit":
                self._slit = self._slit_scanner.steps(request)
            else:
                self._go_on_scanning()

    def _exchange(self, footage: Footage) -> None:
        """The same footage with repaired landmarks."""
        self._footage = footage
        self._decoder.repair(footage)
        self._slit_scanner = SlitScanner(footage, self._decoder)

    def _go_on_scanning(self) -> None:
        assert self._slit is not None
        scan = self._guarded(next, self._slit)
        if scan is None or scan.whole:
            self._slit = None
        self.slit_drawn.emit(scan)

    def _guarded(self, draw: Callable[[Any], Any], request: Any) -> Any:
        try:
            return draw(request)
        except Exception as error:
            log.exception("drawing failed")
            self.failed.emit(f"Fault while drawing: {error!r}. Please report it.")
            return None

    def _draw_tiles(self, request: TilesRequest) -> None:
        meshes = self._decode(request.record, request.frame)
        if request.layers.ghost and meshes is not None and request.record is not None:
            meshes = self._decoder.with_ghost(meshes, request.record)
        other = self._decode(request.reference, request.frame)
        heat, other_heat = self._heats(request, meshes, other)
        for view, size in request.sizes.items():
            if self._stop:
                return
            self.tile_drawn.emit(self._draw_tile(request, view, size, (meshes, heat), (other, other_heat)))

    def _heats(
        self, request: TilesRequest, meshes: FrameMeshes | None, other: FrameMeshes | None
    ) -> tuple[HeatFrame | None, HeatFrame | None]:
        """The heat maps of the shown state and of the comparison, on one scale."""
        heat = heat_frame(self._decoder, self._footage, request.heat, request.record, meshes)
        other_heat = heat_frame(
            self._decoder, self._footage, request.reference_heat, request.reference, other
        )
        if heat is None or other_heat is None or heat.pixels is not None:
            return heat, other_heat
        peak = max(heat.peak, other_heat.peak)
        return heat.up_to(peak), other_heat.up_to(peak)

    def _decode(self, record: IterationRecord | None, frame: int) -> FrameMeshes | None:
        return None if record is None else self._decoder.decode(record, frame)

    def _draw_tile(
        self,
        request: TilesRequest,
        view: int,
        size: tuple[int, int],
        shown: tuple[FrameMeshes | None, HeatFrame | None],
        reference: tuple[FrameMeshes | None, HeatFrame | None],
    ) -> TileDrawn:
        layers, frame = request.layers, request.frame
        found = self._footage.sequence.detected[:, view]
        background = self._painter.background(view, frame, *size, whole_frame=layers.whole_frame)
        to_tile = background.viewport.to_tile
        settings = None if request.record is None else request.record.settings
        muted = frozenset() if settings is None else frozenset(settings.muted_landmarks)
        circles = None
        if (layers.detected or layers.residual) and bool(found[frame]):
            circles = to_tile(self._decoder.detected(frame)[view])

        def picture(meshes: FrameMeshes | None, heat: HeatFrame | None) -> TilePicture:
            image = self._painter.paint(view, background, meshes, layers, heat)
            wanted = meshes is not None and (layers.projected or layers.residual)
            crosses = to_tile(meshes.projected[view]) if wanted and meshes is not None else None
            lines = None
            if crosses is not None and not np.isfinite(crosses).all():
                crosses = None
            if layers.residual and circles is not None and crosses is not None:
                lines = np.stack([circles, crosses], axis=1)
            return TilePicture(
                np.ascontiguousarray(image),
                circles if layers.detected else None,
                crosses if layers.projected else None,
                lines,
                layers,
                muted,
            )

        if not bool(found.any()):
            shown, reference = (None, shown[1]), (None, reference[1])
        second = picture(*reference) if request.reference is not None else None
        return TileDrawn(view, request, background.viewport, picture(*shown), second, *shown)

    def _draw_heads(self, request: HeadsRequest) -> HeadsDrawn:
        started = time.perf_counter()
        vertices = self._decoder.heads(request.record, request.frame, posed=request.posed)
        # A given track has no mesh where it found no face.
        whole = tuple(view for view in request.views if np.isfinite(vertices[view]).all())
        request = replace(request, views=whole)
        vertices, faces = vertices[list(request.views)], self._decoder.faces_of(request.record)
        normals = np.asarray(raster.vertex_normals(vertices, faces), dtype=np.float32)
        painted = self._painted(request)
        width, height = request.size
        image, camera = None, request.camera
        if camera is not None and len(vertices):
            placed = side_by_side(vertices, width, height) if request.posed else vertices
            if camera.framing is None:
                camera = OrbitCamera(camera.yaw, camera.pitch, camera.zoom, fit(placed, width, height))
            colours = [theme.view_colour(view) for view in request.views]
            self._heads_painter.use(faces, vertices.shape[1])
            image = self._heads_painter.draw(
                placed,
                normals,
                colours,
                camera,
                width,
                height,
                smooth=request.smooth,
                wireframe=request.wireframe,
                painted=painted,
            )
        seconds = time.perf_counter() - started
        return HeadsDrawn(request, vertices, normals, faces, image, camera, seconds, painted)

    def _painted(self, request: HeadsRequest) -> Floats | None:
        """The heat map as colours of the vertices [V, N, 3]; grey where it has no value."""
        if request.heat is None:
            return None
        meshes = self._decode(request.record, request.frame)
        heat = heat_frame(self._decoder, self._footage, request.heat, request.record, meshes)
        if heat is None or heat.values is None:
            return None
        return vertex_colours(heat)[list(request.views)]


class Renderer(QObject):
    """The window's side of the drawing thread: one thread for each footage, ended before the next begins."""

    tile_drawn = Signal(object)
    round_drawn = Signal(float)
    heads_drawn = Signal(object)
    paper_drawn = Signal(object)
    slit_drawn = Signal(object)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._worker: RenderWorker | None = None
        self._thread: BackgroundThread | None = None
        session.footage_changed.connect(self._on_footage)
        session.repaired.connect(self._on_repaired)

    def draw_tiles(self, request: TilesRequest) -> bool:
        """False if there is no footage to draw; else ``tile_drawn`` for each view, then ``round_drawn``, follow."""
        return self._ask("tiles", request)

    def draw_heads(self, request: HeadsRequest) -> bool:
        """False if there is no footage to draw; else ``heads_drawn`` follows."""
        return self._ask("heads", request)

    def draw_paper(self, request: PaperRequest) -> bool:
        """False if there is no footage to draw; else ``paper_drawn`` follows."""
        return self._ask("paper", request)

    def scan_slit(self, request: SlitRequest) -> bool:
        """False if there is no footage to scan; else ``slit_drawn`` follows, several times until it is whole. A new
        request ends the one under way."""
        return self._ask("slit", request)

    def _ask(self, kind: str, request: Any) -> bool:
        if self._worker is None:
            return False
        self._worker.ask(kind, request)
        return True

    @Slot()
    def _on_footage(self) -> None:
        self.stop()
        footage = self._session.footage
        if footage is None:
            return
        worker = RenderWorker(footage)
        queued = Qt.ConnectionType.QueuedConnection
        worker.tile_drawn.connect(self._on_tile, queued)
        worker.round_drawn.connect(self._on_round, queued)
        worker.heads_drawn.connect(self._on_heads, queued)
        worker.paper_drawn.connect(self._on_paper, queued)
        worker.slit_drawn.connect(self._on_slit, queued)
        worker.failed.connect(self._on_failed, queued)
        self._worker = worker
        self._thread = BackgroundThread(worker, "painter", self)

    @Slot()
    def _on_repaired(self) -> None:
        if self._worker is not None and self._session.footage is not None:
            self._worker.ask("footage", self._session.footage)

    def stop(self) -> None:
        """End the thread; what it had under way is not delivered."""
        worker, thread = self._worker, self._thread
        self._worker = self._thread = None
        end_worker(worker, thread)

    def _is_stale(self) -> bool:
        """Whether a picture comes from the thread of footage that was closed meanwhile."""
        return self._worker is None or self.sender() is not self._worker

    @Slot(object)
    def _on_tile(self, drawn: TileDrawn) -> None:
        if not self._is_stale():
            self.tile_drawn.emit(drawn)

    @Slot(float)
    def _on_round(self, seconds: float) -> None:
        if not self._is_stale():
            self.round_drawn.emit(seconds)

    @Slot(object)
    def _on_heads(self, drawn: HeadsDrawn | None) -> None:
        if not self._is_stale():
            self.heads_drawn.emit(drawn)

    @Slot(object)
    def _on_paper(self, drawn: PaperPicture | None) -> None:
        if not self._is_stale():
            self.paper_drawn.emit(drawn)

    @Slot(object)
    def _on_slit(self, scan: SlitScan | None) -> None:
        if not self._is_stale():
            self.slit_drawn.emit(scan)

    @Slot(str)
    def _on_failed(self, message: str) -> None:
        if not self._is_stale():
            self._session.notify("error", message)
