"""The line over the tiles: what the shown meshes are compared with, how, and what lies under the mouse."""

from __future__ import annotations

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QSizePolicy, QWidget

from neuface_studio.model import CompareMode, RunState
from neuface_studio.session import Session
from neuface_studio.widgets.common import ActionKey, ElidedLabel, action_button, soft

HOVER_HINT = "Point at the mesh or a landmark to read its name and value."


class CompareBar(QWidget):
    """Chooses the comparison and its mode; the right half reads out the point under the mouse."""

    def __init__(self, session: Session, actions: dict[str, QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        self._run_label = soft("Run")
        row.addWidget(self._run_label)
        self.run_choice = QComboBox()
        self.run_choice.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.run_choice.setAccessibleName("Run")
        self.run_choice.setToolTip(
            "The runs on this footage: branches and FLAME fitting. Run goes on with this one."
        )
        self.run_choice.activated.connect(self._choose_run)
        row.addWidget(self.run_choice)
        row.addWidget(soft("Compare with"))
        self.choice = QComboBox()
        self.choice.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.choice.setAccessibleName("Compare with")
        self.choice.setToolTip("Another state of the same footage. Y keeps the shown iteration here.")
        self.choice.setMinimumWidth(150)
        self.choice.textActivated.connect(session.comparison.choose)
        row.addWidget(self.choice)
        self.flip_button = action_button(actions["flip"], "Flip")
        self.flip_button.pressed.connect(self._flip_on)
        self.flip_button.released.connect(self._flip_off)
        row.addWidget(self.flip_button)
        row.addWidget(ActionKey(actions["flip"]))
        self.wipe_button = action_button(actions["wipe"], "Wipe")
        row.addWidget(self.wipe_button)
        self.side_button = action_button(actions["side_by_side"], "Side by side")
        row.addWidget(self.side_button)
        self.read_out = ElidedLabel(HOVER_HINT)
        self.read_out.setObjectName("soft")
        self.read_out.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.read_out.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        row.addWidget(self.read_out, 1)
        session.comparison.choices_changed.connect(self._fill)
        session.runs_changed.connect(self._fill_runs)
        session.names.changed.connect(self._fill_runs)
        session.history_changed.connect(self._fill_runs)
        self._fill_runs()
        session.comparison.changed.connect(self._show)
        self._fill()

    @Slot(str)
    def read(self, words: str) -> None:
        """Say what lies under the mouse."""
        self.read_out.set_text(words or HOVER_HINT)

    @Slot()
    def _flip_on(self) -> None:
        self._session.comparison.flip(True)

    @Slot()
    def _flip_off(self) -> None:
        self._session.comparison.flip(False)

    @Slot()
    def _fill_runs(self) -> None:
        session = self._session
        titles = [session.names.title(session.place(), name) for name in session.runs]
        if titles != [self.run_choice.itemText(place) for place in range(self.run_choice.count())]:
            self.run_choice.clear()
            for name, title in zip(session.runs, titles, strict=True):
                self.run_choice.addItem(title, name)
        self.run_choice.setCurrentIndex(session.runs.index(session.run_name))
        for widget in (self._run_label, self.run_choice):
            widget.setVisible(len(session.runs) > 1)

    @Slot(int)
    def _choose_run(self, place: int) -> None:
        if self._session.run_state == RunState.RUNNING:
            self._session.notify("info", "Pause the run first; then show another one.")
            self._fill_runs()
        else:
            self._session.show_run(self.run_choice.itemData(place))

    @Slot()
    def _fill(self) -> None:
        self.choice.clear()
        self.choice.addItems(list(self._session.comparison.choices))
        self._show()

    @Slot()
    def _show(self) -> None:
        comparison = self._session.comparison
        self.choice.setCurrentText(comparison.chosen)
        self.wipe_button.defaultAction().setChecked(comparison.mode == CompareMode.WIPE)
        self.side_button.defaultAction().setChecked(comparison.mode == CompareMode.SIDE)
        self.flip_button.setDown(comparison.flipped)
