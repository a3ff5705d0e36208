"""The state of the window as a typed model: what is open, what is shown, what was judged. No widgets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PySide6.QtCore import QObject, Signal

from neuface_studio.comparison import ENCODER, Comparison
from neuface_studio.histories import Aside, Figures, Histories
from neuface_studio.layers import Layers
from neuface_studio.maps import GradientStore, PackedMap, pack_map
from neuface_studio.model import (
    FIRST_RUN,
    ITERATIONS,
    Footage,
    IterationRecord,
    Judgement,
    Notice,
    RunState,
    Task,
    parameter_bytes,
    run_title,
)
from neuface_studio.muting import muted_record
from neuface_studio.run_names import RunNames
from neuface_studio.showing import Showing
from neuface_studio.undo import Place, UndoStack

__all__ = [
    "Footage",
    "GradientStore",
    "IterationRecord",
    "Judgement",
    "Layers",
    "Notice",
    "PackedMap",
    "RunState",
    "Session",
    "Task",
    "pack_map",
    "parameter_bytes",
]


class Session(Showing):
    """The model behind the window. Only the GUI thread changes it; every change is announced by a signal."""

    footage_changed = Signal()
    repaired = Signal()  # the open footage has other landmarks
    iteration_changed = Signal(int)
    history_changed = Signal()
    run_state_changed = Signal()
    follow_changed = Signal(bool)
    judgement_changed = Signal()
    figures_changed = Signal()
    runs_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.project_folder: Path | None = None
        self.sequence_name = ""  # in the project
        self.run_state = RunState.EMPTY
        self.shown_iteration: int | None = None
        self.target_iterations = ITERATIONS
        self.follow = True
        self.judgement: Judgement | None = None
        self.run_name = FIRST_RUN
        self._figures: dict[str, Figures] = {}
        self.autosaved_at: str = ""
        self.viewer_cost_percent: float | None = None
        self.device = "cpu"
        self.threads = 1
        self.comparison = Comparison(self)
        self.undo_stack = UndoStack(self)
        self.names = RunNames(self)
        self.undo_stack.here = self.place
        self._histories = Histories()

    # What is open

    def open_footage(self, footage: Footage) -> None:
        """Show new footage from its first frame, with an empty history."""
        self.clear_history()
        self.comparison.clear()
        self.footage = footage
        self.frame = 0
        self.marks.clear()
        self.selected_view = 0
        self.solo = False
        self.judgement = None
        self._figures = {}
        self.autosaved_at = ""
        self.footage_changed.emit()
        self.judgement_changed.emit()
        self.figures_changed.emit()

    def replace_footage(self, footage: Footage) -> None:
        """The same footage with other landmarks: what is known of it stays."""
        self.footage = footage
        self.repaired.emit()

    def close_footage(self) -> None:
        """Forget the footage; the window shows its start page."""
        self.set_playing(False)
        self.clear_history()
        self.comparison.clear()
        self.footage = None
        self.project_folder = None
        self.sequence_name = ""
        self.judgement = None
        self._figures = {}
        self.autosaved_at = ""
        self.viewer_cost_percent = None
        self.set_run_state(RunState.EMPTY)
        self.footage_changed.emit()
        self.judgement_changed.emit()

    def put_aside(self) -> Aside | None:
        """Leave the footage for another one; None where none is open."""
        if self.footage is None:
            return None
        comparison = self.comparison
        aside = Aside(
            self.place(),
            self.footage,
            self._histories,
            self._figures,
            dict(comparison.choices),
            comparison.chosen,
            self.run_state,
        )
        self.close_footage()
        return aside

    def take_back(self, aside: Aside) -> None:
        """Show footage that was put aside, as it was left."""
        self.open_footage(aside.footage)
        self.project_folder, self.sequence_name = aside.place.project, aside.place.sequence
        self._histories, self._figures = aside.histories, aside.figures
        self.run_name = aside.place.run
        for name, record in aside.choices.items():
            self.comparison.offer(name, record)
        self.comparison.choose(aside.chosen)
        self.set_run_state(aside.run_state)
        self.runs_changed.emit()
        self.figures_changed.emit()
        self.history_changed.emit()
        self.go_to(aside.place)

    def place(self) -> Place:
        """Where the reviewer is."""
        return Place(
            self.project_folder,
            self.sequence_name,
            self.frame,
            self.selected_view,
            self.run_name,
            self.shown_iteration,
        )

    def go_to(self, place: Place) -> None:
        """Show a place of the open sequence, as far as it is still there."""
        self.set_playing(False)
        self.select_view(place.view)
        self.set_frame(place.frame)
        self.show_run(place.run)
        if place.iteration is not None:
            self.show_iteration(place.iteration)

    # The iterations of the shown run

    @property
    def indices(self) -> list[int]:
        """Indices of the stored iterations, rising."""
        return self._indices

    @property
    def newest(self) -> int | None:
        return self._indices[-1] if self._indices else None

    @property
    def newest_optimised(self) -> int:
        """Index of the newest iteration of this run; 0 before the first. A result from a file does not count."""
        return max((record.index for record in self.records() if not record.saved), default=0)

    def record(self, index: int | None = None) -> IterationRecord | None:
        """The stored iteration (default: the shown one)."""
        return self._records.get(self.shown_iteration if index is None else index)  # type: ignore[arg-type]

    def displayed(self) -> IterationRecord | None:
        """What tiles and 3D show: the shown iteration, or the comparison while it is flipped to."""
        if self.comparison.flipped and self.comparison.reference is not None:
            return self.as_drawn(self.comparison.reference)
        return self.as_drawn(self.comparison.blind or self.record())

    def as_drawn(self, record: IterationRecord | None) -> IterationRecord | None:
        """A state as tiles and 3D draw it: with the muted parameter groups at neutral."""
        return None if record is None else muted_record(record, self.muted)

    def before(self, record: IterationRecord) -> IterationRecord | None:
        """The iteration that the step to ``record`` began from, or None if it is not kept."""
        return self._histories.before(record)

    def is_there(self, record: IterationRecord) -> bool:
        """Whether the run of an iteration has come that far, and was not started over since."""
        newest = self._histories[record.run].newest() if record.run in self._histories else None
        return newest is not None and newest.index >= record.index

    def records(self) -> list[IterationRecord]:
        return [self._records[index] for index in self._indices]

    def add_records(self, records: list[IterationRecord]) -> None:
        """Take over finished iterations; the shown one moves along when following."""
        if not records:
            return
        known = self.runs
        self._histories.add(records)
        if self.runs != known:
            self.runs_changed.emit()
        for record in records:
            if record.run == FIRST_RUN and record.index == 0:
                self.comparison.offer(ENCODER, record)
        if all(record.run != self.run_name for record in records):
            return
        self.history_changed.emit()
        if self._indices and (self.shown_iteration is None or self.follow):
            self._show(self._indices[-1])

    @property
    def _records(self) -> dict[int, IterationRecord]:
        return self._histories[self.run_name].records

    @property
    def _indices(self) -> list[int]:
        return self._histories[self.run_name].indices

    @property
    def runs(self) -> list[str]:
        """Names of all runs on this footage, in the order in which they began."""
        return self._histories.names

    def show_run(self, name: str) -> None:
        """Show another run, at its newest iteration; what was shown is offered for comparison, and compared with where
        the other one was."""
        if name not in self._histories or name == self.run_name:
            return
        if self._indices and self._indices[-1] > 0:
            left = run_title(self.run_name)
            self.comparison.offer(left, self._records[self._indices[-1]])
            if self.comparison.chosen == run_title(name):  # the two change places
                self.comparison.choose(left)
        self.run_name = name
        self.comparison.withdraw(run_title(name))
        self.shown_iteration = None
        self.runs_changed.emit()
        self.figures_changed.emit()
        self.history_changed.emit()
        if self._indices:
            self._show(self._indices[-1])
        self.set_follow(True)

    def clear_history(self) -> None:
        """Forget all iterations and their gradients."""
        self._histories = Histories()
        self.run_name = FIRST_RUN
        self.runs_changed.emit()
        self.gradients.clear()
        self.pixels.clear()
        self.shown_iteration = None
        self.follow = True
        self.follow_changed.emit(True)
        self.history_changed.emit()

    def drop_saved(self) -> None:
        """Forget iterations that came from a file: a new run starts from the encoder."""
        for index in [i for i in self._indices if self._records[i].saved]:
            self._histories[self.run_name].drop(index)
        if self.shown_iteration not in self._records:
            self.shown_iteration = None
            if self._indices:
                self._show(self._indices[-1])
        self.history_changed.emit()

    def show_iteration(self, index: int) -> None:
        """Show the stored iteration nearest to ``index``; following stops unless it is the newest."""
        if not self._indices:
            return
        nearest = self._histories[self.run_name].nearest(index)
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
        return self.gradients.nbytes + self._histories.nbytes()

    # State, judgement, figures

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

    @property
    def final_figures(self) -> Figures:
        """Figures of the shown run that need the whole track: ``{"encoder": {...}, "neuface": {...}}``."""
        return self._figures.get(self.run_name, {})

    def set_final_figures(self, run: str, figures: Figures) -> None:
        self._figures[run] = figures
        self.figures_changed.emit()

    def forget_figures(self) -> None:
        self._figures.clear()
        self.figures_changed.emit()

    @property
    def seconds_per_iteration(self) -> float | None:
        """Median of the last ten optimised iterations."""
        recent = [
            self._records[i].seconds for i in self._indices[-10:] if i > 0 and not self._records[i].saved
        ]
        return float(np.median(recent)) if recent else None
