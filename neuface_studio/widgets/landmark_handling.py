"""Selecting and moving detected landmarks in the tiles, by mouse and by keys, while landmarks are being repaired."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

from neuface_engine.optimization.repairs import Moved
from neuface_studio.scene.pointing import landmark_name, nearest_landmark
from neuface_studio.scene.renderer import TileDrawn
from neuface_studio.session import Session
from neuface_studio.widgets.tile import Tile

if TYPE_CHECKING:
    from neuface_studio.widgets.view_grid import ViewGrid

REACH = 12.0  # px on the screen
SMALLEST_MOVE = 2.0  # px on the screen: less is a click
RESTS_MS = 700  # after the last key the landmark is let go


class LandmarkHandling(QObject):
    """A press selects the nearest landmark, a drag takes it along, a nudge moves the selected one by a screen pixel;
    ``moved`` follows when it is let go."""

    moved = Signal(object)

    def __init__(self, session: Session, grid: ViewGrid) -> None:
        super().__init__(grid)
        self._session, self._grid = session, grid
        self._tiles: list[Tile] = []
        self._grabbed: tuple[int, float, float] | None = None  # the tile, and where it was pressed
        self._nudged: Moved | None = None  # where the keys have brought it
        self._rest = QTimer(self, singleShot=True, interval=RESTS_MS)
        self._rest.timeout.connect(self.put_down)
        session.repairing_changed.connect(self._on_repairing)
        session.frame_changed.connect(self._let_go)

    def attach(self, tile: Tile) -> None:
        """Watch a tile."""
        tile.pressed.connect(self._on_pressed)
        tile.dragged.connect(self._on_dragged)
        tile.released.connect(self._on_released)
        tile.grabs = self._session.repairing
        self._tiles.append(tile)

    def show_selected(self, drawn: TileDrawn) -> None:
        """Mark the selected landmark where it is drawn."""
        if drawn.view >= len(self._tiles) or self._grabbed is not None or self._is_nudged(drawn.view):
            return
        number, points = self._session.selected_landmark, drawn.shown.detected
        held = None
        if number is not None and points is not None and self._session.repairing:
            held = float(points[number, 0]), float(points[number, 1]), _title(number)
        self._tiles[drawn.view].show_held(held)

    def nudge(self, right: int, down: int) -> bool:
        """Move the selected landmark of the selected view by screen px; False where none is selected or drawn."""
        view, number = self._session.selected_view, self._session.selected_landmark
        drawn = self._grid.drawn(view)
        if number is None or drawn is None or drawn.shown.detected is None or view >= len(self._tiles):
            return False
        self._stop_at(drawn)
        if drawn.request.frame != self._session.frame:
            # The picture is on its way: this key is lost rather than another frame's landmark moved.
            return True
        held, viewport = self._nudged, drawn.viewport
        if held is not None and self._is_nudged(view) and held.landmark == number:
            x, y = (held.x - viewport.left) * viewport.scale, (held.y - viewport.top) * viewport.scale
        else:
            self.put_down()
            x, y = (float(c) for c in drawn.shown.detected[number])
        scale = self._scale(view, drawn)
        x, y = x + right / scale, y + down / scale
        self._nudged = self._moved(view, drawn, number, x, y)
        self._tiles[view].show_held((x, y, _title(number)))
        self._rest.start()
        return True

    @Slot()
    def put_down(self) -> None:
        """Let go of the landmark that the keys have moved."""
        self._rest.stop()
        nudged, self._nudged = self._nudged, None
        if nudged is not None:
            self.moved.emit(nudged)

    def _is_nudged(self, view: int) -> bool:
        return self._nudged is not None and self._nudged.view == self._session.view_names[view]

    def forget(self) -> None:
        """The tiles are gone: other footage."""
        self._rest.stop()
        self._nudged = None
        self._tiles = []
        self._grabbed = None
        self._session.set_repairing(False)

    @Slot()
    def _let_go(self) -> None:
        self._grabbed = None
        self.put_down()

    @Slot()
    def _on_repairing(self) -> None:
        repairing = self._session.repairing
        if self._nudged is not None and self._nudged.landmark != self._session.selected_landmark:
            self.put_down()
        for tile in self._tiles:
            tile.grabs = repairing
            tile.setCursor(Qt.CursorShape.CrossCursor if repairing else Qt.CursorShape.ArrowCursor)
            if not repairing or self._session.selected_landmark is None:
                tile.show_held(None)
        self._grid.refresh()

    @Slot(int, float, float)
    def _on_pressed(self, view: int, x: float, y: float) -> None:
        drawn = self._grid.drawn(view)
        if not self._session.repairing or drawn is None:
            return
        if drawn.shown.detected is None:
            self._session.notify("info", "No landmarks were found in this picture: there is nothing to move.")
            return
        found = nearest_landmark(x, y, drawn.shown.detected, None, REACH / self._scale(view, drawn))
        self._session.select_landmark(None if found is None else found.number)
        self._grabbed = None if found is None else (view, x, y)
        if found is not None:
            self._stop_at(drawn)

    @Slot(int, float, float)
    def _on_dragged(self, view: int, x: float, y: float) -> None:
        number = self._session.selected_landmark
        if self._grabbed is not None and self._grabbed[0] == view and number is not None:
            self._tiles[view].show_held((x, y, _title(number)))

    @Slot(int, float, float)
    def _on_released(self, view: int, x: float, y: float) -> None:
        grabbed, self._grabbed = self._grabbed, None
        drawn, number = self._grid.drawn(view), self._session.selected_landmark
        if grabbed is None or drawn is None or number is None or grabbed[0] != view:
            return
        far = max(abs(x - grabbed[1]), abs(y - grabbed[2])) * self._scale(view, drawn)
        if far < SMALLEST_MOVE or drawn.request.frame != self._session.frame:
            self.show_selected(drawn)
            return
        self.moved.emit(self._moved(view, drawn, number, x, y))

    def _stop_at(self, drawn: TileDrawn) -> None:
        """A landmark is taken in hand in the picture that is seen, however far the playing has gone on."""
        if self._session.playing:
            self._session.set_playing(False)
            self._session.set_frame(drawn.request.frame)

    def _moved(self, view: int, drawn: TileDrawn, number: int, x: float, y: float) -> Moved:
        """A landmark at px (x, y) of the picture."""
        viewport = drawn.viewport
        return Moved(
            drawn.request.frame,
            self._session.view_names[view],
            number,
            round(float(x / viewport.scale + viewport.left), 3),
            round(float(y / viewport.scale + viewport.top), 3),
        )

    def _scale(self, view: int, drawn: TileDrawn) -> float:
        """Screen px a px of the picture."""
        return self._tiles[view].width() / max(1, drawn.shown.image.shape[1])


def _title(number: int) -> str:
    return f"{number + 1}, {landmark_name(number)}"
