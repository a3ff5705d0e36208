"""The tiles of all views, as large as the room allows, redrawn one tile a turn of the event loop."""

from __future__ import annotations

import math
import time

import numpy as np
from PySide6.QtCore import QRect, QTimer, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from neuface_studio.scene.decoding import FrameMeshes, MeshDecoder
from neuface_studio.scene.overlay import LONGEST_SIDE, TilePainter
from neuface_studio.session import Session
from neuface_studio.widgets.tile import Tile

SPACING = 6


class ViewGrid(QWidget):
    """Follows the session; ``refreshed`` is emitted when every tile shows the current state."""

    refreshed = Signal()
    gradient_peak_changed = Signal(float)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._tiles: list[Tile] = []
        self._decoder: MeshDecoder | None = None
        self._painter: TilePainter | None = None
        self._meshes: FrameMeshes | None = None
        self._queue: list[int] = []
        self._again = False
        self._still = False
        self._peak = 0.0
        self.draw_seconds = 0.0
        self._work = QTimer(self)
        self._work.setSingleShot(True)
        self._work.setInterval(0)
        self._work.timeout.connect(self._draw_next)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(320, 200)
        session.footage_changed.connect(self._rebuild)
        session.frame_changed.connect(self.refresh)
        session.iteration_changed.connect(self.refresh)
        session.layers_changed.connect(self._on_layers)
        session.selection_changed.connect(self._on_selection)

    @property
    def tiles(self) -> list[Tile]:
        return self._tiles

    @property
    def busy(self) -> bool:
        """Whether some tile still shows an older state."""
        return bool(self._queue)

    @property
    def decoder(self) -> MeshDecoder | None:
        return self._decoder

    @Slot(bool)
    def set_still(self, still: bool) -> None:
        """Hold the pictures (to measure the optimiser without drawing), or catch up."""
        self._still = still
        if not still and self._again:
            self._again = False
            self.refresh()

    @Slot()
    def refresh(self) -> None:
        """Draw all shown tiles anew; while a round is under way, one more round follows it."""
        if self._painter is None:
            return
        if self._queue or self._still:
            self._again = True
            return
        self._queue = [-1, *self._shown_views()]
        self._work.start()

    def stop(self) -> None:
        """No drawing any more."""
        self._work.stop()
        self._queue.clear()
        self._again = False
        self._painter = None

    @Slot()
    def _rebuild(self) -> None:
        self.stop()
        for tile in self._tiles:
            tile.hide()
            tile.deleteLater()
        self._tiles = []
        self._meshes = None
        self._decoder = None
        footage = self._session.footage
        if footage is None:
            return
        self._decoder = MeshDecoder(footage)
        self._painter = TilePainter(footage)
        for view, name in enumerate(footage.sequence.views):
            tile = Tile(view, name, self)
            tile.picked.connect(self._session.select_view)
            tile.opened.connect(self._open_tile)
            self._tiles.append(tile)
        self._arrange()
        self.refresh()

    @Slot(int)
    def _open_tile(self, view: int) -> None:
        self._session.select_view(view)
        self._session.set_solo(not self._session.solo)

    @Slot()
    def _on_layers(self) -> None:
        self._arrange()
        self.refresh()

    @Slot()
    def _on_selection(self) -> None:
        self._arrange()
        self.refresh()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._arrange()
        self.refresh()

    def _shown_views(self) -> list[int]:
        if self._session.solo:
            return [self._session.selected_view]
        return list(range(len(self._tiles)))

    def _arrange(self) -> None:
        """Place the tiles; the number of columns is the one that shows the faces largest."""
        if self._painter is None or not self._tiles:
            return
        shown = self._shown_views()
        aspect = self._painter.region_aspect(whole_frame=self._session.layers.whole_frame)
        columns = best_columns(len(shown), self.width(), self.height(), aspect)
        rows = math.ceil(len(shown) / columns)
        width = (self.width() - SPACING * (columns - 1)) / columns
        height = (self.height() - SPACING * (rows - 1)) / rows
        for tile in self._tiles:
            tile.setVisible(tile.view in shown)
            tile.set_selected(tile.view == self._session.selected_view and len(self._tiles) > 1)
        for place, view in enumerate(shown):
            row, column = divmod(place, columns)
            in_row = min(columns, len(shown) - row * columns)
            indent = (columns - in_row) * (width + SPACING) / 2
            self._tiles[view].setGeometry(
                QRect(
                    round(indent + column * (width + SPACING)),
                    round(row * (height + SPACING)),
                    round(width),
                    round(height),
                )
            )

    @Slot()
    def _draw_next(self) -> None:
        if not self._queue or self._painter is None:
            return
        started = time.perf_counter()
        view = self._queue.pop(0)
        if view < 0:
            self._decode()
        elif view < len(self._tiles):
            self._draw(self._tiles[view])
        self.draw_seconds += time.perf_counter() - started
        if self._queue:
            self._work.start()
            return
        self.refreshed.emit()
        if self._again and not self._still:
            self._again = False
            self.refresh()

    def _decode(self) -> None:
        session = self._session
        record = session.record()
        self._meshes = None
        if record is not None and self._decoder is not None:
            self._meshes = self._decoder.decode(record, session.frame)
            if session.layers.gradient:
                peak = rounded_up(session.gradients.typical_peak(record.index))
                if peak != self._peak:
                    self._peak = peak
                    self.gradient_peak_changed.emit(peak)

    def _draw(self, tile: Tile) -> None:
        session, footage, painter = self._session, self._session.footage, self._painter
        if footage is None or painter is None or tile.width() < 8 or tile.height() < 8:
            return
        view, frame, layers = tile.view, session.frame, session.layers
        ratio = tile.devicePixelRatioF()
        shrink = min(1.0, LONGEST_SIDE / (ratio * max(tile.width(), tile.height())))
        size = round(tile.width() * ratio * shrink), round(tile.height() * ratio * shrink)
        background = painter.background(view, frame, *size, whole_frame=layers.whole_frame)
        sequence = footage.sequence
        in_frame = bool(sequence.detected[frame, view])
        in_view = bool(sequence.detected[:, view].any())
        meshes = self._meshes if in_view else None
        gradient = None
        if layers.gradient and meshes is not None:
            maps = session.gradients.frame(meshes.iteration, frame)
            gradient = None if maps is None else maps[view]
        pixels = painter.paint(view, background, meshes, layers, gradient, self._peak)
        detected = projected = None
        if layers.detected and in_frame and self._decoder is not None:
            detected = background.viewport.to_tile(self._decoder.detected(frame)[view])
        if layers.projected and meshes is not None:
            projected = background.viewport.to_tile(meshes.projected[view])
        tile.show_picture(pixels, detected, projected)
        tile.set_caption(self._figure(view), flag_text(in_frame, in_view))

    def _figure(self, view: int) -> str:
        record = self._session.record()
        if record is None or not np.isfinite(record.nme_percent[view]):
            return ""
        return f"NME {record.nme_percent[view]:.2f} %"


def flag_text(in_frame: bool, in_view: bool) -> str:
    """The warning on a tile, or an empty string."""
    if not in_view:
        return "no face in this view: left out"
    return "" if in_frame else "no face found in this frame"


def best_columns(count: int, width: int, height: int, aspect: float) -> int:
    """Columns for ``count`` tiles in ``width`` x ``height`` so that a picture of ``aspect`` gets largest."""
    best, best_size = 1, -1.0
    for columns in range(1, count + 1):
        rows = math.ceil(count / columns)
        cell_width = (width - SPACING * (columns - 1)) / columns
        cell_height = (height - SPACING * (rows - 1)) / rows
        size = min(cell_width / aspect, cell_height)
        if size > best_size + 0.5:
            best, best_size = columns, size
    return best


def rounded_up(value: float) -> float:
    """The next of 1, 2, 5 times a power of ten: a scale that changes seldom and reads well."""
    if value <= 0 or not math.isfinite(value):
        return 0.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1.0, 2.0, 5.0, 10.0) if step * power >= value * 0.999)
