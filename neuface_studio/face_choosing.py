"""Choosing one of several faces: all faces of the shown frame, which one is pointed at, which is followed now."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QObject, Qt, Signal, Slot

from neuface_studio.faces import Face
from neuface_studio.session import Session
from neuface_studio.worker import BackgroundThread
from neuface_studio.worker.face_finding import FaceFinder, FoundFaces

MAX_FOLLOWED = 0.5  # how far the followed face's middle may lie from a box's, in sides of the box


@dataclass(frozen=True)
class OneFace:
    """A face of the shown frame. ``number`` counts from 1 over all views; ``box`` (x0, y0, x1, y1) px of the video."""

    number: int
    view: int
    box: tuple[float, float, float, float]
    followed: bool

    @property
    def middle(self) -> tuple[float, float]:
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2

    def holds(self, x: float, y: float) -> bool:
        return self.box[0] <= x <= self.box[2] and self.box[1] <= y <= self.box[3]


class FaceChooser(QObject):
    """``changed`` follows every change; ``chosen(face)`` once it is clear which one is to be followed.

    In every view that shows several faces one has to be pointed at; the last of them makes it clear. `follow` does
    not wait for the others: there the rule decides, as before.
    """

    changed = Signal()
    chosen = Signal(object)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._finder: FaceFinder | None = None
        self._thread: BackgroundThread | None = None
        self.faces: tuple[OneFace, ...] = ()
        self.looking = False
        self.current: OneFace | None = None  # where the keyboard is
        self.pointed: dict[int, OneFace] = {}  # by view
        session.footage_changed.connect(self.stop)
        session.frame_changed.connect(self._on_frame)

    @property
    def active(self) -> bool:
        """Whether a face is being chosen."""
        return self._finder is not None

    @Slot()
    def begin(self) -> None:
        """Look for all faces of the shown frame."""
        footage = self._session.footage
        if footage is None or self.active:
            return
        self._session.set_playing(False)
        self._session.set_repairing(False)
        self._finder = FaceFinder(footage)
        queued = Qt.ConnectionType.QueuedConnection
        self._finder.found.connect(self._on_found, queued)
        self._finder.failed.connect(self._on_failed, queued)
        self._thread = BackgroundThread(self._finder, "faces", self)
        self._on_frame(self._session.frame)

    @Slot()
    def stop(self) -> None:
        """End it, without a choice."""
        finder, thread = self._finder, self._thread
        self._finder = self._thread = None
        if finder is None or thread is None:
            return
        thread.join(finder.stop)
        thread.deleteLater()
        self.faces, self.current, self.pointed, self.looking = (), None, {}, False
        self.changed.emit()

    def of_view(self, view: int) -> list[OneFace]:
        return [face for face in self.faces if face.view == view]

    def point(self, face: OneFace) -> None:
        """This is the one, in its view."""
        self.current = face
        self.pointed[face.view] = face
        several = {view for view in range(self._session.num_views) if len(self.of_view(view)) > 1}
        if several <= self.pointed.keys():
            self.follow()
        else:
            self.changed.emit()

    def click(self, view: int, x: float, y: float) -> bool:
        """Point at what lies at (x, y) px of a view's video; False where no face does."""
        under = [face for face in self.of_view(view) if face.holds(x, y)]
        if not under:
            return False
        self.point(min(under, key=lambda face: float(np.hypot(face.middle[0] - x, face.middle[1] - y))))
        return True

    def step(self, steps: int) -> None:
        """Move on to the next face, or the one before; after the last comes the first."""
        if self.faces:
            place = -1 if self.current is None else self.faces.index(self.current)
            place = 0 if self.current is None and steps < 0 else place
            self.current = self.faces[(place + steps) % len(self.faces)]
            self.changed.emit()

    def point_at_current(self) -> None:
        """Point at the one where the keyboard is; where it is nowhere, follow what was pointed at."""
        if self.current is not None and self.pointed.get(self.current.view) != self.current:
            self.point(self.current)
        elif self.pointed:
            self.follow()

    def follow(self) -> None:
        """Follow what was pointed at."""
        footage = self._session.footage
        if footage is None or not self.pointed:
            return
        from neuface_engine.landmarks import FaceChoice, Pick

        frame, names = self._session.frame, footage.sequence.views
        before = FaceChoice.parse(footage.sequence.face)
        kept = [pick for v, name in enumerate(names) if v not in self.pointed and (pick := before.pick(name))]
        picks = [
            Pick(
                round(face.middle[0], 1),
                round(face.middle[1], 1),
                frame,
                names[view] if len(names) > 1 else None,
            )
            for view, face in sorted(self.pointed.items())
        ]
        self._choose(FaceChoice(before.rule, (*picks, *kept)).texts())

    def by_rule(self, rule: str) -> None:
        """Let "main", "largest" or "central" decide, in all views."""
        self._choose((rule,))

    def _choose(self, face: Face) -> None:
        self.stop()
        self.chosen.emit(face)

    @Slot(int)
    def _on_frame(self, frame: int) -> None:
        if self._finder is not None:
            self.faces, self.current, self.pointed, self.looking = (), None, {}, True
            self._finder.want(frame)
            self.changed.emit()

    @Slot(object)
    def _on_found(self, found: FoundFaces) -> None:
        if self.sender() is not self._finder or found.frame != self._session.frame:
            return
        listed = [(view, box) for view, boxes in enumerate(found.boxes) for box in boxes.tolist()]
        followed = [self._followed(view, boxes, found.frame) for view, boxes in enumerate(found.boxes)]
        self.faces = tuple(
            OneFace(number, view, tuple(box), tuple(box) == followed[view])
            for number, (view, box) in enumerate(listed, 1)
        )
        self.looking = False
        self.changed.emit()

    def _followed(self, view: int, boxes: np.ndarray, frame: int) -> tuple[float, ...] | None:
        """The box of the face that is followed now, if it is among them."""
        footage = self._session.footage
        if footage is None or not len(boxes) or not bool(footage.sequence.detected[frame, view]):
            return None
        from neuface_engine.tracks import crop_to_frame

        sequence = footage.sequence
        points = crop_to_frame(
            sequence.landmarks[frame, view].numpy(),
            sequence.crop_transforms[frame, view],
            sequence.crop_size,
        )
        middle = (points.min(0) + points.max(0)) / 2
        apart = np.hypot(*((boxes[:, :2] + boxes[:, 2:]) / 2 - middle).T)
        nearest = int(apart.argmin())
        side = float((boxes[nearest, 2:] - boxes[nearest, :2]).max())
        return tuple(boxes[nearest].tolist()) if apart[nearest] < MAX_FOLLOWED * side else None

    @Slot(str)
    def _on_failed(self, message: str) -> None:
        if self.sender() is self._finder:
            self.stop()
            self._session.notify("error", message)
