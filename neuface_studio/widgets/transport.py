"""The two time axes under the views: frames of the video, and iterations of the optimisation."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QToolButton, QWidget

from neuface_studio import theme
from neuface_studio.controller import Controller
from neuface_studio.durations import duration
from neuface_studio.frame_states import FrameState, frame_runs
from neuface_studio.reviewing.flagging import Flagger
from neuface_studio.session import RunState, Session
from neuface_studio.widgets.axis_slider import AxisSlider
from neuface_studio.widgets.common import NumberField, action_button, soft

LABEL_WIDTH = 176
TAIL_WIDTH = 250


class Transport(QWidget):
    """Frame bar above, EM-iteration bar below, their sliders aligned."""

    def __init__(
        self,
        session: Session,
        controller: Controller,
        actions: dict[str, QAction],
        flagger: Flagger,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._controller = controller
        self._flagger = flagger
        grid = QGridLayout(self)
        grid.setContentsMargins(12, 5, 12, 5)
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(5)
        grid.setColumnStretch(2, 1)

        self.frame_label = QLabel()
        self.frame_slider = AxisSlider(theme.TEXT_SOFT)
        self.frame_slider.setAccessibleName("Frame of the video")
        self.frame_slider.setToolTip(
            "Frame of the video. Marked: suspect, where a flag is worst (amber, above); a face is missing in some "
            "views (red, below) or in all (red block); left out by a repair (hatched). Point at a mark to read it."
        )
        self.frame_slider.valueChanged.connect(self._frame_moved)
        self.frame_tail = soft()
        self.play_button = action_button(actions["toggle_play"], "▶  Play")
        self.play_button.setMinimumWidth(108)
        grid.addWidget(self.frame_label, 0, 0)
        grid.addLayout(
            _row(
                action_button(actions["frame_back"], "◀"),
                self.play_button,
                action_button(actions["frame_forward"], "▶"),
            ),
            0,
            1,
        )
        grid.addWidget(self.frame_slider, 0, 2)
        grid.addWidget(self.frame_tail, 0, 3)

        self.iteration_label = QLabel()
        self.run_button = action_button(actions["toggle_run"], "▶  Run", name="primary")
        self.run_button.setMinimumWidth(108)
        self.step_button = action_button(actions["step_once"], "+1")
        self.follow_button = action_button(actions["toggle_follow"], "Follow")
        self.iteration_slider = AxisSlider(theme.ACCENT)
        self.iteration_slider.setAccessibleName("EM iteration")
        self.iteration_slider.setToolTip(
            "EM iteration shown. 0 = the encoder alone, before any optimisation."
        )
        self.iteration_slider.valueChanged.connect(self._iteration_moved)
        self.target_field = NumberField(1, 10_000)
        self.target_field.setFixedWidth(62)
        self.target_field.setToolTip("How many EM iterations a run makes.")
        self.target_field.setAccessibleName("Number of EM iterations")
        self.target_field.number_changed.connect(controller.set_target)
        self.iteration_tail = soft()
        grid.addWidget(self.iteration_label, 1, 0)
        grid.addLayout(
            _row(
                action_button(actions["iteration_back"], "["),
                self.run_button,
                action_button(actions["iteration_forward"], "]"),
            ),
            1,
            1,
        )
        grid.addWidget(self.iteration_slider, 1, 2)
        tail = _row(
            soft("of"),
            self.target_field,
            action_button(actions["step_expectation"], "E"),
            action_button(actions["step_maximization"], "M"),
            self.step_button,
            self.follow_button,
        )
        tail.addWidget(self.iteration_tail, 1)
        grid.addLayout(tail, 1, 3)
        self.frame_label.setMinimumWidth(LABEL_WIDTH)
        self.iteration_label.setMinimumWidth(LABEL_WIDTH)
        self.iteration_tail.setMinimumWidth(TAIL_WIDTH)

        session.footage_changed.connect(self._on_footage)
        session.frame_changed.connect(self._show_frame)
        session.iteration_changed.connect(self._show_iteration)
        session.history_changed.connect(self._show_iteration)
        session.run_state_changed.connect(self._show_state)
        session.playing_changed.connect(self._show_playing)
        controller.playback.speed_changed.connect(self._show_playing)
        session.follow_changed.connect(self._show_iteration)
        session.repaired.connect(self._show_known)
        controller.repairs.changed.connect(self._show_known)
        flagger.changed.connect(self._show_known)
        self._on_footage()

    @Slot()
    def _on_footage(self) -> None:
        footage = self._session.footage
        self.setEnabled(footage is not None)
        self.frame_slider.blockSignals(True)
        self.frame_slider.setRange(0, max(0, self._session.num_frames - 1))
        self.frame_slider.setValue(0)
        self.frame_slider.blockSignals(False)
        self._show_known()
        self.target_field.set_number(self._session.target_iterations)
        self._show_frame()
        self._show_iteration()
        self._show_state()

    @Slot()
    def _show_known(self) -> None:
        """What is known of each frame: on the axis, and in words beside it."""
        footage, flagger = self._session.footage, self._flagger
        if footage is None:
            self.frame_slider.set_runs([])
            self.frame_tail.setText("")
            return
        detected = footage.sequence.detected.numpy()
        excluded = self._controller.repairs.repairs.excluded
        flagged = [(flag, flagger.where(flag)) for flag in flagger.flags]
        runs = frame_runs(detected, self._session.view_names, excluded, flagged)
        self.frame_slider.set_runs(runs)
        counts = {
            state: sum(run.last - run.first + 1 for run in runs if run.state == state) for state in FrameState
        }
        lacking = int((~detected).any(1).sum())
        words = [f"{footage.sequence.fps:g} fps"]
        words.append(
            f"▲ {_frames(lacking)} without a face in some view" if lacking else "a face in every frame"
        )
        if counts[FrameState.SUSPECT]:
            words.append(f"▲ {counts[FrameState.SUSPECT]} suspect")
        if counts[FrameState.NOT_FITTED]:
            words.append(f"{counts[FrameState.NOT_FITTED]} left out")
        self.frame_tail.setText("  ·  ".join(words))

    @Slot()
    def show_marks(self) -> None:
        """Show the marked range on the frame axis."""
        marks, frames = self._session.marks, self._session.num_frames
        self.frame_slider.set_range_marks(marks.range(frames) if marks.is_set and frames else None)
        self._show_frame()

    @Slot()
    def _show_frame(self) -> None:
        session = self._session
        total = session.num_frames
        number = f"{session.frame + 1} / {total}" if total else "–"
        marks = session.marks
        if marks.is_set and total:
            first, last = marks.range(total)
            number += f"</b>  in {first + 1} out {last + 1}<b>"
        self.frame_label.setText(f"Frame  <b>{number}</b>")
        self.frame_slider.blockSignals(True)
        self.frame_slider.setValue(session.frame)
        self.frame_slider.blockSignals(False)
        self.frame_slider.update()

    @Slot()
    def _show_iteration(self) -> None:
        session = self._session
        shown, newest = session.shown_iteration, session.newest
        self.iteration_slider.setEnabled(bool(session.indices))
        self.iteration_slider.blockSignals(True)
        self.iteration_slider.setRange(0, max(session.target_iterations, newest or 0))
        self.iteration_slider.set_filled(newest if newest is not None else 0)
        self.iteration_slider.setValue(shown or 0)
        self.iteration_slider.blockSignals(False)
        self.iteration_slider.update()
        record = session.record()
        if record is None:
            waiting = session.footage is not None and session.run_state != RunState.FAILED
            text = "The encoder is at work…" if waiting else "EM iteration"
        elif record.index == 0:
            text = "EM iteration  <b>0</b>  encoder only"
        else:
            text = f"EM iteration  <b>{record.index}</b>" + ("  saved result" if record.saved else "")
        self.iteration_label.setText(text)
        self._show_tail()

    @Slot()
    def _show_state(self) -> None:
        running = self._session.run_state == RunState.RUNNING
        set_button_text(self.run_button, "❚❚  Pause" if running else "▶  Run")
        self.target_field.set_number(self._session.target_iterations)
        self._show_iteration()

    @Slot()
    def _show_playing(self) -> None:
        speed = self._controller.playback.speed
        stop = "■  Stop" if speed == 1 else f"■  Stop {speed}×".replace("-", "−")
        set_button_text(self.play_button, stop if self._session.playing else "▶  Play")

    def _show_tail(self) -> None:
        session = self._session
        parts = [session.run_state.value] if session.footage is not None else []
        seconds = session.seconds_per_iteration
        if seconds is not None and session.run_state == RunState.RUNNING:
            left = max(0, session.target_iterations - (session.newest or 0)) * seconds
            parts.append(f"{duration(left)} left")
        if session.indices and not session.follow and session.shown_iteration != session.newest:
            parts.append(f"newest is {session.newest}")
        self.iteration_tail.setText("  ·  ".join(parts))

    @Slot(int)
    def _frame_moved(self, frame: int) -> None:
        self._controller.playback.seek(frame)

    @Slot(int)
    def _iteration_moved(self, index: int) -> None:
        self._session.show_iteration(index)
        self._show_iteration()


def set_button_text(button: QToolButton, text: str) -> None:
    """Change the text of an `action_button` for good."""
    keeper = button.property("keeper")
    if keeper is not None:
        keeper.set_text(text)


def _frames(count: int) -> str:
    return "1 frame" if count == 1 else f"{count} frames"


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(6)
    for widget in widgets:
        row.addWidget(widget)
    return row
