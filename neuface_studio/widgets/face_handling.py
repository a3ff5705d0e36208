"""Choosing a face in the window: numbered boxes in the tiles that can be clicked, and a bar for the keyboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from neuface_studio.face_choosing import FaceChooser, OneFace
from neuface_studio.scene.renderer import TileDrawn
from neuface_studio.session import Session
from neuface_studio.widgets.common import ElidedLabel
from neuface_studio.widgets.face_marks import FaceMark
from neuface_studio.widgets.tile import Tile

if TYPE_CHECKING:
    from neuface_studio.widgets.view_grid import ViewGrid

RULES = (
    ("main", "&Main face", "The largest face, one at the rim counting half: what is followed by default."),
    ("largest", "&Largest", "The largest face of each view."),
    ("central", "Most &central", "The face nearest to the middle of each view."),
)
STEPS = {Qt.Key.Key_Right: 1, Qt.Key.Key_Down: 1, Qt.Key.Key_Left: -1, Qt.Key.Key_Up: -1}


class FaceHandling(QObject):
    """Draws the chooser's faces into the tiles, and points at the one that is clicked."""

    def __init__(self, session: Session, chooser: FaceChooser, grid: ViewGrid) -> None:
        super().__init__(grid)
        self._session, self._chooser, self._grid = session, chooser, grid
        chooser.changed.connect(self._on_changed)

    def attach(self, tile: Tile) -> None:
        """Watch a tile."""
        tile.pressed.connect(self._on_pressed)

    def show(self, drawn: TileDrawn) -> None:
        """The faces of a view over its picture."""
        tile = self._grid.tiles[drawn.view]
        stale = not drawn.request.layers.whole_frame or drawn.request.frame != self._session.frame
        faces = [] if stale else self._chooser.of_view(drawn.view)
        tile.show_faces(tuple(self._mark(face, drawn) for face in faces))

    def _mark(self, face: OneFace, drawn: TileDrawn) -> FaceMark:
        viewport = drawn.viewport
        x0, x1 = ((x - viewport.left) * viewport.scale for x in face.box[::2])
        y0, y1 = ((y - viewport.top) * viewport.scale for y in face.box[1::2])
        pointed = self._chooser.pointed.get(face.view) == face
        words = f"{face.number}  followed" if face.followed else f"{face.number}"
        return FaceMark((x0, y0, x1, y1), words, face.followed, pointed, face == self._chooser.current)

    @Slot()
    def _on_changed(self) -> None:
        for tile in self._grid.tiles:
            tile.grabs = self._chooser.active or self._session.repairing
            drawn = self._grid.drawn(tile.view)
            if drawn is not None:
                self.show(drawn)
        self._grid.show_bare(self._chooser.active)

    @Slot(int, float, float)
    def _on_pressed(self, view: int, x: float, y: float) -> None:
        drawn = self._grid.drawn(view)
        if drawn is None or not self._chooser.active or self._chooser.looking:
            return
        viewport = drawn.viewport
        if not self._chooser.click(
            view, x / viewport.scale + viewport.left, y / viewport.scale + viewport.top
        ):
            self._session.notify("info", "No face is there: click into one of the boxes, or press Esc.")


class FaceBar(QWidget):
    """Says what to do, and takes the keys: arrows or a digit, Return; Escape ends it."""

    def __init__(self, session: Session, chooser: FaceChooser, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._chooser = session, chooser
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Choose the face")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        self.words = ElidedLabel()
        row.addWidget(self.words, 1)
        self.follow = _button("&Follow", "Follow what was pointed at; elsewhere as before.", row)
        self.follow.clicked.connect(chooser.follow)
        self.rules: dict[str, QPushButton] = {}
        for rule, label, tip in RULES:
            button = _button(label, tip, row)
            button.setProperty("rule", rule)
            button.clicked.connect(self._on_rule)
            self.rules[rule] = button
        self.cancel = _button("Cancel", "Go on with the face that is followed. [Esc]", row)
        self.cancel.clicked.connect(chooser.stop)
        chooser.changed.connect(self._show)
        self.hide()

    def event(self, event: QEvent) -> bool:
        # The digits are verdicts and the arrows go through the video, but not while a face is being chosen.
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and _is_ours(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, chooser = Qt.Key(event.key()), self._chooser
        if not _is_ours(event):
            super().keyPressEvent(event)
        elif key in STEPS:
            chooser.step(STEPS[key])
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            chooser.point_at_current()
        elif key == Qt.Key.Key_Escape:
            chooser.stop()
        else:
            number = int(event.key()) - int(Qt.Key.Key_0)
            face = next((face for face in chooser.faces if face.number == number), None)
            if face is not None:
                chooser.point(face)

    @Slot()
    def _show(self) -> None:
        chooser = self._chooser
        newly = chooser.active and not self.isVisible()
        self.setVisible(chooser.active)
        if newly:
            self.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.follow.setEnabled(bool(chooser.pointed))
        self.words.set_text(_words(chooser, self._session))

    @Slot()
    def _on_rule(self) -> None:
        self._chooser.by_rule(str(self.sender().property("rule")))


def _button(label: str, tip: str, row: QHBoxLayout) -> QPushButton:
    button = QPushButton(label)
    button.setObjectName("small")
    button.setToolTip(tip)
    button.setAccessibleName(label.replace("&", ""))
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    row.addWidget(button)
    return button


def _is_ours(event: QKeyEvent) -> bool:
    plain = not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    digit = Qt.Key.Key_1 <= event.key() <= Qt.Key.Key_9
    keys = (*STEPS, Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space, Qt.Key.Key_Escape)
    return plain and (digit or event.key() in keys)


def _words(chooser: FaceChooser, session: Session) -> str:
    if chooser.looking:
        return "Looking for all faces of this frame…"
    if not chooser.faces:
        return "No face is found in this frame. Go to another one, or press Esc."
    several = [
        v for v in range(session.num_views) if len(chooser.of_view(v)) > 1 and v not in chooser.pointed
    ]
    if chooser.pointed and several:
        return f"Now the same face in {session.view_names[several[0]]}; Return follows what is chosen so far."
    return "Whose face? Click a box; or arrows and Return, or its number. Esc: as before."
