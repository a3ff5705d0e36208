"""The state of the window as a typed model: what is open, what is shown, what was judged. No widgets."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QObject, Signal

if TYPE_CHECKING:
    import neuface_engine as nf

GRADIENT_BUDGET_BYTES = 256 * 2**20


class RunState(Enum):
    """What the optimiser is doing, in the words the window uses."""

    EMPTY = "nothing open"
    PREPARING = "preparing"
    READY = "ready"
    RUNNING = "optimising"
    PAUSED = "paused"
    FINISHED = "finished"
    FAILED = "stopped by an error"

    @property
    def can_run(self) -> bool:
        return self in (RunState.READY, RunState.PAUSED, RunState.FINISHED)


@dataclass(frozen=True)
class Layers:
    """What a tile draws over the frame. Opacity is 0..1."""

    mesh: bool = True
    wireframe: bool = False
    detected: bool = False
    projected: bool = False
    gradient: bool = False
    opacity: float = 0.75
    whole_frame: bool = False


@dataclass(frozen=True)
class Notice:
    """A line for the reviewer: ``level`` is "info", "good", "warning" or "error"."""

    level: str
    text: str


@dataclass(frozen=True)
class Task:
    """Long work in progress: ``fraction`` is 0..1, or None while the amount is unknown."""

    label: str
    fraction: float | None = None
    detail: str = ""


@dataclass(frozen=True)
class IterationRecord:
    """One EM iteration as the window keeps it: parameters and figures, no meshes.

    ``parameters`` is a `FaceParameters` [F, V, ...] on the CPU; ``cvd_mm``, ``msi`` and ``nme_percent`` are [V].
    """

    index: int
    parameters: Any
    losses: dict[str, float]
    cvd_mm: np.ndarray
    msi: np.ndarray
    nme_percent: np.ndarray
    seconds: float
    saved: bool = False


@dataclass(frozen=True)
class Footage:
    """Everything that was loaded in the background for one sequence; immutable, shared by all threads."""

    sequence: nf.Sequence
    head: nf.FaceModel
    encoder: nf.Encoder
    faces: np.ndarray  # [T, 3] int32
    is_demo: bool = False


@dataclass(frozen=True)
class Judgement:
    """The standing verdict on the sequence; ``stale`` when the track has changed since."""

    verdict: str
    note: str
    reviewer: str
    time: str
    stale: bool = False


@dataclass(frozen=True)
class PackedMap:
    """A value per vertex of every frame and view in one byte each: ``levels`` uint8 [F, V, N], 255 = ``peak``."""

    levels: np.ndarray
    peak: float


def pack_map(values: np.ndarray) -> PackedMap:
    """Non-negative ``values`` [F, V, N]; a square root spends the levels on the small ones, where structure is."""
    peak = float(values.max(initial=0.0))
    scaled = np.sqrt(values / peak) if peak > 0 else np.zeros_like(values)
    return PackedMap((scaled * 255 + 0.5).astype(np.uint8), peak)


class GradientStore:
    """|dL/dM| of past iterations, one byte a vertex, the oldest thinned out when over the budget."""

    def __init__(self, budget_bytes: int = GRADIENT_BUDGET_BYTES) -> None:
        self._budget = budget_bytes
        self._maps: dict[int, PackedMap] = {}

    def put(self, index: int, gradient: PackedMap) -> None:
        """Keep the map of an iteration (loss per metre)."""
        self._maps[index] = gradient
        while self.nbytes > self._budget and len(self._maps) > 2:
            indices = sorted(self._maps)
            del self._maps[min(indices[1:-1], key=lambda i: i % 2 == 0)]

    def frame(self, index: int, frame: int) -> np.ndarray | None:
        """Gradient [V, N] of one frame in loss per metre, or None if it was not kept."""
        entry = self._maps.get(index)
        if entry is None:
            return None
        return np.square(entry.levels[frame].astype(np.float32) / 255) * np.float32(entry.peak)

    def typical_peak(self, index: int) -> float:
        """The 99.5th percentile over all frames, views and vertices of an iteration; 0.0 if unknown."""
        entry = self._maps.get(index)
        if entry is None or entry.peak <= 0:
            return 0.0
        levels, peak = entry.levels, entry.peak
        counts = np.cumsum(np.bincount(levels.ravel()[:: max(1, levels.size // 200_000)], minlength=256))
        level = int(np.searchsorted(counts, 0.995 * counts[-1]))
        return float(peak * (max(level, 1) / 255) ** 2)

    @property
    def nbytes(self) -> int:
        return sum(entry.levels.nbytes for entry in self._maps.values())

    def clear(self) -> None:
        self._maps.clear()


class Session(QObject):
    """The model behind the window. Only the GUI thread changes it; every change is announced by a signal."""

    footage_changed = Signal()
    frame_changed = Signal(int)
    iteration_changed = Signal(int)
    history_changed = Signal()
    run_state_changed = Signal()
    layers_changed = Signal()
    playing_changed = Signal(bool)
    follow_changed = Signal(bool)
    selection_changed = Signal()
    judgement_changed = Signal()
    figures_changed = Signal()
    posed_changed = Signal(bool)
    status_changed = Signal()
    noticed = Signal(object)
    task_changed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.footage: Footage | None = None
        self.project_folder: Path | None = None
        self.run_state = RunState.EMPTY
        self.frame = 0
        self.shown_iteration: int | None = None
        self.target_iterations = 100
        self.follow = True
        self.playing = False
        self.layers = Layers()
        self.selected_view = 0
        self.solo = False
        self.posed_3d = False
        self.judgement: Judgement | None = None
        self.final_figures: dict[str, dict[str, float]] = {}
        self.gradients = GradientStore()
        self.autosaved_at: str = ""
        self.viewer_cost_percent: float | None = None
        self.device = "cpu"
        self.threads = 1
        self._records: dict[int, IterationRecord] = {}
        self._indices: list[int] = []

    # What is open

    def open_footage(self, footage: Footage) -> None:
        """Show new footage from its first frame, with an empty history."""
        self.clear_history()
        self.footage = footage
        self.frame = 0
        self.selected_view = 0
        self.solo = False
        self.judgement = None
        self.final_figures = {}
        self.autosaved_at = ""
        self.footage_changed.emit()
        self.judgement_changed.emit()
        self.figures_changed.emit()

    def close_footage(self) -> None:
        """Forget the footage; the window shows its start page."""
        self.set_playing(False)
        self.clear_history()
        self.footage = None
        self.project_folder = None
        self.judgement = None
        self.final_figures = {}
        self.autosaved_at = ""
        self.viewer_cost_percent = None
        self.set_run_state(RunState.EMPTY)
        self.footage_changed.emit()
        self.judgement_changed.emit()

    @property
    def num_frames(self) -> int:
        return 0 if self.footage is None else int(self.footage.sequence.landmarks.shape[0])

    @property
    def num_views(self) -> int:
        return 0 if self.footage is None else len(self.footage.sequence.views)

    @property
    def view_names(self) -> tuple[str, ...]:
        return () if self.footage is None else self.footage.sequence.views

    # The two time axes

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

    @property
    def indices(self) -> list[int]:
        """Indices of the stored iterations, rising."""
        return self._indices

    @property
    def newest(self) -> int | None:
        return self._indices[-1] if self._indices else None

    def record(self, index: int | None = None) -> IterationRecord | None:
        """The stored iteration (default: the shown one)."""
        return self._records.get(self.shown_iteration if index is None else index)  # type: ignore[arg-type]

    def records(self) -> list[IterationRecord]:
        return [self._records[index] for index in self._indices]

    def add_records(self, records: list[IterationRecord]) -> None:
        """Take over finished iterations; the shown one moves along when following."""
        if not records:
            return
        for record in records:
            if record.index not in self._records:
                bisect.insort(self._indices, record.index)
            self._records[record.index] = record
        self.history_changed.emit()
        if self.shown_iteration is None or self.follow:
            self._show(self._indices[-1])

    def clear_history(self) -> None:
        """Forget all iterations and their gradients."""
        self._records.clear()
        self._indices.clear()
        self.gradients.clear()
        self.shown_iteration = None
        self.follow = True
        self.follow_changed.emit(True)
        self.history_changed.emit()

    def drop_saved(self) -> None:
        """Forget iterations that came from a file: a new run starts from the encoder."""
        for index in [i for i in self._indices if self._records[i].saved]:
            del self._records[index]
            self._indices.remove(index)
        if self.shown_iteration not in self._records:
            self.shown_iteration = None
            if self._indices:
                self._show(self._indices[-1])
        self.history_changed.emit()

    def show_iteration(self, index: int) -> None:
        """Show the stored iteration nearest to ``index``; following stops unless it is the newest."""
        if not self._indices:
            return
        place = bisect.bisect_left(self._indices, index)
        candidates = self._indices[max(0, place - 1) : place + 1]
        nearest = min(candidates, key=lambda i: abs(i - index))
        self.set_follow(nearest == self._indices[-1] and (self.follow or self.run_state != RunState.RUNNING))
        self._show(nearest)

    def step_iteration(self, steps: int) -> None:
        """Move through the stored iterations; beyond the newest it stays there."""
        if self.shown_iteration is None:
            return
        place = self._indices.index(self.shown_iteration) + steps
        self.show_iteration(self._indices[max(0, min(len(self._indices) - 1, place))])

    def set_follow(self, follow: bool) -> None:
        if follow != self.follow:
            self.follow = follow
            self.follow_changed.emit(follow)
        if follow and self._indices:
            self._show(self._indices[-1])

    def _show(self, index: int) -> None:
        if index != self.shown_iteration:
            self.shown_iteration = index
            self.iteration_changed.emit(index)

    @property
    def history_bytes(self) -> int:
        """Memory held by the history: parameters and gradient maps."""
        total = self.gradients.nbytes
        if self._indices:
            newest = self._records[self._indices[-1]]
            total += len(self._indices) * parameter_bytes(newest.parameters)
        return total

    # Layers, selection, state

    def set_layers(self, **changes: Any) -> None:
        """Change fields of `Layers`."""
        layers = replace(self.layers, **changes)
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

    def set_run_state(self, state: RunState) -> None:
        if state != self.run_state:
            self.run_state = state
            self.run_state_changed.emit()

    def set_target(self, iterations: int) -> None:
        if iterations != self.target_iterations:
            self.target_iterations = iterations
            self.run_state_changed.emit()

    def set_judgement(self, judgement: Judgement | None) -> None:
        if judgement != self.judgement:
            self.judgement = judgement
            self.judgement_changed.emit()

    def set_final_figures(self, figures: dict[str, dict[str, float]]) -> None:
        """Figures that need the whole track: ``{"encoder": {...}, "neuface": {...}}``."""
        self.final_figures = figures
        self.figures_changed.emit()

    def notify(self, level: str, text: str) -> None:
        self.noticed.emit(Notice(level, text))

    @property
    def seconds_per_iteration(self) -> float | None:
        """Median of the last ten optimised iterations."""
        recent = [
            self._records[i].seconds for i in self._indices[-10:] if i > 0 and not self._records[i].saved
        ]
        return float(np.median(recent)) if recent else None


def parameter_bytes(parameters: Any) -> int:
    """Bytes held by the tensors of a `FaceParameters`."""
    tensors = (value for value in vars(parameters).values() if hasattr(value, "element_size"))
    return sum(tensor.element_size() * tensor.nelement() for tensor in tensors)
