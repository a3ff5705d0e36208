"""What of the open footage is in sight: the frame, the view, the layers, and how they are shown. No widgets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from PySide6.QtCore import QObject, Signal

from neuface_studio.layers import Layers
from neuface_studio.maps import GradientStore, PixelStore
from neuface_studio.marks import Marks
from neuface_studio.model import Footage, Notice


class Showing(QObject):
    """Only the GUI thread changes it; every change is announced by a signal."""

    frame_changed = Signal(int)
    layers_changed = Signal()
    muted_changed = Signal()
    repairing_changed = Signal()  # the mode, or the selected landmark
    maps_changed = Signal()  # a heat map of a state that is known already was worked out
    playing_changed = Signal(bool)
    selection_changed = Signal()
    posed_changed = Signal(bool)
    status_changed = Signal()
    noticed = Signal(object)
    withdrawn = Signal(str)
    task_changed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.footage: Footage | None = None
        self.frame = 0
        self.playing = False
        self.layers = Layers()
        self.muted: frozenset[str] = frozenset()
        self.repairing = False  # whether landmarks can be dragged
        self.selected_landmark: int | None = None
        self.selected_view = 0
        self.solo = False
        self.posed_3d = False
        self.gradients = GradientStore()
        self.pixels = PixelStore()
        self.marks = Marks(self)

    @property
    def num_frames(self) -> int:
        return 0 if self.footage is None else int(self.footage.sequence.landmarks.shape[0])

    @property
    def num_views(self) -> int:
        return 0 if self.footage is None else len(self.footage.sequence.views)

    @property
    def view_names(self) -> tuple[str, ...]:
        return () if self.footage is None else self.footage.sequence.views

    def set_frame(self, frame: int) -> None:
        """Show a frame, clamped to the sequence."""
        frame = max(0, min(self.num_frames - 1, frame))
        if self.num_frames and frame != self.frame:
            self.frame = frame
            self.frame_changed.emit(frame)

    def set_playing(self, playing: bool) -> None:
        playing = playing and self.num_frames > 1
        if playing != self.playing:
            self.playing = playing
            self.playing_changed.emit(playing)

    def set_repairing(self, repairing: bool) -> None:
        """Let landmarks be dragged, or no longer."""
        if repairing != self.repairing:
            self.repairing, self.selected_landmark = repairing, None
            self.repairing_changed.emit()

    def select_landmark(self, landmark: int | None) -> None:
        if landmark != self.selected_landmark:
            self.selected_landmark = landmark
            self.repairing_changed.emit()

    def set_muted(self, muted: frozenset[str]) -> None:
        """Put these parameter groups to neutral in what is drawn."""
        if muted != self.muted:
            self.muted = muted
            self.muted_changed.emit()

    def set_layers(self, **changes: Any) -> None:
        """Change fields of `Layers`."""
        self.put_layers(replace(self.layers, **changes))

    def put_layers(self, layers: Layers) -> None:
        if layers != self.layers:
            self.layers = layers
            self.layers_changed.emit()

    def select_view(self, view: int) -> None:
        if self.num_views:
            view %= self.num_views
            if view != self.selected_view:
                self.selected_view = view
                self.selection_changed.emit()

    def set_solo(self, solo: bool) -> None:
        if solo != self.solo:
            self.solo = solo
            self.selection_changed.emit()

    def set_posed_3d(self, posed: bool) -> None:
        if posed != self.posed_3d:
            self.posed_3d = posed
            self.posed_changed.emit(posed)

    def notify(self, level: str, text: str, *, about: str = "") -> None:
        """Tell the reviewer something in one line: "info", "good", "warning" or "error"; see `Notice`."""
        self.noticed.emit(Notice(level, text, about))

    def withdraw(self, about: str) -> None:
        """What was said about this is no longer true."""
        self.withdrawn.emit(about)
