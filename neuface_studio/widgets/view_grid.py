"""The tiles of all views, as large as the room allows; the drawing thread fills them one by one."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from PySide6.QtCore import QRect, Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from neuface_studio.comparison import Comparison
from neuface_studio.face_choosing import FaceChooser
from neuface_studio.given_tracks import why_not_drawn
from neuface_studio.layers import DOTS, HEATS, Layers
from neuface_studio.model import CompareMode
from neuface_studio.muting import muted_text
from neuface_studio.scene.overlay import LONGEST_SIDE, region_aspect
from neuface_studio.scene.pointing import (
    LANDMARK_REACH,
    VERTEX_REACH,
    Landmark,
    Regions,
    Vertex,
    nearest_landmark,
    nearest_vertex,
    words,
)
from neuface_studio.scene.renderer import Renderer, TileDrawn, TilesRequest
from neuface_studio.session import IterationRecord, Session
from neuface_studio.widgets.face_handling import FaceHandling
from neuface_studio.widgets.landmark_handling import LandmarkHandling
from neuface_studio.widgets.tile import Tile
from neuface_studio.widgets.wishes import heat_wish

SPACING = 6
BARE = Layers(mesh=False, whole_frame=True)
CLEARLY_LARGER = 1.06  # more columns must be worth it: narrow tiles have no room for their titles


class ViewGrid(QWidget):
    """Follows the session; ``refreshed`` is emitted when every tile shows the current state."""

    refreshed = Signal()
    scale_changed = Signal(str, float)  # which heat map, and the upper end of its colour bar
    pointed = Signal(str)  # what lies under the mouse, in words; empty where nothing does

    def __init__(self, session: Session, renderer: Renderer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._renderer = renderer
        self._tiles: list[Tile] = []
        self._aspects = (1.0, 1.0)  # of the face regions, of the whole frames
        self._drawn: dict[int, TileDrawn] = {}
        self._regions: Regions | None = None
        self._mouse: tuple[int, float, float] | None = None  # the view under it, and the place in its picture
        self._busy = False
        self._again = False
        self._still = False
        self._scale = ("", 0.0)
        self._bare = False
        self.faces: FaceHandling | None = None
        self.draw_seconds = 0.0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(320, 200)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        session.footage_changed.connect(self._rebuild)
        session.frame_changed.connect(self.refresh)
        session.iteration_changed.connect(self.refresh)
        session.layers_changed.connect(self._on_layers)
        session.maps_changed.connect(self.refresh)
        session.muted_changed.connect(self.refresh)
        session.repaired.connect(self.refresh)
        self.handling = LandmarkHandling(session, self)
        session.selection_changed.connect(self._on_selection)
        session.comparison.changed.connect(self._on_layers)
        renderer.tile_drawn.connect(self._on_tile)
        renderer.round_drawn.connect(self._on_round)

    @property
    def tiles(self) -> list[Tile]:
        return self._tiles

    @property
    def busy(self) -> bool:
        """Whether some tile still shows an older state."""
        return self._busy

    @Slot(bool)
    def set_still(self, still: bool) -> None:
        """Hold the pictures (to measure the optimiser without drawing), or catch up."""
        self._still = still
        if not still and self._again:
            self._again = False
            self.refresh()

    @Slot()
    def refresh(self) -> None:
        """Have all shown tiles drawn anew; while a round is under way, one more round follows it."""
        if self._busy or self._still:
            self._again = True
            return
        self._busy = self._renderer.draw_tiles(self._request())

    def drawn(self, view: int) -> TileDrawn | None:
        """What a tile shows now."""
        return self._drawn.get(view)

    def stop(self) -> None:
        """No drawing any more."""
        self._busy = self._again = False

    @Slot()
    def _rebuild(self) -> None:
        self.stop()
        for tile in self._tiles:
            tile.hide()
            tile.deleteLater()
        self._tiles = []
        self._drawn.clear()
        self.handling.forget()
        footage = self._session.footage
        if footage is None:
            return
        self._regions = Regions(footage)
        self._aspects = region_aspect(footage, whole_frame=False), region_aspect(footage, whole_frame=True)
        for view, name in enumerate(footage.sequence.views):
            tile = Tile(view, name, self)
            tile.picked.connect(self._session.select_view)
            tile.opened.connect(self._open_tile)
            tile.wipe_dragged.connect(self._on_wipe)
            tile.pointed.connect(self._on_pointed)
            tile.pressed.connect(self._on_pressed)
            self.handling.attach(tile)
            if self.faces is not None:
                self.faces.attach(tile)
            tile.left.connect(self._on_left)
            self._tiles.append(tile)
        self._arrange()
        self.refresh()

    @Slot(int)
    def _open_tile(self, view: int) -> None:
        self._session.select_view(view)
        self._session.set_solo(not self._session.solo)

    def choose_from(self, chooser: FaceChooser) -> None:
        """Let faces be chosen in the tiles."""
        self.faces = FaceHandling(self._session, chooser, self)

    def show_bare(self, bare: bool) -> None:
        """Whole frames with nothing over them, or the layers again."""
        if bare != self._bare:
            self._bare = bare
            self._on_layers()

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
        if not self._tiles:
            return
        shown = self._shown_views()
        aspect = self._aspects[self._bare or self._session.layers.whole_frame]
        beside = self._session.comparison.mode == CompareMode.SIDE and not self._bare
        if beside and not self._session.comparison.flipped:
            aspect *= 2
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

    def _request(self) -> TilesRequest:
        session = self._session
        record, layers = session.displayed(), session.layers.drawn
        if session.repairing:
            layers = replace(layers, detected=True)
        if self._bare:
            record, layers = None, BARE
        comparison, reference = session.comparison, None
        if comparison.mode != CompareMode.OFF and not comparison.flipped and not self._bare:
            reference = session.as_drawn(comparison.reference)
        halved = reference is not None and comparison.mode == CompareMode.SIDE
        sizes = {view: picture_size(self._tiles[view], halved) for view in self._shown_views()}
        return TilesRequest(
            sizes={view: size for view, size in sizes.items() if min(size) >= 8},
            frame=session.frame,
            record=record,
            layers=layers,
            heat=heat_wish(session, record),
            reference=reference,
            reference_heat=heat_wish(session, reference),
        )

    @Slot(float)
    def _on_wipe(self, share: float) -> None:
        for tile in self._tiles:
            tile.set_wipe(share)

    @Slot(object)
    def _on_tile(self, drawn: TileDrawn) -> None:
        footage = self._session.footage
        if footage is None or drawn.view >= len(self._tiles):
            return
        found = footage.sequence.detected[:, drawn.view]
        flag = flag_text(bool(found[drawn.request.frame]), bool(found.any()))
        if (
            flag
            and footage.original is not None
            and footage.original.detected[drawn.request.frame, drawn.view]
        ):
            flag = "left out by hand"
        if drawn.request.record is not None and drawn.request.record.muted:
            flag = muted_text(drawn.request.record.muted)
        given = None if drawn.request.record is None else drawn.request.record.given
        if given is not None:
            flag = why_not_drawn(given, footage) or flag
        self._drawn[drawn.view] = drawn
        self._show_scale(drawn)
        self.handling.show_selected(drawn)
        if self.faces is not None:
            self.faces.show(drawn)
        tile = self._tiles[drawn.view]
        comparison = self._session.comparison
        tile.show_picture(drawn.shown, drawn.reference, comparison.mode, titles_of(drawn.request, comparison))
        tile.set_caption(figure_text(drawn.request.record, drawn.view), flag)

    def _show_scale(self, drawn: TileDrawn) -> None:
        kind, heat = drawn.request.layers.heat, drawn.heat
        if heat is not None and heat.pixels is not None and heat.pixels.levels is None:
            kind = DOTS.id
        scale = kind, 0.0 if heat is None else heat.peak
        if scale != self._scale:
            self._scale = scale
            self.scale_changed.emit(*scale)

    @property
    def scale(self) -> tuple[str, float]:
        """Which heat map the tiles show, and the upper end of its colour bar in the stored unit."""
        return self._scale

    @Slot(int, float, float)
    def _on_pointed(self, view: int, x: float, y: float) -> None:
        """Say what lies under the mouse, in the picture that is shown there."""
        self._mouse = view, x, y
        landmark, vertex = self._under(view, x, y)
        self.pointed.emit(words(landmark, vertex, self._session.view_names[view]))

    @Slot(int, float, float)
    def _on_pressed(self, view: int, x: float, y: float) -> None:
        """Keep in sight which two cameras disagree at the point that was clicked."""
        _, vertex = self._under(view, x, y)
        if vertex is not None and vertex.other and not self._session.repairing:
            self._session.notify("info", words(None, vertex, self._session.view_names[view]))

    def _under(self, view: int, x: float, y: float) -> tuple[Landmark | None, Vertex | None]:
        """The landmark, or else the vertex at a place in a tile's picture."""
        drawn = self._drawn.get(view)
        if drawn is None or self._regions is None:
            return None, None
        tile, shown, meshes = self._tiles[view], drawn.shown, drawn.meshes
        to_screen = tile.width() / shown.image.shape[1]
        scale = 1.0 / max(to_screen, 1e-6)
        if tile.over_reference and drawn.reference is not None:
            shown, meshes = drawn.reference, None  # of whose meshes nothing more is kept than the picture
        landmark = nearest_landmark(
            x, y, shown.detected, shown.projected, LANDMARK_REACH * scale, 1.0 / drawn.viewport.scale
        )
        if landmark is not None or meshes is None:
            return landmark, None
        points = drawn.viewport.to_tile(meshes.points[view])
        number = nearest_vertex(x, y, points, meshes.normals[view], VERTEX_REACH * scale)
        return None, None if number is None else self._vertex(drawn, number)

    def _vertex(self, drawn: TileDrawn, number: int) -> Vertex:
        """What is known of a vertex in a tile."""
        assert self._regions is not None
        heat, view = drawn.heat, drawn.view
        value, other = None, ""
        if heat is not None and heat.values is not None and np.isfinite(heat.values[view, number]):
            value = HEATS[heat.kind].words(float(heat.values[view, number]))
            if heat.partner is not None and heat.partner[view, number] >= 0:
                other = self._session.view_names[int(heat.partner[view, number])]
        return Vertex(number, self._regions.name(number), value, other)

    @Slot()
    def _on_left(self) -> None:
        self._mouse = None
        self.pointed.emit("")

    @Slot(float)
    def _on_round(self, seconds: float) -> None:
        self.draw_seconds += seconds
        self._busy = False
        self.refreshed.emit()
        if self._mouse is not None and self._mouse[0] < len(self._tiles):
            self._on_pointed(*self._mouse)  # something else may lie there now
        if self._again and not self._still:
            self._again = False
            self.refresh()


def figure_text(record: IterationRecord | None, view: int) -> str:
    """The figure in a tile's title."""
    if record is None or not np.isfinite(record.nme_percent[view]):
        return ""
    return f"NME {record.nme_percent[view]:.2f} %"


def picture_size(tile: Tile, halved: bool = False) -> tuple[int, int]:
    """Width and height in px at which a tile is drawn: its own on the screen (``halved``: half its width), within
    bounds."""
    ratio = tile.devicePixelRatioF()
    width = tile.width() / 2 - 1 if halved else tile.width()
    shrink = min(1.0, LONGEST_SIDE / max(1.0, ratio * max(width, tile.height())))
    return round(width * ratio * shrink), round(tile.height() * ratio * shrink)


def titles_of(request: TilesRequest, comparison: Comparison) -> tuple[str, str]:
    """What is written below the shown picture and below the comparison; empty where there is nothing to tell apart."""
    if request.record is None:
        return "", ""
    if request.reference is not None:
        return request.record.title, request.reference.title
    return "", request.record.title if comparison.flipped else ""


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
        if size > best_size * CLEARLY_LARGER:
            best, best_size = columns, size
    return best
